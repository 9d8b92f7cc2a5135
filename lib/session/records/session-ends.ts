import type { SessionStore } from '../../ports/session-store.js';
import type { SessionClock } from '../../ports/clock.js';
import type { NamedSession, TokenClaims } from '../../tokens/session-claims.js';
import {
  absoluteEndOf,
  longestWithoutStore,
  type ClockPolicy,
} from '../model/freshness.js';
import type {
  SessionEndReach,
  SessionEndReason,
} from '../model/session-event.js';
import type { SessionEvents } from '../model/session-events.js';
import type { SessionMemory } from '../model/session-memory.js';
import type { SessionRevocations } from '../revocations/session-revocations.js';
import type { End } from '../model/end-marks.js';

export interface SessionEndsParts {
  readonly memory: SessionMemory;
  /** `undefined` without a store. */
  readonly store: SessionStore | undefined;
  readonly events: SessionEvents;
  readonly policy: ClockPolicy;
  readonly clock: SessionClock;
  /** `undefined` if no other node hears of an end. */
  readonly revocations: SessionRevocations | undefined;
}

/** A session to end: its name, and when it was created if that is known. */
type EndingSession = NamedSession & Partial<Pick<TokenClaims, 'oiat' | 'abs'>>;

/** A session that ends for one of these makes way for a new one. */
const MAKES_WAY: ReadonlySet<SessionEndReason> = new Set<SessionEndReason>([
  'replaced',
  'limit',
]);

/** Ends sessions: in this process immediately, and in the store if there is one. */
export class SessionEnds {
  readonly #memory: SessionMemory;
  readonly #store: SessionStore | undefined;
  readonly #events: SessionEvents;

  readonly #policy: ClockPolicy;
  readonly #clock: SessionClock;
  readonly #revocations: SessionRevocations | undefined;

  constructor(parts: SessionEndsParts) {
    this.#memory = parts.memory;
    this.#store = parts.store;
    this.#events = parts.events;
    this.#policy = parts.policy;
    this.#clock = parts.clock;
    this.#revocations = parts.revocations;
  }

  /**
   * Ends a session: in the store, then on every node.
   *
   * @returns whether the store ended it or, without one, the revocation log did
   * @throws {SessionError} `STORE_UNAVAILABLE`; in this process the session has ended nonetheless
   */
  async end(
    claims: EndingSession,
    reason: SessionEndReason,
    detail?: string,
  ): Promise<boolean> {
    const { sid, sub } = claims;
    const isNews = this.#noteEnd(claims, reason);
    let reach: SessionEndReach = 'process';
    let ended = false;
    try {
      if (this.#store) {
        ended = await this.#store.end(sid, sub);
        reach = 'store';
        this.#noteStored(sid);
      }
      if (this.#revocations) {
        await this.#tellNodes(claims, reason);
        ended ||= !this.#store;
        reach = 'log';
      }
      return ended;
    } catch (error) {
      // Tokens are refused on every node, even if the record stays.
      if (this.#store && reach === 'process') {
        this.#tellNodesSoon(claims, reason);
      }
      throw error;
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
    } else if (this.#noteEnd(claims, 'replaced')) {
      this.#announce(claims, 'replaced');
    }
  }

  /**
   * Ends a session that the application names: the store, if there is one, knows whether it is one of the subject.
   *
   * @returns whether the store ended it; without one, `true`
   * @throws {SessionError} `STORE_UNAVAILABLE`
   */
  async endNamed(named: NamedSession): Promise<boolean> {
    const hasEnded = (await this.#store?.end(named.sid, named.sub)) ?? true;
    if (hasEnded) {
      if (this.#store) {
        this.#noteEnd(named, 'revoked');
        this.#noteStored(named.sid);
      }
      this.#events.ofSession(named, {
        type: 'ended',
        reason: 'revoked',
        reach: this.#reach,
      });
    }
    await this.#tellNodes(named, 'revoked');
    return hasEnded;
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
    this.#announce(claims, reason);
  }

  /** Notes that the store has ended a session, among all of its subject: one event reports those. */
  noteEndAmongAll(claims: EndingSession): void {
    this.#noteEnd(claims, 'revoked');
    this.#noteStored(claims.sid);
  }

  /** Notes the end of a session. Returns whether it is news to this process. */
  #noteEnd(claims: EndingSession, reason: SessionEndReason): boolean {
    const { sid, sub, abs, oiat = this.#clock.nowSeconds() } = claims;
    if (this.#memory.endHere(sid)) {
      return false;
    }
    const began = { oiat, ...(abs !== undefined && { abs }) };
    this.#memory.end(
      sid,
      endFor(reason),
      sub,
      absoluteEndOf(began, this.#policy),
    );
    return true;
  }

  /** Where a session ends that nothing hinders. */
  get #reach(): SessionEndReach {
    if (this.#revocations) return 'log';
    return this.#store ? 'store' : 'process';
  }

  #announce(claims: EndingSession, reason: SessionEndReason): void {
    this.#tellNodesSoon(claims, reason);
    this.#events.ofSession(claims, {
      type: 'ended',
      reason,
      reach: this.#reach,
    });
  }

  async #tellNodes(
    claims: EndingSession,
    reason: SessionEndReason,
  ): Promise<void> {
    await this.#revocations?.revoke(
      claims,
      endFor(reason),
      MAKES_WAY.has(reason),
    );
  }

  /** Tries in the background until it succeeds. Failures are events. */
  #tellNodesSoon(claims: EndingSession, reason: SessionEndReason): void {
    this.#tellNodes(claims, reason).catch(() => undefined);
  }

  /** By then, every token of the session has met the store, which refuses it. */
  #noteStored(sid: string): void {
    const until = this.#clock.nowSeconds() + longestWithoutStore(this.#policy);
    this.#memory.endReachedStore(sid, until);
  }
}

function endFor(reason: SessionEndReason): End {
  return reason === 'replaced' ? 'replaced' : 'ended';
}
