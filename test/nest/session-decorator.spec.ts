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
} from '../../lib/index.js';
import { adapters, startTestApp, type TestApp } from '../support/test-app.js';

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
      .get('/read/parts', { Cookie: `__Host-session=${token}` });
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
    it('gives nobody a session, and takes none away (A-148, V-50)', async () => {
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

@Injectable()
class ForeignSessionGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<AnyRequest>();
    request['session'] = { foreign: 'kept' };
    return true;
  }
}
