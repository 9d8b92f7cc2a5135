import { SessionError } from '../errors/session-error.js';
import { SessionConfigError } from '../errors/session-config-error.js';
import {
  LARGEST_PAGE,
  type SessionPage,
  type SessionStore,
} from '../ports/session-store.js';
import type { SessionClock } from '../ports/clock.js';
import type { RequestFacts } from '../ports/request-facts.js';
import { isSubject } from '../tokens/claims-profile.js';
import type { LiveSessions } from './connections/live-sessions.js';
import type { ClockPolicy } from './model/freshness.js';
import type { NamedSession } from '../tokens/session-claims.js';
import type {
  CarriedSessions,
  FoundSessions,
} from './request/carried-sessions.js';
import { refuseCrossSite, type CrossSiteParts } from './request/cross-site.js';
import type { SessionEnds } from './records/session-ends.js';
import type { SessionMemory } from './model/session-memory.js';
import type { SessionRevocations } from './revocations/session-revocations.js';
import { signingKeyRequired } from '../tokens/token-codec.js';
import { sessionInfo, type SessionInfo } from './model/session-info.js';

export interface SessionRevocationParts extends CrossSiteParts {
  readonly store: SessionStore | undefined;
  readonly carried: CarriedSessions;
  readonly ends: SessionEnds;
  readonly live: LiveSessions;
  readonly memory: SessionMemory;
  /** `undefined` without a revocation log. */
  readonly revocations: SessionRevocations | undefined;
  readonly isVerifyOnly: boolean;
  readonly clock: SessionClock;
  readonly policy: ClockPolicy;
  /** Receives what is neither an answer nor an outage. */
  readonly onDefect: (error: unknown) => void;
}

/** Ends sessions for the application, one by one or all of a subject. */
export class SessionRevocation {
  readonly #parts: SessionRevocationParts;

  constructor(parts: SessionRevocationParts) {
    this.#parts = parts;
  }

  /** @returns whether a store ended it */
  end(session: NamedSession): Promise<boolean> {
    return this.#parts.ends.end(session, 'revoked');
  }

  /**
   * Finds the sessions that a request carries and may end.
   *
   * @throws {SessionError} `CSRF_REFUSED`
   */
  async carriedBy(
    facts: RequestFacts,
    refreshToken: string | undefined,
    crossSite: boolean | undefined,
  ): Promise<FoundSessions> {
    const { carried, transports } = this.#parts;
    const carriers = transports.all;
    const change = { facts, carriers, crossSite };
    await refuseCrossSite(this.#parts, change, carried);
    return carried.of(facts, refreshToken);
  }

  /** @throws {SessionError} `STORE_REQUIRED`, `SUBJECT_REQUIRED`, `STORE_UNAVAILABLE` */
  async endNamed(id: string, subject: string): Promise<boolean> {
    this.#requireReach('revoke({ id, subject })', subject);
    return this.#parts.ends.endNamed({ sid: id, sub: subject });
  }

  /** @throws {SessionError} `STORE_REQUIRED`, `SUBJECT_REQUIRED`, `SESSION_UNKNOWN`, `STORE_UNAVAILABLE` */
  async endAll(subject: string, except: string | undefined): Promise<number> {
    this.#requireReach('revokeAll', subject);
    const { store, revocations, clock, events } = this.#parts;
    const calledAt = clock.nowSeconds();
    const cutOff = await revocations?.cutOffOf(subject);
    const count = store
      ? await store.endAll(subject, except)
      : this.#countSpared(subject, except);
    if (typeof count !== 'number') {
      throw new SessionError(
        'SESSION_UNKNOWN',
        'revokeAll: the session in `except` has ended, so no session was ended; revoke all sessions without `except`, or sign the user in again',
      );
    }
    events.allEnded(subject, count);
    if (cutOff !== undefined) {
      await revocations?.revokeSubject(subject, except, cutOff);
    }
    if (store) await this.#endLive(subject, except, calledAt);
    return count;
  }

  /** @throws {SessionError} `STORE_REQUIRED`, `STORE_UNAVAILABLE`, `SIGNING_KEY_REQUIRED` */
  async endEverything(): Promise<void> {
    const { revocations, events, isVerifyOnly } = this.#parts;
    if (isVerifyOnly) {
      throw signingKeyRequired();
    }
    if (!revocations) {
      throw new SessionError(
        'STORE_REQUIRED',
        'revokeEverything: expected a revocation log, got none; set the option revocations',
      );
    }
    events.tell({ type: 'everythingEnded' });
    await revocations.revokeEverything();
  }

  /** Without a store, no session is counted. Returns `undefined` if the session to spare has ended. */
  #countSpared(subject: string, except: string | undefined) {
    const { memory } = this.#parts;
    // Its beginning is unknown. No cut-off ends this one.
    const spared = { sid: except ?? '', sub: subject, oiat: Infinity };
    return memory.endOf(spared) ? undefined : 0;
  }

  /**
   * Ends the live sessions of a subject that the store has ended without naming them. It must confirm those that may be
   * younger: the clock of another node may differ.
   *
   * @param calledAt when the store was asked to
   */
  async #endLive(
    subject: string,
    except: string | undefined,
    calledAt: number,
  ): Promise<void> {
    const { live, ends, policy, onDefect } = this.#parts;
    const confirmations: Promise<void>[] = [];
    for (const each of live.ofSubject(subject)) {
      const { claims } = each.verified;
      if (claims.sid === except) continue;
      if (claims.oiat < calledAt - policy.toleranceSeconds) {
        ends.noteEndAmongAll(claims);
        continue;
      }
      each.isInDoubt = true;
      confirmations.push(
        live.confirm(each).then(({ kind }) => {
          if (kind === 'rejected') ends.noteEndAmongAll(claims);
        }, onDefect),
      );
    }
    await Promise.all(confirmations);
  }

  /**
   * Returns a page of the sessions of a subject, most recently used first. A full page keeps the order of the store,
   * since the next one starts after its last session.
   *
   * @throws {SessionError} `STORE_REQUIRED`, `SUBJECT_REQUIRED`, `STORE_UNAVAILABLE`
   */
  async list(subject: string, page: SessionPage = {}): Promise<SessionInfo[]> {
    const limit = pageSize(page.limit);
    const store = this.#storeFor('list', subject);
    const records = await store.list(subject, { ...page, limit });
    const sessions = records.map(sessionInfo);
    return page.after === undefined && sessions.length < limit
      ? sessions.toSorted(
          (a, b) => b.lastSeenAt.getTime() - a.lastSeenAt.getTime(),
        )
      : sessions;
  }

  /** Whether sessions can be ended that no request carries: by a store, or by a log that other nodes follow. */
  get reachesOthers(): boolean {
    const { store, revocations, isVerifyOnly } = this.#parts;
    return store !== undefined || (revocations !== undefined && !isVerifyOnly);
  }

  /** @throws {SessionError} `STORE_REQUIRED` if nothing but this process would hear of it */
  #requireReach(what: string, subject: string): void {
    if (this.reachesOthers) requireSubject(what, subject);
    else this.#storeFor(what, subject);
  }

  #storeFor(what: string, subject: string): SessionStore {
    if (!this.#parts.store) {
      throw new SessionError(
        'STORE_REQUIRED',
        `${what}: expected a store, got none; set the option store, since a token alone cannot be found or ended on the server`,
      );
    }
    requireSubject(what, subject);
    return this.#parts.store;
  }
}

function requireSubject(what: string, subject: string): void {
  if (!isSubject(subject)) {
    throw new SessionError(
      'SUBJECT_REQUIRED',
      `${what}: expected the subject as a string of 1 to 255 characters`,
    );
  }
}

function pageSize(limit: number = LARGEST_PAGE): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > LARGEST_PAGE) {
    throw new SessionConfigError([
      `list: limit: expected a whole number from 1 to ${LARGEST_PAGE}`,
    ]);
  }
  return limit;
}
