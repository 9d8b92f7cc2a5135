import { createHmac, sign, type KeyObject } from 'node:crypto';
import { readDeviceKey, type DeviceKey } from '../../lib/binding/device-key.js';
import { proofIn, readProof } from '../../lib/binding/device-proof.js';
import { keyPairs, otherKeyPairs, type KeyPair } from '../support/key-pairs.js';
import { rows } from '../support/titles.js';

type Algorithm = 'ES256' | 'RS256';

const CHALLENGE = 'WzFd.mac';
const HEADER = { alg: 'ES256', typ: 'dbsc+jwt' };

function deviceKeyOf({ publicKey }: KeyPair): DeviceKey {
  return readDeviceKey(publicKey.export({ format: 'jwk' }))!;
}

const jwk = keyPairs.ES256.publicKey.export({ format: 'jwk' });
const ownKey = deviceKeyOf(keyPairs.ES256);

function segment(part: object | string): string {
  const text = typeof part === 'string' ? part : JSON.stringify(part);
  return Buffer.from(text).toString('base64url');
}

function signatureOf(
  text: string,
  key: KeyObject,
  algorithm: Algorithm = 'ES256',
): Buffer {
  const bytes = Buffer.from(text);
  return algorithm === 'ES256'
    ? sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' })
    : sign('sha256', bytes, key);
}

/** A proof with any header and payload, signed by the device. */
function signed(
  header: object | string = HEADER,
  payload: object | string = { jti: CHALLENGE },
  { privateKey }: KeyPair = keyPairs.ES256,
  algorithm: Algorithm = 'ES256',
): string {
  const text = `${segment(header)}.${segment(payload)}`;
  const signature = signatureOf(text, privateKey, algorithm);
  return `${text}.${signature.toString('base64url')}`;
}

function withSignature(signature: Buffer | string): string {
  const [header, payload] = signed().split('.');
  const text =
    typeof signature === 'string' ? signature : signature.toString('base64url');
  return `${header}.${payload}.${text}`;
}

describe('a proof of a device', () => {
  it.each<[Algorithm]>([['ES256'], ['RS256']])(
    'is verified with its key alone: %s',
    (algorithm) => {
      const pair = keyPairs[algorithm];
      const text = signed(
        { ...HEADER, alg: algorithm },
        { jti: CHALLENGE },
        pair,
        algorithm,
      );
      const proof = readProof(text)!;
      expect(proof).toMatchObject({
        challenge: CHALLENGE,
        presentedKey: undefined,
        text,
      });
      expect(proof.isSignedBy(deviceKeyOf(pair))).toBe(true);
      for (const other of [
        otherKeyPairs[algorithm],
        keyPairs[algorithm === 'ES256' ? 'RS256' : 'ES256'],
      ]) {
        expect(proof.isSignedBy(deviceKeyOf(other))).toBe(false);
      }
    },
  );

  it('presents the key of a registration', () => {
    const proof = readProof(signed({ ...HEADER, jwk }))!;
    expect(proof.presentedKey).toMatchObject({
      thumbprint: ownKey.thumbprint,
      algorithm: 'ES256',
    });
    expect(proof.isSignedBy(proof.presentedKey!)).toBe(true);
    const forged = readProof(
      signed({ ...HEADER, jwk }, { jti: CHALLENGE }, otherKeyPairs.ES256),
    )!;
    expect(forged.isSignedBy(forged.presentedKey!)).toBe(false);
  });

  it.each<[string, string]>([
    ['other members of the header', signed({ ...HEADER, kid: 'a', iat: 1 })],
    [
      'other members of the payload',
      signed(HEADER, { jti: CHALLENGE, aud: 'x', authorization: 'y', iat: 1 }),
    ],
    ['an empty challenge', signed(HEADER, { jti: '' })],
    [
      'a challenge of 2,048 characters',
      signed(HEADER, { jti: 'a'.repeat(2_048) }),
    ],
  ])('may have %s', (_case, text) => {
    expect(readProof(text)?.isSignedBy(ownKey)).toBe(true);
  });

  it.each<[string, string]>([
    ['the other algorithm', signed({ ...HEADER, alg: 'RS256' })],
    [
      'a changed payload',
      signed().replace(/\.[^.]+/, `.${segment({ jti: 'x' })}`),
    ],
    [
      'a changed header',
      signed().replace(/^[^.]+/, segment({ ...HEADER, kid: 1 })),
    ],
    ['zeros', withSignature(Buffer.alloc(64))],
    ['ones', withSignature(Buffer.alloc(64, 0xff))],
    ['one byte', withSignature(Buffer.alloc(1))],
    ['63 bytes', withSignature(Buffer.alloc(63, 1))],
    [
      '65 bytes',
      withSignature(Buffer.concat([signatureIn(signed()), Buffer.alloc(1)])),
    ],
    [
      'the two numbers in DER',
      withSignature(derOf(`${segment(HEADER)}.${segment({ jti: CHALLENGE })}`)),
    ],
    [
      'an HMAC with the public key',
      withSignature(
        createHmac('sha256', ownKey.text)
          .update(`${segment(HEADER)}.${segment({ jti: CHALLENGE })}`)
          .digest(),
      ),
    ],
  ])('is by no device with the signature of %s', (_case, text) => {
    expect(readProof(text)?.isSignedBy(ownKey)).toBe(false);
  });

  it.each<[string, string]>([
    ['no algorithm', signed({ typ: 'dbsc+jwt' })],
    ['alg none', signed({ ...HEADER, alg: 'none' })],
    ['alg HS256', signed({ ...HEADER, alg: 'HS256' })],
    ['alg EdDSA', signed({ ...HEADER, alg: 'EdDSA' })],
    ['alg PS256', signed({ ...HEADER, alg: 'PS256' })],
    ['alg in lower case', signed({ ...HEADER, alg: 'es256' })],
    ['a list of algorithms', signed({ ...HEADER, alg: ['ES256'] })],
    ['no type', signed({ alg: 'ES256' })],
    ['another type', signed({ ...HEADER, typ: 'dpop+jwt' })],
    ['the type of tokens', signed({ ...HEADER, typ: 'JWT' })],
    ['a type in capitals', signed({ ...HEADER, typ: 'DBSC+JWT' })],
    [
      'the long form of the type',
      signed({ ...HEADER, typ: 'application/dbsc+jwt' }),
    ],
    ['a critical extension', signed({ ...HEADER, crit: ['b64'], b64: false })],
    ['an empty list of extensions', signed({ ...HEADER, crit: [] })],
    ['a key that is none', signed({ ...HEADER, jwk: null })],
    [
      'a private key',
      signed({
        ...HEADER,
        jwk: keyPairs.ES256.privateKey.export({ format: 'jwk' }),
      }),
    ],
    ['an alg twice', signed('{"alg":"ES256","alg":"ES256","typ":"dbsc+jwt"}')],
    ['a header that is a list', signed('[]')],
    ['a header that is null', signed('null')],
    ['a header that is no JSON', signed('x')],
    [
      'a header with a proto',
      signed('{"alg":"ES256","typ":"dbsc+jwt","__proto__":{}}'),
    ],
    ['a payload that is a list', signed(HEADER, '[]')],
    ['a payload that is a text', signed(HEADER, '"x"')],
    ['no challenge', signed(HEADER, {})],
    ['the challenge twice', signed(HEADER, '{"jti":"x","jti":"WzFd.mac"}')],
    ['a challenge that is a number', signed(HEADER, { jti: 1 })],
    ['a challenge that is a list', signed(HEADER, { jti: [CHALLENGE] })],
    [
      'a challenge of 2,049 characters',
      signed(HEADER, { jti: 'a'.repeat(2_049) }),
    ],
    [
      'more than 4,096 characters',
      signed(HEADER, { jti: CHALLENGE, pad: 'x'.repeat(3_000) }),
    ],
    ['no signature', signed().replace(/[^.]+$/, '')],
    ['no dots', 'eyJhbGciOiJFUzI1NiJ9'],
    ['four segments', `${signed()}.e30`],
    ['padding', `${signed()}=`],
    ['a line break', `${signed()}\n`],
    ['the other base64', signed().replace(/.(?=\.)/, '+')],
    ['nothing', ''],
    ['dots', '..'],
  ])('is none with %s', (_case, text) => {
    expect(readProof(text)).toBeUndefined();
  });

  it('may have 4,096 characters', () => {
    const padded = (length: number) =>
      signed(HEADER, { jti: CHALLENGE, pad: 'x'.repeat(length) });
    const base = padded(0).length;
    // Four characters for three bytes.
    const longest = Math.floor(((4_096 - base) * 3) / 4);
    const texts = [longest, longest + 2].map(padded);
    expect(texts[0]!.length).toBeGreaterThan(4_092);
    expect(texts.map((text) => readProof(text) !== undefined)).toEqual([
      true,
      false,
    ]);
  });
});

describe('the proof in a request', () => {
  const inHeader = (value: string | string[]) =>
    proofIn({ headers: { 'secure-session-response': value } });

  it('is read, quoted or not', () => {
    const text = signed();
    expect(inHeader(text)).toMatchObject({ challenge: CHALLENGE, text });
    expect(inHeader(`"${text}"`)).toMatchObject({ challenge: CHALLENGE, text });
  });

  it('is absent without the header', () => {
    expect(proofIn({ headers: {} })).toBeUndefined();
  });

  it.each(rows(['', '""', 'x', '?1', '(a)', `${signed()}, ${signed()}`]))(
    'is no good: %s',
    (_title, value) => {
      expect(inHeader(value)).toBeNull();
    },
  );

  it('is no good in two lines', () => {
    expect(inHeader([signed(), signed()])).toBeNull();
  });
});

function signatureIn(text: string): Buffer {
  return Buffer.from(text.split('.')[2]!, 'base64url');
}

function derOf(text: string): Buffer {
  return sign('sha256', Buffer.from(text), keyPairs.ES256.privateKey);
}
