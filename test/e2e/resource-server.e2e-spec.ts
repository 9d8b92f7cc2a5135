import { createHash } from 'node:crypto';
import { Controller, Get, type INestApplication } from '@nestjs/common';
import {
  CheckRevocation,
  MemorySessionStore,
  Session,
  SessionDataLoader,
  SessionJwtModule,
  type ActiveSession,
  type Refusal,
  type SessionErrorCode,
  type SessionEvent,
  type SessionJwtModuleOptions,
  type SessionKeyAlgorithm,
} from '../../lib/index.js';
import {
  createTestSession,
  TestSessionClock,
} from '../../lib/testing/index.js';
import { send, type TestResponse } from '../support/browser.js';
import { CapturedLogs } from '../support/captured-logs.js';
import {
  encodeSegment,
  forgeToken,
  readToken,
} from '../support/forged-token.js';
import { JwksServer, publicJwk } from '../support/jwks-server.js';
import { keyOf, withoutSecret } from '../support/key-kinds.js';
import { keyPairs, otherKeyPairs } from '../support/key-pairs.js';
import { boot, closeBooted } from '../support/nest-app.js';
import { createExchange } from '../support/node-exchange.js';
import { openTestApp } from '../support/opened-apps.js';
import { claimsIn, MINUTE } from '../support/session-claims.js';
import { clients, SessionClient } from '../support/session-client.js';
import { linesOf } from '../support/set-cookie.js';
import { platforms } from '../support/effort.js';
import {
  OTHER_SECRET,
  SECRET,
  type AdapterName,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';
import { codeOf, RefreshController } from '../support/token-pair.js';
import { until } from '../support/asynchrony.js';
import { UnhandledErrors } from '../support/unhandled.js';

const adapters = platforms('fastify');

type Options = Partial<SessionJwtModuleOptions>;

const UNAVAILABLE = {
  statusCode: 503,
  message: 'Service Unavailable',
  errorCode: 'SESSION_UNAVAILABLE',
};

/** How an application that issues sessions and a service that checks them have keys in common. */
interface Mode {
  readonly issuer: Options;
  /** @param jwksUri where the issuer publishes its keys */
  readonly server: (jwksUri: string) => Options;
  readonly publishes?: boolean;
}

const publicKey = (algorithm: SessionKeyAlgorithm) => ({
  algorithm,
  publicKey: keyPairs[algorithm].publicKey,
});

const modes = Object.entries<Mode>({
  'public keys': {
    issuer: withoutSecret({ keys: [keyOf('ES256')] }),
    server: () =>
      withoutSecret({
        verifyOnly: true,
        keys: [publicKey('EdDSA'), publicKey('ES256')],
      }),
  },
  'public keys of a function': {
    issuer: withoutSecret({ keys: [keyOf('PS256')] }),
    server: () =>
      withoutSecret({ verifyOnly: true, keys: () => [publicKey('PS256')] }),
  },
  'the JWKS of the issuer': {
    issuer: withoutSecret({ keys: [keyOf('EdDSA')] }),
    server: (jwksUri) => withoutSecret({ verifyOnly: { jwksUri } }),
    publishes: true,
  },
  'the shared secret': { issuer: {}, server: () => ({ verifyOnly: true }) },
  'the shared secret of an issuer that derives its other keys elsewhere': {
    issuer: {
      derivedSecret: OTHER_SECRET,
      refreshToken: { accessLifetime: '1h' },
    },
    server: () => ({ verifyOnly: true }),
  },
  'the shared secret of encryption': {
    issuer: { encrypt: true },
    server: () => ({ verifyOnly: true, encrypt: true }),
  },
  'the shared key of encryption': {
    issuer: withoutSecret({ encrypt: { key: OTHER_SECRET } }),
    server: () =>
      withoutSecret({ verifyOnly: true, encrypt: { key: OTHER_SECRET } }),
  },
});

interface Setup {
  readonly clock?: TestSessionClock;
  readonly issuer?: Options;
  readonly server?: Options;
  readonly options?: TestAppOptions;
}

/** The application that issues sessions, and the service that checks them. */
async function open(
  adapter: AdapterName,
  mode: Mode,
  { clock = new TestSessionClock(), issuer, server, options }: Setup = {},
): Promise<{ issuer: TestApp; server: TestApp; clock: TestSessionClock }> {
  const issuing = await openTestApp(adapter, {
    session: { ...mode.issuer, ...issuer },
    extras: mode.publishes ? { jwks: true } : {},
    clock,
  });
  const jwksUri = `http://127.0.0.1:${issuing.port}/.well-known/jwks.json`;
  const checking = await openTestApp(adapter, {
    ...options,
    session: { ...mode.server(jwksUri), ...server },
    controllers: [RefreshController, ...(options?.controllers ?? [])],
    clock,
  });
  return { issuer: issuing, server: checking, clock };
}

const SHARED: Mode = { issuer: {}, server: () => ({ verifyOnly: true }) };

function rejectionsOf(app: TestApp): [SessionErrorCode, Refusal][] {
  return app.eventsOf('rejected').map(({ code, reason }) => [code, reason]);
}

afterEach(closeBooted);

describe.each(clients)(
  'a resource server on %s, asked with a %s,',
  (adapter, transport) => {
    const both = (setup: Setup = {}): Setup => ({
      ...setup,
      issuer: { transport, ...setup.issuer },
      server: { transport, ...setup.server },
    });

    describe.each(modes)('with %s', (_mode, mode) => {
      it('reads sessions as they were issued, loads nothing and writes nothing', async () => {
        const { issuer, server } = await open(adapter, mode, both());
        const client = await SessionClient.signIn(issuer, transport, 'ada', {
          attributes: { theme: 'dark' },
        });
        const there = client.copy(server);
        for (let i = 0; i < 2; i += 1) {
          const me = await there.get('/me');
          expect(me.status).toBe(200);
          expect(me.json).toMatchObject({
            subject: 'ada',
            data: { id: 'ada', role: 'admin' },
            attributes: { theme: 'dark' },
          });
          expect(me.setCookie).toEqual([]);
          expect(me.headers).not.toHaveProperty('session-token');
        }
        expect((await server.sessions.verify(client.token!)).subject).toBe(
          'ada',
        );
        expect((await there.get('/optional')).json).toEqual({ subject: 'ada' });
        expect(server.users.loads).toEqual([]);

        server.clock.advance('15m');
        const due = await there.get('/me');
        expect([due.status, due.setCookie]).toEqual([200, []]);
        expect(due.headers).not.toHaveProperty('session-token');
        expect(server.users.loads).toEqual([]);
        expect(server.events).toEqual([]);
      });

      it('issues nothing: 500 to the client, SIGNING_KEY_REQUIRED to the application', async () => {
        const { issuer, server } = await open(adapter, mode, both());
        const client = await SessionClient.signIn(issuer, transport);
        const there = client.copy(server);
        for (const answer of [
          await there.post('/login', { user: 'ada' }),
          await there.post('/attributes', { theme: 'dark' }),
          await there.post('/reload'),
          await there.post('/refresh'),
          await there.post('/refresh-given', { given: client.token! }),
        ]) {
          expect(answer.status).toBe(500);
          expect(answer.json).toEqual({
            statusCode: 500,
            message: 'Internal server error',
          });
          expect(answer.setCookie).toEqual([]);
          expect(answer.headers).not.toHaveProperty('session-token');
        }
        const { sessions } = server;
        const session = await sessions.verify(client.token!);
        for (const attempt of [
          () => sessions.generate('ada'),
          () => sessions.update(session, { theme: 'dark' }),
          () => sessions.reload(session),
          () => sessions.refresh(client.token!),
          () => createTestSession(server.app, 'ada'),
        ]) {
          expect(await codeOf(attempt())).toBe('SIGNING_KEY_REQUIRED');
        }
        expect(server.users.loads).toEqual([]);
      });
    });

    it('refuses data that is older than its interval and maxStale together, to the second (V-55)', async () => {
      const { issuer, server, clock } = await open(adapter, SHARED, both());
      const client = await SessionClient.signIn(issuer, transport);
      const ended = client.copy(issuer);
      expect((await ended.post('/sign-out')).status).toBe(204);
      const there = client.copy(server);
      clock.advance(30 * MINUTE - 1);
      expect((await there.get('/me')).status).toBe(200);
      clock.advance(1);
      const stale = await there.get('/me');
      expect(stale.status).toBe(401);
      expect(stale.setCookie).toEqual([]);
      expect(await codeOf(server.sessions.verify(client.token!))).toBe(
        'TOKEN_EXPIRED',
      );
      expect(rejectionsOf(server)).toEqual([
        ['TOKEN_EXPIRED', 'stale'],
        ['TOKEN_EXPIRED', 'stale'],
      ]);
      const fresh = await SessionClient.signIn(issuer, transport);
      expect((await fresh.copy(server).get('/me')).status).toBe(200);
    });

    it.each<[string, number, Setup, object]>([
      [
        'its own interval and maxStale',
        6 * MINUTE,
        {
          issuer: { dataRefreshInterval: '5m' },
          server: { dataRefreshInterval: '5m', loader: { maxStale: '1m' } },
        },
        {},
      ],
      [
        'its own interval, without maxStale',
        5 * MINUTE,
        {
          issuer: { dataRefreshInterval: '5m' },
          server: { dataRefreshInterval: '5m', loader: { maxStale: 0 } },
        },
        {},
      ],
      [
        'the interval that generate was given for this session',
        16 * MINUTE,
        {},
        { dataRefreshInterval: '1m' },
      ],
    ])('counts %s', async (_title, seconds, setup, signInOptions) => {
      const { issuer, server, clock } = await open(
        adapter,
        SHARED,
        both(setup),
      );
      const client = await SessionClient.signIn(
        issuer,
        transport,
        'ada',
        signInOptions,
      );
      const there = client.copy(server);
      clock.advance(seconds - 1);
      expect((await there.get('/me')).status).toBe(200);
      clock.advance(1);
      expect((await there.get('/me')).status).toBe(401);
      expect((await client.get('/me')).status).toBe(200);
      expect((await client.copy(server).get('/me')).status).toBe(200);
    });

    it('ends a session for itself without a store, and leaves the client its token', async () => {
      const { issuer, server } = await open(adapter, SHARED, both());
      const client = await SessionClient.signIn(issuer, transport);
      const session = await server.sessions.verify(client.token!);
      expect(await server.sessions.revoke(session)).toBe(false);
      const there = client.copy(server);
      const refused = await there.get('/me');
      expect([refused.status, refused.setCookie]).toEqual([401, []]);
      expect(rejectionsOf(server)).toEqual([['SESSION_ENDED', 'ended']]);
      expect((await client.get('/me')).status).toBe(200);
      expect(await codeOf(server.sessions.revokeAll('ada'))).toBe(
        'STORE_REQUIRED',
      );
    });

    describe('with the store of the issuer', () => {
      @Controller('checked')
      class CheckedController {
        @CheckRevocation()
        @Get()
        checked(@Session() session: ActiveSession) {
          return { subject: session.subject };
        }
      }

      const stored = (server: Options, issuer: Options = {}) => {
        const store = new MemorySessionStore();
        return open(adapter, SHARED, {
          ...both({
            issuer: { store, ...issuer },
            server: { store, ...server },
          }),
          options: { controllers: [CheckedController] },
        });
      };

      it.each<[string, string, Options]>([
        ['revocationCheck: always', '/me', { revocationCheck: 'always' }],
        ['@CheckRevocation', '/checked', {}],
      ])(
        'refuses at once what the issuer has revoked: %s',
        async (_title, path, options) => {
          const { issuer, server } = await stored(options);
          const client = await SessionClient.signIn(issuer, transport);
          const there = client.copy(server);
          expect((await there.get(path)).status).toBe(200);
          await client.copy().post('/sign-out');
          const refused = await there.get(path);
          expect([refused.status, refused.setCookie]).toEqual([401, []]);
          expect(rejectionsOf(server)).toEqual([
            ['SESSION_UNKNOWN', 'unknown'],
          ]);
        },
      );

      it('asks nobody on other routes', async () => {
        const { issuer, server } = await stored({});
        const client = await SessionClient.signIn(issuer, transport);
        await client.copy().post('/sign-out');
        expect((await client.copy(server).get('/me')).status).toBe(200);
      });

      it('ends sessions everywhere', async () => {
        const { issuer, server } = await stored(
          {},
          { revocationCheck: 'always' },
        );
        const client = await SessionClient.signIn(issuer, transport);
        const session = await server.sessions.verify(client.token!);
        expect(await server.sessions.revoke(session)).toBe(true);
        expect((await client.copy().get('/me')).status).toBe(401);
        const other = await SessionClient.signIn(issuer, transport);
        expect(await server.sessions.list('ada')).toHaveLength(1);
        expect(await server.sessions.revokeAll('ada')).toBe(1);
        expect((await other.get('/me')).status).toBe(401);
      });

      it('reads the data from it, with keepDataIn', async () => {
        const keep = { keepDataIn: 'store' } as const;
        const { issuer, server, clock } = await stored(keep, keep);
        const client = await SessionClient.signIn(issuer, transport);
        expect(claimsIn(client.token)).not.toHaveProperty('data');
        const there = client.copy(server);
        expect((await there.get('/me')).json.data.role).toBe('admin');
        await client.post('/attributes', { theme: 'dark' });
        issuer.users.all.get('ada')!.role = 'owner';
        clock.advance('15m');
        expect((await client.get('/me')).status).toBe(200);
        expect((await there.get('/me')).json).toMatchObject({
          data: { role: 'owner' },
          attributes: { theme: 'dark' },
        });
        clock.advance(30 * MINUTE - 1);
        expect((await there.get('/me')).status).toBe(200);
        clock.advance(1);
        expect((await there.get('/me')).status).toBe(401);
        expect(await codeOf(server.sessions.verify(client.token!))).toBe(
          'TOKEN_EXPIRED',
        );
        expect(server.users.loads).toEqual([]);
      });
    });

    it('without a store refuses to serve a route that must ask one', async () => {
      @Controller('checked')
      class CheckedController {
        @CheckRevocation()
        @Get()
        checked() {
          return 'checked';
        }
      }
      const { issuer, server } = await open(adapter, SHARED, {
        ...both(),
        options: { controllers: [CheckedController] },
      });
      const client = await SessionClient.signIn(issuer, transport);
      expect((await client.copy(server).get('/checked')).status).toBe(500);
    });
  },
);

interface Refused {
  readonly reason: Refusal;
  readonly code: SessionErrorCode;
  /** What is sent, made of a good token of the issuer. */
  readonly request: (
    token: string,
    apps: { issuer: TestApp; server: TestApp; clock: TestSessionClock },
  ) => Promise<Record<string, string>> | Record<string, string>;
}

const cookie = (token: string) => ({ Cookie: `__Host-Http-session=${token}` });

const withClaims =
  (changes: object): Refused['request'] =>
  (token) => {
    const { header, claims } = readToken(token);
    return cookie(forgeToken(header, { ...claims, ...changes }));
  };

const withHeader =
  (changes: object, secret: string | Buffer = SECRET): Refused['request'] =>
  (token) => {
    const { header, claims } = readToken(token);
    return cookie(forgeToken({ ...header, ...changes }, claims, secret));
  };

const LATER = 2_000_000_000;

const REFUSED: [string, Refused][] = [
  [
    'what is no token',
    {
      reason: 'malformed',
      code: 'TOKEN_INVALID',
      request: () => cookie('nonsense'),
    },
  ],
  [
    'a header that is not allowed',
    {
      reason: 'header',
      code: 'TOKEN_INVALID',
      request: withHeader({ alg: 'none' }),
    },
  ],
  [
    'a forged signature',
    {
      reason: 'signature',
      code: 'TOKEN_INVALID',
      request: withHeader({}, OTHER_SECRET),
    },
  ],
  [
    'claims that are none',
    {
      reason: 'claims',
      code: 'TOKEN_INVALID',
      request: withClaims({ sub: 7 }),
    },
  ],
  [
    'a newer format',
    {
      reason: 'newer-version',
      code: 'TOKEN_INVALID',
      request: withClaims({ v: 2 }),
    },
  ],
  [
    'a token of tomorrow',
    {
      reason: 'not-yet-valid',
      code: 'TOKEN_NOT_YET_VALID',
      request: withClaims({ iat: LATER, exp: LATER + 60 }),
    },
  ],
  [
    'a token that has expired',
    {
      reason: 'expired',
      code: 'TOKEN_EXPIRED',
      request: (token, { clock }) => {
        clock.advance('8d');
        return cookie(token);
      },
    },
  ],
  [
    'old data',
    {
      reason: 'stale',
      code: 'TOKEN_EXPIRED',
      request: (token, { clock }) => {
        clock.advance('30m');
        return cookie(token);
      },
    },
  ],
  [
    'an unknown key',
    {
      reason: 'unknown-key',
      code: 'KEY_UNKNOWN',
      request: withHeader({ kid: 'A'.repeat(16) }),
    },
  ],
  [
    'a session that was ended here',
    {
      reason: 'ended',
      code: 'SESSION_ENDED',
      request: async (token, { server }) => {
        await server.sessions.revoke(await server.sessions.verify(token));
        return cookie(token);
      },
    },
  ],
  [
    'two cookies',
    {
      reason: 'ambiguous',
      code: 'TOKEN_CONFLICT',
      request: (token) => ({
        Cookie: `__Host-Http-session=${token}; __Host-Http-session=${token}`,
      }),
    },
  ],
  [
    'two sessions',
    {
      reason: 'conflict',
      code: 'TOKEN_CONFLICT',
      request: async (token, { issuer }) => {
        const other = await issuer.sessions.generate('bob');
        return {
          ...cookie(token),
          Authorization: `Bearer ${other.token}`,
        };
      },
    },
  ],
  [
    'another issuer',
    {
      reason: 'claims',
      code: 'TOKEN_INVALID',
      request: withClaims({ iss: 'https://evil.example' }),
    },
  ],
  [
    'the issuer __proto__ (S-012)',
    {
      reason: 'claims',
      code: 'TOKEN_INVALID',
      request: withClaims({ iss: '__proto__' }),
    },
  ],
  [
    'the issuer constructor (S-012)',
    {
      reason: 'claims',
      code: 'TOKEN_INVALID',
      request: withClaims({ iss: 'constructor' }),
    },
  ],
  [
    'another audience (S-014)',
    {
      reason: 'claims',
      code: 'TOKEN_INVALID',
      request: withClaims({ aud: 'another-service' }),
    },
  ],
  [
    'several audiences (S-014)',
    {
      reason: 'claims',
      code: 'TOKEN_INVALID',
      request: withClaims({ aud: ['nestjs-session-jwt'] }),
    },
  ],
  [
    'no audience (S-014)',
    {
      reason: 'claims',
      code: 'TOKEN_INVALID',
      request: withClaims({ aud: undefined }),
    },
  ],
];

describe.each(adapters)('a resource server on %s', (adapter) => {
  const unhandled = new UnhandledErrors();
  beforeEach(() => unhandled.start());
  afterEach(async () => {
    expect(await unhandled.settled()).toEqual([]);
    unhandled.stop();
  });

  it.each(REFUSED)(
    'refuses %s, and clears no cookie',
    async (_title, { reason, code, request }) => {
      const transport = ['cookie', 'header'] as const;
      const apps = await open(adapter, SHARED, {
        issuer: { transport: [...transport] },
        server: { transport: [...transport] },
      });
      const { token } = await apps.issuer.sessions.generate('ada');
      const headers = await request(token, apps);
      apps.server.events.length = 0;
      for (const path of ['/me', '/optional', '/public']) {
        const response = await send(apps.server.port, { path, headers });
        expect([path, response.status]).toEqual([
          path,
          path === '/me' ? 401 : 200,
        ]);
        expect(response.setCookie).toEqual([]);
      }
      expect(rejectionsOf(apps.server)).toEqual([
        [code, reason],
        [code, reason],
      ]);
      expect(apps.server.account.handled).toBe(2);
    },
  );

  it('is not why this spec sees no cookie cleared: the issuer clears it', async () => {
    const { issuer } = await open(adapter, SHARED);
    const { token } = await issuer.sessions.generate('ada');
    const headers = await withClaims({ sub: 7 })(token, {} as never);
    const response = await send(issuer.port, { path: '/me', headers });
    expect(linesOf(response)).toEqual([expect.stringContaining('Max-Age=0')]);
  });

  it('protects cookie-authenticated requests from other sites, others not', async () => {
    const transport = ['cookie', 'header'] as const;
    const { issuer, server } = await open(adapter, SHARED, {
      issuer: { transport: [...transport] },
      server: { transport: [...transport] },
    });
    const { token } = await issuer.sessions.generate('ada');
    const evil = {
      Origin: 'https://evil.example',
      'Sec-Fetch-Site': 'cross-site',
    };
    const post = (headers: Record<string, string>) =>
      send(server.port, { method: 'POST', path: '/change', headers, body: {} });
    const refused = await post({ ...cookie(token), ...evil });
    expect([refused.status, refused.json.errorCode, refused.setCookie]).toEqual(
      [403, 'CSRF_REFUSED', []],
    );
    expect((await post(cookie(token))).status).toBe(200);
    const bearer = { Authorization: `Bearer ${token}`, ...evil };
    expect((await post(bearer)).status).toBe(200);
  });

  it('needs no loader', async () => {
    @Controller()
    class MeController {
      @Get('me')
      me(@Session('data') data: unknown) {
        return { data };
      }
    }
    const app = await boot(
      {
        imports: [
          SessionJwtModule.forRoot({ secret: SECRET, verifyOnly: true }),
        ],
        controllers: [MeController],
      },
      { adapter },
    );
    const clock = new TestSessionClock(new Date());
    const issuer = await openTestApp(adapter, { clock });
    const { token } = await issuer.sessions.generate('ada');
    const answer = await app.send({ path: '/me', headers: cookie(token) });
    expect(answer.json).toEqual({ data: { id: 'ada', role: 'admin' } });
  });

  it.each([
    ['with data', undefined, { id: 'ada', role: 'admin' }],
    ['whose params are the data', false as const, 'ada'],
  ])('reads sessions of an issuer %s', async (_title, dataLoader, data) => {
    const issuer = await openTestApp(adapter, {
      extras: dataLoader === undefined ? {} : { dataLoader },
    });
    const server = await openTestApp(adapter, {
      session: { verifyOnly: true },
      clock: issuer.clock,
    });
    const { token } = await issuer.sessions.generate('ada');
    expect((await server.sessions.verify(token)).data).toEqual(data);
  });

  it('uses expand of a loader, and never load', async () => {
    const calls: string[] = [];
    class Expanding extends SessionDataLoader<string, { role: string }> {
      load(): never {
        calls.push('load');
        throw new Error('must not be called');
      }

      override expand(data: { role: string }) {
        calls.push('expand');
        return { isAdmin: data.role === 'admin' };
      }
    }
    const issuer = await openTestApp(adapter);
    const server = await openTestApp(adapter, {
      session: { verifyOnly: true },
      extras: { dataLoader: Expanding },
      clock: issuer.clock,
    });
    const { token } = await issuer.sessions.generate('ada');
    const me = () => send(server.port, { path: '/me', headers: cookie(token) });
    expect((await me()).json.data).toEqual({ isAdmin: true });
    expect((await server.sessions.verify(token)).data).toEqual({
      isAdmin: true,
    });
    issuer.clock.advance('20m');
    expect((await me()).json.data).toEqual({ isAdmin: true });
    expect(new Set(calls)).toEqual(new Set(['expand']));
  });

  it('takes a public key for no secret, and no token without a good signature (A-007, S-012)', async () => {
    const { issuer, server } = await open(adapter, modes[0]![1]);
    const { token } = await issuer.sessions.generate('ada');
    const { header, claims } = readToken(token);
    const { publicKey: key } = keyPairs.ES256;
    const secrets = [
      key.export({ type: 'spki', format: 'pem' }),
      key.export({ type: 'spki', format: 'der' }),
      JSON.stringify(key.export({ format: 'jwk' })),
      String(header['kid']),
      '',
    ];
    for (const secret of secrets) {
      for (const alg of ['HS256', 'ES256', 'none']) {
        const forged = forgeToken({ ...header, alg }, claims, secret);
        expect(await codeOf(server.sessions.verify(forged))).toBe(
          'TOKEN_INVALID',
        );
      }
    }
    const [, , signature] = token.split('.');
    const changed = [
      encodeSegment(header),
      encodeSegment({ ...claims, sub: 'bob' }),
      signature,
    ].join('.');
    expect(await codeOf(server.sessions.verify(changed))).toBe('TOKEN_INVALID');
    expect((await server.sessions.verify(token)).subject).toBe('ada');
  });

  it('lets no second issuer in, whatever name it takes (S-012)', async () => {
    const { issuer, server, clock } = await open(adapter, modes[0]![1], {
      issuer: { issuer: 'https://id.example' },
      server: { issuer: 'https://id.example' },
    });
    const { token } = await issuer.sessions.generate('ada');
    expect((await server.sessions.verify(token)).subject).toBe('ada');
    const { privateKey } = otherKeyPairs.ES256;
    for (const [session, code] of [
      [
        {
          keys: [{ algorithm: 'ES256' as const, privateKey }],
          issuer: 'https://id.example',
        },
        'KEY_UNKNOWN',
      ],
      [
        { keys: [keyOf('ES256')], issuer: 'https://other.example' },
        'TOKEN_INVALID',
      ],
      [
        { keys: [keyOf('ES256')], issuer: 'https://id.example/' },
        'TOKEN_INVALID',
      ],
      [
        {
          keys: [keyOf('ES256')],
          issuer: 'https://id.example',
          audience: 'another-service',
        },
        'TOKEN_INVALID',
      ],
    ] as const) {
      const stranger = await openTestApp(adapter, {
        session: withoutSecret({ ...session, keys: [...session.keys] }),
        clock,
      });
      const issued = await stranger.sessions.generate('ada');
      expect(await codeOf(server.sessions.verify(issued.token))).toBe(code);
    }
  });
});

/** In seconds of real time. */
const SHORT_TIMEOUT = 0.05;

describe.each(adapters)(
  'a resource server on %s, with the JWKS of another server,',
  (adapter) => {
    const unhandled = new UnhandledErrors();
    let jwks: JwksServer;
    let logs: CapturedLogs;
    let issuer: TestApp;
    let clock: TestSessionClock;

    beforeEach(async () => {
      unhandled.start();
      logs = new CapturedLogs();
      jwks = await new JwksServer([publicJwk(keyPairs.ES256, 'ES256')]).start();
      clock = new TestSessionClock();
      issuer = await openTestApp(adapter, {
        session: {
          ...withoutSecret({ keys: [keyOf('ES256')] }),
          transport: ['cookie', 'header'],
        },
        clock,
      });
    });
    afterEach(async () => {
      await jwks.stop();
      expect(await unhandled.settled()).toEqual([]);
      unhandled.stop();
    });

    const openServer = (options: Options = {}): Promise<TestApp> =>
      openTestApp(adapter, {
        session: withoutSecret({
          verifyOnly: { jwksUri: jwks.uri },
          ...options,
        }),
        clock,
        configure: (nest: INestApplication) => nest.useLogger(logs),
      });

    const ask = (
      server: TestApp,
      token: string,
      path = '/me',
    ): Promise<TestResponse> =>
      send(server.port, { path, headers: cookie(token) });

    const statusOf = async (server: TestApp, token: string): Promise<number> =>
      (await ask(server, token)).status;

    /** A token of a key that the issuer does not use. */
    async function strangeToken(): Promise<string> {
      const { privateKey } = otherKeyPairs.EdDSA;
      const stranger = await openTestApp(adapter, {
        session: withoutSecret({ keys: [{ algorithm: 'EdDSA', privateKey }] }),
        clock,
      });
      return (await stranger.sessions.generate('bob')).token;
    }

    const failures = (server: TestApp): SessionEvent[] =>
      server.eventsOf('keysFailed');

    it('fetches it once each maxAge, whatever the number of requests', async () => {
      const server = await openServer();
      const { token } = await issuer.sessions.generate('ada');
      const many = () =>
        Promise.all(Array.from({ length: 20 }, () => statusOf(server, token)));
      expect(new Set(await many())).toEqual(new Set([200]));
      clock.advance(299);
      await many();
      expect(jwks.requests).toBe(1);
      clock.advance(1);
      expect(new Set(await many())).toEqual(new Set([200]));
      expect(jwks.requests).toBe(2);
    });

    it('fetches it again for an unknown key, once a cool-down (A-181)', async () => {
      const server = await openServer();
      const token = await strangeToken();
      for (let i = 0; i < 5; i += 1) {
        expect(await statusOf(server, token)).toBe(401);
      }
      expect(jwks.requests).toBe(2);
      jwks.keys = [
        publicJwk(keyPairs.ES256, 'ES256'),
        publicJwk(otherKeyPairs.EdDSA, 'EdDSA'),
      ];
      clock.advance(29);
      expect(await statusOf(server, token)).toBe(401);
      clock.advance(1);
      expect(await statusOf(server, token)).toBe(200);
      expect(jwks.requests).toBe(3);
      expect(new Set(rejectionsOf(server).map(String))).toEqual(
        new Set(['KEY_UNKNOWN,unknown-key']),
      );
    });

    it('learns a new key at the first token that names it', async () => {
      const server = await openServer();
      const token = await strangeToken();
      jwks.keys = [publicJwk(otherKeyPairs.EdDSA, 'EdDSA')];
      expect(await statusOf(server, token)).toBe(200);
      expect(jwks.requests).toBe(2);
      expect(rejectionsOf(server)).toEqual([]);
    });

    it('refuses a removed key after maxAge, also for cached tokens; immediately after reloadKeys (V-44)', async () => {
      const [server, other] = [await openServer(), await openServer()];
      const { token } = await issuer.sessions.generate('ada');
      expect(await statusOf(server, token)).toBe(200);
      expect(await statusOf(other, token)).toBe(200);
      jwks.keys = [publicJwk(otherKeyPairs.EdDSA, 'EdDSA')];
      clock.advance(299);
      expect(await statusOf(server, token)).toBe(200);
      expect(await statusOf(other, token)).toBe(200);
      await other.sessions.reloadKeys();
      expect(await statusOf(other, token)).toBe(401);
      clock.advance(1);
      const refused = await ask(server, token);
      expect([refused.status, refused.setCookie]).toEqual([401, []]);
      expect(rejectionsOf(server)).toEqual([['KEY_UNKNOWN', 'unknown-key']]);
    });

    it('goes on with the last good set while the server is down, and tells it', async () => {
      const server = await openServer();
      const { token } = await issuer.sessions.generate('ada');
      expect(await statusOf(server, token)).toBe(200);
      await jwks.stop();
      clock.advance('5m');
      for (let attempt = 1; attempt <= 4; attempt += 1) {
        expect(await statusOf(server, token)).toBe(200);
        await until(() => failures(server).length === attempt, 'a failure');
        clock.advance(29);
        expect(await statusOf(server, token)).toBe(200);
        expect(failures(server)).toHaveLength(attempt);
        clock.advance(1);
      }
      const lines = logs.matching('keys of the session tokens', 'error');
      expect(lines).toHaveLength(2);
      expect(lines[1]).toContain('1 more since');
      await jwks.start();
      expect(await statusOf(server, token)).toBe(200);
      await until(() => jwks.requests === 2, 'a request');
      clock.advance(29);
      expect(await statusOf(server, token)).toBe(200);
      expect(failures(server)).toHaveLength(4);
      expect(jwks.requests).toBe(2);
    });

    it('lets nobody wait for a server that is known to hang', async () => {
      const server = await openServer({ keyCache: { timeout: 30 } });
      const { token } = await issuer.sessions.generate('ada');
      jwks.instead = (response) => response.writeHead(500).end();
      clock.advance('5m');
      expect(await statusOf(server, token)).toBe(200);
      jwks.instead = () => undefined;
      clock.advance(30);
      const before = jwks.requests;
      for (let i = 0; i < 5; i += 1) {
        // With the timeout of this test's server, a request that waited would never be answered.
        expect(await statusOf(server, token)).toBe(200);
      }
      for (let i = 0; jwks.requests === before && i < 1_000; i += 1) {
        expect(await statusOf(server, token)).toBe(200);
      }
      expect(jwks.requests).toBe(before + 1);
    });

    it('starts while the server cannot be reached: 503, and well within a second of the clock once it can', async () => {
      await jwks.stop();
      const server = await openServer();
      const { token } = await issuer.sessions.generate('ada');
      for (let i = 0; i < 3; i += 1) {
        const response = await ask(server, token);
        expect(response.status).toBe(503);
        expect(response.json).toEqual(UNAVAILABLE);
        expect(response.headers['retry-after']).toBe('1');
        expect(response.setCookie).toEqual([]);
      }
      expect(await codeOf(server.sessions.verify(token))).toBe(
        'KEYS_UNAVAILABLE',
      );
      const request = createExchange({ cookie: cookie(token).Cookie }).request;
      expect(await codeOf(server.sessions.authenticate(request))).toBe(
        'KEYS_UNAVAILABLE',
      );
      expect((await ask(server, token, '/public')).status).toBe(200);
      expect((await ask(server, token, '/optional')).json).toEqual({
        subject: null,
      });
      expect((await server.browser().get('/me')).status).toBe(401);
      expect((await ask(server, 'nonsense')).status).toBe(401);
      expect(await codeOf(server.sessions.reloadKeys())).toBe(
        'KEYS_UNAVAILABLE',
      );

      await jwks.start();
      clock.advance(1);
      expect(await statusOf(server, token)).toBe(200);
      expect((await server.sessions.verify(token)).subject).toBe('ada');
    });

    const good = publicJwk(keyPairs.ES256, 'ES256');
    const other = publicJwk(otherKeyPairs.ES256, 'ES256');
    const json =
      (value: unknown) => (response: { end(text: string): unknown }) =>
        response.end(JSON.stringify(value));

    const HOSTILE: [string, NonNullable<JwksServer['instead']>][] = [
      ...['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'].map(
        (member): [string, NonNullable<JwksServer['instead']>] => [
          `a set with the private member ${member}`,
          json({ keys: [good, { ...other, [member]: 'AQAB' }] }),
        ],
      ),
      [
        'a set with a symmetric key',
        json({ keys: [good, { kty: 'oct', k: 'AQAB', alg: 'HS256' }] }),
      ],
      [
        'a set with a symmetric key that hides its bytes',
        json({ keys: [good, { kty: 'oct', alg: 'HS256' }] }),
      ],
      [
        'a set with one kid for two keys',
        json({
          keys: [
            { ...good, kid: 'a' },
            { ...other, kid: 'a' },
          ],
        }),
      ],
      [
        'a set whose keys name no algorithm',
        json({ keys: [{ ...good, alg: undefined }] }),
      ],
      ['a set of encryption keys', json({ keys: [{ ...good, use: 'enc' }] })],
      ['an empty set', json({ keys: [] })],
      ['keys that are no array', json({ keys: good })],
      ['a bare key', json(good)],
      ['an array', json([good])],
      ['null', json(null)],
      ['a key that is null', json({ keys: [good, null] })],
      ['what is no JSON', (response) => response.end('<html>')],
      ['nothing', (response) => response.end()],
      [
        'a good set with status 500',
        (response) =>
          response.writeHead(500).end(JSON.stringify({ keys: [good] })),
      ],
      [
        'a redirect',
        (response) =>
          response.req.url === '/good'
            ? json({ keys: [good] })(response)
            : response.writeHead(302, { Location: '/good' }).end(),
      ],
      ['a connection that breaks', (response) => response.destroy()],
    ];

    it.each(HOSTILE)(
      'never uses %s, neither at boot nor later (V-44)',
      async (_title, instead) => {
        const { token } = await issuer.sessions.generate('ada');
        const early = await openServer();
        jwks.instead = instead;
        const late = await openServer();
        expect(await statusOf(late, token)).toBe(503);
        expect(failures(late).length).toBeGreaterThan(0);
        clock.advance('5m');
        expect(await statusOf(early, token)).toBe(200);
        expect(failures(early)).toHaveLength(1);
        jwks.instead = undefined;
        expect(await statusOf(late, token)).toBe(200);
      },
    );

    it('gives up on a server that does not answer, and uses its answers once there are any', async () => {
      const { token } = await issuer.sessions.generate('ada');
      jwks.instead = () => undefined;
      const server = await openServer({ keyCache: { timeout: SHORT_TIMEOUT } });
      expect(await statusOf(server, token)).toBe(503);
      const { length } = failures(server);
      expect(length).toBeGreaterThan(0);
      jwks.instead = undefined;
      const statuses: number[] = [];
      // On a busy machine an answer may come after the timeout once more.
      while (!statuses.includes(200) && statuses.length < 100) {
        clock.advance(1);
        statuses.push(await statusOf(server, token));
      }
      expect(statuses.at(-1)).toBe(200);
      expect(new Set(statuses.slice(0, -1))).not.toContain(401);
    });

    it('uses the good keys of a set that has others beside them', async () => {
      jwks.keys = [
        { ...other, use: 'enc' },
        { ...publicJwk(keyPairs.RS256, 'RS256'), alg: 'RS512' },
        { kty: 'EC', crv: 'P-521', x: 'AA', y: 'AA', alg: 'ES512' },
        { ...good, kid: 'a-name-of-its-own' },
        { kty: 'what-is-new' },
      ];
      const server = await openServer();
      const { token } = await issuer.sessions.generate('ada');
      expect(await statusOf(server, token)).toBe(200);
      expect(failures(server)).toEqual([]);
    });

    it('takes a key for the algorithm that it names, and for no other', async () => {
      const { privateKey } = keyPairs.RS256;
      jwks.keys = [publicJwk(keyPairs.RS256, 'RS256')];
      const server = await openServer();
      for (const [algorithm, status] of [
        ['RS256', 200],
        ['PS256', 401],
      ] as const) {
        const app = await openTestApp(adapter, {
          session: withoutSecret({ keys: [{ algorithm, privateKey }] }),
          clock,
        });
        const { token } = await app.sessions.generate('ada');
        expect([algorithm, await statusOf(server, token)]).toEqual([
          algorithm,
          status,
        ]);
      }
      expect(rejectionsOf(server)).toEqual([['TOKEN_INVALID', 'header']]);
    });

    it('names keys by what they are, whatever the set calls them', async () => {
      const { token } = await issuer.sessions.generate('ada');
      const { kid } = readToken(token).header as { kid: string };
      const { crv, kty, x, y } = good;
      expect(
        createHash('sha256')
          .update(JSON.stringify({ crv, kty, x, y }))
          .digest('base64url'),
      ).toBe(kid);
      jwks.keys = [{ ...other, kid }];
      const server = await openServer();
      expect(await statusOf(server, token)).toBe(401);
      expect(rejectionsOf(server)).toEqual([['KEY_UNKNOWN', 'unknown-key']]);
    });
  },
);
