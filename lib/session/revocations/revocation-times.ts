import type { TokenClaims } from '../../tokens/session-claims.js';
import {
  absoluteEndOf,
  longestWithoutStore,
  type ClockPolicy,
} from '../model/freshness.js';

/** For how long revocations matter. Seconds. */
export class RevocationTimes {
  /** The longest time for which a node uses a token that does not meet the store. */
  readonly longestSeconds: number;
  /** For how long the log keeps entries. */
  readonly retentionSeconds: number;
  readonly #policy: ClockPolicy;
  readonly #isRecorded: boolean;

  /** @param isRecorded whether a store records the sessions: it refuses what has ended, sooner or later */
  constructor(policy: ClockPolicy, isRecorded: boolean, maxLagSeconds: number) {
    this.#policy = policy;
    this.#isRecorded = isRecorded;
    this.longestSeconds = longestWithoutStore(policy);
    this.retentionSeconds = isRecorded
      ? Math.ceil(this.longestSeconds + maxLagSeconds)
      : this.endOfEverything(0);
  }

  /** Returns until when the revocation of a session matters. */
  endOfSession(
    claims: Partial<Pick<TokenClaims, 'oiat' | 'abs'>>,
    at: number,
  ): number {
    const { oiat = at, abs } = claims;
    const began = { oiat, ...(abs !== undefined && { abs }) };
    return this.#isRecorded
      ? at + this.retentionSeconds
      : absoluteEndOf(began, this.#policy) + this.#policy.toleranceSeconds;
  }

  /** Returns until when a cut-off of one subject matters. */
  endOfCutOff(at: number): number {
    return at + this.retentionSeconds;
  }

  /** Returns until when a cut-off of all sessions matters: their records in a store live on. */
  endOfEverything(at: number): number {
    return at + this.#policy.absoluteSeconds + this.#policy.toleranceSeconds;
  }
}

/** Returns the time of a cut-off. Sessions that began after another one of the same second have the next second. */
export function nextCutOff(last: number, now: number): number {
  return last >= now ? now + 1 : now;
}
