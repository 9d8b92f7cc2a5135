import {
  createHmac,
  createPublicKey,
  createSecretKey,
  type JsonWebKey,
} from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import { publishedKeys, readJwkSet } from '../../lib/keys/jwk-set.js';
import { keysOfPairs } from '../../lib/keys/key-set.js';
import { thumbprintOf } from '../../lib/keys/thumbprint.js';
import type { TokenAlgorithm, TokenKey } from '../../lib/keys/token-key.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import { encryptedTokens } from '../../lib/tokens/token-format.js';
import { faultsOf } from '../options/faults.js';
import { encodeSegment } from '../support/forged-token.js';
import { signingKeyOf } from '../support/token-keys.js';
import { describeVectors, report } from '../support/vectors.js';
import { codecWith, contentOf, FORMATS, tokenKey } from './one-key.js';

interface Recipe {
  input: {
    payload?: string;
    plaintext?: string;
    key?: JsonWebKey | JsonWebKey[];
  };
  generated?: { cek?: string };
  output: { compact?: string; json?: object; json_flat?: object };
}

const NESTED = '6.nesting_signatures_and_encryption.json';
const ENCRYPTED = [
  'jwe/5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2.json',
  'jwe/5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json',
  'jwe/5_3.key_wrap_using_pbes2-aes-keywrap_with-aes-cbc-hmac-sha2.json',
  'jwe/5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm.json',
  'jwe/5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2.json',
  'jwe/5_6.direct_encryption_using_aes-gcm.json',
  'jwe/5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2.json',
  'jwe/5_8.key_wrap_using_aes-keywrap_with_aes-gcm.json',
  'jwe/5_9.compressed_content.json',
  'jwe/5_10.including_additional_authentication_data.json',
  'jwe/5_11.protecting_specific_header_fields.json',
  'jwe/5_12.protecting_content_only.json',
  'jwe/5_13.encrypting_to_multiple_recipients.json',
  'curve25519/ecdh-es.json',
];
const SIGNED = [
  'jws/4_1.rsa_v15_signature.json',
  'jws/4_2.rsa-pss_signature.json',
  'jws/4_3.ecdsa_signature.json',
  'jws/4_4.hmac-sha2_integrity_protection.json',
  'jws/4_5.signature_with_detached_content.json',
  'jws/4_6.protecting_specific_header_fields.json',
  'jws/4_7.protecting_content_only.json',
  'jws/4_8.multiple_signatures.json',
  'rfc7797/4.2.hmac-sha2_b64_false.json',
  'rfc7797/hmac-sha2_b64_false.json',
  'curve25519/jws.json',
];

const bytesOf = (segment: string) => Buffer.from(segment, 'base64url');

function keyOf(recipe: Recipe, algorithm: TokenAlgorithm): TokenKey {
  const jwk = recipe.input.key as JsonWebKey;
  return tokenKey(
    algorithm,
    jwk.kty === 'oct'
      ? createSecretKey(bytesOf(jwk.k!))
      : createPublicKey({ key: jwk, format: 'jwk' }),
  );
}

describeVectors('the JOSE cookbook (RFC 7520)', 'rfc7520', (read) => {
  const nested = read<Record<'sign' | 'encrypt', Recipe>>(NESTED);
  const recipes: [file: string, recipe: Recipe][] = [
    ...[...SIGNED, ...ENCRYPTED].map((file): [string, Recipe] => [
      file,
      read<Recipe>(file),
    ]),
    [`${NESTED} (inner)`, nested.sign],
    [`${NESTED} (outer)`, nested.encrypt],
  ];
  const recipe = (file: string) =>
    recipes.find(([name]) => name.startsWith(file))![1];
  const anyKey = tokenKey('A256GCM', createSecretKey(Buffer.alloc(32)));

  it.each<
    [file: string, algorithm: TokenAlgorithm, format: 'secrets' | 'pairs']
  >([
    ['jws/4_1', 'RS256', 'pairs'],
    ['jws/4_4', 'HS256', 'secrets'],
    ['curve25519/jws', 'EdDSA', 'pairs'],
    ['6.', 'PS256', 'pairs'],
  ])(
    'has a signature of ours that verifies: %s, %s (S-041)',
    (file, algorithm, format) => {
      const { input, output } = recipe(file);
      const key = keyOf(recipe(file), algorithm);
      const token = output.compact!;
      const verified = (each: string, as: TokenAlgorithm = algorithm) =>
        contentOf(FORMATS[format], each, { ...key, algorithm: as })?.toString();
      expect(verified(token)).toBe(input.payload);
      const [header, payload, signature] = token.split('.') as [
        string,
        string,
        string,
      ];
      const changed = bytesOf(payload);
      changed[0]! ^= 1;
      expect(
        verified([header, encodeSegment(changed), signature].join('.')),
      ).toBeUndefined();
      // The key decides on the algorithm, not the token.
      for (const other of ['HS256', 'ES256', 'RS256', 'PS256'] as const) {
        expect(other === algorithm || verified(token, other)).not.toBe(
          input.payload,
        );
      }
      // It is nobody's session all the same: it has neither our type nor a kid of ours.
      expect(codecWith(key, FORMATS[format]).verify(token)).toBe('header');
    },
  );

  it('has a content encrypted with A256GCM that decrypts once its key is known: 5.2 (S-041)', () => {
    const { input, generated, output } = recipe('jwe/5_2');
    const key = tokenKey('A256GCM', createSecretKey(bytesOf(generated!.cek!)));
    const direct = output.compact!.split('.').with(1, '').join('.');
    expect(contentOf(encryptedTokens, direct, key)?.toString()).toBe(
      input.plaintext,
    );
    expect(contentOf(encryptedTokens, direct, anyKey)).toBeUndefined();
    expect(contentOf(encryptedTokens, output.compact!, key)).toBeUndefined();
  });

  it.each([
    ['PS384', 'jws/4_2', 'header'],
    ['ES512', 'jws/4_3', 'header'],
    ['a detached payload', 'jws/4_5', 'malformed'],
    ['b64 of false', 'rfc7797/hmac', 'malformed'],
    ['RSA1_5 (S-005)', 'jwe/5_1', 'malformed'],
    ['RSA-OAEP', 'jwe/5_2', 'malformed'],
    ['a password (S-005)', 'jwe/5_3', 'malformed'],
    ['ECDH-ES+A128KW', 'jwe/5_4', 'malformed'],
    ['ECDH-ES', 'jwe/5_5', 'malformed'],
    ['dir and A128GCM', 'jwe/5_6', 'header'],
    ['A256GCMKW', 'jwe/5_7', 'malformed'],
    ['A128KW', 'jwe/5_8', 'malformed'],
    ['zip (S-010)', 'jwe/5_9', 'malformed'],
    ['X25519', 'curve25519/ecdh', 'header'],
    ['a token in a token', `${NESTED} (outer)`, 'malformed'],
  ])(
    'has compact tokens that are refused for %s: %s (S-041)',
    (_what, file, refusal) => {
      const token = recipe(file).output.compact!;
      const isEncrypted = token.split('.').length === 5;
      for (const [name, format] of Object.entries(FORMATS)) {
        expect(codecWith(anyKey, format).verify(token)).toBe(
          isEncrypted === (name === 'encryption') ? refusal : 'malformed',
        );
      }
    },
  );

  it('has algorithms that are refused before a key is looked up, with our type and kid, too (S-041)', () => {
    const opens = (alg: string) => {
      const header = { alg, typ: 'session+jwt', kid: anyKey.kid };
      const token = `${encodeSegment(header)}.Zm9v.Zm9v`;
      return FORMATS.pairs.open(token)!.header('session+jwt') !== undefined;
    };
    expect(
      ['RS256', 'PS256', 'PS384', 'ES512', 'HS256', 'EdDSA', 'none'].filter(
        opens,
      ),
    ).toEqual(['RS256', 'PS256', 'EdDSA']);
  });

  it('has JSON serialisations, with unprotected headers, several signatures and several recipients: all are refused by the front gate (S-041)', () => {
    const serialisations = recipes.flatMap(([, { output }]) =>
      [output.json, output.json_flat].filter((each) => each !== undefined),
    );
    const refusals = serialisations.flatMap((each) =>
      Object.values(FORMATS).flatMap((format) =>
        [JSON.stringify(each), JSON.stringify(each, null, 2)].map((text) =>
          codecWith(anyKey, format).verify(text),
        ),
      ),
    );
    report(
      `JOSE cookbook: 4 signatures and 1 encryption verified, ${serialisations.length} JSON serialisations and 15 compact tokens refused`,
    );
    expect(serialisations).toHaveLength(50);
    expect(new Set(refusals)).toEqual(new Set(['malformed']));
  });

  it('has a header without a kid, which a second, unprotected one completes: neither suffices: 4.6 (S-041)', () => {
    const { input, output } = recipe('jws/4_6');
    const {
      payload,
      protected: header,
      signature,
    } = output.json_flat as Record<string, string>;
    const token = [header, payload, signature].join('.');
    const key = keyOf(recipe('jws/4_6'), 'HS256');
    expect(contentOf(FORMATS.secrets, token, key)?.toString()).toBe(
      input.payload,
    );
    expect(codecWith(key, FORMATS.secrets).verify(token)).toBe('header');
  });

  it('has a detached payload, which is what makes it refused: put back, it verifies: 4.5 (S-041)', () => {
    const { input, output } = recipe('jws/4_5');
    const key = keyOf(recipe('jws/4_5'), 'HS256');
    const whole = output
      .compact!.split('.')
      .with(1, encodeSegment(input.payload!));
    expect(contentOf(FORMATS.secrets, whole.join('.'), key)?.toString()).toBe(
      input.payload,
    );
    expect(contentOf(FORMATS.secrets, output.compact!, key)).toBeUndefined();
  });

  it('has b64 of false, which is refused with our type, too, and where the payload looks encoded (S-041)', () => {
    const key = keyOf(recipe('rfc7797/hmac'), 'HS256');
    const ours = { alg: 'HS256', typ: 'session+jwt', kid: key.kid };
    for (const extension of [
      { b64: false, crit: ['b64'] },
      { b64: false },
      { b64: true, crit: ['b64'] },
      { crit: [] },
    ]) {
      const content = `${encodeSegment({ ...ours, ...extension })}.Zm9v`;
      const mac = createHmac('sha256', key.key).update(content).digest();
      expect(
        codecWith(key, FORMATS.secrets).verify(
          `${content}.${encodeSegment(mac)}`,
        ),
      ).toBe('header');
    }
  });

  it('has zip, which is refused at the header once it gets there: 5.9 (S-010, S-041)', () => {
    const direct = recipe('jwe/5_9').output.compact!.split('.').with(1, '');
    expect(encryptedTokens.open(direct.join('.'))).toBeDefined();
    expect(codecWith(anyKey, encryptedTokens).verify(direct.join('.'))).toBe(
      'header',
    );
  });

  it('has keys of which those for signatures of ours are loaded, and no other (V-18)', () => {
    const loaded = (publicKey: unknown) =>
      (['ES256', 'EdDSA', 'RS256', 'PS256'] as const).filter(
        (algorithm) =>
          faultsOf({ verifyOnly: true, keys: [{ algorithm, publicKey }] })
            .length === 0,
      );
    expect(
      Object.fromEntries(
        ['3_1.ec_public', '3_3.rsa_public'].map((name) => [
          name,
          loaded(read(`jwk/${name}_key.json`)),
        ]),
      ),
    ).toEqual({ '3_1.ec_public': [], '3_3.rsa_public': ['RS256', 'PS256'] });
    expect(loaded(publicOf(recipe('curve25519/jws')))).toEqual(['EdDSA']);
    for (const file of [
      'jwe/5_1',
      'jwe/5_2',
      'jwe/5_4',
      'jwe/5_5',
      'curve25519/ecdh',
    ]) {
      expect(loaded(publicOf(recipe(file)))).toEqual([]);
    }
    // Private ones are none to verify with, and the symmetric ones are no secrets any more.
    for (const name of [
      '3_2.ec_private_key',
      '3_4.rsa_private_key',
      '3_5.symmetric_key_mac_computation',
      '3_6.symmetric_key_encryption',
    ]) {
      expect(loaded(read(`jwk/${name}.json`))).toEqual([]);
    }
    const { k } = read<JsonWebKey>(
      'jwk/3_5.symmetric_key_mac_computation.json',
    );
    expect(faultsOf({ secret: k })).toHaveLength(1);
    expect(faultsOf({ secret: bytesOf(k!) })).toHaveLength(1);
    // A set does not say what a key without alg is for.
    expect(() =>
      readJwkSet({ keys: [read('jwk/3_3.rsa_public_key.json')] }),
    ).toThrow('with its alg');
  });

  it('has keys that are called by their thumbprints, as jose calls them', async () => {
    const keys = recipes
      .flatMap<JsonWebKey>(([, { input }]) => input.key ?? [])
      .filter(({ kty }) => kty !== 'oct');
    expect(new Set(keys.map(({ kty, crv }) => crv ?? kty))).toEqual(
      new Set(['RSA', 'P-256', 'P-384', 'P-521', 'Ed25519', 'X25519']),
    );
    for (const key of keys) {
      const expected = await calculateJwkThumbprint(key, 'sha256');
      expect(thumbprintOf(key)).toBe(expected);
      expect(
        thumbprintOf(
          createPublicKey({ key, format: 'jwk' }).export({ format: 'jwk' }),
        ),
      ).toBe(expected);
    }
    report(`JOSE cookbook: ${keys.length} thumbprints as jose computes them`);
  });
});

function publicOf({ input }: Recipe): JsonWebKey {
  const { d: _private, ...key } = input.key as JsonWebKey;
  return Object.fromEntries(
    Object.entries(key).filter(
      ([name]) => !['p', 'q', 'dp', 'dq', 'qi'].includes(name),
    ),
  );
}

describe('the name of a key', () => {
  const EXAMPLES: [title: string, jwk: JsonWebKey, thumbprint: string][] = [
    [
      'RFC 7638, section 3.1',
      {
        kty: 'RSA',
        n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
        e: 'AQAB',
        alg: 'RS256',
        kid: '2011-04-29',
      },
      'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
    ],
    [
      'RFC 8037, appendix A.3',
      {
        kty: 'OKP',
        crv: 'Ed25519',
        x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
      },
      'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    ],
  ];

  it.each(EXAMPLES)('is its thumbprint: %s', (_title, jwk, thumbprint) => {
    expect(thumbprintOf(jwk)).toBe(thumbprint);
    // The order of the members is of no importance, nor are other members.
    expect(
      thumbprintOf({
        use: 'sig',
        ...Object.fromEntries(Object.entries(jwk).toReversed()),
        d: 'secret',
        y: 'AQAB',
      }),
    ).toBe(thumbprint);
  });

  it.each(EXAMPLES)(
    'is what its tokens and the published set call it: %s',
    (_title, publicKey, thumbprint) => {
      const algorithm = publicKey.kty === 'RSA' ? 'RS256' : 'EdDSA';
      const { keys } = resolveOptions({
        verifyOnly: true,
        keys: [{ algorithm, publicKey }],
      });
      const pairs = keys.fixed.keys;
      expect(keysOfPairs(pairs, 1).find(thumbprint)?.algorithm).toBe(algorithm);
      expect(publishedKeys(pairs, 1).keys.map(({ kid }) => kid)).toEqual([
        thumbprint,
      ]);
    },
  );

  it('is that of RFC 8037 in its tokens, whose private key stands there, too', () => {
    const [, publicKey, thumbprint] = EXAMPLES[1]!;
    const { keys } = resolveOptions({
      keys: [
        {
          algorithm: 'EdDSA',
          privateKey: {
            ...publicKey,
            d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
          },
        },
      ],
    });
    const key = signingKeyOf(keysOfPairs(keys.fixed.keys, 1));
    expect(key.kid).toBe(thumbprint);
  });
});
