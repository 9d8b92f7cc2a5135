import type { SessionStore } from '../options/session-store.js';
import type { NamedSession } from '../tokens/session-claims.js';
import type { SessionEndReason, SessionEvents } from './session-events.js';
import type { SessionMemory } from './session-memory.js';

/** Ends sessions: in this process at once, and in the store where there is one. */
export class SessionEnds {
  readonly #memory: SessionMemory;
  readonly #store: SessionStore | undefined;
  readonly #events: SessionEvents;

  constructor(
    memory: SessionMemory,
    store: SessionStore | undefined,
    events: SessionEvents,
  ) {
    this.#memory = memory;
    this.#store = store;
    this.#events = events;
  }

  /**
   * @returns whether the store ended it
   * @throws {SessionError} `STORE_UNAVAILABLE`; in this process the session has ended all the same
   */
  async end(
    claims: NamedSession,
    reason: SessionEndReason,
    detail?: string,
  ): Promise<boolean> {
    const { sid, sub } = claims;
    const isNews = this.#noteEnd(sid, reason);
    let reach: 'process' | 'store' = 'process';
    let ended = false;
    try {
      if (this.#store) {
        ended = await this.#store.end(sid, sub);
        reach = 'store';
      }
      return ended;
    } finally {
      if (isNews || ended) {
        this.#events.ofSession(claims, {
          type: 'ended',
          reason,
          ...(detail !== undefined && { detail }),
          reach,
        });
      }
    }
  }

  /**
   * Ends a session that a new one replaces; untouched where the store cannot be told.
   *
   * @throws {SessionError} `STORE_UNAVAILABLE`
   */
  async replace(claims: NamedSession): Promise<void> {
    if (this.#store) {
      await this.#store.end(claims.sid, claims.sub);
      this.noteEndInStore(claims, 'replaced');
    } else {
      await this.end(claims, 'replaced');
    }
  }

  /** Ends the record of a session of which nobody holds a token, in the background. */
  discard({ sid, sub }: NamedSession): void {
    // Where that fails too, it is the first to make room.
    this.#store?.end(sid, sub).catch(() => undefined);
  }

  /** Notes that the store has ended a session. */
  noteEndInStore(claims: NamedSession, reason: SessionEndReason): void {
    this.#noteEnd(claims.sid, reason);
    this.#events.ofSession(claims, { type: 'ended', reason, reach: 'store' });
  }

  /** Whether this process did not know yet that the session is over. */
  #noteEnd(sid: string, reason: SessionEndReason): boolean {
    if (this.#memory.endOf(sid)) {
      return false;
    }
    this.#memory.end(sid, reason === 'replaced' ? 'replaced' : 'ended');
    return true;
  }
}
