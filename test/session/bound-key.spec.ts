import { readDeviceKey } from '../../lib/binding/device-key.js';
import { REFUSALS, type Refusal } from '../../lib/errors/refusal.js';
import {
  boundKeyIn,
  boundKeyOf,
  needsDevice,
  refusalOfProof,
  type BoundKey,
} from '../../lib/session/model/bound-key.js';
import type { StatelessRefreshClaims } from '../../lib/tokens/session-claims.js';
import { keyPairs } from '../support/key-pairs.js';

const key = readDeviceKey(keyPairs.ES256.publicKey.export({ format: 'jwk' }))!;

/** A proof that says so of every key, or of none. */
const proofOf = (isGood: boolean) => ({ isSignedBy: () => isGood });

const BOUND: Record<string, BoundKey | undefined> = {
  'not bound': undefined,
  bound: { key },
  'bound to a key that cannot be read': { key: undefined },
};
const PROOFS = {
  'no proof': undefined,
  'a good proof': proofOf(true),
  'another proof': proofOf(false),
};

describe('why a refresh token must not be exchanged', () => {
  it.each<
    [
      keyof typeof BOUND,
      keyof typeof PROOFS,
      Refusal | undefined,
      required?: Refusal | undefined,
    ]
  >([
    ['not bound', 'no proof', undefined, 'unbound'],
    ['not bound', 'a good proof', 'other-device', 'other-device'],
    ['not bound', 'another proof', 'other-device', 'other-device'],
    ['bound', 'no proof', 'unproven', 'unproven'],
    ['bound', 'a good proof', undefined, undefined],
    ['bound', 'another proof', 'other-device', 'other-device'],
    ['bound to a key that cannot be read', 'no proof', 'unproven', 'unproven'],
    [
      'bound to a key that cannot be read',
      'a good proof',
      'other-device',
      'other-device',
    ],
    [
      'bound to a key that cannot be read',
      'another proof',
      'other-device',
      'other-device',
    ],
  ])('if it is %s, with %s: %s; if it must be bound: %s', (...row) => {
    const [bound, proof, refusal, required] = row;
    expect(refusalOfProof(BOUND[bound], PROOFS[proof], false)).toBe(refusal);
    expect(refusalOfProof(BOUND[bound], PROOFS[proof], true)).toBe(required);
  });

  it('is checked with the key of the session', () => {
    const asked: unknown[] = [];
    const isSignedBy = (by: unknown) => asked.push(by) > 0;
    refusalOfProof({ key }, { isSignedBy }, false);
    expect(asked).toEqual([key]);
  });
});

describe('what a session is bound to', () => {
  const { jwk, text, thumbprint } = key;
  const claims = (cnf?: object) => ({ cnf }) as StatelessRefreshClaims;

  it('is in its refresh token', () => {
    expect(boundKeyOf(claims({ jwk }))?.key?.thumbprint).toBe(thumbprint);
    expect(boundKeyOf(claims())).toBeUndefined();
    expect(boundKeyOf(claims({ jwk: { kty: 'oct' } }))).toEqual({
      key: undefined,
    });
  });

  it('is in its record', () => {
    expect(boundKeyIn({ deviceKey: text })?.key?.thumbprint).toBe(thumbprint);
    expect(boundKeyIn({})).toBeUndefined();
    for (const unreadable of ['', 'x', '{}', 'null']) {
      expect(boundKeyIn({ deviceKey: unreadable })).toEqual({ key: undefined });
    }
  });
});

describe('the refusals that a proof would have spared', () => {
  it('are these', () => {
    const refusals = Object.keys(REFUSALS) as Refusal[];
    expect(refusals.filter(needsDevice)).toEqual([
      'unproven',
      'other-device',
      'unbound',
    ]);
  });
});
