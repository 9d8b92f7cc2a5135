import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Injectable,
  Post,
  Query,
  Req,
  Res,
  Session as NestSession,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { Observable } from 'rxjs';
import ts from 'typescript';
import {
  ActiveSession,
  OptionalSession,
  Public,
  Session,
  SessionService,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { CapturedLogs } from '../support/captured-logs.js';
import {
  bothAdapters as adapters,
  startTestApp,
  type TestApp,
} from '../support/test-app.js';

type AnyRequest = Record<string | symbol, any>;
type Next = () => void;

/** What code that is wrong or hostile might put where the session is expected. */
const FAKE = { id: 'fake', subject: 'root', data: { role: 'owner' } };

function overwrite(request: AnyRequest): void {
  const names = [
    'session',
    'user',
    'exchange',
    'nestjs-session-jwt:exchange',
    Symbol.for('nestjs-session-jwt:exchange'),
    Symbol('nestjs-session-jwt:exchange'),
  ];
  for (const name of names) {
    request[name] = FAKE;
  }
}

@Injectable()
class OverwritingGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    overwrite(context.switchToHttp().getRequest<AnyRequest>());
    return true;
  }
}

@Injectable()
class OverwritingInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    overwrite(context.switchToHttp().getRequest<AnyRequest>());
    return next.handle();
  }
}

/** Tells what a handler was given. */
function seen(session: ActiveSession | undefined): object {
  return {
    isSession: session instanceof ActiveSession,
    subject: session?.subject ?? null,
  };
}

@Controller('read')
class ReadingController {
  handled = 0;

  constructor(private readonly sessions: SessionService) {}

  @Get('closed')
  closed(@Session() session: ActiveSession) {
    this.handled += 1;
    return seen(session);
  }

  @Public()
  @Get('public')
  open(
    @Session() session: ActiveSession | undefined,
    @Session('data') data: unknown,
  ) {
    return { ...seen(session), data: data === undefined ? 'none' : data };
  }

  @OptionalSession()
  @Get('optional')
  optional(
    @Session() session: ActiveSession | undefined,
    @Session('subject') subject: string | undefined,
  ) {
    return { ...seen(session), named: subject ?? null };
  }

  @Get('parts')
  parts(
    @Session('id') id: string,
    @Session('subject') subject: string,
    @Session('params') params: unknown,
    @Session('data') data: unknown,
    @Session('attributes') attributes: unknown,
    @Session('issuedAt') issuedAt: Date,
    @Session('authenticatedAt') authenticatedAt: Date,
    @Session('loadedAt') loadedAt: Date,
    @Session('expiresAt') expiresAt: Date,
  ) {
    return {
      id,
      subject,
      params,
      data,
      attributes,
      issuedAt,
      authenticatedAt,
      loadedAt,
      expiresAt,
    };
  }

  @Post('posted')
  @HttpCode(200)
  posted(
    @Session() session: ActiveSession,
    @Body('session') inBody: unknown,
    @Query('session') inQuery: unknown,
  ) {
    this.handled += 1;
    return { ...seen(session), inBody, inQuery };
  }

  @UseGuards(OverwritingGuard)
  @UseInterceptors(OverwritingInterceptor)
  @Get('overwritten')
  overwritten(@Session() session: ActiveSession) {
    return seen(session);
  }

  @Public()
  @UseGuards(OverwritingGuard)
  @Get('overwritten-public')
  overwrittenPublic(@Session() session: ActiveSession | undefined) {
    return seen(session);
  }

  @OptionalSession()
  @Get('property')
  property(@Req() request: AnyRequest, @NestSession() session: ActiveSession) {
    return {
      ofNest: seen(session),
      session: seen(request['session']),
      auth: seen(request['auth']),
      foreign: request['session']?.foreign ?? null,
    };
  }

  @Public()
  @Post('after-generate')
  @HttpCode(200)
  async afterGenerate(
    @Req() request: AnyRequest,
    @Res({ passthrough: true }) response: object,
  ) {
    await this.sessions.generate('bob', { response });
    return seen(request['session']);
  }

  @Post('after-revoke')
  @HttpCode(200)
  async afterRevoke(
    @Session() session: ActiveSession,
    @Req() request: AnyRequest,
  ) {
    await this.sessions.revoke(session);
    return seen(request['session']);
  }
}

describe.each(adapters)('@Session() on %s', (adapter) => {
  let app: TestApp;
  const ada = { isSession: true, subject: 'ada' };
  const nobody = { isSession: false, subject: null };

  beforeAll(async () => {
    app = await startTestApp(adapter, { controllers: [ReadingController] });
  });
  afterAll(() => app.close());

  it('is a session on a protected route, or the request was refused (A-145, V-41)', async () => {
    const controller = app.app.get(ReadingController);
    const refused = await app.browser().get('/read/closed');
    expect(refused.status).toBe(401);
    expect(controller.handled).toBe(0);

    const browser = await app.signIn();
    expect((await browser.get('/read/closed')).json).toEqual(ada);
    expect(controller.handled).toBe(1);
  });

  it('is undefined on a public route, with a good session too (A-145)', async () => {
    const browser = await app.signIn();
    const expected = { ...nobody, data: 'none' };
    expect((await browser.get('/read/public')).json).toEqual(expected);
    expect((await app.browser().get('/read/public')).json).toEqual(expected);
  });

  it('is the session of an optional route, or undefined', async () => {
    const browser = await app.signIn();
    expect((await browser.get('/read/optional')).json).toEqual({
      ...ada,
      named: 'ada',
    });
    expect((await app.browser().get('/read/optional')).json).toEqual({
      ...nobody,
      named: null,
    });
  });

  it('injects each property by its name', async () => {
    const { session, token } = await app.sessions.generate('ada', {
      attributes: { theme: 'dark' },
    });
    const response = await app
      .browser()
      .get('/read/parts', { Cookie: `__Host-Http-session=${token}` });
    expect(response.json).toEqual({
      id: session.id,
      subject: 'ada',
      params: 'ada',
      data: { id: 'ada', role: 'admin' },
      attributes: { theme: 'dark' },
      issuedAt: session.issuedAt.toISOString(),
      authenticatedAt: session.authenticatedAt.toISOString(),
      loadedAt: session.loadedAt.toISOString(),
      expiresAt: session.expiresAt.toISOString(),
    });
  });

  it.each<[string, string, object]>([
    ['the body', '/read/posted', { session: FAKE }],
    ['the query', '/read/posted?session=root', {}],
    [
      'a nested query',
      '/read/posted?session[subject]=root&session[id]=fake',
      {},
    ],
    [
      'the body under every name that the library might use',
      '/read/posted',
      {
        session: FAKE,
        raw: { headers: {}, session: FAKE },
        user: FAKE,
        'nestjs-session-jwt:exchange': { session: FAKE },
      },
    ],
  ])(
    'is not what a client puts into %s (A-148)',
    async (_place, path, body) => {
      const { handled } = app.app.get(ReadingController);
      const refused = await app.browser().post(path, body);
      expect(refused.status).toBe(401);
      expect(app.app.get(ReadingController).handled).toBe(handled);

      const browser = await app.signIn();
      const response = await browser.post(path, body);
      expect(response.status).toBe(200);
      expect(response.json).toMatchObject(ada);
    },
  );

  it('is not what a guard or an interceptor wrote to the request (A-148)', async () => {
    const browser = await app.signIn();
    expect((await browser.get('/read/overwritten')).json).toEqual(ada);
    const open = await browser.get('/read/overwritten-public');
    expect(open.json).toEqual(nobody);
    expect((await app.browser().get('/read/overwritten')).status).toBe(401);
  });
});

describe('ActiveSession as the type of a decorated parameter', () => {
  it('is a class at run time, where Nest and pipes look for it', () => {
    const types: unknown = Reflect.getMetadata(
      'design:paramtypes',
      ReadingController.prototype,
      'closed',
    );
    expect(types).toEqual([ActiveSession]);
  });

  it('is kept by the compiler under `isolatedModules` and `verbatimModuleSyntax`', () => {
    const source = `
      import { Controller, Get } from '@nestjs/common';
      import { ActiveSession, Session } from 'nestjs-session-jwt';
      @Controller()
      export class A {
        @Get() me(@Session() session: ActiveSession) { return session; }
      }`;
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2022,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
        isolatedModules: true,
        verbatimModuleSyntax: true,
      },
    });
    expect(outputText).toContain(
      "import { ActiveSession, Session } from 'nestjs-session-jwt'",
    );
    expect(outputText).toMatch(/"design:paramtypes", \[[^\]]*ActiveSession/);
  });
});

describe.each(adapters)(
  'a middleware on %s that writes to the request',
  (adapter) => {
    it('creates no session, and takes none away (A-148, V-50)', async () => {
      const app = await startTestApp(adapter, {
        controllers: [ReadingController],
        session: { requestProperty: false },
        configure: (nest) =>
          nest.use((request: AnyRequest, _response: unknown, next: Next) => {
            overwrite(request);
            next();
          }),
      });
      try {
        const anonymous = await app.browser().get('/read/closed');
        expect(anonymous.status).toBe(401);
        const optional = await app.browser().get('/read/optional');
        expect(optional.json.isSession).toBe(false);
        const browser = await app.signIn();
        const closed = await browser.get('/read/closed');
        expect(closed.json).toEqual({ isSession: true, subject: 'ada' });
      } finally {
        await app.close();
      }
    });
  },
);

describe.each(adapters)('requestProperty on %s', (adapter) => {
  const ada = { isSession: true, subject: 'ada' };
  const nobody = { isSession: false, subject: null };

  it.each<[unknown, object]>([
    ['session', { ofNest: ada, session: ada, auth: nobody }],
    ['auth', { ofNest: nobody, session: nobody, auth: ada }],
    [false, { ofNest: nobody, session: nobody, auth: nobody }],
    [undefined, { ofNest: ada, session: ada, auth: nobody }],
  ])(
    '%p: there, and there only, the session is found; Nest’s own @Session() reads `session`',
    async (requestProperty, expected) => {
      const app = await startTestApp(adapter, {
        controllers: [ReadingController],
        session: { requestProperty } as object,
      });
      try {
        const browser = await app.signIn();
        expect((await browser.get('/read/property')).json).toMatchObject(
          expected,
        );
        expect((await app.browser().get('/read/property')).json).toMatchObject({
          ofNest: nobody,
          session: nobody,
          auth: nobody,
        });
      } finally {
        await app.close();
      }
    },
  );

  it('false leaves the `session` of another library alone', async () => {
    const app = await startTestApp(adapter, {
      controllers: [ReadingController],
      session: { requestProperty: false },
      configure: (nest) => nest.useGlobalGuards(new ForeignSessionGuard()),
    });
    try {
      const browser = await app.signIn();
      const response = await browser.get('/read/property');
      expect(response.json.foreign).toBe('kept');
      expect((await browser.get('/read/closed')).json).toEqual(ada);
    } finally {
      await app.close();
    }
  });

  it('is filled by a sign-in and emptied by a sign-out, within the request', async () => {
    const app = await startTestApp(adapter, {
      controllers: [ReadingController],
    });
    try {
      const browser = await app.signIn();
      const after = await browser.post('/read/after-revoke');
      expect(after.json).toEqual(nobody);
      const begun = await app.browser().post('/read/after-generate');
      expect(begun.json).toEqual({ isSession: true, subject: 'bob' });
    } finally {
      await app.close();
    }
  });

  it('is filled for handlers when a middleware has authenticated before the guard', async () => {
    const app = await startTestApp(adapter, {
      controllers: [ReadingController],
      configure: (nest) => {
        const sessions = nest.get(SessionService);
        nest.use(
          (request: IncomingMessage, response: ServerResponse, next: Next) => {
            void sessions
              .authenticate(request, { response })
              .then(() => next());
          },
        );
      },
    });
    try {
      const browser = await app.signIn();
      expect((await browser.get('/read/closed')).json).toEqual(ada);
      expect((await browser.get('/read/property')).json).toMatchObject({
        ofNest: ada,
        session: ada,
      });
    } finally {
      await app.close();
    }
  });
});

/** What express-session, `@fastify/session` and their like leave at a request, and use when it ends. */
class StoredSession {
  readonly secret = 'content of the other session';
  touched = 0;

  touch(): void {
    this.touched += 1;
  }
}

describe.each(adapters)(
  'a library on %s that holds request.session before us',
  (adapter) => {
    let app: TestApp;
    let logs: CapturedLogs;
    let stored: StoredSession[];

    async function open(
      session: Partial<SessionJwtModuleOptions> = {},
      make: () => StoredSession | null = () => new StoredSession(),
    ): Promise<void> {
      logs = new CapturedLogs();
      stored = [];
      const hold = (request: AnyRequest, response: ServerResponse): void => {
        const made = make();
        request['session'] = made;
        if (!made) return;
        stored.push(made);
        response.once('finish', () => {
          (request['session'] as StoredSession).touch();
        });
      };
      app = await startTestApp(adapter, {
        controllers: [ReadingController],
        session,
        configure: (nest) => {
          nest.useLogger(logs);
          if (adapter === 'express') {
            nest.use((request: AnyRequest, response: any, next: Next) => {
              hold(request, response);
              next();
            });
          } else {
            const fastify = nest.getHttpAdapter().getInstance();
            fastify.decorateRequest('session', null);
            fastify.addHook('onRequest', async (request: any, reply: any) =>
              hold(request, reply.raw),
            );
          }
        },
      });
    }

    afterEach(() => app.close());

    /** Each other session is as it was, and was used when its request ended. */
    const areUntouched = (): boolean =>
      stored.every(({ touched }) => touched === 1);

    it('makes a sign-in fail before anything is issued, with an error that names it', async () => {
      await open();
      const response = await app.browser().post('/login', { user: 'ada' });
      expect(response.status).toBe(500);
      expect(response.json).toEqual({
        statusCode: 500,
        message: 'Internal server error',
      });
      expect(response.setCookie).toEqual([]);
      expect(app.events).toEqual([]);
      expect(app.users.loads).toEqual([]);
      expect(areUntouched()).toBe(true);
      const [line, ...others] = logs.matching('', 'error');
      expect(others).toEqual([]);
      expect(line).toContain('REQUEST_PROPERTY_TAKEN');
      expect(line).toContain('request.session');
      expect(line).toContain('class StoredSession');
      expect(line).toContain('requestProperty');
      expect(line).not.toContain('content of the other session');
    });

    it('makes guarded routes fail, with a session that is due too, and neither loads nor overwrites', async () => {
      await open();
      const { token } = await app.sessions.generate('ada');
      app.clock.advance('15m');
      const loads = app.users.loads.length;
      for (const path of ['/me', '/optional']) {
        const response = await app
          .browser()
          .get(path, { Cookie: `__Host-Http-session=${token}` });
        expect(response.status).toBe(500);
        expect(response.setCookie).toEqual([]);
      }
      expect(app.users.loads).toHaveLength(loads);
      expect(areUntouched()).toBe(true);
      expect(app.account.handled).toBe(0);
    });

    it('goes on with public routes and sign-outs, which attach nothing', async () => {
      await open();
      const { token } = await app.sessions.generate('ada');
      const headers = { Cookie: `__Host-Http-session=${token}` };
      expect((await app.browser().get('/public', headers)).status).toBe(200);
      const left = await app.browser().post('/logout', {}, headers);
      expect(left.status).toBe(204);
      expect(left.setCookie).toHaveLength(1);
      expect(areUntouched()).toBe(true);
      expect(app.eventsOf('ended')).toHaveLength(1);
    });

    it.each([['auth'], [false]] as const)(
      'is no hindrance with requestProperty: %p',
      async (requestProperty) => {
        await open({ requestProperty });
        const browser = await app.signIn();
        expect((await browser.get('/me')).json.subject).toBe('ada');
        expect((await browser.post('/reload')).status).toBe(200);
        expect((await browser.post('/sign-out')).status).toBe(204);
        expect(areUntouched()).toBe(true);
        expect(stored).toHaveLength(4);
      },
    );

    it('is no hindrance while it has put nothing there', async () => {
      await open({}, () => null);
      const browser = await app.signIn();
      expect((await browser.get('/me')).json.subject).toBe('ada');
    });
  },
);

@Injectable()
class ForeignSessionGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<AnyRequest>();
    request['session'] = { foreign: 'kept' };
    return true;
  }
}
