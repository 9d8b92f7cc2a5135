import { hkdfSync } from 'node:crypto';
import { compactDecrypt } from 'jose';
import type { SecretInput, SessionJwtModuleOptions } from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { forgeToken } from '../support/forged-token.js';
import { encryptedKinds, withoutSecret } from '../support/key-kinds.js';
import { openTestApp } from '../support/opened-apps.js';
import { claimsIn, DAY, headerIn, NOW } from '../support/session-claims.js';
import { clients, SessionClient } from '../support/session-client.js';
import { CLEARED } from '../support/set-cookie.js';
import { platforms } from '../support/effort.js';
import {
  OTHER_SECRET,
  SECRET,
  type AdapterName,
  type TestApp,
} from '../support/test-app.js';
import { codeOf, RefreshController, refreshOf } from '../support/token-pair.js';

const adapters = platforms('fastify');

const THIRD_SECRET = 'q7Xb2LsVd9TfKeWz4MnRy6UcPj8GaHo1iQx5tBvYw3E';
const EMAIL = 'grace.hopper@navy.example';
const ROLE = 'rear-admiral';

/** Everything that somebody who finds a token can make of it without a key. */
function readableIn(token: string): string {
  return token
    .split('.')
    .flatMap((segment) => {
      const bytes = Buffer.from(segment, 'base64url');
      return [segment, bytes.toString('utf8'), bytes.toString('latin1')];
    })
    .join('\n');
}

/** What of a person is readable in a token. */
function disclosedBy(token: string): string[] {
  const text = readableIn(token).toLowerCase();
  return [EMAIL, 'grace', 'navy.example', ROLE, 'theme', 'params', '"sub"']
    .concat('"data"', '"sid"', '"iat"')
    .filter((part) => text.includes(part));
}

/** The day that the key of an encrypted token is for. */
function dayOf(token: string | undefined): number {
  const { kid } = headerIn(token) as { kid: string };
  return Number(kid.slice(kid.indexOf('.') + 1));
}

function open(
  adapter: AdapterName,
  session: Partial<SessionJwtModuleOptions>,
  clock = new TestSessionClock(),
): Promise<TestApp> {
  return openTestApp(adapter, {
    session,
    clock,
    controllers: [RefreshController],
  });
}

async function signInGrace(app: TestApp) {
  app.users.all.set(EMAIL, { id: EMAIL, role: ROLE });
  const browser = await app.signIn(EMAIL, { attributes: { theme: 'dark' } });
  return {
    browser,
    token: (await browser.cookie())!,
    refreshToken: (await refreshOf(browser))!,
  };
}

describe.each(adapters)('encrypted sessions on %s', (adapter) => {
  it.each(encryptedKinds)(
    'under %s reveal nothing to the finder of a token, of either kind (A-170)',
    async (_kind, { session }) => {
      const app = await open(adapter, { ...session(), refreshToken: {} });
      const { browser, token, refreshToken } = await signInGrace(app);
      for (const each of [token, refreshToken]) {
        expect(disclosedBy(each)).toEqual([]);
        const [header, encryptedKey, nonce, , tag] = each.split('.');
        expect(Object.keys(headerIn(each) as object)).toEqual([
          'alg',
          'enc',
          'typ',
          'kid',
        ]);
        expect(header).not.toBe('');
        expect(encryptedKey).toBe('');
        expect([nonce?.length, tag?.length]).toEqual([16, 22]);
      }
      expect((await browser.get('/me')).json).toMatchObject({
        subject: EMAIL,
        data: { id: EMAIL, role: ROLE },
        attributes: { theme: 'dark' },
      });
    },
  );

  it('are what this spec takes for unreadable: it reads all of a signed token (A-170)', async () => {
    const app = await open(adapter, { refreshToken: {} });
    const { token, refreshToken } = await signInGrace(app);
    expect(disclosedBy(token)).toHaveLength(10);
    expect(disclosedBy(refreshToken)).toEqual(
      expect.arrayContaining([EMAIL, 'theme', '"sub"', 'params']),
    );
  });

  it('have a new nonce for each token, of one sign-in too (S-039)', async () => {
    const app = await open(adapter, { encrypt: true, refreshToken: {} });
    const nonces = new Set<string>();
    for (let i = 0; i < 500; i += 1) {
      const issued = await app.sessions.generate('ada');
      nonces.add(issued.token.split('.')[2]!);
      nonces.add(issued.refreshToken!.split('.')[2]!);
    }
    expect(nonces.size).toBe(1_000);
  });

  it.each([
    ['the secret', { encrypt: true }, SECRET],
    [
      'derivedSecret, where there is one',
      { encrypt: true, derivedSecret: OTHER_SECRET },
      OTHER_SECRET,
    ],
    ['encrypt.key', { encrypt: { key: OTHER_SECRET } }, OTHER_SECRET],
  ])(
    'are plain JWE that others who have %s can open (RFC 7516, RFC 5869)',
    async (_key, session, secret) => {
      const app = await open(adapter, { ...session, refreshToken: {} });
      const { token, refreshToken } = await signInGrace(app);
      const derive = (key: Buffer, purpose: string) =>
        Buffer.from(
          hkdfSync('sha256', key, '', `nestjs-session-jwt:${purpose}:v1`, 32),
        );
      for (const [each, purpose] of [
        [token, 'encrypt-session'],
        [refreshToken, 'encrypt-refresh'],
      ] as const) {
        const key = derive(
          derive(Buffer.from(secret), purpose),
          `day ${dayOf(each)}`,
        );
        const { plaintext, protectedHeader } = await compactDecrypt(each, key);
        expect(JSON.parse(Buffer.from(plaintext).toString())).toMatchObject({
          sub: EMAIL,
          params: EMAIL,
          attrs: { theme: 'dark' },
        });
        expect(protectedHeader).toMatchObject({ alg: 'dir', enc: 'A256GCM' });
      }
    },
  );

  it('replace signed ones: those of before are refused, of either kind (S-007)', async () => {
    const clock = new TestSessionClock();
    const refreshToken = {};
    const before = await open(adapter, { refreshToken }, clock);
    const after = await open(adapter, { refreshToken, encrypt: true }, clock);
    const signed = await signInGrace(before);
    const encrypted = await signInGrace(after);
    for (const [app, stranger] of [
      [after, signed],
      [before, encrypted],
    ] as const) {
      const refused = await app.browser().get('/me', {
        Cookie: `__Host-Http-session=${stranger.token}`,
      });
      expect(refused.status).toBe(401);
      expect(refused.setCookie).toContain(CLEARED);
      expect(await codeOf(app.sessions.verify(stranger.token))).toBe(
        'TOKEN_INVALID',
      );
      expect(await codeOf(app.sessions.refresh(stranger.refreshToken))).toBe(
        'TOKEN_INVALID',
      );
    }
  });

  it('accept no token that is signed with a key of the application (S-007, S-003)', async () => {
    const app = await open(adapter, { encrypt: true });
    const plain = await open(adapter, {}, app.clock);
    const { token } = await signInGrace(plain);
    const claims = claimsIn(token);
    const { kid } = headerIn((await signInGrace(app)).token) as { kid: string };
    for (const header of [
      { alg: 'HS256', typ: 'session+jwt', kid },
      { alg: 'none', typ: 'session+jwt', kid },
      { alg: 'dir', enc: 'A256GCM', typ: 'session+jwt', kid },
    ]) {
      const forged = forgeToken(header, claims, SECRET);
      expect(await codeOf(app.sessions.verify(forged))).toBe('TOKEN_INVALID');
    }
  });

  it('are refused and cleared when any segment was changed', async () => {
    const app = await open(adapter, { encrypt: true });
    const { token } = await signInGrace(app);
    const segments = token.split('.');
    for (const changed of [0, 2, 3, 4]) {
      const forged = segments
        .map((segment, index) =>
          index === changed
            ? (segment.startsWith('Q') ? 'R' : 'Q') + segment.slice(1)
            : segment,
        )
        .join('.');
      const response = await app
        .browser()
        .get('/me', { Cookie: `__Host-Http-session=${forged}` });
      expect([changed, response.status]).toEqual([changed, 401]);
      expect(response.setCookie).toEqual([CLEARED]);
    }
    expect((await app.sessions.verify(token)).subject).toBe(EMAIL);
  });

  describe.each<
    [string, (keys: SecretInput[]) => Partial<SessionJwtModuleOptions>]
  >([
    ['encrypt.key', (key) => withoutSecret({ encrypt: { key } })],
    ['secret', (secret) => ({ secret, encrypt: true })],
    ['derivedSecret', (derivedSecret) => ({ derivedSecret, encrypt: true })],
  ])('rotate with arrays of %s', (_option, options) => {
    it('step by step, with both kinds of tokens (A-012, A-013)', async () => {
      const clock = new TestSessionClock();
      const steps: SecretInput[][] = [
        [OTHER_SECRET],
        [OTHER_SECRET, THIRD_SECRET],
        [THIRD_SECRET, OTHER_SECRET],
        [THIRD_SECRET],
      ];
      const apps: TestApp[] = [];
      for (const keys of steps) {
        const session = { ...options(keys), refreshToken: {} };
        apps.push(await open(adapter, session, clock));
      }
      const issued = await Promise.all(
        apps.map((app) => app.sessions.generate('ada')),
      );
      const accepted = await Promise.all(
        issued.map(({ token, refreshToken }) =>
          Promise.all(
            apps.map(async (app) => {
              const verdicts = await Promise.all(
                [
                  app.sessions.verify(token),
                  app.sessions.refresh(refreshToken!),
                ].map((verdict) =>
                  verdict.then(
                    () => 'good',
                    (error: { code: string }) => error.code,
                  ),
                ),
              );
              expect(verdicts[0]).toBe(verdicts[1]);
              return verdicts[0];
            }),
          ),
        ),
      );
      const bad = 'KEY_UNKNOWN';
      expect(accepted).toEqual([
        ['good', 'good', 'good', bad],
        ['good', 'good', 'good', bad],
        [bad, 'good', 'good', 'good'],
        [bad, 'good', 'good', 'good'],
      ]);
    });
  });
});

describe.each(clients)(
  'encrypted sessions on %s with the token in a %s, whose key is that of a day,',
  (adapter, transport) => {
    const MIDNIGHT = NOW + DAY;

    it('are good after midnight, and get the new key at their reload', async () => {
      const clock = new TestSessionClock(MIDNIGHT - 30);
      const app = await open(adapter, { encrypt: true, transport }, clock);
      const client = await SessionClient.signIn(app, transport);
      const { token } = client;
      clock.advance(60);
      expect((await client.get('/me')).status).toBe(200);
      expect(client.token === token).toBe(true);
      clock.advance('15m');
      expect((await client.get('/me')).status).toBe(200);
      expect(dayOf(client.token)).toBe(dayOf(token) + 1);
      expect((await client.get('/me')).status).toBe(200);
    });

    it.each([1, 30, 399])(
      'are good on a node that was just started after %i days',
      async (days) => {
        const clock = new TestSessionClock(MIDNIGHT);
        const session = {
          encrypt: true,
          transport,
          lifetime: { idle: '400d', absolute: '400d' },
        } as const;
        const first = await open(adapter, session, clock);
        const client = await SessionClient.signIn(first, transport);
        const issuedOn = dayOf(client.token);
        clock.advance(days * DAY);
        const second = client.copy(await open(adapter, session, clock));
        expect((await second.get('/me')).status).toBe(200);
        expect(dayOf(second.token)).toBe(issuedOn + days);
      },
    );

    it('are good on a node whose clock is still before midnight, but not of the day after tomorrow', async () => {
      const session = { encrypt: true, transport } as const;
      const before = new TestSessionClock(MIDNIGHT - 2);
      const late = await open(adapter, session, before);
      for (const [ahead, status] of [
        [4, 200],
        [2 + DAY, 401],
      ] as const) {
        const clock = new TestSessionClock(MIDNIGHT - 2 + ahead);
        const early = await open(adapter, session, clock);
        const client = await SessionClient.signIn(early, transport);
        const response = await client.copy(late).get('/me');
        expect([ahead, response.status]).toEqual([ahead, status]);
      }
      expect(late.eventsOf('rejected')).toMatchObject([
        { code: 'KEY_UNKNOWN', reason: 'unknown-key' },
      ]);
    });
  },
);
