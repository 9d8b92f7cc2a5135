import type { JsonWebKey } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import { publicMembersOf, thumbprintOf } from '../../lib/keys/thumbprint.js';
import { KEY_ALGORITHMS } from '../../lib/options/read-key.js';
import { keyPairs, otherKeyPairs } from '../support/key-pairs.js';

/** RFC 7638, section 3.1. */
const RSA_EXAMPLE = {
  kty: 'RSA',
  n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
  e: 'AQAB',
  alg: 'RS256',
  kid: '2011-04-29',
};
/** RFC 8037, appendix A.2. */
const OKP_EXAMPLE = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
};

const jwkOf = (algorithm: (typeof KEY_ALGORITHMS)[number]) =>
  keyPairs[algorithm].publicKey.export({ format: 'jwk' });

describe('the thumbprint of a key', () => {
  it.each<[where: string, jwk: JsonWebKey, thumbprint: string]>([
    [
      'RFC 7638, section 3.1',
      RSA_EXAMPLE,
      'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
    ],
    [
      'RFC 8037, appendix A.3',
      OKP_EXAMPLE,
      'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    ],
  ])('is that of %s', (_where, jwk, thumbprint) => {
    expect(thumbprintOf(jwk)).toBe(thumbprint);
  });

  it.each(KEY_ALGORITHMS)(
    'is the one that another library finds, of both halves of a pair: %s',
    async (algorithm) => {
      const expected = await calculateJwkThumbprint(jwkOf(algorithm));
      const { privateKey } = keyPairs[algorithm];
      expect(thumbprintOf(jwkOf(algorithm))).toBe(expected);
      expect(thumbprintOf(privateKey.export({ format: 'jwk' }))).toBe(expected);
    },
  );

  it('is of the key alone: neither order nor other members change it', () => {
    const jwk = jwkOf('RS256');
    const reversed = Object.fromEntries(Object.entries(jwk).toReversed());
    for (const other of [
      reversed,
      { ...jwk, kid: 'x', alg: 'PS256', use: 'enc', d: 'secret' },
    ]) {
      expect(thumbprintOf(other)).toBe(thumbprintOf(jwk));
    }
  });

  it('differs for different keys', () => {
    const thumbprints = KEY_ALGORITHMS.flatMap((algorithm) =>
      [keyPairs, otherKeyPairs].map((pairs) =>
        thumbprintOf(pairs[algorithm].publicKey.export({ format: 'jwk' })),
      ),
    );
    expect(new Set(thumbprints).size).toBe(8);
  });
});

describe('the public members of a key', () => {
  it.each(KEY_ALGORITHMS)(
    'leave out every private one, and what is no part of the key: %s (S-040)',
    (algorithm) => {
      const jwk = keyPairs[algorithm].privateKey.export({ format: 'jwk' });
      expect(publicMembersOf({ ...jwk, k: 'x', oth: [], kid: 'x' })).toEqual(
        jwkOf(algorithm),
      );
    },
  );

  it.each(['oct', 'AKP', '__proto__', 'constructor', '', undefined])(
    'are not known of a key of the type %p, which has no thumbprint',
    (kty) => {
      expect(() => thumbprintOf({ kty, k: 'AAAA' } as JsonWebKey)).toThrow(
        TypeError,
      );
    },
  );
});
