import { Controller, Headers, HttpCode, Post, Sse } from '@nestjs/common';
import type { MessageEvent } from '@nestjs/common';
import { Public } from 'nestjs-session-jwt';
import { map, merge } from 'rxjs';
import type { Observable } from 'rxjs';
import { DemoLog } from './demo-log.js';
import { Thief } from './thief.js';

/** For this demonstration only: never hand the cookies of a request to anyone. */
@Controller('demo')
export class DemoController {
  constructor(
    private readonly thief: Thief,
    private readonly log: DemoLog,
  ) {}

  /** Stands for malware, a log file or a proxy that has copied the cookies, which no script of a page can read. */
  @Post('theft')
  @HttpCode(204)
  steal(@Headers('cookie') cookies: string): void {
    this.thief.steal(cookies);
  }

  @Public()
  @Sse('log')
  entries(): Observable<MessageEvent> {
    const { entries$, thief$ } = this.log;
    return merge(
      entries$.pipe(map((entry) => ({ data: { entry } }))),
      thief$.pipe(map((thief) => ({ data: { thief } }))),
    );
  }
}
