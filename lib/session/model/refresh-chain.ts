import { createHash, createHmac } from 'node:crypto';
import type { RefreshClaims } from '../../tokens/session-claims.js';
import { randomId } from './random-id.js';

/** The position of a refresh token in the chain of its session, and its secret part. */
export interface RefreshLink {
  readonly gen: number;
  readonly jti: string;
}

/** Returns the link of a refresh token whose chain is kept by a store; `undefined` for a stateless one. */
export function linkOf(claims: RefreshClaims): RefreshLink | undefined {
  return 'gen' in claims ? claims : undefined;
}

export function firstLink(): RefreshLink {
  return { gen: 0, jti: randomId(32) };
}

/**
 * Returns the only child of a refresh token. Derived from the token alone, without a server key or a salt, so that
 * every node returns the same child for the same token, before and after a change of secrets or a failover.
 */
export function childOf({ gen, jti }: RefreshLink, sid: string): RefreshLink {
  const child = createHmac('sha256', Buffer.from(jti, 'base64url'))
    .update(`rotate|${sid}|${gen + 1}`)
    .digest('base64url');
  return { gen: gen + 1, jti: child };
}

/** Returns all that a store may know of a link. */
export function hashOf({ jti }: RefreshLink): string {
  return createHash('sha256').update(jti).digest('base64url');
}
