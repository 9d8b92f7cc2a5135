import type { DeviceProof } from '../binding/device-proof.js';
import type { Refusal } from '../errors/refusal.js';
import { SessionError } from '../errors/session-error.js';
import type { Transport } from '../ports/transport.js';
import {
  type RefreshClaims,
  type StatelessRefreshClaims,
  type TokenClaims,
} from '../tokens/session-claims.js';
import type { TokenCodec } from '../tokens/token-codec.js';
import { proofKeyOf } from './model/authentication.js';
import type { ClockPolicy } from './model/freshness.js';
import { clockRefusalOf } from './model/session-standing.js';
import {
  ExchangedTokens,
  type ExchangedTokensParts,
} from './exchanged-tokens.js';
import { keptIdleEnd } from './records/kept-idle-end.js';
import { concludeRotation } from './records/conclude-rotation.js';
import { boundKeyIn, boundKeyOf, refusalOfProof } from './model/bound-key.js';
import { revisionOf } from './records/record-claims.js';
import { childOf, linkOf, type RefreshLink } from './model/refresh-chain.js';
import type { RefreshResult } from './model/refresh-result.js';
import type { SessionEnds } from './records/session-ends.js';
import type { SessionEvents } from './model/session-events.js';
import type { SessionMeasures } from './model/session-measures.js';
import type { SessionRecords } from './records/session-records.js';
import type { SignedSession } from './model/signed-session.js';
import { lagError } from './revocations/revocation-standing.js';
import type { SessionRevocations } from './revocations/session-revocations.js';

export interface RefreshExchangeParts extends ExchangedTokensParts {
  readonly codec: TokenCodec<RefreshClaims>;
  readonly records: SessionRecords | undefined;
  readonly ends: SessionEnds;
  readonly events: SessionEvents;
  readonly measures: SessionMeasures;
  readonly policy: ClockPolicy;
  /** `undefined` without a revocation log. */
  readonly revocations: SessionRevocations | undefined;
  /** Whether sessions that no browser has bound to a device cannot be refreshed. */
  readonly mustBeBound: boolean;
}

/** What an exchange is requested with. */
interface ExchangeRequest {
  readonly carriers: readonly Transport[];
  readonly isPassive: boolean;
  readonly proof: DeviceProof | undefined;
}

/** Exchanges refresh tokens for new tokens. */
export class RefreshExchange {
  readonly #parts: RefreshExchangeParts;
  readonly #tokens: ExchangedTokens;
  readonly #flights = new Map<string, Promise<RefreshResult>>();

  constructor(parts: RefreshExchangeParts) {
    this.#parts = parts;
    this.#tokens = new ExchangedTokens(parts);
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
   * @param proof that the request comes from the device that the session is bound to
   */
  exchange(
    claims: RefreshClaims,
    carriers: readonly Transport[],
    isPassive: boolean,
    proof?: DeviceProof,
  ): Promise<RefreshResult> {
    // Without the proof in the key, a request without one could share the result of one that has it.
    const flightKey = `${claims.sid} ${claims.jti} ${proofKeyOf(claims)} ${isPassive} ${carriers.map(({ name }) => name).join()} ${proof?.text}`;
    let flight = this.#flights.get(flightKey);
    if (flight) {
      this.#parts.measures.coalescedRefreshes += 1;
    } else {
      flight = this.#exchange(claims, { carriers, isPassive, proof })
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
    request: ExchangeRequest,
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
        : clockRefusalOf(claims, policy, now)) ??
      (claims.cnf && !request.proof ? 'unproven' : undefined);
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
    const isPassive = request.isPassive || doubt !== undefined;
    return link && records
      ? this.#rotate({ ...claims, ...link }, records, { ...request, isPassive })
      : this.#reissue(claims as StatelessRefreshClaims, {
          ...request,
          isPassive,
        });
  }

  /** Refreshes without a store: the token itself contains what its successor needs. */
  async #reissue(
    claims: StatelessRefreshClaims,
    request: ExchangeRequest,
  ): Promise<RefreshResult> {
    const { memory, events, mustBeBound } = this.#parts;
    const { params, attrs, rev } = claims;
    const bound = boundKeyOf(claims);
    const refusal = refusalOfProof(bound, request.proof, mustBeBound);
    if (refusal) {
      return { kind: 'rejected', refusal };
    }
    const newer = memory.newerThan(claims.sid, rev);
    const result = await this.#tokens.signed(
      claims,
      { params, attrs, rev, ...newer },
      {
        carriers: request.carriers,
        boundTo: bound?.key,
        idleEnd: request.isPassive ? claims.exp : undefined,
      },
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
    { carriers, isPassive, proof }: ExchangeRequest,
  ): Promise<RefreshResult> {
    const child = childOf(claims, claims.sid);
    const record = await records.read(claims);
    const bound = record && boundKeyIn(record);
    const unproven =
      record && refusalOfProof(bound, proof, this.#parts.mustBeBound);
    if (unproven) {
      return { kind: 'rejected', refusal: unproven };
    }
    const kept =
      record && isPassive
        ? keptIdleEnd(claims, record, this.#parts.policy)
        : undefined;
    const result = record
      ? await this.#tokens.signed(
          claims,
          { params: record.params, ...revisionOf(record) },
          { link: child, carriers, boundTo: bound?.key, idleEnd: kept?.end },
        )
      : undefined;
    if (result && result.kind !== 'signed') {
      return result;
    }
    if (!record && records.missing.noticesLoss) {
      return { kind: 'rejected', refusal: 'unknown' };
    }
    // The store decides about a missing record as well: its verdict may be that it has lost all of them.
    const verdict = await records.rotate(
      claims,
      child,
      record,
      kept,
      proof && record?.deviceKey,
    );
    const refusal = concludeRotation(
      this.#parts,
      claims,
      verdict,
      proof !== undefined,
    );
    if (refusal || !result) {
      return { kind: 'rejected', refusal: refusal ?? 'unknown' };
    }
    this.#noteEnd(result.signed);
    return result;
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
