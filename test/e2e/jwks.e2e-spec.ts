import {
  ForbiddenException,
  VersioningType,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { calculateJwkThumbprint, createRemoteJWKSet, jwtVerify } from 'jose';
import {
  SessionConfigError,
  SessionJwtModule,
  type JwksOptions,
  type JwkSet,
  type KeyInput,
  type SessionJwtModuleExtras,
  type SessionJwtModuleOptions,
  type SessionKey,
  type SessionKeyAlgorithm,
} from '../../lib/index.js';
import type { TestResponse } from '../support/browser.js';
import { keyOf, withoutSecret } from '../support/key-kinds.js';
import { keyPairs, otherKeyPairs } from '../support/key-pairs.js';
import { boot, bootError, closeBooted } from '../support/nest-app.js';
import { openTestApp } from '../support/opened-apps.js';
import { probe } from '../support/probe.js';
import {
  adapters,
  OTHER_SECRET,
  SECRET,
  type AdapterName,
  type TestApp,
} from '../support/test-app.js';
import { Vault } from '../support/vault.js';

const PATH = '/.well-known/jwks.json';
const ALGORITHMS: SessionKeyAlgorithm[] = ['ES256', 'EdDSA', 'RS256', 'PS256'];
const DAY = 86_400;

/** The members of each key type: all others are private or say what is not so. */
const MEMBERS: Record<SessionKeyAlgorithm, string[]> = {
  ES256: ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'],
  EdDSA: ['alg', 'crv', 'kid', 'kty', 'use', 'x'],
  RS256: ['alg', 'e', 'kid', 'kty', 'n', 'use'],
  PS256: ['alg', 'e', 'kid', 'kty', 'n', 'use'],
};

afterEach(closeBooted);

describe.each(adapters)('the published keys on %s', (adapter) => {
  const open = (
    options: {
      keys?: SessionJwtModuleOptions['keys'];
      extras?: SessionJwtModuleExtras;
      configure?: (app: INestApplication) => void;
      session?: Partial<SessionJwtModuleOptions>;
    } = {},
  ): Promise<TestApp> =>
    openTestApp(adapter, {
      session: withoutSecret({
        keys: options.keys ?? [keyOf('ES256')],
        ...options.session,
      }),
      extras: { jwks: true, ...options.extras },
      ...(options.configure && { configure: options.configure }),
    });

  const read = (app: TestApp, path = PATH): Promise<TestResponse> =>
    app.browser().get(path);

  it('are a JWK set that everybody may read and keep, without a session', async () => {
    const app = await open();
    const response = await read(app);
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toMatch(
      /^application\/jwk-set\+json(?:; charset=utf-8)?$/,
    );
    expect(response.headers['cache-control']).toBe('public, max-age=300');
    expect(response.headers['vary']).toBeUndefined();
    expect(response.setCookie).toEqual([]);
    expect(Object.keys(response.json as JwkSet)).toEqual(['keys']);
    expect(response.json).toEqual(app.sessions.jwks());
  });

  it.each<[string, string, true | JwksOptions, string | undefined]>([
    ['the default path', PATH, true, undefined],
    ['the default path, with no options', PATH, {}, undefined],
    ['a path of its own', '/keys', { path: 'keys' }, undefined],
    ['a deep path', '/a/b-c/_d.json', { path: 'a/b-c/_d.json' }, undefined],
    ['the default path below a prefix', `/api${PATH}`, true, 'api'],
    ['its own path below a prefix', '/api/v0/keys', { path: 'keys' }, 'api/v0'],
  ])('are at %s', async (_title, path, jwks, prefix) => {
    const app = await open({
      extras: { jwks },
      configure: (nest) => {
        if (prefix) nest.setGlobalPrefix(prefix);
      },
    });
    expect((await read(app, path)).json.keys).toHaveLength(1);
    if (path !== PATH) expect((await read(app)).status).toBe(404);
  });

  it.each([
    [VersioningType.URI as const, { type: VersioningType.URI as const }],
    [
      VersioningType.HEADER as const,
      { type: VersioningType.HEADER as const, header: 'X-Version' },
    ],
  ])(
    'are at the same path where routes have versions (%p)',
    async (_type, versioning) => {
      const app = await open({
        configure: (nest) =>
          nest.enableVersioning({ ...versioning, defaultVersion: '1' }),
      });
      expect((await read(app)).json.keys).toHaveLength(1);
    },
  );

  it.each([
    ['30s', 'public, max-age=30'],
    ['1d', 'public, max-age=86400'],
    [1, 'public, max-age=1'],
  ])('may be kept for maxAge: %p', async (maxAge, expected) => {
    const app = await open({ extras: { jwks: { maxAge } } });
    expect((await read(app)).headers['cache-control']).toBe(expected);
  });

  it.each<[string, SessionJwtModuleExtras['jwks']]>([
    ['false', false],
    ['left out', undefined],
  ])('are not published where `jwks` is %s', async (_title, jwks) => {
    const app = await open({ extras: { jwks } as SessionJwtModuleExtras });
    expect((await read(app)).status).toBe(404);
    expect(app.sessions.jwks().keys).toHaveLength(1);
  });

  const forms: [string, (algorithm: SessionKeyAlgorithm) => KeyInput][] = [
    ['KeyObject', (algorithm) => keyPairs[algorithm].privateKey],
    [
      'PEM',
      (algorithm) =>
        keyPairs[algorithm].privateKey
          .export({ type: 'pkcs8', format: 'pem' })
          .toString(),
    ],
    [
      'JSON Web Key',
      (algorithm) => keyPairs[algorithm].privateKey.export({ format: 'jwk' }),
    ],
  ];

  it.each(forms)(
    'hold public members only, whatever the algorithm, of private keys given as %s (A-167, S-040, V-24)',
    async (_form, form) => {
      const app = await open({
        keys: ALGORITHMS.map((algorithm, index) => ({
          algorithm,
          privateKey: form(algorithm),
          state: index === 0 ? 'active' : 'retiring',
        })),
      });
      const { keys } = (await read(app)).json as JwkSet;
      expect(keys.map(({ alg }) => alg)).toEqual(ALGORITHMS);
      for (const jwk of keys) {
        expect(Object.keys(jwk).toSorted()).toEqual(MEMBERS[jwk.alg]);
        expect(jwk).toMatchObject(
          keyPairs[jwk.alg].publicKey.export({ format: 'jwk' }),
        );
        expect(jwk.use).toBe('sig');
        expect(jwk.kid).toBe(await calculateJwkThumbprint(jwk));
        const { d } = keyPairs[jwk.alg].privateKey.export({ format: 'jwk' });
        expect(JSON.stringify(keys).includes(d!)).toBe(false);
      }
      expect(new Set(keys.map(({ kid }) => kid)).size).toBe(4);
    },
  );

  it('are the active one, the next, and then those that retire but have not ended', async () => {
    const clock = 1_893_456_000;
    const app = await open({
      keys: [
        keyOf('RS256', {
          state: 'retiring',
          until: new Date((clock + DAY) * 1000),
        }),
        keyOf('PS256', { state: 'retiring' }),
        keyOf('EdDSA', { state: 'next' }),
        keyOf('ES256'),
      ],
    });
    const algorithms = async () =>
      ((await read(app)).json as JwkSet).keys.map(({ alg }) => alg);
    expect(await algorithms()).toEqual(['ES256', 'EdDSA', 'RS256', 'PS256']);
    app.clock.advance(DAY);
    expect(await algorithms()).toEqual(['ES256', 'EdDSA', 'PS256']);
  });

  it('never hold a secret, also where there are secrets alongside the keys (S-040)', async () => {
    const app = await openTestApp(adapter, {
      session: {
        keys: [keyOf('ES256')],
        derivedSecret: OTHER_SECRET,
        refreshToken: {},
      },
      extras: { jwks: true },
    });
    const { keys } = (await read(app)).json as JwkSet;
    expect(keys.map(({ kty }) => kty)).toEqual(['EC']);
  });

  it('come without a word about the session that asks, be it due, ended or forged', async () => {
    const app = await open({ session: { dataRefreshInterval: '1m' } });
    const browser = await app.signIn();
    const ended = (await (await app.signIn('bob')).cookie())!;
    await app.sessions.revoke(await app.sessions.verify(ended));
    app.clock.advance('2m');
    const loads = app.users.loads.length;
    app.events.length = 0;
    for (const response of [
      await browser.get(PATH),
      await app.browser().get(PATH, { Cookie: `__Host-Http-session=${ended}` }),
      await app.browser().get(PATH, { Cookie: '__Host-Http-session=a.b.c' }),
      await app.browser().get(PATH, { Authorization: 'Bearer a.b.c' }),
    ]) {
      expect(response.status).toBe(200);
      expect(response.setCookie).toEqual([]);
      expect(response.headers).not.toHaveProperty('vary');
      expect(response.headers['cache-control']).toBe('public, max-age=300');
    }
    expect(app.users.loads).toHaveLength(loads);
    expect(app.events).toEqual([]);
  });

  it('answer HEAD as GET without a body, and take no other method', async () => {
    const app = await open();
    const get = await probe(app.port, { path: PATH });
    const head = await probe(app.port, { method: 'HEAD', path: PATH });
    expect(head.status).toBe(200);
    expect(head.text).toBe('');
    for (const name of ['content-type', 'cache-control', 'content-length']) {
      expect([name, head.headers[name]]).toEqual([name, get.headers[name]]);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const { status, setCookie } = await probe(app.port, {
        method,
        path: PATH,
      });
      expect([method, status, setCookie]).toEqual([method, 404, []]);
    }
  });

  it('answer the preflight of a page elsewhere, where the application enables CORS', async () => {
    const app = await open({ configure: (nest) => nest.enableCors() });
    const headers = {
      Origin: 'https://elsewhere.example',
      'Access-Control-Request-Method': 'GET',
    };
    const preflight = await probe(app.port, {
      method: 'OPTIONS',
      path: PATH,
      headers,
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-allow-origin']).toBe('*');
    expect(preflight.setCookie).toEqual([]);
    const get = await probe(app.port, { path: PATH, headers });
    expect(get.headers['access-control-allow-origin']).toBe('*');
    expect(JSON.parse(get.text)).toEqual(app.sessions.jwks());
  });

  it('without CORS answer OPTIONS without a session and without a cookie', async () => {
    const app = await open();
    const answer = await probe(app.port, { method: 'OPTIONS', path: PATH });
    expect(answer.status).toBe(404);
    expect(answer.setCookie).toEqual([]);
  });

  it('pass through the global guards, interceptors and filters of the application like any route', async () => {
    const seen: string[] = [];
    class Guard implements CanActivate {
      isOpen = true;

      canActivate(): boolean {
        seen.push('guard');
        return this.isOpen;
      }
    }
    class Interceptor implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler) {
        seen.push('interceptor');
        return next.handle();
      }
    }
    class Filter extends BaseExceptionFilter implements ExceptionFilter {
      override catch(
        error: unknown,
        host: Parameters<ExceptionFilter['catch']>[1],
      ): void {
        seen.push(error instanceof ForbiddenException ? 'filter' : 'other');
        super.catch(error, host);
      }
    }
    const guard = new Guard();
    const app = await open({
      configure: (nest) => {
        nest.useGlobalGuards(guard);
        nest.useGlobalInterceptors(new Interceptor());
        nest.useGlobalFilters(new Filter(nest.getHttpAdapter()));
      },
    });
    expect((await read(app)).json).toEqual(app.sessions.jwks());
    expect(seen).toEqual(['guard', 'interceptor']);
    guard.isOpen = false;
    expect((await read(app)).status).toBe(403);
    expect(seen).toEqual(['guard', 'interceptor', 'guard', 'filter']);
  });

  it.each<[string, SessionJwtModuleExtras]>([
    ['guard: false', { guard: false }],
    ['global: false', { global: false }],
  ])('are published with `%s` too', async (_title, extras) => {
    const app = await boot(
      {
        imports: [
          SessionJwtModule.forRoot({
            keys: [keyOf('ES256')],
            dataLoader: false,
            jwks: true,
            ...extras,
          }),
        ],
      },
      { adapter },
    );
    expect((await app.send({ path: PATH })).json.keys).toHaveLength(1);
  });

  describe('of a function', () => {
    it('are the present ones, loaded as rarely as for tokens, however often they are read (A-167)', async () => {
      const vault = new Vault<SessionKey[]>([keyOf('ES256')]);
      const app = await open({ keys: vault.provide });
      await Promise.all(Array.from({ length: 100 }, () => read(app)));
      expect(vault.asked).toBe(1);
      const { privateKey } = otherKeyPairs.EdDSA;
      vault.content = [
        keyOf('ES256'),
        { algorithm: 'EdDSA', privateKey, state: 'next' },
      ];
      expect((await read(app)).json.keys).toHaveLength(1);
      app.clock.advance('5m');
      const { keys } = (await read(app)).json as JwkSet;
      expect(keys.map(({ alg }) => alg)).toEqual(['ES256', 'EdDSA']);
      expect(vault.asked).toBe(2);
      vault.content = [{ algorithm: 'EdDSA', privateKey }];
      await app.sessions.reloadKeys();
      expect((await read(app)).json.keys).toMatchObject([{ alg: 'EdDSA' }]);
    });

    it('stay as they were while it fails', async () => {
      const vault = new Vault<SessionKey[]>([keyOf('ES256')]);
      const app = await open({ keys: vault.provide });
      const before = (await read(app)).text;
      vault.instead = () => Promise.reject(new Error('sealed'));
      app.clock.advance('5m');
      const during = await read(app);
      expect([during.status, during.text]).toEqual([200, before]);
    });
  });

  it.each(ALGORITHMS)(
    'let a consumer that knows nothing of this library verify %s tokens (RFC 7517, RFC 7515)',
    async (algorithm) => {
      const app = await open({
        keys: [
          keyOf(algorithm),
          { algorithm: 'ES256', publicKey: otherKeyPairs.ES256.publicKey },
        ],
        session: { issuer: 'https://id.example', audience: 'shop' },
      });
      const set = createRemoteJWKSet(
        new URL(`http://127.0.0.1:${app.port}${PATH}`),
      );
      const { token } = await app.sessions.generate('ada');
      const expected = {
        issuer: 'https://id.example',
        audience: 'shop',
        typ: 'session+jwt',
        algorithms: [algorithm],
        currentDate: new Date(app.clock.nowSeconds() * 1000),
      };
      const { payload, protectedHeader } = await jwtVerify(
        token,
        set,
        expected,
      );
      expect(payload).toMatchObject({
        sub: 'ada',
        data: { id: 'ada', role: 'admin' },
      });
      expect(protectedHeader.kid).toBe(app.sessions.jwks().keys[0]!.kid);
      const forged = `${token.slice(0, -6)}AAAAAA`;
      await expect(jwtVerify(forged, set, expected)).rejects.toThrow(
        'signature verification failed',
      );
    },
  );
});

describe('SessionService.jwks()', () => {
  it.each<[string, Partial<SessionJwtModuleOptions>]>([
    ['a secret', {}],
    ['encryption', { encrypt: true }],
    ['a shared secret with verifyOnly', { verifyOnly: true }],
  ])('is empty with %s', async (_title, session) => {
    const app = await openTestApp('express', { session });
    expect(app.sessions.jwks()).toEqual({ keys: [] });
  });
});

describe('`jwks` of the module', () => {
  async function faultsOf(
    options: Partial<SessionJwtModuleOptions>,
    jwks: unknown,
    adapter: AdapterName = 'express',
  ): Promise<readonly string[]> {
    const error = await bootError(
      {
        imports: [
          SessionJwtModule.forRoot({
            ...options,
            dataLoader: false,
            jwks: jwks as boolean,
          }),
        ],
      },
      { adapter },
    );
    expect(error).toBeInstanceOf(SessionConfigError);
    return (error as SessionConfigError).faults;
  }

  it.each<[string, Partial<SessionJwtModuleOptions>]>([
    ['a secret', { secret: SECRET }],
    ['a secret of a function', { secret: () => SECRET }],
    ['encryption', { secret: SECRET, encrypt: true }],
    ['encryption with a key of its own', { encrypt: { key: SECRET } }],
    ['a shared secret and verifyOnly', { secret: SECRET, verifyOnly: true }],
  ])(
    'stops the boot with %s, which has no public half',
    async (_title, options) => {
      for (const jwks of [true, {}, { path: 'keys' }]) {
        expect(await faultsOf(options, jwks)).toEqual([
          expect.stringMatching(/^jwks: expected `keys`/),
        ]);
      }
    },
  );

  it.each<[string, unknown, RegExp]>([
    ['a path with a slash in front', { path: '/keys' }, /^jwks\.path: /],
    ['a path with a slash behind', { path: 'keys/' }, /^jwks\.path: /],
    ['an empty path', { path: '' }, /^jwks\.path: /],
    ['a path with a parameter', { path: ':tenant/keys' }, /^jwks\.path: /],
    ['a path with a wildcard', { path: '*' }, /^jwks\.path: /],
    ['a path that is no text', { path: 7 }, /^jwks\.path: /],
    ['a maxAge of nothing', { maxAge: 0 }, /^jwks\.maxAge: /],
    ['a maxAge of more than a day', { maxAge: '25h' }, /^jwks\.maxAge: /],
    ['a maxAge of half a second', { maxAge: 0.5 }, /^jwks\.maxAge: /],
    ['a maxAge without a unit', { maxAge: '300' }, /^jwks\.maxAge: /],
    ['an option that is none', { maxage: '5m' }, /^jwks\.maxage: /],
    ['a text', 'keys', /^jwks: /],
    ['null', null, /^jwks: /],
  ])(
    'stops the boot with %s, and the other faults are told with it',
    async (_title, jwks, fault) => {
      const options = { keys: [keyOf('ES256')], issuer: '' };
      expect(await faultsOf(options, jwks)).toEqual([
        expect.stringMatching(/^issuer: /),
        expect.stringMatching(fault),
      ]);
    },
  );

  it('stops the boot in the result of a factory, and says where it belongs', async () => {
    const error = await bootError({
      imports: [
        SessionJwtModule.forRootAsync({
          dataLoader: false,
          useFactory: () =>
            ({ keys: [keyOf('ES256')], jwks: true }) as SessionJwtModuleOptions,
        }),
      ],
    });
    expect((error as SessionConfigError).faults).toEqual([
      'jwks: must be known before the factory runs; pass it next to useFactory',
    ]);
  });
});
