import {
  Controller,
  ForbiddenException,
  Get,
  Injectable,
  NotFoundException,
  Post,
  Scope,
  UseGuards,
  type CanActivate,
  type Type,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { jest } from '@jest/globals';
import {
  ActiveSession,
  Authorize,
  OptionalSession,
  Public,
  Session,
  SessionError,
  SessionGuard,
  SessionJwtModule,
  SessionService,
  type SessionJwtModuleExtras,
} from '../../lib/index.js';
import { authorizeGuardOf } from '../../lib/nest/authorization/authorize.guard.js';
import { ModuleGuard } from '../../lib/nest/authorization/module-guard.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import { createTestSession } from '../../lib/testing/index.js';
import { ORIGIN } from '../support/browser.js';
import { CapturedLogs } from '../support/captured-logs.js';
import {
  boot,
  closeBooted,
  type BootedApp,
  type BootOptions,
} from '../support/nest-app.js';
import { adapters, SECRET } from '../support/test-app.js';

const Roles = (...roles: string[]) =>
  Authorize((session) =>
    roles.some((role) => session.data.roles.includes(role)),
  );

const FORBIDDEN = {
  statusCode: 403,
  message: 'Forbidden',
  errorCode: 'SESSION_FORBIDDEN',
};

/** What the predicates of a test were called for, in order. */
let calls: string[] = [];
beforeEach(() => (calls = []));
afterEach(async () => {
  jest.restoreAllMocks();
  await closeBooted();
});

const Noted = (name: string, result: unknown = true) =>
  Authorize(() => {
    calls.push(name);
    return result as boolean;
  });

const sessions = (extras: SessionJwtModuleExtras = {}) =>
  SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false, ...extras });

async function start(
  controller: Type,
  extras: SessionJwtModuleExtras = {},
  options: BootOptions & { providers?: any[] } = {},
): Promise<BootedApp> {
  return boot(
    {
      imports: [sessions(extras)],
      controllers: [controller],
      providers: options.providers ?? [],
    },
    options,
  );
}

/** The answer to a user with roles; without roles, to a stranger. */
async function get(app: BootedApp, path: string, ...roles: string[]) {
  const headers: Record<string, string> = {};
  if (roles.length > 0) {
    const params = { roles };
    const session = await createTestSession(app.app, params, {
      subject: 'ada',
    });
    headers['Cookie'] = session.cookie;
  }
  return app.send({ path, headers });
}

const statusOf = async (app: BootedApp, path: string, ...roles: string[]) =>
  (await get(app, path, ...roles)).status;

@Controller('roles')
class RolesController {
  @Roles('admin') @Get('admin') admin(@Session() session: ActiveSession) {
    return session.subject;
  }
  @Roles('admin', 'member') @Get('either') either() {
    return 'secret';
  }
  @Roles('admin') @Roles('member') @Get('both') both() {
    return 'secret';
  }
  @Roles() @Get('none') none() {
    return 'secret';
  }
  @OptionalSession() @Roles('admin') @Get('optional') optional() {
    return 'secret';
  }
  @Get('any') any() {
    return 'secret';
  }
}

@Roles('admin')
@Controller('class')
class ClassController {
  @Get('plain') plain() {
    return 'secret';
  }
  @Roles('member') @Get('member') member() {
    return 'secret';
  }
  @OptionalSession() @Get('optional') optional() {
    return 'secret';
  }
}

@Public()
@Roles('admin')
@Controller('closed')
class ClosedController {
  @Public(false) @Get() index() {
    return 'secret';
  }
  /** No handler, so it opens nothing. */
  helper() {
    return 'secret';
  }
}

@Public()
@Controller('public')
class PublicController {
  @Get('open') open() {
    return 'open';
  }
  @Public(false) @Roles('admin') @Get('closed') closed() {
    return 'secret';
  }
  @OptionalSession() @Roles('admin') @Get('optional') optional() {
    return 'secret';
  }
}

const TABLE: [string, number, number, number, number][] = [
  // [route, without a session, as member, as admin, as both]
  ['/roles/admin', 401, 403, 200, 200],
  ['/roles/either', 401, 200, 200, 200],
  ['/roles/both', 401, 403, 403, 200],
  ['/roles/none', 401, 403, 403, 403],
  ['/roles/optional', 401, 403, 200, 200],
  ['/class/plain', 401, 403, 200, 200],
  ['/class/member', 401, 403, 403, 200],
  ['/class/optional', 401, 403, 200, 200],
  ['/closed', 401, 403, 200, 200],
  ['/public/open', 200, 200, 200, 200],
  ['/public/closed', 401, 403, 200, 200],
  ['/public/optional', 401, 403, 200, 200],
];

describe.each(adapters)('@Authorize() on %s', (adapter) => {
  it.each([
    ['a guard of the application', { guard: true }, 401],
    ['no guard of the application', { guard: false }, 200],
    ['a module that is imported', { guard: false, global: false }, 200],
  ])('admits by the session, with %s', async (_what, extras, any) => {
    const app = await boot(
      {
        imports: [sessions(extras)],
        controllers: [
          RolesController,
          ClassController,
          ClosedController,
          PublicController,
        ],
      },
      { adapter },
    );
    for (const [path, ...expected] of TABLE) {
      const statuses = [
        await statusOf(app, path),
        await statusOf(app, path, 'member'),
        await statusOf(app, path, 'admin'),
        await statusOf(app, path, 'admin', 'member'),
      ];
      expect({ path, statuses }).toEqual({ path, statuses: expected });
    }
    expect(await statusOf(app, '/roles/any')).toBe(any);
    expect((await get(app, '/roles/admin', 'admin')).text).toBe('ada');
  });

  it('refuses with 403, keeps the session, and reports no refused session', async () => {
    const app = await start(RolesController, {}, { adapter });
    const events: string[] = [];
    app.get(SessionService).events$.subscribe(({ type }) => events.push(type));
    const { cookie } = await createTestSession(
      app.app,
      { roles: ['member'] },
      { subject: 'ada' },
    );
    const headers = { Cookie: cookie };
    events.length = 0;
    const refused = await app.send({ path: '/roles/admin', headers });
    expect(refused.status).toBe(403);
    expect(refused.json).toEqual(FORBIDDEN);
    expect(refused.setCookie).toEqual([]);
    expect(refused.headers['cache-control']).toBe('no-store');
    expect(refused.headers).not.toHaveProperty('www-authenticate');
    expect(events).toEqual([]);
    const next = await app.send({ path: '/roles/any', headers });
    expect(next.status).toBe(200);
  });

  it('says of a forged request that it is forged, whatever its session may do', async () => {
    @Controller()
    class Posts {
      @Noted('predicate') @Post('change') change() {
        return 'changed';
      }
    }
    const app = await start(Posts, { guard: false }, { adapter });
    const { cookie } = await createTestSession(app.app, 'ada');
    const post = (Origin: string) =>
      app.send({
        method: 'POST',
        path: '/change',
        headers: { Cookie: cookie, Origin },
        body: {},
      });
    const forged = await post('https://evil.example');
    expect(forged.status).toBe(403);
    expect(forged.json.errorCode).toBe('CSRF_REFUSED');
    expect(calls).toEqual([]);
    expect((await post(ORIGIN)).status).toBe(201);
    expect(calls).toEqual(['predicate']);
  });
});

describe('the predicates of @Authorize()', () => {
  it('run once for each request: those of the class first, in the order of guards, until one refuses', async () => {
    @Noted('class 2')
    @Noted('class 1')
    @Controller()
    class Ordered {
      @Noted('method 2') @Noted('method 1') @Get('all') all() {
        return 'secret';
      }
      @Noted('last') @Noted('no', false) @Get('some') some() {
        return 'secret';
      }
    }
    const app = await start(Ordered);
    expect(await statusOf(app, '/all', 'admin')).toBe(200);
    expect(calls).toEqual(['class 1', 'class 2', 'method 1', 'method 2']);
    calls = [];
    expect(await statusOf(app, '/some', 'admin')).toBe(403);
    expect(calls).toEqual(['class 1', 'class 2', 'no']);
  });

  it('run in their place among other guards, after guards of the application', async () => {
    const noting = (name: string): Type<CanActivate> =>
      class implements CanActivate {
        canActivate() {
          calls.push(name);
          return true;
        }
      };
    @Controller()
    class Guarded {
      @UseGuards(noting('after'))
      @Noted('predicate')
      @UseGuards(noting('before'))
      @Get()
      index() {
        return 'secret';
      }
    }
    const app = await start(
      Guarded,
      { guard: false },
      {
        providers: [{ provide: APP_GUARD, useClass: noting('throttler') }],
      },
    );
    expect(await statusOf(app, '/')).toBe(401);
    expect(calls).toEqual(['throttler', 'before']);
    calls = [];
    expect(await statusOf(app, '/', 'admin')).toBe(200);
    expect(calls).toEqual(['throttler', 'before', 'predicate', 'after']);
  });

  it('need one verification of the session, however many guards there are', async () => {
    @Noted('1')
    @UseGuards(SessionGuard)
    @Controller()
    class Guarded {
      @Noted('2') @UseGuards(SessionGuard) @Noted('3') @Get() index() {
        return 'secret';
      }
    }
    const app = await start(Guarded);
    const { authenticator } = app.get<SessionRuntime>(SESSION_RUNTIME);
    const verified = jest.spyOn(authenticator, 'authenticate');
    expect(await statusOf(app, '/', 'admin')).toBe(200);
    expect(calls).toHaveLength(3);
    expect(verified).toHaveBeenCalledTimes(1);
  });

  it('need no promise of their own', async () => {
    const app = await start(RolesController);
    const Guard = authorizeGuardOf((session) => session.subject === 'ada');
    const guard = new Guard(app.get(SESSION_RUNTIME), app.get(ModuleGuard));
    const { session, cookie } = await createTestSession(app.app, 'ada');
    const request = {
      method: 'GET',
      url: '/',
      headers: { cookie },
      rawHeaders: ['cookie', cookie],
    };
    const context = new ExecutionContextHost(
      [request, {}],
      RolesController,
      RolesController.prototype.admin,
    );
    const verdicts = [
      await guard.canActivate(context),
      guard.canActivate(context),
    ];
    expect(verdicts).toEqual([true, true]);
    expect(session.subject).toBe('ada');
  });

  it('are not run without a session, not even where only the decorator’s mark is missing', async () => {
    const app = await start(PublicController);
    const Guard = authorizeGuardOf(() => calls.push('predicate'));
    const guard = new Guard(app.get(SESSION_RUNTIME), app.get(ModuleGuard));
    class Unmarked {
      @OptionalSession() handle() {}
    }
    const context = new ExecutionContextHost(
      [{ method: 'GET', url: '/', headers: {}, rawHeaders: [] }, {}],
      Unmarked,
      Unmarked.prototype.handle,
    );
    const error = await (async () => guard.canActivate(context))().catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ status: 401 });
    expect(calls).toEqual([]);
  });

  it('decide about request-scoped controllers', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      static made = 0;
      constructor() {
        PerRequest.made += 1;
      }
    }
    @Controller()
    class Scoped {
      constructor(readonly per: PerRequest) {}
      @Roles('admin') @Get() index() {
        return 'secret';
      }
    }
    Reflect.defineMetadata('design:paramtypes', [PerRequest], Scoped);
    const app = await start(
      Scoped,
      { guard: false },
      { providers: [PerRequest] },
    );
    expect(await statusOf(app, '/')).toBe(401);
    expect(await statusOf(app, '/', 'member')).toBe(403);
    expect(await statusOf(app, '/', 'admin')).toBe(200);
    expect(PerRequest.made).toBeGreaterThan(0);
  });
});

describe('a predicate that fails', () => {
  const SECRET_TEXT = 'the password of the database';
  const THROWN: [string, unknown][] = [
    ['an error', new TypeError(SECRET_TEXT)],
    ['a text', SECRET_TEXT],
    ['nothing', undefined],
    [
      'a mistake in using this library',
      new SessionError('STORE_REQUIRED', SECRET_TEXT),
    ],
  ];

  const failing: { error: unknown } = { error: undefined };

  @Controller()
  class FailingController {
    @Authorize(() => {
      throw failing.error;
    })
    @Get('throws')
    throws() {
      calls.push('handler');
    }

    @Authorize(() => Promise.reject(failing.error))
    @Get('rejects')
    rejects() {
      calls.push('handler');
    }

    @Noted('unclear', 'admin')
    @Get('unclear')
    unclear() {
      calls.push('handler');
    }
  }

  describe.each(adapters)('on %s', (adapter) => {
    let app: BootedApp;
    let logs: CapturedLogs;
    beforeEach(async () => {
      logs = new CapturedLogs();
      app = await start(FailingController, {}, { adapter, logger: logs });
    });

    it.each(THROWN)(
      'with %s is 500 without a reason, and logged at most once a minute for each handler',
      async (_what, error) => {
        failing.error = error;
        for (const name of ['throws', 'rejects']) {
          for (let i = 0; i < 3; i += 1) {
            const response = await get(app, `/${name}`, 'admin');
            expect(response.status).toBe(500);
            expect(response.json).toEqual({
              statusCode: 500,
              message: 'Internal server error',
            });
            expect(response.setCookie).toEqual([]);
          }
          expect(
            logs.matching(`FailingController.${name} failed`, 'error'),
          ).toHaveLength(1);
        }
        expect(logs.matching('', 'error')).toHaveLength(2);
        expect(calls).toEqual([]);
      },
    );

    it.each([
      [
        404,
        new NotFoundException('no such order'),
        { message: 'no such order' },
      ],
      [403, new ForbiddenException('only owners'), { message: 'only owners' }],
      [
        503,
        new SessionError('STORE_UNAVAILABLE', SECRET_TEXT),
        { errorCode: 'SESSION_UNAVAILABLE' },
      ],
      [
        401,
        new SessionError('SESSION_ENDED', SECRET_TEXT),
        { errorCode: 'SESSION_REQUIRED' },
      ],
    ])(
      'with an answer for clients is answered with %i, and not logged',
      async (status, error, body) => {
        failing.error = error;
        for (const path of ['/throws', '/rejects']) {
          const response = await get(app, path, 'admin');
          expect(response.status).toBe(status);
          expect(response.json).toMatchObject(body);
          expect(response.text).not.toContain(SECRET_TEXT);
          expect('retry-after' in response.headers).toBe(status === 503);
          expect(response.setCookie).toEqual([]);
        }
        expect(logs.matching('', 'error', 'warn')).toEqual([]);
        expect(calls).toEqual([]);
      },
    );

    it('to return a boolean refuses, and is reported once', async () => {
      for (let i = 0; i < 3; i += 1) {
        const response = await get(app, '/unclear', 'admin');
        expect(response.json).toEqual(FORBIDDEN);
      }
      const lines = logs.matching('FailingController.unclear', 'warn');
      expect(lines).toEqual([expect.stringContaining('type string')]);
      expect(calls).toEqual(['unclear', 'unclear', 'unclear']);
    });
  });
});
