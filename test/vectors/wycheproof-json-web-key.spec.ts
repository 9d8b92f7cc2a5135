import { createPublicKey, createSecretKey, type JsonWebKey } from 'node:crypto';
import { readJwkSet } from '../../lib/keys/jwk-set.js';
import { keysOfSecrets } from '../../lib/keys/key-set.js';
import type { TokenAlgorithm } from '../../lib/keys/token-key.js';
import { SessionEvents } from '../../lib/session/model/session-events.js';
import { openSessionKeys } from '../../lib/nest/session-keys.js';
import type { SessionKeyAlgorithm } from '../../lib/options/key-options.js';
import {
  KEY_ALGORITHMS,
  readKeyInput,
  weaknessOfKey,
} from '../../lib/options/read-key.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { faultsOf } from '../options/faults.js';
import { forgeToken } from '../support/forged-token.js';
import { SECRET } from '../support/secrets.js';
import { isSignedWith } from '../support/signers.js';
import { describeVectors, report } from '../support/vectors.js';

interface Jwk extends JsonWebKey {
  kid: string;
}

interface KeySets {
  testGroups: {
    private: { keys: Jwk[] };
    public?: { keys: Jwk[] };
    tests: {
      tcId: number;
      comment: string;
      jws: string;
      result: 'valid' | 'invalid';
    }[];
  }[];
}

function isLoaded(keys: readonly JsonWebKey[]): boolean {
  try {
    return readJwkSet({ keys }).length > 0;
  } catch {
    return false;
  }
}

/** What is wrong with a public key, for each algorithm that somebody may give for it. */
const faultsOfPublic = (
  publicKey: JsonWebKey,
  algorithms: readonly SessionKeyAlgorithm[] = KEY_ALGORITHMS,
) =>
  algorithms.map((algorithm) =>
    faultsOf({ verifyOnly: true, keys: [{ algorithm, publicKey }] }),
  );

const faultsOfPrivate = (
  privateKey: JsonWebKey,
  algorithms: readonly SessionKeyAlgorithm[] = KEY_ALGORITHMS,
) =>
  algorithms.map((algorithm) =>
    faultsOf({ keys: [{ algorithm, privateKey }] }),
  );

const bytesOf = ({ k }: JsonWebKey) => Buffer.from(k!, 'base64url');

/** Each way to give a symmetric JSON Web Key where a secret belongs, and what is wrong with it. */
function faultsOfSecretJwk(jwk: JsonWebKey): (readonly string[])[] {
  return [
    jwk,
    JSON.stringify(jwk),
    JSON.stringify(jwk, null, 2),
    JSON.stringify({ keys: [jwk] }),
    Buffer.from(JSON.stringify(jwk)),
    createSecretKey(Buffer.from(JSON.stringify(jwk))),
  ].flatMap((form) => [
    faultsOf({ secret: form }),
    faultsOf({ secret: SECRET, derivedSecret: form }),
    faultsOf({ secret: SECRET, encrypt: { key: form } }),
    faultsOf({ secret: SECRET, refreshToken: { secret: form } }),
  ]);
}

describeVectors('a JSON Web Key of Wycheproof', 'wycheproof', (read) => {
  const { testGroups } = read<KeySets>('json_web_key_test.json');
  const all = testGroups.flatMap((group) =>
    group.tests.map((test) => ({
      ...test,
      given: group.private.keys,
      published: (group.public ?? group.private).keys,
    })),
  );
  const vector = (tcId: number) => all.find((each) => each.tcId === tcId)!;
  const bad = all.filter(({ result }) => result === 'invalid');
  const [, goodEc] = vector(1).given;
  const [goodRsa] = vector(5).given;

  function verifies(jws: string, key: JsonWebKey): boolean {
    const algorithm = key['alg'] as TokenAlgorithm;
    const keyObject =
      key.kty === 'oct'
        ? createSecretKey(bytesOf(key))
        : createPublicKey({ key, format: 'jwk' });
    return isSignedWith(jws, {
      kid: 'any',
      algorithm,
      key: keyObject,
      signingKey: undefined,
    });
  }

  it.each<
    [tcId: number, what: string, fault: RegExp, mended: JsonWebKey | undefined]
  >([
    [6, 'of encryption', /for RS256, got one for another algorithm/, goodRsa],
    [7, 'that can be factored (ROCA)', /ROCA, CVE-2017-15361/, undefined],
    [
      8,
      'of 1,024 bits (S-126)',
      /RSA key of 2048 to 8192 bits, got 1024/,
      undefined,
    ],
    [
      9,
      'with the public exponent 1',
      /public exponent 65537, got 1(;|$)/,
      { e: 'AQAB' },
    ],
    [
      19,
      'for ES521 on P-256',
      /for ES256, got one for another algorithm/,
      goodEc,
    ],
    [20, 'for ES224', /for ES256, got one for another algorithm/, goodEc],
    [21, 'for encryption', /for signatures, got one for another use/, goodEc],
    [22, 'off its curve (S-008)', /cannot be read/, goodEc],
    [23, 'said to be on another curve', /cannot be read/, goodEc],
    [24, 'said to be of RSA', /cannot be read/, goodEc],
  ])(
    'is refused in a set and in the options, whatever its algorithm is said to be: %i, a key %s (V-18)',
    (tcId, _what, fault, mended) => {
      const { given, published, result } = vector(tcId);
      expect(result).toBe('invalid');
      const [[priv], [pub]] = [given, published];
      expect(pub).not.toHaveProperty('d');
      const own = [priv!.crv ? 'ES256' : 'RS256'] as const;

      expect(() => readJwkSet({ keys: published })).toThrow(
        'no key of the set can verify session tokens',
      );
      for (const faults of [
        ...faultsOfPublic(pub!),
        ...faultsOfPublic(priv!),
        ...faultsOfPrivate(priv!),
      ]) {
        expect(faults).not.toEqual([]);
      }
      for (const [faults] of [
        ...faultsOfPublic(pub!, own),
        ...faultsOfPrivate(priv!, own),
      ]) {
        expect(faults).toMatch(fault);
      }

      // Without its one fault it is a good key.
      if (mended) {
        const names = ['alg', 'use', 'e', 'y', 'crv', 'kty'] as const;
        const cured = (jwk: JsonWebKey) =>
          Object.fromEntries(
            Object.entries(jwk).map(([name, value]) => [
              name,
              names.includes(name as never)
                ? ((mended as Record<string, unknown>)[name] ?? value)
                : value,
            ]),
          ) as JsonWebKey;
        expect(cured(pub!)).not.toEqual(pub);
        expect(isLoaded([cured(pub!)])).toBe(true);
        expect(faultsOfPublic(cured(pub!), own)).toEqual([[]]);
        expect(faultsOfPrivate(cured(priv!), own)).toEqual([[]]);
      }
    },
  );

  it.each([7, 8, 9])(
    'is refused as PEM text and as a KeyObject, which say nothing of their use: %i (S-126)',
    (tcId) => {
      const [jwk] = vector(tcId).published;
      const key = createPublicKey({ key: jwk!, format: 'jwk' });
      for (const publicKey of [
        key,
        key.export({ type: 'spki', format: 'pem' }),
        key.export({ type: 'pkcs1', format: 'pem' }),
      ]) {
        expect(readKeyInput(publicKey, 'public')).toHaveProperty('key');
        for (const algorithm of KEY_ALGORITHMS) {
          expect(
            faultsOf({ verifyOnly: true, keys: [{ algorithm, publicKey }] }),
          ).toHaveLength(1);
        }
        expect(weaknessOfKey(key, 'RS256')).toEqual(expect.any(String));
      }
    },
  );

  it.each([
    [10, 31],
    [11, 47],
    [12, 63],
    [16, 0],
    [17, 0],
    [18, 0],
    [25, 32],
    [26, 32],
  ])(
    'that is symmetric is refused in a set, in keys and as a secret: %i, of %i bytes (S-009)',
    (tcId, length) => {
      const { given, result } = vector(tcId);
      expect(result).toBe('invalid');
      const [jwk] = given;
      const bytes = bytesOf(jwk!);
      expect(bytes).toHaveLength(length);
      expect(() => readJwkSet({ keys: given })).toThrow(
        'contains a secret or private key',
      );
      for (const faults of [
        ...faultsOfPublic(jwk!),
        ...faultsOfPrivate(jwk!),
        ...faultsOfSecretJwk(jwk!),
      ]) {
        expect(faults).not.toEqual([]);
      }
      // Taken out of its JSON it is judged as what it is used for: a key of HS256, of at least 32 bytes.
      for (const secret of [bytes, jwk!.k, bytes.toString('hex')]) {
        expect(faultsOf({ secret })).toHaveLength(length < 32 ? 1 : 0);
      }
    },
  );

  it('in one set with keys of another kind makes the set refused: 1 (S-110)', async () => {
    const [secret, publicKey] = vector(1).given;
    const privateKey = { ...vector(21).given[0]!, use: 'sig' };
    expect(() => readJwkSet({ keys: [secret, publicKey] })).toThrow(
      'contains a secret or private key',
    );
    expect(isLoaded([publicKey!])).toBe(true);
    expect(
      faultsOf({
        verifyOnly: true,
        secret: bytesOf(secret!),
        keys: [{ algorithm: 'ES256', publicKey }],
      }),
    ).toEqual([
      expect.stringMatching(/^secret: has no effect with verifyOnly and keys/),
    ]);

    // An application that issues may have both: the secret then never verifies a session token.
    const options = resolveOptions({
      secret: bytesOf(secret!),
      keys: [{ algorithm: 'ES256', privateKey }],
    });
    const { codec } = await openSessionKeys(
      options,
      {
        issuer: options.issuer,
        audience: options.audience,
        paramsAreData: false,
        isReference: false,
        isRecorded: false,
      },
      new TestSessionClock(),
      new SessionEvents(() => 0),
    );
    const kids = [
      codec.keys.signing!.kid,
      keysOfSecrets([createSecretKey(bytesOf(secret!))]).signing!.kid,
      secret!.kid,
      publicKey!.kid,
    ];
    for (const kid of kids) {
      const header = { alg: 'HS256', typ: 'session+jwt', kid };
      expect(
        codec.verify(forgeToken(header, { sub: 'foo' }, bytesOf(secret!))),
      ).toBe('header');
    }
    expect(codec.verify(vector(1).jws)).toBe('header');
  });

  it('that is good is not what is wrong where the signature is: 3', () => {
    const [secret] = vector(3).given;
    expect(isLoaded(vector(3).given)).toBe(false);
    expect(faultsOf({ secret: bytesOf(secret!) })).toEqual([]);
    expect(verifies(vector(2).jws, secret!)).toBe(true);
    expect(verifies(vector(3).jws, secret!)).toBe(false);
  });

  it('that shares its kid with another makes the set refused: 4', () => {
    const [one, two] = vector(4).given;
    expect(one!.kid).toBe(two!.kid);
    expect(isLoaded(vector(4).given)).toBe(false);
    // It is refused among public keys, too.
    const [rsa] = vector(5).published;
    expect(isLoaded([goodEc!, rsa!])).toBe(true);
    expect(() =>
      readJwkSet({ keys: [goodEc, { ...rsa, kid: goodEc!.kid }] }),
    ).toThrow('two keys of the set have the same kid');
    // Secrets name themselves: these two are never taken for each other.
    const kids = [one, two].map(
      (jwk) => keysOfSecrets([createSecretKey(bytesOf(jwk!))]).signing!.kid,
    );
    expect(new Set(kids).size).toBe(2);
    expect([one, two].map((jwk) => verifies(vector(4).jws, jwk!))).toEqual([
      true,
      false,
    ]);
  });

  it('is loaded where it is good and public, and verifies: 5', () => {
    const { given, published } = vector(5);
    const keys = readJwkSet({ keys: published });
    expect(keys.map(({ algorithm }) => algorithm)).toEqual(['RS256']);
    expect(faultsOfPublic(published[0]!, ['RS256'])).toEqual([[]]);
    expect(faultsOfPrivate(given[0]!, ['RS256'])).toEqual([[]]);
    const { jws } = vector(5);
    expect(verifies(jws, published[0]!)).toBe(true);
    expect(verifies(jws.replace('.Zm9v.', '.Zm9w.'), published[0]!)).toBe(
      false,
    );
  });

  it.each([
    [2, true],
    [13, true],
    [14, false],
    [15, false],
  ])(
    'that is good but symmetric is refused by design: a secret is given as its bytes: %i',
    (tcId, isHs256) => {
      const { given, result } = vector(tcId);
      expect(result).toBe('valid');
      expect(isLoaded(given)).toBe(false);
      for (const jwk of given) {
        for (const faults of [
          ...faultsOfPublic(jwk),
          ...faultsOfSecretJwk(jwk),
        ]) {
          expect(faults).not.toEqual([]);
        }
        expect(faultsOf({ secret: bytesOf(jwk) })).toEqual([]);
      }
      const { jws } = vector(tcId);
      expect(verifies(jws, given[0]!)).toBe(true);
      expect(verifies(jws, { ...given[0]!, alg: 'HS256' })).toBe(isHs256);
    },
  );

  it('is refused in 21 of 21 cases that are bad', () => {
    const refused = bad.filter(
      ({ given, published }) => !isLoaded(published) && !isLoaded(given),
    );
    report(
      `Wycheproof JSON Web Key: ${refused.length} of ${bad.length} bad key sets refused`,
    );
    expect(bad).toHaveLength(21);
    expect(refused).toHaveLength(21);
  });
});
