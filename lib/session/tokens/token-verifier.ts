import type { Refusal } from '../../errors/refusal.js';
import type { ResolvedCacheOptions } from '../../options/resolved-options.js';
import type { TokenCodec } from '../../tokens/token-codec.js';
import type { ClockPolicy } from '../model/freshness.js';
import { SessionMeasures } from '../model/session-measures.js';
import {
  verifiedSession,
  type VerifiedSession,
} from '../model/verified-session.js';
import { VerifiedTokens } from './verified-tokens.js';

/** Verifies session tokens, and caches the valid ones for as long as their keys are current. */
export class TokenVerifier {
  readonly #codec: TokenCodec;
  readonly #policy: ClockPolicy;
  readonly #verified: VerifiedTokens;
  readonly #measures: SessionMeasures;

  constructor(
    codec: TokenCodec,
    policy: ClockPolicy,
    bounds: ResolvedCacheOptions,
    measures = new SessionMeasures(),
  ) {
    this.#codec = codec;
    this.#policy = policy;
    this.#verified = new VerifiedTokens(bounds);
    this.#measures = measures;
  }

  /** Whether there is no key at all, because the source of the keys has never answered. */
  get hasNoKeys(): boolean {
    return this.#codec.keys.isEmpty;
  }

  /** Returns `undefined` when the keys are ready, otherwise a promise that settles when they are. Never rejects. */
  ready(): Promise<void> | undefined {
    return this.#codec.ready();
  }

  /** Looks for an unknown key; `undefined` if that would be futile. Never rejects. */
  learn(): Promise<void> | undefined {
    return this.#codec.learn();
  }

  /** Returns what a token contains, whatever its age, or why it is refused. */
  verify(token: string): VerifiedSession | Refusal {
    const { keys } = this.#codec;
    const known = this.#verified.get(token, keys);
    if (known) {
      this.#measures.cacheHits += 1;
      return known;
    }
    this.#measures.cacheMisses += 1;
    const claims = this.#codec.verify(token);
    if (typeof claims === 'string') {
      return claims;
    }
    const session = verifiedSession(claims, this.#policy);
    this.#verified.set(token, keys, session);
    return session;
  }
}
