import { Controller, Sse } from '@nestjs/common';
import type { MessageEvent } from '@nestjs/common';
import { Public } from 'nestjs-session-jwt';
import { map } from 'rxjs';
import type { Observable } from 'rxjs';
import { EventLog } from './event-log.js';

@Controller('events')
export class EventsController {
  constructor(private readonly log: EventLog) {}

  /** Public because the page shows it signed out too; a real application keeps its events to itself. */
  @Public()
  @Sse()
  stream(): Observable<MessageEvent> {
    return this.log.entries$.pipe(map((entry) => ({ data: entry })));
  }
}
