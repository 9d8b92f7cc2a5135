import type { SessionChange } from '../../ports/session-store.js';
import type { SessionClaims } from '../../tokens/session-claims.js';
import { lifetimeOf, type ClockPolicy } from '../model/freshness.js';

/** What a record notes of a reload, apart from its data. */
export interface ReloadNote {
  /** Whether the application requested it, so that data loaded earlier by other nodes is due. */
  readonly isDemanded: boolean;
  /** Whether it does not count as user activity. */
  readonly isPassive: boolean;
}

/** Returns the change that notes a reload in a record. */
export function reloadChange(
  claims: SessionClaims,
  loaded: { readonly lat: number; readonly data: unknown },
  { isDemanded, isPassive }: ReloadNote,
  {
    policy,
    keepsData,
  }: { readonly policy: ClockPolicy; readonly keepsData: boolean },
): SessionChange {
  const value = keepsData ? (loaded.data ?? null) : null;
  return {
    // With refresh tokens, reloads do not move the idle end.
    ...(!isPassive &&
      policy.accessSeconds === undefined && {
        extend: lifetimeOf(claims, policy),
      }),
    ...(isPassive && { isPassive }),
    ...((keepsData || isDemanded) && {
      data: { value, loadedAt: loaded.lat },
    }),
    // No attribute changes, but the revision does: it distinguishes tokens issued before from those issued after.
    ...(!keepsData && isDemanded && { attributes: {} }),
  };
}
