/** HS256 on `node:crypto` alone: the minimum cost of a verification. */
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { forEachSession } from './app.mjs';
import { userAt } from './users.mjs';

export const SECRET =
  'benchmark-3v8QpLx0Rz7KdYb2WcNf5TgHs9JmUaEi1oXyZqVtBn4rDk6';
export const KEY = createSecretKey(Buffer.from(SECRET));

const encode = (text) => Buffer.from(text).toString('base64url');
const HEADER = `${encode('{"alg":"HS256","typ":"JWT"}')}.`;
const SIGNATURE_LENGTH = 43;
const DAY = 86_400;

/** As long as the claims of our session tokens. */
export function claimsOf(i, now = Math.floor(Date.now() / 1000)) {
  return {
    iss: 'benchmark',
    aud: 'benchmark',
    sub: `user-${i}`,
    sid: `session-${i}`.padEnd(43, '-'),
    jti: `token-${i}`.padEnd(22, '-'),
    iat: now,
    exp: now + DAY,
    data: userAt(i),
  };
}

export function sign(claims) {
  const content = HEADER + encode(JSON.stringify(claims));
  const signature = createHmac('sha256', KEY).update(content);
  return `${content}.${signature.digest('base64url')}`;
}

/** @throws when the token is not valid now */
export function verify(token) {
  const end = token.lastIndexOf('.');
  if (
    !token.startsWith(HEADER) ||
    token.length - end - 1 !== SIGNATURE_LENGTH
  ) {
    throw new Error('malformed');
  }
  const expected = createHmac('sha256', KEY)
    .update(token.slice(0, end))
    .digest();
  const signature = Buffer.from(token.slice(end + 1), 'base64url');
  if (
    signature.length !== expected.length ||
    !timingSafeEqual(signature, expected)
  ) {
    throw new Error('bad signature');
  }
  const payload = Buffer.from(token.slice(HEADER.length, end), 'base64url');
  return assertFresh(JSON.parse(payload.toString()));
}

/** Like {@link verify}, with a cache of 20,000 verified tokens. */
export function rememberingVerify() {
  const verified = new LRUCache({ max: 20_000 });
  return (token) => {
    const known = verified.get(token);
    if (known) {
      return assertFresh(known);
    }
    const claims = verify(token);
    verified.set(token, claims);
    return claims;
  };
}

/** Returns the header lines of signed tokens. */
export function signedTokens(lineOf) {
  return forEachSession((i) => lineOf(sign(claimsOf(i))));
}

function assertFresh(claims) {
  if (!(claims.exp > Date.now() / 1000)) {
    throw new Error('expired');
  }
  return claims;
}
