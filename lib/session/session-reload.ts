import type { SessionClock } from '../clock.js';
import type { Refusal } from '../errors/refusal.js';
import type { SessionError } from '../errors/session-error.js';
import type { ResolvedLoaderOptions } from '../options/resolved-options.js';
import type { Transport } from '../options/transport.js';
import type { SessionClaims } from '../tokens/session-claims.js';
import { intervalOf, type ClockPolicy } from './freshness.js';
import type { LoadFailures } from './load-failures.js';
import { patiently } from './patiently.js';
import type { LoadedResult, SessionLoads } from './session-loads.js';
import type { SessionMemory } from './session-memory.js';
import { unavailable, type SessionOutcome } from './session-outcome.js';
import { refusalOf } from './session-standing.js';
import type { SessionTransports } from './session-transports.js';
import type { SignedSession, TokenIssuer } from './token-issuer.js';
import { verifiedSession, type VerifiedSession } from './verified-session.js';

/** Tokens kept for one result: revisions of attributes come and go. */
const MAXIMUM_VARIANTS = 8;

export interface SessionReloadParts {
  readonly loads: SessionLoads;
  readonly failures: LoadFailures;
  readonly tokens: TokenIssuer;
  readonly transports: SessionTransports;
  readonly memory: SessionMemory;
  readonly clock: SessionClock;
  readonly policy: ClockPolicy;
  readonly options: ResolvedLoaderOptions;
  /** Whether tokens only refer to the store, which holds what sessions are about. */
  readonly isReference: boolean;
}

/** Brings sessions up to date: loads their data again and signs the token that says so. */
export class SessionReload {
  readonly #parts: SessionReloadParts;

  constructor(parts: SessionReloadParts) {
    this.#parts = parts;
  }

  /** Whether there is nothing to bring up to date. */
  isCurrent(session: VerifiedSession, now: number): boolean {
    const { memory, policy, isReference } = this.#parts;
    const { claims } = session;
    return (
      now < session.dueAt &&
      !memory.isOutdated(claims) &&
      // A reference whose data somebody else had loaded must live on too.
      !(isReference && now >= claims.iat + intervalOf(claims, policy))
    );
  }

  /** A session with the newest data and attributes that this process remembers, however old they are. */
  newestOf(session: VerifiedSession): VerifiedSession {
    return this.#newest(
      session,
      this.#parts.loads.resultOf(session.claims.sid),
    );
  }

  /**
   * A session whose data is due, or whose data or attributes are older than this process knows, as it is now.
   *
   * @param carriers where its new token goes; `undefined` when nothing can be delivered
   */
  renew(
    session: VerifiedSession,
    carriers: readonly Transport[] | undefined,
    now: number,
  ): SessionOutcome | Promise<SessionOutcome> {
    const { sid } = session.claims;
    const result = this.#parts.loads.resultOf(sid);
    const newest = this.#newest(session, result);
    const isReplaced =
      !result && this.#parts.memory.hasReplaced(session.claims);
    if (now < newest.dueAt && !isReplaced) {
      return this.#offer(session, newest, result, carriers);
    }
    const failure = this.#parts.failures.recentOf(sid, now);
    return failure
      ? stale(newest, failure, now)
      : this.#reload(session, newest, carriers);
  }

  /**
   * Loads the data now, whatever its age.
   *
   * @throws {SessionError} what the loader failed with, or `SESSION_TOO_LARGE`
   */
  async reloadNow(
    session: VerifiedSession,
    carriers: readonly Transport[],
  ): Promise<SignedSession | { readonly refusal: Refusal }> {
    await this.#parts.tokens.ready();
    const over = this.#refusalOf(session);
    if (over) {
      return { refusal: over };
    }
    const sign = (result: LoadedResult): SignedSession =>
      this.#signed(this.#newest(session, result), result, carriers);
    const reloaded = await this.#parts.loads.loadAnew(session.claims, sign);
    const end = this.#refusalOf(session);
    if (end) {
      return { refusal: end };
    }
    switch (reloaded.kind) {
      case 'loaded':
        return sign(reloaded.result);
      case 'rejected':
        return { refusal: reloaded.refusal };
      case 'failed':
        throw reloaded.error;
    }
  }

  async #reload(
    session: VerifiedSession,
    newest: VerifiedSession,
    carriers: readonly Transport[] | undefined,
  ): Promise<SessionOutcome> {
    const flight = this.#parts.loads.load(session.claims, (result) => {
      if (carriers) {
        this.#signed(this.#newest(session, result), result, carriers);
      }
    });
    const reloaded = await patiently(flight, this.#parts.options);
    const end = this.#refusalOf(session);
    if (end) {
      return this.#parts.transports.rejected(end);
    }
    switch (reloaded.kind) {
      case 'loaded': {
        const loaded = this.#newest(session, reloaded.result);
        return this.#offer(session, loaded, reloaded.result, carriers);
      }
      case 'rejected':
        return this.#parts.transports.rejected(reloaded.refusal);
      case 'failed':
        return stale(newest, reloaded.error, this.#parts.clock.nowSeconds());
    }
  }

  #refusalOf(session: VerifiedSession): Refusal | undefined {
    const { memory, clock } = this.#parts;
    return refusalOf(session, memory, clock.nowSeconds());
  }

  /** A session with the newest data and attributes that this process knows. */
  #newest(
    session: VerifiedSession,
    result: LoadedResult | undefined,
  ): VerifiedSession {
    const { claims } = session;
    const newer = result && result.lat >= claims.lat ? result : undefined;
    const revision = this.#parts.memory.newerThan(claims.sid, claims.rev);
    if (!newer && !revision) {
      return session;
    }
    const merged: SessionClaims = {
      ...claims,
      ...(newer && { lat: newer.lat }),
      ...(newer && 'data' in claims && { data: newer.data }),
      ...revision,
    };
    return verifiedSession(merged, this.#parts.policy);
  }

  #offer(
    session: VerifiedSession,
    newest: VerifiedSession,
    result: LoadedResult | undefined,
    carriers: readonly Transport[] | undefined,
  ): SessionOutcome {
    if (!carriers) {
      return newest;
    }
    try {
      return this.#signed(newest, result, carriers).session;
    } catch (error) {
      // The new data does not fit into a token: the old token stays, and the application hears of it.
      const { loads, failures, clock } = this.#parts;
      const now = clock.nowSeconds();
      loads.discard(session.claims.sid);
      const failure =
        failures.recentOf(session.claims.sid, now) ??
        failures.add(session.claims, error);
      return stale(session, failure, now);
    }
  }

  /** The newest token of a session, signed once for all requests that may share it. */
  #signed(
    { claims }: VerifiedSession,
    result: LoadedResult | undefined,
    carriers: readonly Transport[],
  ): SignedSession {
    const now = this.#parts.clock.nowSeconds();
    const { tokens, policy, isReference } = this.#parts;
    if (result?.lat !== claims.lat) {
      // Only the attributes are newer, and the idle time goes on; or another client had the data loaded.
      const session = isReference
        ? tokens.reloaded(claims, now)
        : tokens.reissued(claims, now);
      return tokens.sign({ session }, carriers, now);
    }
    // With refresh tokens a reload keeps the end: tokens of before and after a refresh share none.
    const end = policy.accessSeconds === undefined ? '' : claims.exp;
    const variant = `${claims.rev} ${claims.per} ${end} ${carriers.map(({ name }) => name).join()}`;
    const known = result.signed.get(variant);
    if (known && tokens.isGood(known, now)) {
      return known.preparedAt === now
        ? known
        : tokens.offer(known, carriers, now);
    }
    const session = tokens.reloaded(claims, now);
    const signed = tokens.sign({ session }, carriers, now);
    if (result.signed.size >= MAXIMUM_VARIANTS) {
      result.signed.clear();
    }
    result.signed.set(variant, signed);
    this.#parts.loads.measure(claims.sid, result);
    return signed;
  }
}

/** Old data while it may still be used; after that the session is unavailable, but not over. */
function stale(
  session: VerifiedSession,
  reason: SessionError,
  now: number,
): SessionOutcome {
  if (now < session.staleUntil) {
    return session;
  }
  return unavailable(reason);
}
