import { sign, type KeyObject } from 'node:crypto';
import { publishedKeys } from '../../lib/keys/jwk-set.js';
import { ListedKeys } from '../../lib/keys/key-set.js';
import type { TokenKey } from '../../lib/keys/token-key.js';
import { JwtServiceSigner } from '../../lib/nest/jwt-service-signer.js';
import type { SessionKeyAlgorithm } from '../../lib/options/key-options.js';
import {
  encodeSegment,
  forgeSigned,
  forgeToken,
} from '../support/forged-token.js';
import { keyPairs } from '../support/key-pairs.js';
import { NOW } from '../support/session-claims.js';
import { signingKeyOf } from '../support/token-keys.js';
import { CLAIMS, codecOf, pairModes, pairOf } from './modes.js';

const modeOf = (algorithm: SessionKeyAlgorithm) =>
  pairModes.find(({ name }) => name === algorithm)!;

/** Everything that somebody might take for a secret who has the public key. */
function formsOf(
  algorithm: SessionKeyAlgorithm,
  key: KeyObject,
): [string, Buffer][] {
  const pem = key.export({ type: 'spki', format: 'pem' }) as string;
  const der = key.export({ type: 'spki', format: 'der' });
  const jwk = key.export({ format: 'jwk' });
  const body = der.toString('base64');
  const lines = body.match(/.{1,64}/g)!.join('\n');
  const [published] = publishedKeys(
    [pairOf(algorithm, keyPairs[algorithm])],
    NOW,
  ).keys;
  const number = (jwk.n ?? jwk.x)!;
  const forms: [string, string | Buffer][] = [
    ['PEM', pem],
    ['PEM without the last line end', pem.trimEnd()],
    ['PEM with CRLF', pem.replaceAll('\n', '\r\n')],
    ['PEM with a blank before it', ` ${pem}`],
    ['DER', der],
    ['the Base64 body in one line', body],
    ['the Base64 body in lines', lines],
    ['the Base64 body in lines with the last one ended', `${lines}\n`],
    ['a JWK', JSON.stringify(jwk)],
    ['the JWK that is published', JSON.stringify(published)],
    ['a set of JWKs', JSON.stringify({ keys: [published] })],
    ['the bytes of n or x', Buffer.from(number, 'base64url')],
    ['the text of n or x', number],
    [
      'the point',
      Buffer.concat([
        Buffer.from([4]),
        ...[jwk.x, jwk.y].map((part) => Buffer.from(part ?? '', 'base64url')),
      ]),
    ],
    ['the text of a certificate', pem.replaceAll('PUBLIC KEY', 'CERTIFICATE')],
    ['the kid', published!.kid],
    ['nothing', ''],
  ];
  if (key.asymmetricKeyType === 'rsa') {
    forms.push(
      ['PKCS #1 in PEM', key.export({ type: 'pkcs1', format: 'pem' })],
      ['PKCS #1 in DER', key.export({ type: 'pkcs1', format: 'der' })],
    );
  }
  return forms.map(([name, form]) => [name, Buffer.from(form as Buffer)]);
}

describe.each(['ES256', 'EdDSA', 'RS256', 'PS256'] as const)(
  'the public key of %s as the secret of an HMAC',
  (algorithm) => {
    const mode = modeOf(algorithm);
    const codec = codecOf(mode);
    const key = signingKeyOf(mode.keys);

    it.each(formsOf(algorithm, keyPairs[algorithm].publicKey))(
      'signs nothing as %s (A-006, A-007, S-001, V-17, V-20)',
      (_form, secret) => {
        for (const hash of ['sha256', 'sha384', 'sha512']) {
          const alg = hash.replace('sha', 'HS');
          expect(
            codec.verify(
              forgeToken({ ...mode.header, alg }, CLAIMS, secret, hash),
            ),
          ).toBe('header');
          expect(
            codec.verify(forgeToken(mode.header, CLAIMS, secret, hash)),
          ).toBe('signature');
        }
      },
    );

    it.each(formsOf(algorithm, keyPairs[algorithm].publicKey))(
      'is refused by the cryptography itself as %s, without any check before it (V-17)',
      (_form, secret) => {
        const signer = new JwtServiceSigner();
        for (const alg of ['HS256', algorithm]) {
          const token = forgeToken({ ...mode.header, alg }, CLAIMS, secret);
          expect(() => signer.verify(token, key)).toThrow();
        }
      },
    );
  },
);

describe('a signature of ES256', () => {
  const mode = modeOf('ES256');
  const codec = codecOf(mode);
  const { privateKey } = keyPairs.ES256;
  const n = BigInt(
    '0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  );
  const content = `${encodeSegment(mode.header)}.${encodeSegment(CLAIMS)}`;
  const good = sign('sha256', Buffer.from(content), {
    key: privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  const half = (at: number) =>
    BigInt(`0x${good.subarray(at, at + 32).toString('hex')}`);
  const [r, s] = [half(0), half(32)];
  const bytesOf = (...values: bigint[]) =>
    Buffer.from(
      values.map((value) => value.toString(16).padStart(64, '0')).join(''),
      'hex',
    );
  const verify = (signature: Uint8Array) =>
    codec.verify(`${content}.${Buffer.from(signature).toString('base64url')}`);

  it('is good as it is', () => {
    expect(verify(bytesOf(r, s))).toEqual(CLAIMS);
  });

  it.each([
    ['r = 0', bytesOf(0n, s)],
    ['s = 0', bytesOf(r, 0n)],
    ['r = s = 0', bytesOf(0n, 0n)],
    ['r = n', bytesOf(n, s)],
    ['s = n', bytesOf(r, n)],
    ['r = s = n', bytesOf(n, n)],
    ['r = n, s = 0', bytesOf(n, 0n)],
    ['r = n - 1', bytesOf(n - 1n, s)],
    ['s = n - 1', bytesOf(r, n - 1n)],
    ['r = n + 1', bytesOf(n + 1n, s)],
    ['s = n + 1', bytesOf(r, n + 1n)],
    ['r = s = 1', bytesOf(1n, 1n)],
    ['r = 2^256 - 1', bytesOf(2n ** 256n - 1n, s)],
    ['s = 2^256 - 1', bytesOf(r, 2n ** 256n - 1n)],
    ['r and s exchanged', bytesOf(s, r)],
    ['64 zero bytes', Buffer.alloc(64)],
    ['63 bytes, the last missing', good.subarray(0, 63)],
    ['63 bytes, the first missing', good.subarray(1)],
    ['65 bytes, a zero behind', Buffer.concat([good, Buffer.alloc(1)])],
    ['65 bytes, a zero before', Buffer.concat([Buffer.alloc(1), good])],
    [
      '66 bytes, a zero before each half',
      Buffer.concat([
        Buffer.alloc(1),
        good.subarray(0, 32),
        Buffer.alloc(1),
        good.subarray(32),
      ]),
    ],
    ['DER', sign('sha256', Buffer.from(content), privateKey)],
    [
      'of SHA-512',
      sign('sha512', Buffer.from(content), {
        key: privateKey,
        dsaEncoding: 'ieee-p1363',
      }),
    ],
  ])('is refused with %s (A-008, S-033)', (_case, signature) => {
    expect(verify(signature)).toBe('signature');
  });

  it('has a mirror image that says the same of the same session: ECDSA has two (A-052)', () => {
    expect(verify(bytesOf(r, n - s))).toEqual(CLAIMS);
    const others = encodeSegment({ ...CLAIMS, sub: 'bob' });
    const mirrored = bytesOf(r, n - s).toString('base64url');
    expect(
      codec.verify(`${encodeSegment(mode.header)}.${others}.${mirrored}`),
    ).toBe('signature');
  });
});

describe('a signature of EdDSA', () => {
  const mode = modeOf('EdDSA');
  const codec = codecOf(mode);
  const L = 2n ** 252n + 27742317777372353535851937790883648493n;
  const content = `${encodeSegment(mode.header)}.${encodeSegment(CLAIMS)}`;
  const good = sign(null, Buffer.from(content), keyPairs.EdDSA.privateKey);
  const littleEnd = (value: bigint) =>
    Buffer.from(
      Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toReversed(),
    );
  const S = BigInt(
    `0x${Buffer.from(good.subarray(32).toReversed()).toString('hex')}`,
  );
  const withS = (value: bigint) =>
    Buffer.concat([good.subarray(0, 32), littleEnd(value)]);
  const verify = (signature: Uint8Array) =>
    codec.verify(`${content}.${Buffer.from(signature).toString('base64url')}`);

  it('is good as it is', () => {
    expect(verify(withS(S))).toEqual(CLAIMS);
  });

  it.each([
    ['S + L', withS(S + L)],
    ['S + 2 L', withS(S + 2n * L)],
    ['S + 14 L', withS(S + 14n * L)],
    ['L - S', withS(L - S)],
    ['S = 0', withS(0n)],
    ['S = L', withS(L)],
    ['S = 2^256 - 1', withS(2n ** 256n - 1n)],
    ['64 zero bytes', Buffer.alloc(64)],
    ['63 bytes', good.subarray(0, 63)],
    ['65 bytes', Buffer.concat([good, Buffer.alloc(1)])],
    [
      'the halves exchanged',
      Buffer.concat([good.subarray(32), good.subarray(0, 32)]),
    ],
  ])('is refused with %s (A-009)', (_case, signature) => {
    expect(verify(signature)).toBe('signature');
  });

  it.each([
    ['order 1', `01${'00'.repeat(31)}`],
    ['order 1, spelled otherwise', `01${'00'.repeat(30)}80`],
    ['order 1, beyond the field', `ee${'ff'.repeat(30)}7f`],
    ['order 2', `ec${'ff'.repeat(30)}7f`],
    ['order 4', '00'.repeat(32)],
    ['order 4, the other one', `${'00'.repeat(31)}80`],
    ['order 4, beyond the field', `ed${'ff'.repeat(30)}7f`],
    [
      'order 8',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    ],
    [
      'order 8, another one',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    ],
  ])('is refused with a point of %s (A-009)', (_case, point) => {
    const bytes = Buffer.from(point, 'hex');
    expect(bytes).toHaveLength(32);
    for (const scalar of [0n, 1n, S, L - 1n]) {
      expect(verify(Buffer.concat([bytes, littleEnd(scalar)]))).toBe(
        'signature',
      );
    }
  });
});

describe('one RSA key in two entries', () => {
  const { publicKey, privateKey } = keyPairs.RS256;
  const entry = (algorithm: 'RS256' | 'PS256'): TokenKey => ({
    kid: `key-of-${algorithm}`,
    algorithm,
    key: publicKey,
    signingKey: privateKey,
  });
  const keys = new ListedKeys([entry('RS256'), entry('PS256')], entry('RS256'));
  const codec = codecOf(modeOf('RS256'), keys);

  it.each(
    (['RS256', 'PS256'] as const).flatMap((named) =>
      (['RS256', 'PS256'] as const).flatMap((alg) =>
        (['RS256', 'PS256'] as const).map(
          (signed) => [signed, alg, named] as const,
        ),
      ),
    ),
  )(
    'is used with one algorithm in each: a signature of %s, called %s, for the key of %s (A-010, S-003, V-44)',
    (signed, alg, named) => {
      const header = { ...modeOf(alg).header, alg, kid: `key-of-${named}` };
      const verdict = codec.verify(
        forgeSigned(header, CLAIMS, signed, privateKey),
      );
      expect(verdict).toEqual(
        alg !== named ? 'header' : signed !== named ? 'signature' : CLAIMS,
      );
    },
  );
});
