import { createSecretKey, hkdfSync } from 'node:crypto';
import { SessionError } from '../../lib/errors/session-error.js';
import { KeySet } from '../../lib/keys/key-set.js';
import { JwtServiceSigner } from '../../lib/nest/jwt-service-signer.js';
import type { ClaimsExpectation } from '../../lib/tokens/claims-profile.js';
import type {
  RefreshClaims,
  SessionClaims,
} from '../../lib/tokens/session-claims.js';
import {
  refreshTokens,
  sessionTokens,
  TokenCodec,
  type TokenKind,
} from '../../lib/tokens/token-codec.js';
import { sharedClaimsOf } from '../session/codecs.js';
import { forgeToken, readToken } from '../support/forged-token.js';
import { claimsOf } from '../support/session-claims.js';
import { OTHER_SECRET, SECRET } from '../support/test-app.js';

const SIGNER = new JwtServiceSigner();
const SECRETS = [createSecretKey(Buffer.from(SECRET))];
const SESSION_KEYS = KeySet.fromSecrets(SECRETS);
const REFRESH_KEYS = KeySet.derivedFrom(SECRETS, 'refresh');

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

/** A codec with the keys of a module, or with keys that a test names. */
function codecOf(
  name: Name,
  keys = KINDS[name].type === 'session+jwt' ? SESSION_KEYS : REFRESH_KEYS,
): TokenCodec<any> {
  return new TokenCodec<any>(keys, SIGNER, KINDS[name]);
}

const PAIRS = NAMES.flatMap((token) =>
  NAMES.map((slot) => [token, slot] as const),
);

describe('each kind of token', () => {
  it.each(NAMES)('is read in its own place: %s', (name) => {
    const codec = codecOf(name);
    const token = codec.sign(CLAIMS[name]);
    expect(readToken(token).header).toEqual({
      alg: 'HS256',
      typ: KINDS[name].type,
      kid: (KINDS[name].type === 'session+jwt' ? SESSION_KEYS : REFRESH_KEYS)
        .signing.kid,
    });
    expect(codec.verify(token)).toMatchObject({ sid: SESSION.sid, sub: 'ada' });
  });

  it.each(PAIRS)(
    'A-073, S-018: %s in the place of %s is read only where these are one',
    (token, slot) => {
      const verified = codecOf(slot).verify(codecOf(token).sign(CLAIMS[token]));
      if (token === slot) {
        expect(verified).toMatchObject({ sid: SESSION.sid });
      } else {
        expect(['header', 'claims']).toContain(verified);
      }
    },
  );

  it.each(PAIRS)(
    'A-073, S-018: so it is where one key signs everything: %s in the place of %s',
    (token, slot) => {
      const signed = codecOf(token, SESSION_KEYS).sign(CLAIMS[token]);
      const verified = codecOf(slot, SESSION_KEYS).verify(signed);
      const [own, other] = [KINDS[token].type, KINDS[slot].type];
      if (token === slot) {
        expect(verified).toMatchObject({ sid: SESSION.sid });
      } else {
        expect(verified).toBe(own === other ? 'claims' : 'header');
      }
    },
  );

  it.each(
    PAIRS.filter(([token, slot]) => KINDS[token].type !== KINDS[slot].type),
  )(
    'S-020, V-23: with the type of the other in its header the key of %s opens no %s',
    (token, slot) => {
      const keys =
        KINDS[token].type === 'session+jwt' ? SESSION_KEYS : REFRESH_KEYS;
      const theirs =
        KINDS[slot].type === 'session+jwt' ? SESSION_KEYS : REFRESH_KEYS;
      const forge = (kid: string, secret = keys.signing.key) =>
        forgeToken(
          { alg: 'HS256', typ: KINDS[slot].type, kid },
          readToken(codecOf(slot).sign(CLAIMS[slot])).claims,
          secret,
        );
      const codec = codecOf(slot);
      expect(codec.verify(forge(keys.signing.kid))).toBe('unknown-key');
      expect(codec.verify(forge(theirs.signing.kid))).toBe('signature');
      // Only the key keeps them apart: with the right one all of this is good.
      expect(
        codec.verify(forge(theirs.signing.kid, theirs.signing.key)),
      ).toMatchObject({ sid: SESSION.sid });
    },
  );

  it.each(['session', 'session-name', 'kid', 'csrf', 'refresh '])(
    'S-020, V-23: a refresh token is refused under a key that is derived for %p',
    (purpose) => {
      const derived = Buffer.from(
        hkdfSync('sha256', SECRET, '', `nestjs-session-jwt:${purpose}:v1`, 32),
      );
      for (const name of ['stateless', 'recorded'] as const) {
        const header = {
          alg: 'HS256',
          typ: 'session-refresh+jwt',
          kid: REFRESH_KEYS.signing.kid,
        };
        const token = forgeToken(header, CLAIMS[name], derived);
        expect(codecOf(name).verify(token)).toBe('signature');
      }
    },
  );

  it.each(['stateless', 'recorded'] as const)(
    'S-052: a %s refresh token is refused as soon as one character of it is another',
    (name) => {
      const codec = codecOf(name);
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

  it('signed under a secret that was put behind another is still read', () => {
    const secrets = [createSecretKey(Buffer.from(OTHER_SECRET)), ...SECRETS];
    const rotated = KeySet.derivedFrom(secrets, 'refresh');
    const token = codecOf('recorded').sign(RECORDED);
    expect(codecOf('recorded', rotated).verify(token)).toEqual(RECORDED);
    const gone = KeySet.derivedFrom(secrets.slice(0, 1), 'refresh');
    expect(codecOf('recorded', gone).verify(token)).toBe('unknown-key');
  });
});

describe('what a token holds', () => {
  const claimsIn = (name: Name) =>
    readToken(codecOf(name).sign(CLAIMS[name])).claims;

  it('is all of the session, in a session token', () => {
    expect(claimsIn('session')).toEqual(SESSION);
  });

  it('is nothing of what the session is about, in a reference', () => {
    expect(claimsIn('reference')).toEqual(SHARED);
    const changed = { ...SESSION, rev: 7, attrs: { theme: 'dark' } };
    const { claims } = readToken(codecOf('reference').sign(changed));
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
    const codec = codecOf(name);
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
    expect(codecOf('reference').sign(large)).toHaveLength(
      codecOf('reference').sign(SESSION).length,
    );
    expect(codecOf('reference').sign(SESSION).length).toBeLessThan(600);
    expect(codecOf('recorded').sign(RECORDED).length).toBeLessThan(600);
  });
});
