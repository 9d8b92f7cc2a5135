import type { SessionStore } from '../../ports/session-store.js';
import type { SessionClock } from '../../ports/clock.js';
import type { NamedSession, TokenClaims } from '../../tokens/session-claims.js';
import { absoluteEndOf, type ClockPolicy } from '../model/freshness.js';
import type {
  SessionEndReason,
  SessionEvents,
} from '../model/session-events.js';
import type { SessionMemory } from '../model/session-memory.js';

export interface SessionEndsParts {
  readonly memory: SessionMemory;
  /** `undefined` without a store. */
  readonly store: SessionStore | undefined;
  readonly events: SessionEvents;
  readonly policy: ClockPolicy;
  readonly clock: SessionClock;
}

/** A session to end: its name, and when it was created if that is known. */
type EndingSession = NamedSession & Partial<Pick<TokenClaims, 'oiat' | 'abs'>>;

/** Ends sessions: in this process immediately, and in the store if there is one. */
export class SessionEnds {
  readonly #memory: SessionMemory;
  readonly #store: SessionStore | undefined;
  readonly #events: SessionEvents;

  readonly #policy: ClockPolicy;
  readonly #clock: SessionClock;

  constructor({ memory, store, events, policy, clock }: SessionEndsParts) {
    this.#memory = memory;
    this.#store = store;
    this.#events = events;
    this.#policy = policy;
    this.#clock = clock;
  }

  /**
   * Ends a session.
   *
   * @returns whether the store ended it
   * @throws {SessionError} `STORE_UNAVAILABLE`; in this process the session has ended nonetheless
   */
  async end(
    claims: EndingSession,
    reason: SessionEndReason,
    detail?: string,
  ): Promise<boolean> {
    const { sid, sub } = claims;
    const isNews = this.#noteEnd(claims, reason);
    let reach: 'process' | 'store' = 'process';
    let ended = false;
    try {
      if (this.#store) {
        ended = await this.#store.end(sid, sub);
        reach = 'store';
        this.#noteStored(sid);
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
   * Ends a session that a new one replaces. Leaves it untouched if the store cannot end it.
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

  /** Ends the record of a session whose tokens were never handed out. Never rejects. */
  async discard({ sid, sub }: NamedSession): Promise<void> {
    // If that fails as well, the orphan is the first to be evicted.
    await this.#store?.end(sid, sub).catch(() => undefined);
  }

  /** Notes that the store has ended a session. */
  noteEndInStore(claims: NamedSession, reason: SessionEndReason): void {
    this.#noteEnd(claims, reason);
    this.#noteStored(claims.sid);
    this.#events.ofSession(claims, { type: 'ended', reason, reach: 'store' });
  }

  /** Notes that the store has ended a session, among all of its subject: one event reports those. */
  noteEndAmongAll(claims: EndingSession): void {
    this.#noteEnd(claims, 'revoked');
    this.#noteStored(claims.sid);
  }

  /** Notes the end of a session. Returns whether it is news to this process. */
  #noteEnd(claims: EndingSession, reason: SessionEndReason): boolean {
    const { sid, sub, abs, oiat = this.#clock.nowSeconds() } = claims;
    if (this.#memory.endOf(sid)) {
      return false;
    }
    const how = reason === 'replaced' ? 'replaced' : 'ended';
    const began = { oiat, ...(abs !== undefined && { abs }) };
    this.#memory.end(sid, how, sub, absoluteEndOf(began, this.#policy));
    return true;
  }

  /** By then, every token of the session has met the store, which refuses it. */
  #noteStored(sid: string): void {
    const {
      intervalSeconds,
      maxStaleSeconds,
      accessSeconds,
      toleranceSeconds,
    } = this.#policy;
    const longest = Math.max(
      intervalSeconds + maxStaleSeconds,
      accessSeconds ?? 0,
    );
    const until = this.#clock.nowSeconds() + longest + toleranceSeconds;
    this.#memory.endReachedStore(sid, until);
  }
}
