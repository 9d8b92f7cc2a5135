import type { Refusal } from '../errors/refusal.js';
import type { ResolvedCacheOptions } from '../options/resolved-options.js';
import type { TokenCodec } from '../tokens/token-codec.js';
import type { ClockPolicy } from './freshness.js';
import { verifiedSession, type VerifiedSession } from './verified-session.js';
import { VerifiedTokens } from './verified-tokens.js';

/** Verifies session tokens, and remembers the good ones for as long as their keys are the present ones. */
export class TokenVerifier {
  readonly #codec: TokenCodec;
  readonly #policy: ClockPolicy;
  readonly #verified: VerifiedTokens;

  constructor(
    codec: TokenCodec,
    policy: ClockPolicy,
    bounds: ResolvedCacheOptions,
  ) {
    this.#codec = codec;
    this.#policy = policy;
    this.#verified = new VerifiedTokens(bounds);
  }

  /** Whether there is no key at all, because their source has never answered. */
  get hasNoKeys(): boolean {
    return this.#codec.keys.isEmpty;
  }

  /** `undefined` when the keys may be used at once, otherwise settled when they may. Never rejects. */
  ready(): Promise<void> | undefined {
    return this.#codec.ready();
  }

  /** Looks for a key that is not known; `undefined` when that would be in vain. Never rejects. */
  learn(): Promise<void> | undefined {
    return this.#codec.learn();
  }

  /** What a token says, whatever its age, or why it is refused. */
  verify(token: string): VerifiedSession | Refusal {
    const { keys } = this.#codec;
    const known = this.#verified.get(token, keys);
    if (known) {
      return known;
    }
    const claims = this.#codec.verify(token);
    if (typeof claims === 'string') {
      return claims;
    }
    const session = verifiedSession(claims, this.#policy);
    this.#verified.set(token, keys, session);
    return session;
  }
}
