import type {
  HashedRefreshLink,
  PresentedRefresh,
} from '../../ports/session-store.js';
import type { TokenClaims } from '../../tokens/session-claims.js';
import { lifetimeOf, type ClockPolicy } from '../model/freshness.js';
import { hashOf, type RefreshLink } from '../model/refresh-chain.js';
import type { KeptIdleEnd } from './kept-idle-end.js';

/** Returns the link of a refresh token as a store sees it. */
export function hashedLink(link: RefreshLink): HashedRefreshLink {
  return { generation: link.gen, secretHash: hashOf(link) };
}

/** Returns a refresh token as a store sees it. */
export function presentedRefresh(
  claims: TokenClaims & RefreshLink,
  child: RefreshLink,
  kept: KeptIdleEnd | undefined,
  deviceKey: string | undefined,
  {
    policy,
    graceSeconds,
  }: { readonly policy: ClockPolicy; readonly graceSeconds: number },
): PresentedRefresh {
  const lifetime = lifetimeOf(claims, policy);
  return {
    ...hashedLink(claims),
    nextHash: hashOf(child),
    graceSeconds,
    // A store without passive requests leaves the end roughly where it is.
    lifetime: kept ? { ...lifetime, idleSeconds: kept.inSeconds } : lifetime,
    ...(kept && { isPassive: true }),
    ...(deviceKey !== undefined && { deviceKey }),
  };
}
