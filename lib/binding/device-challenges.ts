import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import type { HashedRefreshLink } from '../ports/session-store.js';
import type { SessionClock } from '../ports/clock.js';
import { parseStrictJson } from '../tokens/strict-json.js';

/** The session that a registration challenge was issued for. */
export interface OfferedSession {
  readonly sid: string;
  readonly sub: string;
  readonly oiat: number;
  /** Its refresh token at that time, if a store keeps the chain. */
  readonly link?: HashedRefreshLink | undefined;
}

/** The realm of the challenges, and what they are made with. */
export interface DeviceChallengesParts {
  /** The first signs, all verify. */
  readonly keys: () => readonly KeyObject[];
  readonly issuer: string;
  readonly audience: string;
  readonly clock: SessionClock;
  readonly toleranceSeconds: number;
}

/** How long a browser may take to create a key after a sign-in. */
const REGISTRATION_SECONDS = 300;
/** How long a browser may take to sign. Within this time, the same proof may come twice: a retry is not a theft. */
export const REFRESH_SECONDS = 60;
const CHALLENGE = /^([\w-]{1,2000})\.([\w-]{42}[AEIMQUYcgkosw048])$/;

/**
 * The challenges that devices sign. Each is an HMAC over its purpose, session and time, so that every node can check
 * it, and nothing is stored.
 */
export class DeviceChallenges {
  readonly #parts: DeviceChallengesParts;

  constructor(parts: DeviceChallengesParts) {
    this.#parts = parts;
  }

  /** Issues the challenge of a registration. It names the session, since some registrations come without cookies. */
  forRegistration({ sid, sub, oiat, link }: OfferedSession): string {
    const position = link ? [link.generation, link.secretHash] : [];
    return this.#issue('register', [sid, sub, oiat, this.#now(), ...position]);
  }

  /** Returns the session that a registration challenge names, if we issued it within the last 5 minutes. */
  offeredBy(challenge: string): OfferedSession | undefined {
    const content = this.#read('register', challenge);
    if (!content || !this.#isRecent(content[3], REGISTRATION_SECONDS)) {
      return undefined;
    }
    const [sid, sub, oiat, , generation, secretHash] = content as [
      sid: string,
      sub: string,
      oiat: number,
      at: number,
      generation?: number,
      secretHash?: string,
    ];
    return generation === undefined || secretHash === undefined
      ? { sid, sub, oiat }
      : { sid, sub, oiat, link: { generation, secretHash } };
  }

  /** Issues the challenge of a refresh. */
  forRefresh(sid: string): string {
    return this.#issue(`refresh ${sid}`, [this.#now()]);
  }

  /** Whether we issued a challenge for this session within the last minute. */
  isForRefresh(sid: string, challenge: string): boolean {
    const [at] = this.#read(`refresh ${sid}`, challenge) ?? [];
    return this.#isRecent(at, REFRESH_SECONDS);
  }

  #issue(purpose: string, content: readonly unknown[]): string {
    const text = Buffer.from(JSON.stringify(content)).toString('base64url');
    const [key] = this.#parts.keys();
    return `${text}.${this.#macOf(key!, purpose, text).toString('base64url')}`;
  }

  #read(purpose: string, challenge: string): readonly unknown[] | undefined {
    const [, text, mac] = CHALLENGE.exec(challenge) ?? [];
    if (text === undefined || mac === undefined) {
      return undefined;
    }
    const presented = Buffer.from(mac, 'base64url');
    const isOurs = this.#parts
      .keys()
      .some((key) =>
        timingSafeEqual(presented, this.#macOf(key, purpose, text)),
      );
    return isOurs
      ? (parseStrictJson(Buffer.from(text, 'base64url')) as unknown[])
      : undefined;
  }

  #macOf(key: KeyObject, purpose: string, text: string): Buffer {
    const { issuer, audience } = this.#parts;
    return createHmac('sha256', key)
      .update(JSON.stringify([purpose, issuer, audience, text]))
      .digest();
  }

  /** Whether an instant is not older than some seconds. Another node may have issued it whose clock is ahead. */
  #isRecent(at: unknown, seconds: number): boolean {
    const now = this.#now();
    return (
      typeof at === 'number' &&
      at <= now + this.#parts.toleranceSeconds &&
      now < at + seconds
    );
  }

  #now(): number {
    return this.#parts.clock.nowSeconds();
  }
}
