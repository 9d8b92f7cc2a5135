import { Injectable } from '@nestjs/common';
import { SessionService } from 'nestjs-session-jwt';
import type { SessionEvent } from 'nestjs-session-jwt';
import { BehaviorSubject, ReplaySubject } from 'rxjs';

/** What the page shows of the thief and of the session events. Contains no token. */
export interface LogEntry {
  readonly at: Date;
  readonly by: 'thief' | 'server';
  readonly text: string;
}

export interface ThiefState {
  /** Whether the last attempt of the thief was accepted. */
  readonly isIn: boolean;
  /** How many of its requests for the account were. */
  readonly accepted: number;
}

const KEPT_ENTRIES = 200;

@Injectable()
export class DemoLog {
  /** A page that is opened later receives the last entries. */
  readonly entries$ = new ReplaySubject<LogEntry>(KEPT_ENTRIES);
  readonly thief$ = new BehaviorSubject<ThiefState | undefined>(undefined);

  constructor(sessions: SessionService) {
    sessions.events$.subscribe({
      next: (event) => this.#note(event),
      complete: () => {
        this.entries$.complete();
        this.thief$.complete();
      },
    });
  }

  #note(event: SessionEvent): void {
    switch (event.type) {
      case 'created':
      case 'bound':
      case 'refreshed':
      case 'reauthenticated':
      case 'refreshReused':
        this.add('server', event.type);
        return;
      case 'boundRefused':
      case 'ended':
        this.add('server', `${event.type} (${event.reason})`);
        return;
      default:
    }
  }

  add(by: LogEntry['by'], text: string): void {
    this.entries$.next({ at: new Date(), by, text });
  }
}
