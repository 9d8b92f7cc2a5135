import { Controller, Get, Post, type Type } from '@nestjs/common';
import {
  Authorize,
  MemorySessionStore,
  OptionalSession,
  Public,
  RequireAuthentication,
  SessionConfigError,
  SessionError,
  SessionJwtModule,
  type SessionJwtModuleExtras,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import {
  createTestSession,
  TestSessionClock,
} from '../../lib/testing/index.js';
import type { TestResponse } from '../support/browser.js';
import {
  boot,
  bootError,
  closeBooted,
  type BootedApp,
} from '../support/nest-app.js';
import { documentOf, operationsIn } from '../support/openapi.js';
import { openTestApp } from '../support/opened-apps.js';
import { adapters, SECRET, type AdapterName } from '../support/test-app.js';

afterEach(closeBooted);

const clock = new TestSessionClock();

function start(
  controllers: Type[],
  extras: SessionJwtModuleExtras & Partial<SessionJwtModuleOptions> = {},
  adapter: AdapterName = 'express',
): Promise<BootedApp> {
  return boot(
    {
      imports: [
        SessionJwtModule.forRoot({
          secret: SECRET,
          dataLoader: false,
          ...extras,
        }),
      ],
      controllers,
    },
    {
      adapter,
      clock,
    },
  );
}

/** The answer to a session whose proof has an age, a class and methods; to a stranger without. */
async function get(
  app: BootedApp,
  path: string,
  proof?: { age?: number; acr?: string; amr?: string[] },
): Promise<TestResponse> {
  const headers: Record<string, string> = {};
  if (proof) {
    const { age = 0, ...rest } = proof;
    const time = new Date((clock.nowSeconds() - age) * 1000);
    const session = await createTestSession(app.app, 'ada', {
      authentication: { time, ...rest },
    });
    headers['Cookie'] = session.cookie;
  }
  return app.send({ path, headers });
}

@RequireAuthentication({ maxAge: '1h', acr: ['gold', 'silver'] })
@Controller('class')
class ClassController {
  @Get('plain') plain() {
    return 'secret';
  }
  @RequireAuthentication({ maxAge: 60, acr: ['silver', 'bronze'] })
  @Get('method')
  method() {
    return 'secret';
  }
  @OptionalSession() @Get('optional') optional() {
    return 'secret';
  }
  @Authorize(({ subject }) => subject === 'bob') @Get('bob') bob() {
    return 'secret';
  }
}

@Controller('method')
class MethodController {
  @RequireAuthentication({ amr: ['otp'] })
  @RequireAuthentication({ maxAge: '10m' })
  @Get('twice')
  twice() {
    return 'secret';
  }
  @Get('any') any() {
    return 'any';
  }
}

class Child extends ClassController {
  @Get('plain') override plain() {
    return 'secret';
  }
}
Controller('child')(Child);

const OLD = { age: 3601, acr: 'silver' };

describe.each(adapters)('@RequireAuthentication() on %s', (adapter) => {
  it.each([
    ['a guard of the application', { guard: true }, 401],
    ['no guard of the application', { guard: false }, 200],
    ['a module that is imported', { guard: false, global: false }, 200],
  ])('holds on classes and methods, with %s', async (_what, extras, any) => {
    const app = await start(
      [ClassController, MethodController, Child],
      extras,
      adapter,
    );
    const statuses = async (
      path: string,
      ...proofs: Parameters<typeof get>[2][]
    ) => {
      const all = [];
      for (const proof of proofs)
        all.push((await get(app, path, proof)).status);
      return all;
    };
    const recent = { age: 60, acr: 'silver' };
    expect(
      await statuses(
        '/class/plain',
        undefined,
        OLD,
        { acr: 'bronze' },
        {},
        recent,
      ),
    ).toEqual([401, 401, 401, 401, 200]);
    expect(
      await statuses(
        '/class/method',
        undefined,
        { age: 61, acr: 'silver' },
        { acr: 'gold' },
        { acr: 'bronze' },
        recent,
      ),
    ).toEqual([401, 401, 401, 401, 200]);
    expect(await statuses('/class/optional', undefined, OLD, recent)).toEqual([
      401, 401, 200,
    ]);
    expect(await statuses('/class/bob', OLD, recent)).toEqual([401, 403]);
    expect(await statuses('/child/plain', undefined, OLD, recent)).toEqual([
      401, 401, 200,
    ]);
    expect(
      await statuses(
        '/method/twice',
        {},
        { age: 601, amr: ['otp'] },
        { age: 600, amr: ['otp'] },
      ),
    ).toEqual([401, 401, 200]);
    expect(await statuses('/method/any', undefined)).toEqual([any]);
  });

  it('challenges once for everything that a handler requires, and clears nothing', async () => {
    const app = await start([ClassController, MethodController], {}, adapter);
    for (const proof of [OLD, { acr: 'bronze' }, { acr: 'gold' }]) {
      const refused = await get(app, '/class/method', proof);
      expect(refused.json).toEqual({
        statusCode: 401,
        message: 'Unauthorized',
        errorCode: 'REAUTHENTICATION_REQUIRED',
        max_age: 60,
        acr_values: 'silver',
      });
      expect(refused.headers['www-authenticate']).toMatch(
        /^Bearer error="insufficient_user_authentication", error_description="[^"]+", max_age="60", acr_values="silver"$/,
      );
      expect(refused.setCookie).toEqual([]);
      expect(refused.headers['cache-control']).toBe('no-store');
    }
    const stranger = await get(app, '/class/method');
    expect(stranger.json.errorCode).toBe('SESSION_REQUIRED');
    expect(stranger.headers).not.toHaveProperty('www-authenticate');
    const methods = await get(app, '/method/twice', {});
    expect(methods.json).toMatchObject({ max_age: 600 });
    expect(methods.json).not.toHaveProperty('acr_values');
  });

  it('passes a challenge on that a handler throws, without what a header cannot quote', async () => {
    @Controller()
    class Payments {
      @Post('pay') pay() {
        throw new SessionError(
          'REAUTHENTICATION_REQUIRED',
          'over the "limit"',
          {
            challenge: {
              maxAge: 30,
              acrValues: ['gold', 'a b', 'x"\r\nSet-Cookie: a=b', 'silver'],
            },
          },
        );
      }
      @Post('other') other() {
        throw new SessionError('REAUTHENTICATION_REQUIRED', 'why', {
          challenge: { maxAge: 1.5, acrValues: ['"'] },
        });
      }
    }
    const app = await start([Payments], {}, adapter);
    const { cookie } = await createTestSession(app.app, 'ada');
    const post = (path: string) =>
      app.send({ method: 'POST', path, headers: { Cookie: cookie }, body: {} });
    const refused = await post('/pay');
    expect(refused.status).toBe(401);
    expect(refused.json).toMatchObject({
      errorCode: 'REAUTHENTICATION_REQUIRED',
      max_age: 30,
      acr_values: 'gold silver',
    });
    expect(refused.headers['www-authenticate']).toContain(
      'max_age="30", acr_values="gold silver"',
    );
    expect(JSON.stringify([refused.headers, refused.text])).not.toContain(
      'limit',
    );
    expect(refused.setCookie).toEqual([]);
    expect((await post('/other')).json).toEqual({
      statusCode: 401,
      message: 'Unauthorized',
      errorCode: 'REAUTHENTICATION_REQUIRED',
    });
  });
});

describe('the boot', () => {
  it('stops for a handler that is public as well, unless the method closes it', async () => {
    @Public()
    @RequireAuthentication({ maxAge: '10m' })
    @Controller()
    class Opened {
      @Get('open') open() {}
      @Public(false) @Get('closed') closed() {}
    }
    const error = await bootError({
      imports: [
        SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false }),
      ],
      controllers: [Opened],
    });
    expect(error).toBeInstanceOf(SessionConfigError);
    expect((error as SessionConfigError).faults).toEqual([
      expect.stringContaining(
        '@RequireAuthentication(): expected a handler that requires a session, got Opened.open, which is @Public()',
      ),
    ]);
  });

  it.each<[string, unknown]>([
    ['options: expected maxAge, acr or amr', {}],
    ['maxAge: expected whole seconds', { maxAge: '900' }],
    ['acr: expected 1 to 16 values', { acr: 'a b' }],
    ['amr: expected an array', { amr: 'otp' }],
  ])('stops with a message: %s', (fault, requirement) => {
    expect(() => RequireAuthentication(requirement as never)).toThrow(
      `@RequireAuthentication(): ${fault}`,
    );
  });
});

describe('the ready-made routes', () => {
  const path = '/session/devices/others';

  it.each(adapters)(
    'end other sessions only after a recent proof, on %s',
    async (adapter) => {
      const app = await openTestApp(adapter, {
        session: { store: new MemorySessionStore() },
        extras: { routes: { reauthenticate: '10m' } },
      });
      const browser = await app.signIn();
      const other = await app.signIn();
      app.clock.advance(601);
      for (const each of [path, '/session/devices/x']) {
        const refused = await browser.send({ method: 'DELETE', path: each });
        expect(refused.status).toBe(401);
        expect(refused.json).toMatchObject({
          errorCode: 'REAUTHENTICATION_REQUIRED',
          max_age: 600,
        });
        expect(refused.setCookie).toEqual([]);
      }
      expect((await browser.get('/session/devices')).json).toHaveLength(2);
      expect((await other.get('/me')).status).toBe(200);
      expect((await browser.post('/session/logout')).status).toBe(204);
      const fresh = await app.signIn();
      const ended = await fresh.send({ method: 'DELETE', path });
      expect(ended.json).toEqual({ ended: 1 });
    },
  );

  it('require none by default', async () => {
    const app = await openTestApp('express', {
      session: { store: new MemorySessionStore() },
      extras: { routes: true },
    });
    const browser = await app.signIn();
    app.clock.advance('7h');
    const ended = await browser.send({ method: 'DELETE', path });
    expect(ended.status).toBe(200);
  });

  it.each([0, -1, '900', 1.5, null, true])(
    'refuse reauthenticate: %p',
    async (reauthenticate) => {
      const error = await bootError({
        imports: [
          SessionJwtModule.forRoot({
            secret: SECRET,
            dataLoader: false,
            routes: { reauthenticate } as never,
          }),
        ],
      });
      expect(String(error)).toContain(
        'routes.reauthenticate: expected whole seconds',
      );
    },
  );
});

describe('OpenAPI documents', () => {
  it('describe the challenge of routes that require it, and only of those', async () => {
    let operations: ReturnType<typeof operationsIn> = {};
    let document: any;
    await openTestApp('express', {
      session: { store: new MemorySessionStore() },
      extras: { routes: { reauthenticate: '10m' } },
      controllers: [ClassController, MethodController],
      configure: (nest) => {
        document = documentOf(nest);
        operations = operationsIn(document);
      },
    });
    const references = Object.fromEntries(
      Object.entries(operations).map(([route, { responses }]) => [
        route,
        responses?.['401']?.$ref?.split('/').at(-1),
      ]),
    );
    expect(references).toMatchObject({
      'GET /class/plain': 'ReauthenticationRequired',
      'GET /class/method': 'ReauthenticationRequired',
      'GET /method/twice': 'ReauthenticationRequired',
      'GET /method/any': 'SessionRequired',
      'GET /session': 'SessionRequired',
      'GET /session/devices': 'SessionRequired',
      'DELETE /session/devices/others': 'ReauthenticationRequired',
      'DELETE /session/devices/{id}': 'ReauthenticationRequired',
    });
    expect(document.components.responses.ReauthenticationRequired).toEqual({
      description:
        'No valid session, or the user must authenticate again (RFC 9470)',
      headers: {
        'WWW-Authenticate': {
          description: 'How to authenticate',
          schema: { type: 'string' },
        },
      },
      content: {
        'application/json': {
          schema: { $ref: '#/components/schemas/SessionError' },
          examples: {
            TOKEN_MISSING: {
              value: {
                statusCode: 401,
                message: 'Unauthorized',
                errorCode: 'SESSION_REQUIRED',
              },
            },
            REAUTHENTICATION_REQUIRED: {
              value: {
                statusCode: 401,
                message: 'Unauthorized',
                errorCode: 'REAUTHENTICATION_REQUIRED',
                max_age: 600,
              },
            },
          },
        },
      },
    });
    const { responses } = operations['GET /class/plain']!;
    expect(Object.keys(responses ?? {})).not.toContain('403');
  });
});
