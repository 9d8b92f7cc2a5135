import type { SessionClock } from '../ports/clock.js';
import type { Refusal } from '../errors/refusal.js';
import { SessionError } from '../errors/session-error.js';
import type { Transport } from '../ports/transport.js';
import {
  tokenClaimsOf,
  type RefreshClaims,
  type SessionContent,
  type StatelessRefreshClaims,
  type TokenClaims,
} from '../tokens/session-claims.js';
import type { TokenCodec } from '../tokens/token-codec.js';
import { proofKeyOf } from './model/authentication.js';
import type { ClockPolicy } from './model/freshness.js';
import { clockRefusalOf } from './model/session-standing.js';
import { keptIdleEnd } from './records/kept-idle-end.js';
import { concludeRotation } from './records/conclude-rotation.js';
import type { LoadFailures } from './loading/load-failures.js';
import { revisionOf } from './records/record-claims.js';
import { childOf, linkOf, type RefreshLink } from './model/refresh-chain.js';
import type { RefreshResult } from './model/refresh-result.js';
import type { SessionEnds } from './records/session-ends.js';
import type { SessionEvents } from './model/session-events.js';
import type { SessionLoads } from './loading/session-loads.js';
import type { SessionMeasures } from './model/session-measures.js';
import type { SessionMemory } from './model/session-memory.js';
import type { SessionRecords } from './records/session-records.js';
import type { SignedSession } from './model/signed-session.js';
import { lagError } from './revocations/revocation-standing.js';
import type { SessionRevocations } from './revocations/session-revocations.js';
import type { TokenIssuer } from './tokens/token-issuer.js';

export interface RefreshExchangeParts {
  readonly codec: TokenCodec<RefreshClaims>;
  readonly loads: SessionLoads;
  readonly failures: LoadFailures;
  readonly records: SessionRecords | undefined;
  readonly tokens: TokenIssuer;
  readonly memory: SessionMemory;
  readonly ends: SessionEnds;
  readonly events: SessionEvents;
  readonly measures: SessionMeasures;
  readonly clock: SessionClock;
  readonly policy: ClockPolicy;
  /** `undefined` without a revocation log. */
  readonly revocations: SessionRevocations | undefined;
}

/** Exchanges refresh tokens for new tokens. */
export class RefreshExchange {
  readonly #parts: RefreshExchangeParts;
  readonly #flights = new Map<string, Promise<RefreshResult>>();

  constructor(parts: RefreshExchangeParts) {
    this.#parts = parts;
  }

  /** Verifies a refresh token. {@link exchange} checks its clocks and its position in the chain. */
  verify(token: string): RefreshClaims | Refusal {
    return this.#parts.codec.verify(token);
  }

  /** Returns `undefined` when the keys are ready, otherwise a promise that settles when they are. Never rejects. */
  ready(): Promise<void> | undefined {
    return this.#parts.codec.ready();
  }

  /** Looks for an unknown key that a refresh token names. Never rejects. */
  learn(): Promise<void> | undefined {
    return this.#parts.codec.learn();
  }

  /**
   * Exchanges a refresh token, with at most one exchange in flight per token in this process; concurrent requests share
   * it. Never rejects.
   *
   * @param isPassive whether it does not count as user activity: the new refresh token ends when the old one does
   */
  exchange(
    claims: RefreshClaims,
    carriers: readonly Transport[],
    isPassive: boolean,
  ): Promise<RefreshResult> {
    const flightKey = `${claims.sid} ${claims.jti} ${proofKeyOf(claims)} ${isPassive} ${carriers.map(({ name }) => name).join()}`;
    let flight = this.#flights.get(flightKey);
    if (flight) {
      this.#parts.measures.coalescedRefreshes += 1;
    } else {
      flight = this.#exchange(claims, carriers, isPassive)
        .catch((error: unknown): RefreshResult => this.#failed(claims, error))
        .finally(() => this.#flights.delete(flightKey));
      this.#flights.set(flightKey, flight);
    }
    return flight;
  }

  /** Returns the exchanges in flight. None of them rejects. */
  inFlight(): Promise<RefreshResult>[] {
    return Array.from(this.#flights.values());
  }

  async #exchange(
    claims: RefreshClaims,
    carriers: readonly Transport[],
    isPassive: boolean,
  ): Promise<RefreshResult> {
    const { memory, failures, clock, policy, revocations } = this.#parts;
    const { records } = this.#parts;
    const { sid } = claims;
    const unread = revocations?.ready();
    if (unread) await unread;
    const now = clock.nowSeconds();
    const link = linkOf(claims);
    // With a store, its clock decides, so that differences between the clocks of nodes do not matter.
    const refusal =
      memory.endOf(claims) ??
      (link
        ? records?.missing.refusalOf(sid)
        : clockRefusalOf(claims, policy, now));
    if (refusal) {
      return { kind: 'rejected', refusal };
    }
    const failure = failures.recentOf(sid);
    if (failure) {
      return { kind: 'failed', error: failure };
    }
    const doubt = revocations?.doubtOf({ ...claims, lat: 0 });
    if (doubt === 'refuse' && !link) {
      return { kind: 'failed', error: lagError() };
    }
    const isQuiet = isPassive || doubt !== undefined;
    return link && records
      ? this.#rotate({ ...claims, ...link }, records, carriers, isQuiet)
      : this.#reissue(claims as StatelessRefreshClaims, carriers, isQuiet);
  }

  /** Refreshes without a store: the token itself contains what its successor needs. */
  async #reissue(
    claims: StatelessRefreshClaims,
    carriers: readonly Transport[],
    isPassive: boolean,
  ): Promise<RefreshResult> {
    const { memory, events } = this.#parts;
    const { params, attrs, rev } = claims;
    const newer = memory.newerThan(claims.sid, rev);
    const result = await this.#signed(
      claims,
      { params, attrs, rev, ...newer },
      undefined,
      carriers,
      isPassive ? claims.exp : undefined,
    );
    if (result.kind === 'signed') {
      this.#noteEnd(result.signed);
      events.ofSession(claims, { type: 'refreshed', repeated: false });
    }
    return result;
  }

  /**
   * Reads, loads, signs, and only then rotates: a failing loader, or data that does not fit into a token, must not cost
   * a client its refresh token.
   */
  async #rotate(
    claims: TokenClaims & RefreshLink,
    records: SessionRecords,
    carriers: readonly Transport[],
    isPassive: boolean,
  ): Promise<RefreshResult> {
    const child = childOf(claims, claims.sid);
    const record = await records.read(claims);
    const kept =
      record && isPassive
        ? keptIdleEnd(claims, record, this.#parts.policy)
        : undefined;
    const result = record
      ? await this.#signed(
          claims,
          { params: record.params, ...revisionOf(record) },
          child,
          carriers,
          kept?.end,
        )
      : undefined;
    if (result && result.kind !== 'signed') {
      return result;
    }
    if (!record && records.missing.noticesLoss) {
      return { kind: 'rejected', refusal: 'unknown' };
    }
    // The store decides about a missing record as well: its verdict may be that it has lost all of them.
    const verdict = await records.rotate(claims, child, record, kept);
    const refusal = concludeRotation(this.#parts, claims, verdict);
    if (refusal || !result) {
      return { kind: 'rejected', refusal: refusal ?? 'unknown' };
    }
    this.#noteEnd(result.signed);
    return result;
  }

  async #signed(
    claims: TokenClaims,
    content: Pick<SessionContent, 'params' | 'attrs' | 'rev'>,
    link: RefreshLink | undefined,
    carriers: readonly Transport[],
    idleEnd: number | undefined,
  ): Promise<RefreshResult> {
    const { loads, tokens, clock, memory, failures } = this.#parts;
    const outcome = await loads.answers.forExchange(claims, content);
    if (outcome.kind !== 'loaded') {
      return outcome;
    }
    const end = memory.endOf(claims);
    if (end) {
      return { kind: 'rejected', refusal: end };
    }
    const now = clock.nowSeconds();
    const { data } = outcome;
    const session = tokens.extended(
      {
        ...tokenClaimsOf(claims),
        ...content,
        ...(link && { gen: link.gen }),
        // The sign-in may come from a node whose clock is ahead.
        lat: Math.max(now, claims.oiat),
        ...(data !== undefined && { data }),
      },
      now,
      // By the clock of the store, which decides, it may still lie ahead.
      idleEnd && Math.max(idleEnd, now + 1),
    );
    const refresh = tokens.refreshClaims(session, link);
    const signed = tokens.sign({ session, refresh }, carriers, now);
    failures.forget(claims.sid);
    return { kind: 'signed', signed };
  }

  /** Notes the idle end, so that later tokens end no earlier. */
  #noteEnd({ session }: SignedSession): void {
    const { sid, rexp = 0 } = session.claims;
    this.#parts.memory.extend(sid, rexp);
  }

  #failed(claims: RefreshClaims, thrown: unknown): RefreshResult {
    // The next request queries the store again, so that clients do not wait longer than it is down.
    return thrown instanceof SessionError && thrown.code === 'STORE_UNAVAILABLE'
      ? { kind: 'failed', error: thrown }
      : { kind: 'failed', error: this.#parts.failures.add(claims, thrown) };
  }
}
