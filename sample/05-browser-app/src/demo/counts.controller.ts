import { Controller, Get, Header } from '@nestjs/common';
import { Public } from 'nestjs-session-jwt';
import { Counts, COUNTS_PATH } from './counts.js';

@Controller(COUNTS_PATH)
export class CountsController {
  constructor(private readonly counts: Counts) {}

  /** Every page of every origin may read these numbers. */
  @Public()
  @Get()
  @Header('Access-Control-Allow-Origin', '*')
  @Header('Cache-Control', 'no-store')
  now() {
    return this.counts.now;
  }
}
