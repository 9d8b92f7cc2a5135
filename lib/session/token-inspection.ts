import type { SessionClock } from '../ports/clock.js';
import type { Refusal } from '../errors/refusal.js';
import type { SessionMemory } from './model/session-memory.js';
import { keysUnavailable } from './model/session-outcome.js';
import type { SessionRecords } from './records/session-records.js';
import { lagError } from './revocations/revocation-standing.js';
import type { SessionRevocations } from './revocations/session-revocations.js';
import { refusalOf, stalenessOf } from './model/session-standing.js';
import type { TokenVerifier } from './tokens/token-verifier.js';
import type { VerifiedSession } from './model/verified-session.js';

export interface TokenInspectionParts {
  readonly verifier: TokenVerifier;
  /** Set if the token is only a reference to a record. */
  readonly records: SessionRecords | undefined;
  readonly memory: SessionMemory;
  /** `undefined` without a revocation log. */
  readonly revocations: SessionRevocations | undefined;
  readonly clock: SessionClock;
  readonly isVerifyOnly: boolean;
}

/** Verifies a session token and does nothing else: calls no loader, re-issues nothing. */
export class TokenInspection {
  readonly #parts: TokenInspectionParts;

  constructor(parts: TokenInspectionParts) {
    this.#parts = parts;
  }

  /** @throws {SessionError} `STORE_UNAVAILABLE`, `KEYS_UNAVAILABLE` */
  async inspect(token: string): Promise<VerifiedSession | Refusal> {
    const { records, memory, clock, isVerifyOnly } = this.#parts;
    const session = await this.#verify(token);
    if (typeof session === 'string') {
      return session;
    }
    const now = clock.nowSeconds();
    const refusal = refusalOf(session, memory, now);
    if (refusal) {
      return refusal;
    }
    const doubt = this.#parts.revocations?.doubtOf(session.claims);
    if (doubt === 'refuse') {
      throw lagError();
    }
    if (doubt === 'stale') {
      return doubt;
    }
    const current = records ? await records.current(session) : session;
    return current
      ? ((isVerifyOnly ? stalenessOf(current, now) : undefined) ?? current)
      : 'unknown';
  }

  async #verify(token: string): Promise<VerifiedSession | Refusal> {
    const { verifier } = this.#parts;
    await Promise.all([verifier.ready(), this.#parts.revocations?.ready()]);
    let session = verifier.verify(token);
    if (session === 'unknown-key') {
      await verifier.learn();
      session = verifier.verify(token);
    }
    if (session === 'unknown-key' && verifier.hasNoKeys) {
      throw keysUnavailable();
    }
    return session;
  }
}
