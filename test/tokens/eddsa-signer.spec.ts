import { verify as verifySignature } from 'node:crypto';
import type { TokenKey } from '../../lib/keys/token-key.js';
import { EdDsaSigner } from '../../lib/tokens/eddsa-signer.js';
import type {
  SignedHeader,
  TokenSigner,
} from '../../lib/tokens/token-signer.js';
import { encodeSegment, forgeSigned } from '../support/forged-token.js';
import { keyPairs, otherKeyPairs } from '../support/key-pairs.js';
import { signingKeyOf } from '../support/token-keys.js';
import { CLAIMS, modes, pairModes } from './modes.js';

const mode = pairModes.find(({ name }) => name === 'EdDSA')!;
const KEY = signingKeyOf(mode.keys);
const HEADER = mode.header as unknown as SignedHeader;

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

describe('the signer of EdDSA', () => {
  const { others, calls } = recording();
  const signer = new EdDsaSigner(others);
  const token = signer.sign(CLAIMS, HEADER, KEY);
  const [header, payload, signature] = token.split('.');

  it('writes exactly the header and the claims, and 64 bytes that anybody can verify', () => {
    expect(header).toBe(encodeSegment(HEADER));
    expect(payload).toBe(encodeSegment(CLAIMS));
    const bytes = Buffer.from(signature!, 'base64url');
    expect(bytes).toHaveLength(64);
    const content = Buffer.from(`${header}.${payload}`);
    expect(
      verifySignature(null, content, keyPairs.EdDSA.publicKey, bytes),
    ).toBe(true);
    expect(calls).toEqual([]);
  });

  it('says yes to its own tokens and to those of anybody with the key', () => {
    const forged = forgeSigned(
      HEADER,
      CLAIMS,
      'EdDSA',
      keyPairs.EdDSA.privateKey,
    );
    expect(forged === token).toBe(true);
    expect(signer.verify(token, KEY)).toBe(true);
    expect(calls).toEqual([]);
  });

  it('says no, and asks no other, to what another key signed, to other content and to other signatures', () => {
    const byAnother = forgeSigned(
      HEADER,
      CLAIMS,
      'EdDSA',
      otherKeyPairs.EdDSA.privateKey,
    );
    for (const changed of [
      byAnother,
      `${header}.${encodeSegment({ ...CLAIMS, sub: 'bob' })}.${signature}`,
      `${encodeSegment({ ...HEADER, kid: 'x' })}.${payload}.${signature}`,
      `${header}.${payload}.${signature!.slice(0, -4)}`,
      `${header}.${payload}.AAAA`,
      `${header}.${payload}.`,
      `${header}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
    ]) {
      expect(signer.verify(changed, KEY)).toBe(false);
    }
    expect(calls).toEqual([]);
  });

  it.each(modes.filter(({ name }) => name !== 'EdDSA'))(
    'passes what concerns a key of $name on as it is',
    ({ keys }) => {
      const key: TokenKey = signingKeyOf(keys);
      const other = recording();
      const passing = new EdDsaSigner(other.others);
      expect(passing.sign(CLAIMS, HEADER, key)).toBe('signed by the other');
      expect(passing.verify(token, key)).toBe(true);
      expect(other.calls).toEqual([
        [CLAIMS, HEADER, key],
        [token, key],
      ]);
    },
  );
});
