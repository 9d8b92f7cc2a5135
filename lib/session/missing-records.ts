import type { MonotonicTime } from '../clock.js';
import type { SessionStore } from '../options/session-store.js';
import type { NamedSession } from '../tokens/session-claims.js';
import { BoundedMap } from './bounded-map.js';
import type { SessionEvents } from './session-events.js';

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
 * Sessions of which the store has no record, though a valid token promises one. The store is not queried again for a
 * while, and not for ever: a failover or a restored backup may bring a record back.
 */
export class MissingRecords {
  readonly #parts: MissingRecordsParts;
  readonly #until = new BoundedMap<string, number>(MISSING_SESSIONS);

  constructor(parts: MissingRecordsParts) {
    this.#parts = parts;
  }

  /** Whether the store notices by itself that all records are gone, and not in the verdict of an exchange. */
  get noticesLoss(): boolean {
    return this.#parts.noticesLoss;
  }

  /** Whether the store had no record of a session a moment ago. */
  has(sid: string): boolean {
    const until = this.#until.get(sid);
    return until !== undefined && this.#parts.time() < until;
  }

  /** Notes that a record is missing, and reports it where all others are gone too. Never rejects. */
  async note(claims: NamedSession): Promise<void> {
    const { store, noticesLoss, events, time } = this.#parts;
    this.#until.set(claims.sid, time() + BACK_OFF_SECONDS);
    // A store that fails was reported when it did.
    if (noticesLoss && (await store.hasLostAll?.().catch(() => false))) {
      events.ofSession(claims, { type: 'storeRolledBack', lost: 'everything' });
    }
  }
}
