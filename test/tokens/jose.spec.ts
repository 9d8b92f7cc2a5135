import {
  CompactEncrypt,
  compactDecrypt,
  CompactSign,
  compactVerify,
  createLocalJWKSet,
  jwtDecrypt,
  jwtVerify,
  SignJWT,
  type CompactJWEHeaderParameters,
  type JWTHeaderParameters,
} from 'jose';
import { publishedKeys } from '../../lib/keys/jwk-set.js';
import type { SessionKeyAlgorithm } from '../../lib/options/key-options.js';
import { encodeSegment } from '../support/forged-token.js';
import { keyPairs, otherKeyPairs } from '../support/key-pairs.js';
import { NOW } from '../support/session-claims.js';
import { signingKeyOf } from '../support/token-keys.js';
import {
  CLAIMS,
  codecOf,
  encryptedMode,
  pairModes,
  pairOf,
  signedModes,
} from './modes.js';

const CHECKS = {
  typ: 'session+jwt',
  issuer: 'app',
  audience: 'app',
  currentDate: new Date(NOW * 1000),
};
const CLAIM_BYTES = Buffer.from(JSON.stringify(CLAIMS));

describe.each(signedModes)('tokens of $name', (mode) => {
  const codec = codecOf(mode);
  const header = mode.header as unknown as JWTHeaderParameters;
  const { key, signingKey } = signingKeyOf(mode.keys);
  const options = { ...CHECKS, algorithms: [mode.name] };

  it('that we sign are good for jose, which sees the same header and claims', async () => {
    const { payload, protectedHeader } = await jwtVerify(
      codec.sign(CLAIMS),
      key,
      options,
    );
    expect(payload).toEqual(CLAIMS);
    expect(protectedHeader).toEqual(mode.header);
  });

  it('that jose signs are good for us', async () => {
    const token = await new SignJWT({ ...CLAIMS })
      .setProtectedHeader(header)
      .sign(signingKey!);
    expect(codec.verify(token)).toEqual(CLAIMS);
  });

  it('that jose signs with a stranger’s key, or of another type, are not', async () => {
    const sign = (changes: object, by = signingKey!) =>
      new CompactSign(CLAIM_BYTES)
        .setProtectedHeader({ ...header, ...changes })
        .sign(by);
    expect(codec.verify(await sign({}))).toEqual(CLAIMS);
    expect(codec.verify(await sign({}, mode.strangersKey()))).toBe('signature');
    expect(codec.verify(await sign({ typ: 'JWT' }))).toBe('header');
    expect(codec.verify(await sign({ cty: 'JWT' }))).toBe('header');
  });

  it('that are changed are refused by both', async () => {
    const token = codec.sign(CLAIMS);
    const [, , signature] = token.split('.');
    const changed = [
      token.replace(
        encodeSegment(CLAIMS),
        encodeSegment({ ...CLAIMS, sub: 'bob' }),
      ),
      token.replace(signature!, 'A'.repeat(signature!.length)),
    ];
    for (const each of changed) {
      expect(codec.verify(each)).toBe('signature');
      await expect(compactVerify(each, key)).rejects.toMatchObject({
        code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
      });
    }
  });

  it('have a key that jose does not take for another algorithm (A-010)', async () => {
    const token = codec.sign(CLAIMS);
    const others = signedModes.filter((other) => other !== mode);
    for (const { name } of others) {
      await expect(
        jwtVerify(token, key, { ...CHECKS, algorithms: [name] }),
      ).rejects.toMatchObject({ code: 'ERR_JOSE_ALG_NOT_ALLOWED' });
    }
  });
});

it('tokens of every key pair are good for jose with the set that is published', async () => {
  const algorithms = Object.keys(keyPairs) as SessionKeyAlgorithm[];
  const set = publishedKeys(
    [keyPairs, otherKeyPairs].flatMap((pairs) =>
      algorithms.map((algorithm) => pairOf(algorithm, pairs[algorithm])),
    ),
    NOW,
  );
  const keys = createLocalJWKSet({ keys: [...set.keys] });
  expect(pairModes).toHaveLength(algorithms.length);
  for (const mode of pairModes) {
    for (const each of [mode.keys, mode.otherKeys]) {
      const token = codecOf(mode, each).sign(CLAIMS);
      const { payload } = await jwtVerify(token, keys, CHECKS);
      expect(payload).toEqual(CLAIMS);
    }
  }
});

describe('encrypted tokens', () => {
  const codec = codecOf(encryptedMode);
  const { key } = signingKeyOf(encryptedMode.keys);
  const header = encryptedMode.header as unknown as CompactJWEHeaderParameters;

  it('of ours are good for jose, which sees the same header and claims', async () => {
    const token = codec.sign(CLAIMS);
    const { payload, protectedHeader } = await jwtDecrypt(token, key, CHECKS);
    expect(payload).toEqual(CLAIMS);
    expect(protectedHeader).toEqual(encryptedMode.header);
    const { plaintext } = await compactDecrypt(token, key, {
      keyManagementAlgorithms: ['dir'],
      contentEncryptionAlgorithms: ['A256GCM'],
    });
    expect(Buffer.from(plaintext)).toEqual(CLAIM_BYTES);
  });

  it('of jose are good for us', async () => {
    const token = await new CompactEncrypt(CLAIM_BYTES)
      .setProtectedHeader(header)
      .encrypt(key);
    expect(codec.verify(token)).toEqual(CLAIMS);
  });

  it.each<[what: string, changes: object, bytes: number]>([
    ['with another content encryption', { enc: 'A128GCM' }, 16],
    ['with CBC', { enc: 'A256CBC-HS512' }, 64],
    ['of another type', { typ: 'JWT' }, 32],
    ['with a content type (S-006)', { cty: 'JWT' }, 32],
  ])('of jose %s are not', async (_what, changes, bytes) => {
    const token = await new CompactEncrypt(CLAIM_BYTES)
      .setProtectedHeader({ ...header, ...changes })
      .encrypt(Buffer.concat([key.export(), key.export()]).subarray(0, bytes));
    expect(['header', 'malformed']).toContain(codec.verify(token));
  });

  it.each(['A256KW', 'A256GCMKW'])(
    'of jose with a key that is wrapped with %s are not (S-007)',
    async (alg) => {
      const token = await new CompactEncrypt(CLAIM_BYTES)
        .setProtectedHeader({ ...header, alg })
        .encrypt(key);
      expect(codec.verify(token)).toBe('malformed');
      expect((await compactDecrypt(token, key)).plaintext).toHaveLength(
        CLAIM_BYTES.length,
      );
    },
  );

  it('of jose with a key of a password are not (S-005)', async () => {
    const password = Buffer.from('a password');
    const token = await new CompactEncrypt(CLAIM_BYTES)
      .setProtectedHeader({ ...header, alg: 'PBES2-HS256+A128KW' })
      .encrypt(password);
    expect(codec.verify(token)).toBe('malformed');
  });

  it('that are changed are refused by both', async () => {
    const segments = codec.sign(CLAIMS).split('.');
    for (const index of [2, 3, 4]) {
      const segment = segments[index]!;
      const first = segment.startsWith('A') ? 'B' : 'A';
      const changed = segments.with(index, first + segment.slice(1)).join('.');
      expect(codec.verify(changed)).toBe('signature');
      await expect(compactDecrypt(changed, key)).rejects.toMatchObject({
        code: 'ERR_JWE_DECRYPTION_FAILED',
      });
    }
  });
});
