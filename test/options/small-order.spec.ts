import { createPublicKey } from 'node:crypto';
import { readJwkSet } from '../../lib/keys/jwk-set.js';
import { weaknessOfKey } from '../../lib/options/read-key.js';
import { isOfSmallOrder } from '../../lib/options/small-order.js';
import { newKeyPair } from '../support/key-pairs.js';

/** Points of order 1, 2, 4 and 8 as Ed25519 encodes them, and those spellings that are not canonical. */
const SMALL = [
  ['the neutral element', `01${'00'.repeat(31)}`],
  ['the neutral element with a sign', `01${'00'.repeat(30)}80`],
  ['order 2', `ec${'ff'.repeat(30)}7f`],
  ['order 4', '00'.repeat(32)],
  ['order 4 with a sign', `${'00'.repeat(31)}80`],
  [
    'order 8',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  ],
  [
    'order 8 with a sign',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  ],
  [
    'order 8, the other',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ],
  ['zero, not canonical', `ed${'ff'.repeat(30)}7f`],
  ['one, not canonical', `ee${'ff'.repeat(30)}7f`],
] as const;

const jwkOf = (hex: string) => ({
  kty: 'OKP',
  crv: 'Ed25519',
  alg: 'EdDSA',
  x: Buffer.from(hex, 'hex').toString('base64url'),
});

describe('an Ed25519 key of small order (A-009)', () => {
  it.each(SMALL)('is told: %s', (_name, hex) => {
    expect(isOfSmallOrder(Buffer.from(hex, 'hex'))).toBe(true);
    const key = createPublicKey({ key: jwkOf(hex), format: 'jwk' });
    expect(weaknessOfKey(key, 'EdDSA')).toMatch(/anyone can sign/);
    expect(() => readJwkSet({ keys: [jwkOf(hex)] })).toThrow(TypeError);
  });

  it('is no key that was made at random', () => {
    for (let i = 0; i < 200; i += 1) {
      const { publicKey } = newKeyPair('EdDSA');
      expect(weaknessOfKey(publicKey, 'EdDSA')).toBeUndefined();
    }
  });

  it('does not change the bytes that it looks at', () => {
    const bytes = new Uint8Array(32).fill(0xff);
    isOfSmallOrder(bytes);
    expect(bytes).toEqual(new Uint8Array(32).fill(0xff));
  });
});
