import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import {
  readDeviceKey,
  readDeviceKeyText,
} from '../../lib/binding/device-key.js';
import { keyPairs } from '../support/key-pairs.js';
import { rows } from '../support/titles.js';

const ec = keyPairs.ES256.publicKey.export({ format: 'jwk' });
const rsa = keyPairs.RS256.publicKey.export({ format: 'jwk' });

/** RFC 7638, section 3.1. */
const EXAMPLE = {
  kty: 'RSA',
  n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
  e: 'AQAB',
};

/** An RSA key of this many bits, for which no private key needs to be found. */
function rsaOf(bits: number, e = 'AQAB'): JsonWebKey {
  const n = Buffer.alloc(Math.ceil(bits / 8), 0xff);
  n[0] = 0xff >> ((8 - (bits % 8)) % 8);
  return { kty: 'RSA', n: n.toString('base64url'), e };
}

function exponentOf(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString('base64url');
}

describe('the key of a device', () => {
  it.each<[string, JsonWebKey, 'ES256' | 'RS256']>([
    ['on P-256', ec, 'ES256'],
    ['of RSA with 2048 bits', rsa, 'RS256'],
    ['of RSA with 3072 bits', rsaOf(3072), 'RS256'],
    ['of RSA with 4096 bits', rsaOf(4096), 'RS256'],
    ['of RSA with the exponent 3', { ...rsa, e: exponentOf([3]) }, 'RS256'],
    [
      'of RSA with an exponent of 32 bits',
      { ...rsa, e: exponentOf([0xff, 0xff, 0xff, 0xff]) },
      'RS256',
    ],
  ])('%s is read, and read again from its text', (_case, jwk, algorithm) => {
    const key = readDeviceKey(jwk)!;
    const { kty } = jwk;
    expect(key).toMatchObject({ algorithm, jwk: { kty } });
    expect(JSON.parse(key.text)).toEqual(key.jwk);
    // What stores must be able to keep.
    expect(Buffer.byteLength(key.text)).toBeLessThanOrEqual(1_024);
    expect(Object.isFrozen(key.jwk)).toBe(true);
    const again = readDeviceKeyText(key.text)!;
    expect(again.text).toBe(key.text);
    expect(again.thumbprint).toBe(key.thumbprint);
    expect(again.publicKey.equals(key.publicKey)).toBe(true);
  });

  it('has the thumbprint of RFC 7638, section 3.1', () => {
    expect(readDeviceKey(EXAMPLE)!.thumbprint).toBe(
      'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
    );
  });

  it.each([
    ['other members', { ...ec, alg: 'ES256', kid: 'mine', ext: true, x5c: [] }],
    ['its members in another order', reversed(ec)],
    ['a leading zero byte', { ...rsa, n: leadingZero(rsa.n!) }],
    ['a leading zero byte of the exponent', { ...rsa, e: 'AAEAAQ' }],
  ])('has one spelling only: with %s', (_case, jwk) => {
    const expected = readDeviceKey(jwk.kty === 'EC' ? ec : rsa)!;
    expect(readDeviceKey(jwk)).toMatchObject({
      text: expected.text,
      thumbprint: expected.thumbprint,
    });
  });

  it.each<[string, unknown]>([
    ['on P-384', pairOn('P-384')],
    ['on secp256k1', pairOn('secp256k1')],
    ['of Ed25519', keyPairs.EdDSA.publicKey.export({ format: 'jwk' })],
    ['that is symmetric', { kty: 'oct', k: 'AAAA' }],
    ['that is private', keyPairs.ES256.privateKey.export({ format: 'jwk' })],
    ['with an undefined private half', { ...ec, d: undefined }],
    ['that is a private RSA key', { ...rsa, d: 'AQAB' }],
    ['off the curve', { ...ec, x: Buffer.alloc(32, 1).toString('base64url') }],
    ['at infinity', { ...ec, x: zeros(32), y: zeros(32) }],
    ['without a coordinate', { ...ec, y: undefined }],
    ['without a curve', { kty: 'EC', x: ec.x, y: ec.y }],
    ['with a coordinate that is no text', { ...ec, x: [ec.x] }],
    ['with padding', { ...rsa, e: 'AQAB==' }],
    ['in the other base64', { ...ec, x: `+/${ec.x!.slice(2)}` }],
    ['with a type in lower case', { ...ec, kty: 'ec' }],
    ['with a type that is no text', { ...ec, kty: ['EC'] }],
    ['without a type', { crv: ec.crv, x: ec.x, y: ec.y }],
    ['of RSA with 1024 bits', rsaOf(1024)],
    ['of RSA with 2047 bits', rsaOf(2047)],
    ['of RSA with 4097 bits', rsaOf(4097)],
    ['of RSA with 8192 bits', rsaOf(8192)],
    ['of RSA with the exponent 0', { ...rsa, e: exponentOf([0]) }],
    ['of RSA with the exponent 1', { ...rsa, e: exponentOf([1]) }],
    ['of RSA with an even exponent', { ...rsa, e: exponentOf([1, 0, 0]) }],
    [
      'of RSA with an exponent of 33 bits',
      { ...rsa, e: exponentOf([1, 0, 0, 0, 1]) },
    ],
    [
      'of RSA with an exponent as long as the modulus, which costs 30 times as much',
      { ...rsa, e: exponentOf(Array.from({ length: 255 }, () => 0xff)) },
    ],
    ['whose modulus is empty', { ...rsa, n: '' }],
    ['whose modulus is longer than any key', { ...rsa, n: 'A'.repeat(1_025) }],
  ])('%s is none', (_case, jwk) => {
    expect(readDeviceKey(jwk)).toBeUndefined();
  });

  it.each(
    rows([undefined, null, 1, true, '', 'EC', [], ['EC'], {}, new Date()]),
  )('is not %s', (_title, value) => {
    expect(readDeviceKey(value)).toBeUndefined();
  });

  it.each(
    rows([
      '',
      'null',
      '[]',
      '1',
      '{',
      `${JSON.stringify(ec)} x`,
      JSON.stringify(ec).replace('{', '{"kty":"EC",'),
      JSON.stringify({
        ...ec,
        ...keyPairs.ES256.privateKey.export({ format: 'jwk' }),
      }),
    ]),
  )('is not read from the text %s', (_title, text) => {
    expect(readDeviceKeyText(text)).toBeUndefined();
  });
});

function reversed(jwk: JsonWebKey): JsonWebKey {
  return Object.fromEntries(Object.entries(jwk).toReversed());
}

function leadingZero(n: string): string {
  const bytes = [Buffer.alloc(1), Buffer.from(n, 'base64url')];
  return Buffer.concat(bytes).toString('base64url');
}

function zeros(length: number): string {
  return Buffer.alloc(length).toString('base64url');
}

function pairOn(namedCurve: string): JsonWebKey {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve });
  return publicKey.export({ format: 'jwk' });
}
