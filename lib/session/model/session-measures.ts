import type { Refusal } from '../../errors/refusal.js';
import type { SessionErrorCode } from '../../errors/session-error.js';
import type { SessionOutcome } from './session-outcome.js';

/** A part that this process calls. */
export type CalledPart = 'store' | 'revocations' | 'loader';

/** How a call ended: with an answer, with an error, or not within its time. */
export type CallEnd = 'answered' | 'failed' | 'timeout';

/** Receives each call that was sent and has ended. Must not throw. */
export type CallListener = (
  part: CalledPart,
  operation: string,
  end: CallEnd,
  seconds: number,
) => void;

/**
 * What this process has done since it started, as plain numbers that metrics read: counting costs a request one
 * addition, whether or not anything reads them.
 */
export class SessionMeasures {
  /** Requests with a valid session. */
  accepted = 0;
  /** Requests without a token. */
  anonymous = 0;
  /** Requests that could not be decided on, by what was unavailable. */
  readonly unavailable = new Map<SessionErrorCode, number>();
  /** Requests whose tokens were refused, by reason. */
  readonly refused = new Map<Refusal, number>();
  /** Session tokens that were verified before and still cached. */
  cacheHits = 0;
  /** Session tokens that needed a full verification. */
  cacheMisses = 0;
  /** Requests that shared the exchange of another request with the same refresh token. */
  coalescedRefreshes = 0;
  /** `undefined` if nothing listens. */
  onCall: CallListener | undefined;

  /** Counts the verdict on a request, and returns it. */
  counted(
    outcome: SessionOutcome | Promise<SessionOutcome>,
  ): SessionOutcome | Promise<SessionOutcome> {
    return outcome instanceof Promise
      ? outcome.then((settled) => this.#count(settled))
      : this.#count(outcome);
  }

  #count(outcome: SessionOutcome): SessionOutcome {
    switch (outcome.kind) {
      case 'authenticated':
        this.accepted += 1;
        break;
      case 'anonymous':
        this.anonymous += 1;
        break;
      case 'rejected':
        increment(this.refused, outcome.refusal);
        break;
      case 'unavailable':
        increment(this.unavailable, outcome.error.code);
        break;
    }
    return outcome;
  }
}

function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
