import { createSecretKey, hkdfSync } from 'node:crypto';
import { SessionError } from '../../lib/errors/session-error.js';
import { DailyKeys } from '../../lib/keys/daily-keys.js';
import {
  keysDerivedFrom,
  keysOfSecrets,
  type KeySet,
} from '../../lib/keys/key-set.js';
import type { ClaimsExpectation } from '../../lib/tokens/claims-profile.js';
import type {
  RefreshClaims,
  SessionClaims,
} from '../../lib/tokens/session-claims.js';
import { TokenCodec } from '../../lib/tokens/token-codec.js';
import {
  encryptedTokens,
  signedTokens,
  type TokenFormat,
} from '../../lib/tokens/token-format.js';
import {
  refreshTokens,
  sessionTokens,
  type TokenKind,
} from '../../lib/tokens/token-kind.js';
import { sharedClaimsOf } from '../session/codecs.js';
import {
  forgeEncrypted,
  forgeToken,
  readHeader,
  readToken,
} from '../support/forged-token.js';
import { claimsOf, NOW } from '../support/session-claims.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { SIGNER } from '../support/signers.js';
import { fixedKeys, signingKeyOf } from '../support/token-keys.js';
import { pairModes } from './modes.js';

const SECRETS = [createSecretKey(Buffer.from(SECRET))];

const EXPECTED: ClaimsExpectation = {
  issuer: 'nestjs-session-jwt',
  audience: 'nestjs-session-jwt',
  paramsAreData: false,
  isReference: false,
  isRecorded: false,
};

const SESSION = claimsOf();
const SHARED = sharedClaimsOf(SESSION);
const STATELESS: RefreshClaims = {
  ...SHARED,
  params: 'ada',
  attrs: { theme: 'dark' },
  rev: 2,
};
const RECORDED: RefreshClaims = {
  ...SHARED,
  jti: 'B'.repeat(42) + 'E',
  gen: 3,
};

/** Every kind of token, as one application would read it. */
const KINDS = {
  session: sessionTokens(EXPECTED),
  reference: sessionTokens({
    ...EXPECTED,
    isReference: true,
    isRecorded: true,
  }),
  stateless: refreshTokens(EXPECTED),
  recorded: refreshTokens({ ...EXPECTED, isRecorded: true }),
} as const satisfies Record<string, TokenKind<any>>;
type Name = keyof typeof KINDS;
const NAMES = Object.keys(KINDS) as Name[];

const CLAIMS: Record<Name, SessionClaims | RefreshClaims> = {
  session: SESSION,
  reference: SESSION,
  stateless: STATELESS,
  recorded: RECORDED,
};

interface Protection {
  readonly keys: KeySet;
  readonly format: TokenFormat;
}

/** What protects the tokens of one application, as a module sets it up. */
interface Setup {
  readonly session: Protection;
  readonly refresh: Protection;
  readonly refreshKeysOf: (secrets: typeof SECRETS) => KeySet;
  /** Protects anything under a symmetric key, whatever the header says. */
  readonly forge: typeof forgeToken | typeof forgeEncrypted;
}

const SIGNED = signedTokens(SIGNER, false);
const daily = (secrets: typeof SECRETS, purpose: string): Protection => ({
  keys: new DailyKeys(secrets, purpose, () => NOW),
  format: encryptedTokens,
});
const signedSetup: Setup = {
  session: { keys: keysOfSecrets(SECRETS), format: SIGNED },
  refresh: { keys: keysDerivedFrom(SECRETS, 'refresh'), format: SIGNED },
  refreshKeysOf: (secrets) => keysDerivedFrom(secrets, 'refresh'),
  forge: forgeToken,
};
const encryptedSetup: Setup = {
  session: daily(SECRETS, 'encrypt-session'),
  refresh: daily(SECRETS, 'encrypt-refresh'),
  refreshKeysOf: (secrets) => daily(secrets, 'encrypt-refresh').keys,
  forge: forgeEncrypted,
};
const symmetric: [string, Setup][] = [
  ['a secret', signedSetup],
  ['encryption', encryptedSetup],
];
const setups: [string, Setup][] = [
  ...symmetric,
  ...pairModes.map((mode): [string, Setup] => [
    `${mode.name} keys and a derived secret`,
    { ...signedSetup, session: mode },
  ]),
];

const isSession = (name: Name) => KINDS[name].type === 'session+jwt';

/** A codec as a module builds it, or with keys that a test names. */
function codecOf(
  { session, refresh }: Setup,
  name: Name,
  { keys, format }: Protection = isSession(name) ? session : refresh,
): TokenCodec<any> {
  return new TokenCodec<any>(fixedKeys(keys), format, KINDS[name]);
}

const PAIRS = NAMES.flatMap((token) =>
  NAMES.map((slot) => [token, slot] as const),
);

describe.each(setups)('each kind of token under %s', (_setup, setup) => {
  const { session, refresh } = setup;
  const protectionOf = (name: Name) => (isSession(name) ? session : refresh);

  it.each(NAMES)('is read in its own place: %s', (name) => {
    const codec = codecOf(setup, name);
    const token = codec.sign(CLAIMS[name]);
    const { kid, algorithm } = signingKeyOf(protectionOf(name).keys);
    expect(readHeader(token)).toEqual({
      ...(algorithm === 'A256GCM'
        ? { alg: 'dir', enc: algorithm }
        : { alg: algorithm }),
      typ: KINDS[name].type,
      kid,
    });
    expect(codec.verify(token)).toMatchObject({ sid: SESSION.sid, sub: 'ada' });
  });

  it.each(PAIRS)(
    'A-073, S-018: %s in the place of %s is read only where these are one',
    (token, slot) => {
      const verified = codecOf(setup, slot).verify(
        codecOf(setup, token).sign(CLAIMS[token]),
      );
      if (token === slot) {
        expect(verified).toMatchObject({ sid: SESSION.sid });
      } else {
        expect(verified).toBe(
          isSession(token) === isSession(slot) ? 'claims' : 'header',
        );
      }
    },
  );

  it.each(PAIRS)(
    'A-073, S-018: so it is where one key protects everything: %s in the place of %s',
    (token, slot) => {
      const signed = codecOf(setup, token, session).sign(CLAIMS[token]);
      const verified = codecOf(setup, slot, session).verify(signed);
      if (token === slot) {
        expect(verified).toMatchObject({ sid: SESSION.sid });
      } else {
        expect(verified).toBe(
          isSession(token) === isSession(slot) ? 'claims' : 'header',
        );
      }
    },
  );
});

describe.each(symmetric)('under %s', (_setup, setup) => {
  const { session, refresh, forge } = setup;
  const protectionOf = (name: Name) => (isSession(name) ? session : refresh);
  const headerOf = (name: Name, kid: string) => ({
    ...readHeader(codecOf(setup, name).sign(CLAIMS[name])),
    kid,
  });
  const writtenBy = (name: Name) =>
    (KINDS[name] as TokenKind<any>).write(CLAIMS[name]);

  it.each(
    PAIRS.filter(([token, slot]) => isSession(token) !== isSession(slot)),
  )(
    'S-020, V-23: the key of %s opens no %s, although the header says that it is one',
    (token, slot) => {
      const ours = signingKeyOf(protectionOf(token).keys);
      const theirs = signingKeyOf(protectionOf(slot).keys);
      const codec = codecOf(setup, slot);
      const forged = (kid: string, { key } = ours) =>
        forge(headerOf(slot, kid), writtenBy(slot), key);
      expect(codec.verify(forged(ours.kid))).toBe('unknown-key');
      expect(codec.verify(forged(theirs.kid))).toBe('signature');
      // Only the key keeps them apart: with the right one all of this is good.
      expect(codec.verify(forged(theirs.kid, theirs))).toMatchObject({
        sid: SESSION.sid,
      });
    },
  );

  it.each([
    'session',
    'session-name',
    'kid',
    'csrf',
    'refresh ',
    'encrypt-session',
    'encrypt-csrf',
    'day 1',
  ])(
    'S-020, V-23: a key that is derived for %p opens no refresh token',
    (purpose) => {
      const derived = Buffer.from(
        hkdfSync('sha256', SECRET, '', `nestjs-session-jwt:${purpose}:v1`, 32),
      );
      for (const name of ['stateless', 'recorded'] as const) {
        const { kid } = signingKeyOf(refresh.keys);
        const token = forge(headerOf(name, kid), CLAIMS[name], derived);
        expect(codecOf(setup, name).verify(token)).toBe('signature');
      }
    },
  );

  it.each(['stateless', 'recorded'] as const)(
    'S-052: a %s refresh token is refused as soon as one character of it is another',
    (name) => {
      const codec = codecOf(setup, name);
      const token = codec.sign(CLAIMS[name]);
      const accepted: number[] = [];
      for (let at = 0; at < token.length; at += 1) {
        for (const character of 'AQgw0_-.') {
          const changed = token.slice(0, at) + character + token.slice(at + 1);
          if (changed !== token && typeof codec.verify(changed) !== 'string') {
            accepted.push(at);
          }
        }
      }
      expect(accepted).toEqual([]);
      expect(codec.verify(token)).toEqual(CLAIMS[name]);
    },
  );

  it('a refresh token of a secret that was put behind another is still read', () => {
    const secrets = [createSecretKey(Buffer.from(OTHER_SECRET)), ...SECRETS];
    const withSecrets = (...given: typeof SECRETS) =>
      codecOf(setup, 'recorded', {
        ...refresh,
        keys: setup.refreshKeysOf(given),
      });
    const token = codecOf(setup, 'recorded').sign(RECORDED);
    expect(withSecrets(...secrets).verify(token)).toEqual(RECORDED);
    expect(withSecrets(...secrets.slice(0, 1)).verify(token)).toBe(
      'unknown-key',
    );
  });
});

describe('what a token holds', () => {
  const claimsIn = (name: Name) =>
    readToken(codecOf(signedSetup, name).sign(CLAIMS[name])).claims;

  it('is all of the session, in a session token', () => {
    expect(claimsIn('session')).toEqual(SESSION);
  });

  it('is nothing of what the session is about, in a reference', () => {
    expect(claimsIn('reference')).toEqual(SHARED);
    const changed = { ...SESSION, rev: 7, attrs: { theme: 'dark' } };
    const { claims } = readToken(
      codecOf(signedSetup, 'reference').sign(changed),
    );
    expect(claims).toEqual(SHARED);
  });

  it('is what its successor needs, in a refresh token without a store', () => {
    expect(claimsIn('stateless')).toEqual(STATELESS);
  });

  it('is its place in the chain, in a refresh token with a store', () => {
    expect(claimsIn('recorded')).toEqual(RECORDED);
  });
});

describe('the size of a token', () => {
  it.each<[Name, string]>([
    ['session', 'session token'],
    ['stateless', 'refresh token'],
  ])('of the kind %s is at most 8,192 characters', (name, called) => {
    const codec = codecOf(signedSetup, name);
    const sign = (length: number) =>
      codec.sign({ ...CLAIMS[name], params: 'x'.repeat(length) });
    let largest = 5_000;
    const sizeOf = (length: number) =>
      Math.ceil((length * 4) / 3) + sign(0).length;
    while (sizeOf(largest + 1) <= 8_180) largest += 1;
    let token = sign(largest);
    let tooLarge: unknown;
    while (tooLarge === undefined) {
      try {
        token = sign(largest);
        largest += 1;
      } catch (error) {
        tooLarge = error;
      }
    }
    expect(token.length).toBeGreaterThan(8_180);
    expect(token.length).toBeLessThanOrEqual(8_192);
    expect(codec.verify(token)).toMatchObject({ sub: 'ada' });
    expect(tooLarge).toBeInstanceOf(SessionError);
    expect(tooLarge).toMatchObject({ code: 'SESSION_TOO_LARGE' });
    expect((tooLarge as SessionError).message).toMatch(
      new RegExp(`^the ${called} has 8\\d{3} bytes, at most 8192 are allowed$`),
    );
  });

  it('of a reference and of a recorded refresh token depends on nothing that the application keeps', () => {
    const large = {
      ...SESSION,
      params: 'x'.repeat(50_000),
      data: 'x'.repeat(50_000),
      attrs: { note: 'x'.repeat(50_000) },
    };
    expect(codecOf(signedSetup, 'reference').sign(large)).toHaveLength(
      codecOf(signedSetup, 'reference').sign(SESSION).length,
    );
    expect(codecOf(signedSetup, 'reference').sign(SESSION).length).toBeLessThan(
      600,
    );
    expect(codecOf(signedSetup, 'recorded').sign(RECORDED).length).toBeLessThan(
      600,
    );
  });
});
