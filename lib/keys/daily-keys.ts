import type { KeyObject } from 'node:crypto';
import { deriveKey, kidOfSecret } from './derive.js';
import type { KeySet } from './key-set.js';
import type { TokenKey } from './token-key.js';

const DAY_SECONDS = 86_400;
/** No token lives longer; see the claims profile. */
const OLDEST_DAYS = 401;
const MAXIMUM_DERIVED = 1024;
const KID = /^([\w-]{16})\.([1-9]\d{0,5})$/;

/**
 * Encryption keys, one for each secret and day. One key may be used with at most 2^32 random 96-bit nonces (NIST SP
 * 800-38D, section 8.3), which is 49,710 tokens per second for a day. A busy application would exhaust a permanent
 * key within weeks.
 */
export class DailyKeys implements KeySet {
  readonly validUntil = Infinity;
  readonly isEmpty = false;
  readonly fingerprint: string;
  readonly #secrets: ReadonlyMap<string, KeyObject>;
  readonly #derived = new Map<string, TokenKey>();
  readonly #encrypting: string | undefined;
  readonly #now: () => number;

  /** @param secrets the first encrypts, all decrypt */
  constructor(
    secrets: readonly KeyObject[],
    purpose: string,
    now: () => number,
    isVerifyOnly = false,
  ) {
    const named = secrets.map((secret): [string, KeyObject] => {
      const key = deriveKey(secret, purpose);
      return [kidOfSecret(key), key];
    });
    this.#secrets = new Map(named);
    this.#encrypting = isVerifyOnly ? undefined : named[0]?.[0];
    this.#now = now;
    this.fingerprint = [this.#encrypting, ...this.#secrets.keys()].join();
  }

  get signing(): TokenKey | undefined {
    return this.#encrypting === undefined
      ? undefined
      : this.#keyOf(this.#encrypting, this.#today());
  }

  find(kid: string): TokenKey | undefined {
    const [, secret = '', digits] = KID.exec(kid) ?? [];
    const day = Number(digits);
    const today = this.#today();
    // A node whose clock is ahead may already be in the next day.
    return day <= today + 1 && day >= today - OLDEST_DAYS
      ? this.#keyOf(secret, day)
      : undefined;
  }

  #keyOf(secretKid: string, day: number): TokenKey | undefined {
    const kid = `${secretKid}.${day}`;
    const known = this.#derived.get(kid);
    const secret = this.#secrets.get(secretKid);
    if (known || !secret) {
      return known;
    }
    const key = deriveKey(secret, `day ${day}`);
    const signingKey = this.#encrypting === secretKid ? key : undefined;
    const derived: TokenKey = { kid, algorithm: 'A256GCM', key, signingKey };
    if (this.#derived.size >= MAXIMUM_DERIVED) {
      this.#derived.clear();
    }
    this.#derived.set(kid, derived);
    return derived;
  }

  #today(): number {
    return Math.floor(this.#now() / DAY_SECONDS);
  }
}
