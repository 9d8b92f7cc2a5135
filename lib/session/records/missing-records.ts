import type { MonotonicTime } from '../../ports/clock.js';
import type { SessionStore } from '../../ports/session-store.js';
import type { NamedSession } from '../../tokens/session-claims.js';
import { BoundedMap } from '../model/bounded-map.js';
import type { SessionEvents } from '../model/session-events.js';

const BACK_OFF_SECONDS = 30;
const MISSING_SESSIONS = 10_000;

export interface MissingRecordsParts {
  readonly store: SessionStore;
  /** Whether the store notices the loss of all records. */
  readonly noticesLoss: boolean;
  readonly events: SessionEvents;
  readonly time: MonotonicTime;
}

/**
 * Remembers sessions that the store has no record of, although a valid token promises one. Does not query the store for
 * them for a while, but not forever: a failover or a restored backup may bring a record back.
 */
export class MissingRecords {
  readonly #parts: MissingRecordsParts;
  readonly #until = new BoundedMap<string, number>(MISSING_SESSIONS);

  constructor(parts: MissingRecordsParts) {
    this.#parts = parts;
  }

  /** Whether the store itself notices the loss of all records, rather than in the verdict of an exchange. */
  get noticesLoss(): boolean {
    return this.#parts.noticesLoss;
  }

  /** Whether the store had no record of a session a moment ago. */
  has(sid: string): boolean {
    const until = this.#until.get(sid);
    return until !== undefined && this.#parts.time() < until;
  }

  /** Returns the refusal of a session that the store had no record of a moment ago. */
  refusalOf(sid: string): 'unknown' | undefined {
    return this.has(sid) ? 'unknown' : undefined;
  }

  /** Notes a missing record, and reports whether all others are gone as well. Never rejects. */
  async note(claims: NamedSession): Promise<void> {
    const { store, noticesLoss, events, time } = this.#parts;
    this.#until.set(claims.sid, time() + BACK_OFF_SECONDS);
    // The store's failure was already reported.
    if (noticesLoss && (await store.hasLostAll?.().catch(() => false))) {
      events.ofSession(claims, { type: 'storeRolledBack', lost: 'everything' });
    }
  }
}
