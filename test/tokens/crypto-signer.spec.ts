import {
  createHmac,
  verify as verifySignature,
  type KeyObject,
} from 'node:crypto';
import type { TokenKey } from '../../lib/keys/token-key.js';
import { CryptoSigner } from '../../lib/tokens/crypto-signer.js';
import type {
  SignedHeader,
  TokenSigner,
} from '../../lib/tokens/token-signer.js';
import { encodeSegment } from '../support/forged-token.js';
import { signingKeyOf } from '../support/token-keys.js';
import { CLAIMS, modes, type Mode } from './modes.js';

const OWN = ['HS256', 'ES256', 'EdDSA'];
const ownModes = modes.filter(({ name }) => OWN.includes(name));
const otherModes = modes.filter(({ name }) => !OWN.includes(name));

/** A signer that writes down what it is asked. */
function recording(): { others: TokenSigner; calls: unknown[][] } {
  const calls: unknown[][] = [];
  const others: TokenSigner = {
    sign: (...args) => {
      calls.push(args);
      return 'signed by the other';
    },
    verify: (...args) => {
      calls.push(args);
      return true;
    },
  };
  return { others, calls };
}

/** What `node:crypto` says of a signature, by the parameters of RFC 7518 and RFC 8037. */
function isSignature(
  name: Mode['name'],
  key: KeyObject,
  content: string,
  signature: Buffer,
): boolean {
  const bytes = Buffer.from(content);
  switch (name) {
    case 'HS256':
      return createHmac('sha256', key).update(bytes).digest().equals(signature);
    case 'ES256': {
      const dsaEncoding = 'ieee-p1363';
      return verifySignature('sha256', bytes, { key, dsaEncoding }, signature);
    }
    default:
      return verifySignature(null, bytes, key, signature);
  }
}

describe.each(ownModes)('the signer of $name', (mode) => {
  const { others, calls } = recording();
  const signer = new CryptoSigner(others);
  const key = signingKeyOf(mode.keys);
  const signed = mode.header as unknown as SignedHeader;
  const token = signer.sign(CLAIMS, signed, key);
  const [header, payload, signature] = token.split('.');
  const bytes = Buffer.from(signature!, 'base64url');

  afterAll(() => expect(calls).toEqual([]));

  it('writes exactly the header and the claims, and bytes that anybody can verify', () => {
    expect(header).toBe(encodeSegment(signed));
    expect(payload).toBe(encodeSegment(CLAIMS));
    expect(bytes).toHaveLength(mode.name === 'HS256' ? 32 : 64);
    const content = `${header}.${payload}`;
    expect(isSignature(mode.name, key.key, content, bytes)).toBe(true);
  });

  it('says yes to its own tokens and to those of anybody with the key', () => {
    expect(signer.verify(token, key)).toBe(true);
    expect(signer.verify(mode.forge(signed, CLAIMS), key)).toBe(true);
  });

  it('says no to what another key signed, to other content and to other signatures (A-008, A-009, A-011)', () => {
    const flipped = Buffer.from(bytes);
    flipped[0] = flipped[0]! ^ 1;
    for (const changed of [
      mode.forge(signed, CLAIMS, mode.strangersKey()),
      `${header}.${encodeSegment({ ...CLAIMS, sub: 'bob' })}.${signature}`,
      `${encodeSegment({ ...signed, kid: 'x' })}.${payload}.${signature}`,
      ...[
        flipped,
        bytes.subarray(0, -1),
        bytes.subarray(0, -3),
        bytes.subarray(1),
        Buffer.concat([bytes, Buffer.alloc(1)]),
        Buffer.concat([bytes, bytes]),
        Buffer.alloc(0),
        Buffer.alloc(bytes.length),
        Buffer.alloc(bytes.length, 0xff),
      ].map((each) => `${header}.${payload}.${each.toString('base64url')}`),
    ]) {
      expect(signer.verify(changed, key)).toBe(false);
    }
  });
});

it.each(otherModes)(
  'the signer passes what concerns a key of $name on as it is',
  ({ keys }) => {
    const key: TokenKey = signingKeyOf(keys);
    const header = { alg: key.algorithm, typ: 'session+jwt', kid: key.kid };
    const { others, calls } = recording();
    const signer = new CryptoSigner(others);
    expect(signer.sign(CLAIMS, header, key)).toBe('signed by the other');
    expect(signer.verify('a.b.c', key)).toBe(true);
    expect(calls).toEqual([
      [CLAIMS, header, key],
      ['a.b.c', key],
    ]);
  },
);
