import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { SessionService } from 'nestjs-session-jwt';
import { NotesService } from '../notes/notes.service.js';

export const COUNTS_PATH = '/demo/counts';

/**
 * What really happened, as numbers: by these the attacker's page judges whether it has reached anything. For this
 * demonstration only; nothing like it belongs into a real application.
 */
@Injectable()
export class Counts {
  readonly now = {
    /** Changes of notes. */
    changes: 0,
    signIns: 0,
    signOuts: 0,
    refreshes: 0,
    /** How often the page was opened, in a frame too. */
    pages: 0,
    /** Requests of other origins that were answered, by their status. */
    foreign: {} as Record<number, number>,
  };

  constructor(sessions: SessionService, notes: NotesService) {
    notes.changes$.subscribe(() => (this.now.changes += 1));
    sessions.events$.subscribe((event) => {
      if (event.type === 'created') this.now.signIns += 1;
      if (event.type === 'ended') this.now.signOuts += 1;
      if (event.type === 'allEnded') this.now.signOuts += event.count;
      if (event.type === 'refreshed' && !event.repeated) {
        this.now.refreshes += 1;
      }
    });
  }

  pageOpened(): void {
    this.now.pages += 1;
  }

  /** Middleware: counts what another origin has sent, once it is answered. */
  readonly watch = (
    request: IncomingMessage & { originalUrl?: string },
    response: ServerResponse,
    next: () => void,
  ): void => {
    const site = request.headers['sec-fetch-site'];
    const isForeign = site === 'same-site' || site === 'cross-site';
    if (isForeign && request.originalUrl !== COUNTS_PATH) {
      response.once('finish', () => {
        const { foreign } = this.now;
        const { statusCode } = response;
        foreign[statusCode] = (foreign[statusCode] ?? 0) + 1;
      });
    }
    next();
  };
}
