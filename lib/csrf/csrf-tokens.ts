import {
  createHmac,
  randomBytes,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';

const RANDOM_BYTES = 16;
/** Base64url of 16 and 32 bytes. The last character of the MAC has no stray bits, so each MAC has one spelling. */
const TOKEN = /^([\w-]{22})\.([\w-]{42}[AEIMQUYcgkosw048])$/;

/**
 * Issues tokens that only pages of one session can know: an HMAC over the session id and randomness, each prefixed
 * with its length (OWASP CSRF Prevention Cheat Sheet, signed double submit). Nothing is stored; a new session id
 * invalidates the tokens of the old one.
 */
export class CsrfTokens {
  readonly #keys: () => readonly KeyObject[];

  /** @param keys the first signs, all verify */
  constructor(keys: () => readonly KeyObject[]) {
    this.#keys = keys;
  }

  /** Issues a token for a session, a different one each time, so that compressed pages do not leak it (BREACH). */
  issue(sessionId: string): string {
    const [key] = this.#keys();
    const random = randomBytes(RANDOM_BYTES).toString('base64url');
    return `${random}.${macOf(key!, sessionId, random).toString('base64url')}`;
  }

  isOf(sessionId: string, token: string): boolean {
    const [, random, mac] = TOKEN.exec(token) ?? [];
    if (random === undefined || mac === undefined) {
      return false;
    }
    const presented = Buffer.from(mac, 'base64url');
    return this.#keys().some((key) =>
      timingSafeEqual(presented, macOf(key, sessionId, random)),
    );
  }
}

function macOf(key: KeyObject, sessionId: string, random: string): Buffer {
  return createHmac('sha256', key)
    .update(`${sessionId.length}!${sessionId}!${random.length}!${random}`)
    .digest();
}
