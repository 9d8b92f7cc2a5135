/** The result of `SessionStore.create`. `ended` contains the ids of the sessions that made room. */
export type CreateVerdict =
  | { readonly kind: 'created'; readonly ended: readonly string[] }
  | { readonly kind: 'refused' };

/**
 * The result of `SessionStore.rotate`:
 *
 * - `rotated`: the current token was presented. Its child is now the current token.
 * - `repeated`: the parent of the current token was presented again within the grace period. Nothing changed.
 * - `recovered`: the parent was presented after the grace period, and neither the current token nor a session token
 *   issued with it was ever used: the response was lost. The current token stays; the record notes that it was
 *   recovered. Never for a parent that was itself recovered, since a thief who uses nothing would go unnoticed.
 *   Optional, like `SessionStore.confirmUse`.
 * - `rolled-forward`: the token is ahead of the record, so the store lost writes (a failover, a restored backup). Its
 *   child is now the current token.
 * - `reused`: an older token, a token of another chain, or the parent after the grace period. The session is ended.
 * - `unproven`: the session is bound, and the token came without `deviceKey` or with another one. Nothing changes, whatever
 *   the token: without the key, not even an old token ends the session of its owner. Only for stores with
 *   `SessionStore.bind`. Decided after `expired`, `unknown` and `lost`, and before all others.
 * - `expired`: the session is past its idle end, its absolute end, or the absolute end by the presented `lifetime`,
 *   which may be shorter than the original one. The record is deleted.
 * - `unknown`: there is no such record. The session was ended, or expired and was removed.
 * - `lost`: as `unknown`, and the store detected that all its records are gone. Reported once. Optional: a store that
 *   cannot detect this answers `unknown`, and a store with `SessionStore.hasLostAll` reports it there.
 */
export type RotationVerdict =
  | 'rotated'
  | 'repeated'
  | 'recovered'
  | 'rolled-forward'
  | 'reused'
  | 'unproven'
  | 'expired'
  | 'unknown'
  | 'lost';

/**
 * The result of `SessionStore.bind`:
 *
 * - `bound`: the session is now bound to the key, or was bound to this key already.
 * - `conflict`: the session was bound to another key. The session is ended.
 * - `unknown`: there is no such record, or it had expired and is deleted.
 */
export type BindVerdict = 'bound' | 'conflict' | 'unknown';
