import { Injectable } from '@nestjs/common';
import type { OnModuleDestroy } from '@nestjs/common';
import { SessionClock, SessionService } from 'nestjs-session-jwt';
import type { SessionEvent } from 'nestjs-session-jwt';
import { map, merge, ReplaySubject } from 'rxjs';
import type { Observable } from 'rxjs';
import { FakeDatabase } from '../users/fake-database.js';

export interface LogEntry {
  at: Date;
  source: 'session' | 'database';
  text: string;
  code?: string | undefined;
  detail?: string | undefined;
  /** The session's name: a keyed hash of its id. It tells sessions apart in a log and opens nothing. */
  session?: string | undefined;
}

/** What happened to sessions and to the database: the last fifty entries, and what comes after. */
@Injectable()
export class EventLog implements OnModuleDestroy {
  private readonly recent = new ReplaySubject<LogEntry>(50);

  constructor(
    sessions: SessionService,
    database: FakeDatabase,
    clock: SessionClock,
  ) {
    const ofSessions = sessions.events$.pipe(map(toEntry));
    const ofDatabase = database.changes$.pipe(
      map((text): LogEntry => {
        const at = new Date(clock.nowSeconds() * 1000);
        return { at, source: 'database', text };
      }),
    );
    merge(ofSessions, ofDatabase).subscribe(this.recent);
  }

  get entries$(): Observable<LogEntry> {
    return this.recent;
  }

  /** Ends the open event streams, so that the server can close. */
  onModuleDestroy(): void {
    this.recent.complete();
  }
}

function toEntry(event: SessionEvent): LogEntry {
  return {
    at: event.at,
    source: 'session',
    text: event.type,
    code: 'code' in event ? event.code : undefined,
    detail: event.type === 'ended' ? (event.detail ?? event.reason) : undefined,
    session: 'session' in event ? event.session : undefined,
  };
}
