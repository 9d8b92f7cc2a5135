import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  All,
  Catch,
  Controller,
  Get,
  HttpCode,
  Inject,
  Injectable,
  Post,
  Req,
  UseFilters,
  UseGuards,
  UseInterceptors,
  VersioningType,
  type ArgumentsHost,
  type CallHandler,
  type DynamicModule,
  type ExceptionFilter,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
  Module,
} from '@nestjs/common';
import {
  HttpAdapterHost,
  RouterModule,
  type AbstractHttpAdapter,
} from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { catchError, of, type Observable } from 'rxjs';
import {
  ActiveSession,
  OptionalSession,
  Public,
  Session,
  SessionConfigError,
  SessionDataLoader,
  SessionGuard,
  SessionJwtModule,
  SessionService,
} from '../../lib/index.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import {
  send,
  type TestRequest,
  type TestResponse,
} from '../support/browser.js';
import { CapturedLogs } from '../support/captured-logs.js';
import {
  boot,
  bootError,
  closeBooted,
  type BootedApp,
} from '../support/nest-app.js';
import {
  bothAdapters as adapters,
  OTHER_SECRET,
  SECRET,
  startTestApp,
  type AdapterName,
  type TestApp,
} from '../support/test-app.js';
import { probe } from '../support/probe.js';
import { UnhandledErrors } from '../support/unhandled.js';

const unhandled = new UnhandledErrors();
beforeAll(() => unhandled.start());
afterAll(async () => {
  await closeBooted();
  unhandled.stop();
});

const CONTENT = 'the content of the vault';

/** How often each protected handler ran. */
const runs = { count: 0 };

@Controller('vault')
class VaultController {
  @Get('secret')
  secret() {
    return this.#open();
  }

  @Post('secret')
  change() {
    return this.#open();
  }

  @All('any')
  any() {
    return this.#open();
  }

  @Get('items/:id')
  item() {
    return this.#open();
  }

  @Get('files/*')
  file() {
    return this.#open();
  }

  @Public()
  @Get('lobby')
  lobby() {
    return 'lobby';
  }

  #open(): string {
    runs.count += 1;
    return CONTENT;
  }
}

@Module({ controllers: [VaultController] })
class VaultModule {}

interface Layout {
  name: string;
  base: string;
  imports?: DynamicModule[];
  configure?: (app: INestApplication) => void;
}

const LAYOUTS: Layout[] = [
  { name: 'plain', base: '' },
  {
    name: 'a global prefix',
    base: '/api',
    configure: (app) => app.setGlobalPrefix('api'),
  },
  {
    name: 'versions in the URI',
    base: '/v1',
    configure: (app) =>
      app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
  },
  {
    name: 'RouterModule',
    base: '/area',
    imports: [RouterModule.register([{ path: 'area', module: VaultModule }])],
  },
];

/** With some of the forms that it takes for a protected route, so that they prove something. */
const ROUTERS: [string, () => AdapterName | AbstractHttpAdapter, string[]][] = [
  ['Express', () => 'express', ['upper case', 'a slash at the end']],
  ['Fastify', () => 'fastify', ['a letter encoded', 'all encoded']],
  [
    'Fastify with every leniency',
    () =>
      new FastifyAdapter({
        routerOptions: {
          ignoreTrailingSlash: true,
          ignoreDuplicateSlashes: true,
          caseSensitive: false,
          useSemicolonDelimiter: true,
        } as object,
      }) as AbstractHttpAdapter,
    [
      'a letter encoded',
      'two slashes within',
      'two slashes first',
      'a slash at the end',
      'upper case',
      'a matrix parameter',
    ],
  ],
];

const REACHED_EVERYWHERE = [
  'as it is',
  'a query',
  'an absolute URL',
  'a route with a parameter',
  'a parameter of a public name',
  'a wildcard route',
  'HEAD secret',
  'POST secret',
  'DELETE any',
  'POST, X-HTTP-Method-Override: OPTIONS',
];

/** Ways to write the path of a protected route, or of something that looks like it. */
const PATHS: [string, (base: string) => string][] = [
  ['as it is', (base) => `${base}/vault/secret`],
  ['a letter encoded', (base) => `${base}/vault/%73ecret`],
  ['a letter of the controller encoded', (base) => `${base}/v%61ult/secret`],
  ['all encoded', (base) => `${base}/vault/%73%65%63%72%65%74`],
  ['encoded twice', (base) => `${base}/vault/%2573ecret`],
  ['two slashes within', (base) => `${base}/vault//secret`],
  [
    'two slashes first',
    (base) => `/${base || ''}/vault/secret`.replace(/^\/*/, '//'),
  ],
  ['a slash at the end', (base) => `${base}/vault/secret/`],
  ['two slashes at the end', (base) => `${base}/vault/secret//`],
  ['upper case', (base) => `${base}/VAULT/Secret`],
  ['a matrix parameter', (base) => `${base}/vault/secret;x=1`],
  ['a matrix parameter in the middle', (base) => `${base}/vault;x=1/secret`],
  ['a dot segment', (base) => `${base}/vault/./secret`],
  ['a way through a public route', (base) => `${base}/vault/lobby/../secret`],
  ['an encoded way', (base) => `${base}/vault/lobby/%2e%2e/secret`],
  ['a way with a matrix parameter', (base) => `${base}/vault/lobby/..;/secret`],
  ['an encoded slash', (base) => `${base}/vault%2fsecret`],
  ['a backslash', (base) => `${base}/vault\\secret`],
  ['a NUL at the end', (base) => `${base}/vault/secret%00`],
  ['a blank at the end', (base) => `${base}/vault/secret%20`],
  ['a broken escape', (base) => `${base}/vault/secret%`],
  ['invalid UTF-8', (base) => `${base}/vault/secret%ff`],
  ['an extension', (base) => `${base}/vault/secret.json`],
  ['a fragment', (base) => `${base}/vault/secret#public`],
  ['an encoded question mark', (base) => `${base}/vault/secret%3fpublic`],
  ['a query', (base) => `${base}/vault/secret?public=true&session=1`],
  ['a method in the query', (base) => `${base}/vault/secret?_method=OPTIONS`],
  ['an absolute URL', (base) => `http://app.example${base}/vault/secret`],
  ['a route for all methods', (base) => `${base}/vault/any`],
  ['a route with a parameter', (base) => `${base}/vault/items/1`],
  ['a parameter of a public name', (base) => `${base}/vault/items/..%2flobby`],
  ['a wildcard route', (base) => `${base}/vault/files/a/b`],
  ['a wildcard route with a way out', (base) => `${base}/vault/files/../lobby`],
];

const METHODS =
  'GET HEAD OPTIONS POST PUT PATCH DELETE TRACE PROPFIND PURGE SEARCH M-SEARCH LINK'.split(
    ' ',
  );

const OVERRIDES = [
  'X-HTTP-Method-Override',
  'X-HTTP-Method',
  'X-Method-Override',
];

interface Probe {
  what: string;
  method: string;
  path: string;
  headers?: Record<string, string>;
}

/** Every probe of a layout: each path by GET and HEAD, each method, each way to claim another method. */
function probesOf(base: string): Probe[] {
  return [
    ...PATHS.flatMap(([what, path]) =>
      ['GET', 'HEAD'].map((method) => ({ what, method, path: path(base) })),
    ),
    ...METHODS.flatMap((method) =>
      ['secret', 'any'].map((name) => ({
        what: `${method} ${name}`,
        method,
        path: `${base}/vault/${name}`,
      })),
    ),
    ...OVERRIDES.flatMap((header) =>
      ['GET', 'OPTIONS', 'HEAD'].map((method) => ({
        what: `POST, ${header}: ${method}`,
        method: 'POST',
        path: `${base}/vault/secret`,
        headers: { [header]: method },
      })),
    ),
  ];
}

describe.each(ROUTERS)(
  'path and method forms on %s (V-46, A-140)',
  (_router, adapter, forms) => {
    describe.each(LAYOUTS)(
      'with $name',
      ({ base, imports = [], configure }) => {
        let app: BootedApp;

        beforeAll(async () => {
          app = await boot(
            {
              imports: [
                SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false }),
                VaultModule,
                ...imports,
              ],
            },
            { adapter: adapter(), ...(configure && { configure }) },
          );
        });
        afterAll(closeBooted);

        it('reach no protected handler without a session, and many with one', async () => {
          const { token } = await app.get(SessionService).generate('ada');
          const session = { Cookie: `__Host-Http-session=${token}` };
          const reached: string[] = [];
          const wrong: object[] = [];
          for (const { what, ...given } of probesOf(base)) {
            runs.count = 0;
            const refused = await probe(app.port, given);
            if (
              runs.count > 0 ||
              refused.text.includes(CONTENT) ||
              refused.status >= 500
            ) {
              wrong.push({ what, status: refused.status });
            }
            const admitted = await probe(app.port, {
              ...given,
              headers: { ...given.headers, ...session },
            });
            if (runs.count > 0) {
              reached.push(what);
              // What a session opens is closed to those without one, rather than hidden or broken.
              if (refused.status !== 401 || admitted.status >= 400) {
                wrong.push({ what, status: refused.status });
              }
            }
          }
          expect(wrong).toEqual([]);
          expect(reached).toEqual(
            expect.arrayContaining([...REACHED_EVERYWHERE, ...forms]),
          );
        });

        it('an unserved path is a 404, with a session, without, and with a bad one (A-142)', async () => {
          const { token } = await app.get(SessionService).generate('ada');
          for (const value of [token, 'not-a-token', undefined]) {
            for (const path of ['/nowhere', `${base}/vault/nowhere`]) {
              for (const method of ['GET', 'POST', 'DELETE']) {
                const response = await app.send({
                  method,
                  path,
                  headers: value
                    ? { Cookie: `__Host-Http-session=${value}` }
                    : {},
                });
                expect(response.status).toBe(404);
                expect(response.setCookie).toEqual([]);
                expect(response.headers).not.toHaveProperty('www-authenticate');
              }
            }
          }
        });

        it('a public route stays open, a route without metadata is closed (A-142)', async () => {
          const lobby = await app.send({ path: `${base}/vault/lobby` });
          expect(lobby.text).toBe('lobby');
          const secret = await app.send({ path: `${base}/vault/secret` });
          expect(secret.status).toBe(401);
        });
      },
    );
  },
);

/** Routes of every kind of access, by classes that inherit. */
@Public()
@Controller('open')
class OpenController {
  @Get('plain')
  plain() {
    return 'plain';
  }

  @Public(false)
  @Get('closed')
  closed() {
    return CONTENT;
  }
}

@Controller('inherits')
class InheritingController extends OpenController {}

@Public(false)
@Controller('closes')
class ClosingController extends OpenController {}

describe.each(adapters)('@Public() on %s', (adapter) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp(adapter, {
      controllers: [OpenController, InheritingController, ClosingController],
    });
  });
  afterAll(() => app.close());

  it.each([
    ['/open/plain', 200],
    ['/open/closed', 401],
    ['/inherits/plain', 200],
    ['/inherits/closed', 401],
    ['/closes/plain', 401],
    ['/closes/closed', 401],
  ])('%s answers %i without a session (A-141)', async (path, status) => {
    expect((await app.browser().get(path)).status).toBe(status);
  });

  it.each<[string, (good: string) => [string, string][]]>([
    ['a malformed token', () => [['Cookie', '__Host-Http-session=x']]],
    [
      'a token with a bad signature',
      (good) => [['Cookie', `__Host-Http-session=${good.slice(0, -4)}AAAA`]],
    ],
    [
      'two tokens',
      (good) => [
        ['Cookie', `__Host-Http-session=${good}; __Host-Http-session=${good}`],
      ],
    ],
    ['a token', (good) => [['Cookie', `__Host-Http-session=${good}`]]],
  ])(
    'with %s is anonymous: no 401, no loader call, nothing cleared, no event (A-141)',
    async (_what, headers) => {
      const { token } = await app.sessions.generate('ada');
      app.clock.advance('15m');
      app.users.loads = [];
      app.events.length = 0;
      const response = await send(app.port, {
        path: '/public',
        headers: headers(token),
      });
      expect(response.status).toBe(200);
      expect(response.json).toEqual({ subject: null });
      expect(response.setCookie).toEqual([]);
      expect(response.headers).not.toHaveProperty('vary');
      expect(app.users.loads).toEqual([]);
      expect(app.events).toEqual([]);
    },
  );

  it('calls no data source, even one that is down (A-141)', async () => {
    const browser = await app.signIn();
    app.clock.advance('15m');
    app.users.failure = new Error('down');
    try {
      expect((await browser.get('/public')).status).toBe(200);
    } finally {
      app.users.failure = undefined;
    }
  });
});

describe('contexts that are not HTTP (A-143)', () => {
  class Gateway {
    onMessage() {}

    @Public()
    onPublic() {}

    @OptionalSession()
    onOptional() {}
  }

  let app: BootedApp;
  let logs: CapturedLogs;

  beforeEach(async () => {
    logs = new CapturedLogs();
    app = await boot(
      {
        imports: [
          SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false }),
        ],
      },
      { logger: logs },
    );
    logs.lines.length = 0;
  });
  afterEach(closeBooted);

  function contextOf(
    type: string,
    handler: () => void,
    args: unknown[] = [{}, {}, () => undefined],
  ): ExecutionContext {
    const context = new ExecutionContextHost(args, Gateway, handler);
    context.setType(type);
    return context;
  }

  const refusalOf = (context: ExecutionContext): unknown => {
    try {
      const answer = app.get(SessionGuard).canActivate(context);
      return { passed: answer };
    } catch (error) {
      return error;
    }
  };
  const proto = Gateway.prototype;

  /** The status in an error of any kind of context. */
  const statusIn = (error: any): unknown =>
    error.getStatus?.() ?? error.getError?.().status ?? error;

  it.each([
    ['ws', ['SessionConnections.open(client, request)']],
    ['rpc', [`contexts: { 'rpc'`, 'Gateway.onMessage', '@Public()']],
    ['graphql', [`contexts: { 'graphql'`, 'Gateway.onMessage', '@Public()']],
    ['something-new', [`contexts: { 'something-new'`, 'Gateway.onMessage']],
  ])('%p is refused, with one line in the log that says why', (type, words) => {
    for (let i = 0; i < 3; i += 1) {
      const refusal = refusalOf(contextOf(type, proto.onMessage));
      expect(statusIn(refusal)).toBe(401);
    }
    const warnings = logs.matching('', 'warn');
    expect(warnings).toHaveLength(1);
    for (const word of words) expect(warnings[0]).toContain(word);
    expect(logs.matching('', 'error', 'fatal')).toEqual([]);
  });

  it.each([['ws'], ['rpc'], ['graphql'], ['something-new']])(
    '%p is refused even when its arguments look like a request with a good session',
    async (type) => {
      const { token } = await app.get(SessionService).generate('ada');
      const request = { headers: { cookie: `__Host-Http-session=${token}` } };
      const session = { subject: 'ada' };
      const args = [{ ...request, session }, { req: request }, { session }];
      const refusal = refusalOf(contextOf(type, proto.onMessage, args));
      expect(statusIn(refusal)).toBe(401);
    },
  );

  it.each([['ws'], ['rpc'], ['graphql'], ['something-new']])(
    '%p passes where the handler is @Public(), without a word',
    (type) => {
      expect(refusalOf(contextOf(type, proto.onPublic))).toEqual({
        passed: true,
      });
      expect(logs.lines).toEqual([]);
    },
  );
});

/** Counts what happens to the data of a session. */
class CountingLoader extends SessionDataLoader<string, object> {
  static loads = 0;
  static expansions = 0;

  load(user: string): object {
    CountingLoader.loads += 1;
    return { user };
  }

  override async expand(data: object): Promise<object> {
    CountingLoader.expansions += 1;
    await Promise.resolve();
    return { ...data, expanded: true };
  }
}

@UseGuards(SessionGuard, SessionGuard)
@Controller('twice')
class TwiceGuardedController {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @UseGuards(SessionGuard)
  @Get()
  twice(@Session() session: ActiveSession) {
    return session;
  }

  @Get('asks')
  async asks(@Session() session: ActiveSession, @Req() request: object) {
    const again = await this.sessions.authenticate(request as IncomingMessage);
    return { same: again === session };
  }
}

describe.each(adapters)(
  'the guard used globally and locally on %s (A-149)',
  (adapter) => {
    let app: TestApp;
    let verifications = 0;

    async function start(
      configure?: (nest: INestApplication) => void,
    ): Promise<void> {
      app = await startTestApp(adapter, {
        controllers: [TwiceGuardedController],
        extras: { dataLoader: CountingLoader },
        ...(configure && { configure }),
      });
      const { codec } = app.app.get<SessionRuntime>(SESSION_RUNTIME).keys;
      const verify = codec.verify.bind(codec);
      codec.verify = (token) => {
        verifications += 1;
        return verify(token);
      };
    }

    /** A client whose session is due, and whose token this process has not seen. */
    async function dueClient(): Promise<Record<string, string>> {
      const { token } = await app.sessions.generate('ada');
      app.clock.advance('15m');
      verifications = 0;
      CountingLoader.loads = 0;
      CountingLoader.expansions = 0;
      app.events.length = 0;
      return { Cookie: `__Host-Http-session=${token}` };
    }

    afterEach(() => app.close());

    it('verifies once, reloads once, expands once and writes one cookie', async () => {
      await start();
      const headers = await dueClient();
      const response = await app.browser().send({ path: '/twice', headers });
      expect(response.status).toBe(200);
      expect(response.json.data).toEqual({ user: 'ada', expanded: true });
      expect(response.setCookie).toHaveLength(1);
      expect(verifications).toBe(1);
      expect(CountingLoader.loads).toBe(1);
      expect(CountingLoader.expansions).toBe(1);
      expect(app.events.map(({ type }) => type)).toEqual(['reloaded']);
    });

    it('refuses once: one event for one request', async () => {
      await start();
      for (const headers of [{}, { Cookie: '__Host-Http-session=x' }] as Record<
        string,
        string
      >[]) {
        app.events.length = 0;
        const response = await app.browser().send({ path: '/twice', headers });
        expect(response.status).toBe(401);
        expect(app.eventsOf('rejected')).toHaveLength(1);
      }
    });

    it('gives a handler that asks again the session it has', async () => {
      await start();
      const headers = await dueClient();
      const response = await app
        .browser()
        .send({ path: '/twice/asks', headers });
      expect(response.json).toEqual({ same: true });
      expect(verifications).toBe(1);
      expect(CountingLoader.expansions).toBe(1);
    });

    it.each([
      ['with the response', true],
      ['without the response', false],
    ])(
      'and a middleware that asks before, %s: still once',
      async (_how, withResponse) => {
        await start((nest) => {
          const sessions = nest.get(SessionService);
          nest.use(
            (
              request: IncomingMessage,
              response: ServerResponse,
              next: () => void,
            ) => {
              void sessions
                .authenticate(request, withResponse ? { response } : {})
                .then(() => next());
            },
          );
        });
        const headers = await dueClient();
        const response = await app.browser().send({ path: '/twice', headers });
        expect(response.json.data).toEqual({ user: 'ada', expanded: true });
        expect(response.setCookie).toHaveLength(1);
        expect(verifications).toBe(1);
        expect(CountingLoader.loads).toBe(1);
        expect(CountingLoader.expansions).toBe(1);
      },
    );
  },
);

/** Answers everything with 200, refusals included. */
@Catch()
class SwallowingFilter implements ExceptionFilter {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  catch(_error: unknown, host: ArgumentsHost): void {
    const response: unknown = host.switchToHttp().getResponse();
    this.host.httpAdapter.reply(response, { swallowed: true }, 200);
  }
}

@Injectable()
class SwallowingInterceptor implements NestInterceptor {
  intercept(
    _context: ExecutionContext,
    next: CallHandler,
  ): Observable<unknown> {
    return next.handle().pipe(catchError(() => of({ swallowed: true })));
  }
}

@UseFilters(SwallowingFilter)
@UseInterceptors(SwallowingInterceptor)
@Controller('swallowed')
class SwallowedController {
  handled = 0;

  @Get()
  read() {
    this.handled += 1;
    return CONTENT;
  }

  @Post()
  @HttpCode(200)
  write() {
    this.handled += 1;
    return CONTENT;
  }
}

describe.each(adapters)(
  'a filter or an interceptor that swallows refusals on %s (A-150)',
  (adapter) => {
    it('cannot make the handler run', async () => {
      const app = await startTestApp(adapter, {
        controllers: [SwallowedController],
      });
      try {
        const controller = app.app.get(SwallowedController);
        const browser = await app.signIn();
        const foreign = { 'Sec-Fetch-Site': 'cross-site' };
        const answers = [
          await app.browser().get('/swallowed'),
          await app
            .browser()
            .get('/swallowed', { Cookie: '__Host-Http-session=x' }),
          await browser.post('/swallowed', {}, foreign),
        ];
        app.users.failure = new Error('down');
        app.clock.advance('40m');
        answers.push(await browser.get('/swallowed'));
        for (const answer of answers) {
          expect(answer.json).toEqual({ swallowed: true });
        }
        expect(controller.handled).toBe(0);

        app.users.failure = undefined;
        app.clock.advance('1m');
        expect((await browser.get('/swallowed')).text).toBe(CONTENT);
        expect(controller.handled).toBe(1);
      } finally {
        await app.close();
      }
    });
  },
);

describe.each(adapters)(
  'what a client claims about itself on %s',
  (adapter) => {
    let app: TestApp;
    let request: (given: TestRequest) => Promise<TestResponse>;

    beforeAll(async () => {
      app = await startTestApp(adapter, {
        session: { transport: ['cookie', 'header'] },
      });
      request = (given) => send(app.port, given);
    });
    afterAll(() => app.close());

    it.each<[string, string]>([
      ['X-Middleware-Subrequest', 'middleware:middleware:middleware'],
      ['X-Middleware-Prefetch', '1'],
      ['X-Session', 'ada'],
      ['Session', '{"subject":"ada"}'],
      ['X-Session-Checked', 'true'],
      ['X-Session-Id', 'A'.repeat(43)],
      ['X-Nestjs-Session-Jwt', 'authenticated'],
      ['X-Authenticated', '1'],
      ['X-User', 'ada'],
      ['X-User-Id', 'ada'],
      ['X-Remote-User', 'ada'],
      ['X-Forwarded-User', 'ada'],
      ['X-Auth-Request-User', 'ada'],
      ['X-Original-URL', '/public'],
      ['X-Rewrite-URL', '/public'],
      ['X-Forwarded-Prefix', '/public'],
      ['X-Forwarded-For', '127.0.0.1'],
      ['Forwarded', 'for=127.0.0.1;proto=https'],
      ['X-Real-IP', '127.0.0.1'],
      ['Referer', 'https://app.example/public'],
      ['Authorization', 'Basic YWRhOmFkYQ=='],
      ['Authorization', 'Bearer'],
      ['Authorization', 'Bearer '],
      ['Authorization', 'Bearer null'],
      ['Session-Token', 'ada'],
      ['Cookie', 'session=ada; subject=ada; authenticated=true'],
      ['Cookie', '__Host-Http-session='],
      ['Cookie', '__Host-Http-session'],
    ])('%s: %s opens nothing (V-50, S-100)', async (name, value) => {
      const { handled } = app.account;
      const response = await request({ path: '/me', headers: [[name, value]] });
      expect(response.status).toBe(401);
      expect(app.account.handled).toBe(handled);
    });

    it.each([
      '/me?session=1',
      '/me?subject=ada&authenticated=true',
      '/me?access_token=x&token=x',
      '/me?__Host-Http-session=x',
      '/me?_public=1&raw[headers][cookie]=x',
    ])('%s opens nothing (V-50, S-100)', async (path) => {
      const { handled } = app.account;
      expect((await request({ path })).status).toBe(401);
      expect(app.account.handled).toBe(handled);
    });

    it('in a body opens nothing (V-50, S-100)', async () => {
      const { token } = await app.sessions.generate('ada');
      for (const body of [
        { session: { subject: 'ada' }, authenticated: true },
        { token, access_token: token, '__Host-Http-session': token },
        { raw: { headers: { cookie: `__Host-Http-session=${token}` } } },
        { headers: { cookie: `__Host-Http-session=${token}` } },
      ]) {
        const { handled } = app.account;
        const response = await request({
          method: 'POST',
          path: '/change',
          body,
        });
        expect(response.status).toBe(401);
        expect(app.account.handled).toBe(handled);
      }
    });

    it('a verdict of one request counts for no other on the same connection (V-50)', async () => {
      const browser = await app.signIn();
      expect((await browser.get('/me')).status).toBe(200);
      expect((await request({ path: '/me' })).status).toBe(401);
    });
  },
);

describe('a misconfigured application (V-41)', () => {
  it.each<[string, object]>([
    ['no secret', {}],
    ['an unknown option', { secret: SECRET, sessionn: true }],
    ['a secret given twice', { secret: [SECRET, OTHER_SECRET, SECRET] }],
    [
      'a duration without a unit',
      { secret: SECRET, dataRefreshInterval: '900' },
    ],
  ])(
    'does not start with %s, rather than let everybody in',
    async (_what, options) => {
      const error = await bootError({
        imports: [
          SessionJwtModule.forRoot({ dataLoader: false, ...options } as never),
        ],
        controllers: [VaultController],
      });
      expect(error).toBeInstanceOf(SessionConfigError);
    },
  );

  it('never gives an error where a session is expected', async () => {
    const app = await startTestApp('express');
    try {
      const asked = (cookie: string) =>
        app.sessions.authenticate({ headers: { cookie } });
      await expect(asked('__Host-Http-session=x')).resolves.toBeNull();
      await expect(asked('')).resolves.toBeNull();
      const { token } = await app.sessions.generate('ada');
      await expect(
        asked(`__Host-Http-session=${token}`),
      ).resolves.toBeInstanceOf(ActiveSession);
      app.users.failure = new Error('down');
      app.clock.advance('40m');
      await expect(asked(`__Host-Http-session=${token}`)).rejects.toMatchObject(
        {
          code: 'LOADER_UNAVAILABLE',
        },
      );
    } finally {
      await app.close();
    }
  });
});

it('leaves no error unhandled in this whole spec (S-121)', async () => {
  expect(await unhandled.settled()).toEqual([]);
});
