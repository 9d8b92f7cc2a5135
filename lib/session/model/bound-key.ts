import {
  readDeviceKey,
  readDeviceKeyText,
  type DeviceKey,
} from '../../binding/device-key.js';
import type { DeviceProof } from '../../binding/device-proof.js';
import { REFUSALS, type Refusal } from '../../errors/refusal.js';
import type { SessionRecord } from '../../ports/session-store.js';
import type { StatelessRefreshClaims } from '../../tokens/session-claims.js';

/** What a session is bound to. No proof is by a key that cannot be read. */
export interface BoundKey {
  readonly key: DeviceKey | undefined;
}

/** Returns the key in a stateless refresh token; `undefined` if the session is not bound. */
export function boundKeyOf({
  cnf,
}: StatelessRefreshClaims): BoundKey | undefined {
  return cnf && { key: readDeviceKey(cnf.jwk) };
}

/** Returns the key in a record; `undefined` if the session is not bound. */
export function boundKeyIn({
  deviceKey,
}: Pick<SessionRecord, 'deviceKey'>): BoundKey | undefined {
  return deviceKey === undefined
    ? undefined
    : { key: readDeviceKeyText(deviceKey) };
}

/**
 * Returns why a refresh token must not be exchanged, if so: that of a bound session needs a proof by its device.
 *
 * @param mustBeBound whether sessions that are not bound cannot be refreshed
 */
export function refusalOfProof(
  bound: BoundKey | undefined,
  proof: Pick<DeviceProof, 'isSignedBy'> | undefined,
  mustBeBound: boolean,
): Refusal | undefined {
  if (proof) {
    return bound?.key && proof.isSignedBy(bound.key)
      ? undefined
      : 'other-device';
  }
  if (bound) {
    return 'unproven';
  }
  return mustBeBound ? 'unbound' : undefined;
}

/** Whether a refresh token cannot be exchanged only because the request does not prove that it comes from a device. */
export function needsDevice(refusal: Refusal): boolean {
  return REFUSALS[refusal].code === 'PROOF_REQUIRED';
}
