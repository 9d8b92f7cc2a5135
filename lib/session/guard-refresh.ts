import type { CsrfTokens } from '../csrf/csrf-tokens.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import type { RequestFacts } from '../request-facts.js';
import { forgeryOf } from './cross-site.js';
import { findRefreshToken } from './find-refresh-token.js';
import type { Handling } from './handling.js';
import type { LoadFailures } from './load-failures.js';
import { refused, reported } from './outcome-reports.js';
import type { SessionEvents } from './session-events.js';
import { storeRequired, type SessionOutcome } from './session-outcome.js';
import type { SessionRecords } from './session-records.js';
import type { SessionRenewal } from './session-renewal.js';
import type { SessionTransports } from './session-transports.js';
import type { VerifiedSession } from './verified-session.js';

export interface GuardRefreshParts {
  readonly renewal: SessionRenewal;
  readonly transports: SessionTransports;
  readonly csrfTokens: CsrfTokens;
  /** `undefined` where there is no store. */
  readonly records: SessionRecords | undefined;
  /** Of early exchanges alone: those that are due are not kept waiting. */
  readonly extensionFailures: LoadFailures;
  readonly events: SessionEvents;
  readonly options: ResolvedSessionJwtOptions;
}

/** Refreshes for requests that bring a refresh token by themselves; those that the application asks for are its own. */
export class GuardRefresh {
  readonly #parts: GuardRefreshParts;

  constructor(parts: GuardRefreshParts) {
    this.#parts = parts;
  }

  /**
   * The session token has expired or is gone: its refresh token may bring a new one.
   *
   * @returns `undefined` for a request without any token
   */
  due(
    expired: VerifiedSession | undefined,
    facts: RequestFacts,
    { canDeliver, asksStore, isPassive }: Handling,
  ): SessionOutcome | 'unknown-key' | Promise<SessionOutcome> | undefined {
    const { renewal, transports, records } = this.#parts;
    const found = canDeliver
      ? this.#find(facts, expired?.claims.sid)
      : undefined;
    if (!found) {
      return expired && refused(this.#parts, 'refresh-due');
    }
    if (typeof found === 'string') {
      return found === 'unknown-key' ? found : refused(this.#parts, found);
    }
    const { claims, isAmbient } = found;
    if (asksStore && !records) throw storeRequired();
    const forgery = isAmbient
      ? forgeryOf(this.#parts, facts, claims.sid)
      : undefined;
    return forgery
      ? refused(this.#parts, forgery)
      : renewal
          .renew(claims, transports.carriersOf(facts), isPassive)
          .then((renewed) =>
            reported(this.#parts, transports.outcomeOf(renewed)),
          );
  }

  /**
   * Exchanges the refresh token of a session that is used before its session token has expired, where passive requests
   * keep that fresh and would let the idle end come although the user works. Never rejects: where loader or store fail it
   * brings nothing, since the session does not need it yet.
   *
   * @returns `undefined` where it is not time for that, or the request brings no good refresh token of the session
   */
  early(
    session: VerifiedSession,
    facts: RequestFacts,
    { canDeliver, isPassive }: Handling,
    now: number,
  ): Promise<SessionOutcome | undefined> | undefined {
    const { renewal, transports, extensionFailures } = this.#parts;
    const { sid } = session.claims;
    if (
      now < session.extendAt ||
      isPassive ||
      !canDeliver ||
      extensionFailures.recentOf(sid, now)
    ) {
      return undefined;
    }
    const found = this.#find(facts, sid);
    if (
      typeof found !== 'object' ||
      (found.isAmbient && forgeryOf(this.#parts, facts, sid))
    ) {
      return undefined;
    }
    return renewal
      .renew(found.claims, transports.carriersOf(facts), false)
      .then((renewed) => {
        if (renewed.kind !== 'failed') {
          extensionFailures.forget(sid);
          return reported(this.#parts, transports.outcomeOf(renewed));
        }
        // The loader is not asked again at once in any case; a store would be.
        if (renewed.error.code === 'STORE_UNAVAILABLE') {
          extensionFailures.add(session.claims, renewed.error);
        }
        return undefined;
      });
  }

  #find(
    facts: RequestFacts,
    sid: string | undefined,
  ): ReturnType<typeof findRefreshToken> {
    const { renewal, transports } = this.#parts;
    return findRefreshToken(
      transports.all,
      facts,
      (token) => renewal.verify(token),
      sid,
    );
  }
}
