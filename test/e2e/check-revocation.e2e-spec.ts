import {
  Controller,
  Get,
  HttpCode,
  Inject,
  Injectable,
  Module,
  Post,
  Req,
  Res,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  ActiveSession,
  CheckRevocation,
  OptionalSession,
  Public,
  Session,
  SessionService,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { SessionClient } from '../support/session-client.js';
import { openStoredNode, openStoredNodes } from '../support/stored-nodes.js';
import { ILLNESSES } from '../support/sick-store.js';
import { openTestApp } from '../support/opened-apps.js';
import {
  adapters,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';

type Options = Partial<SessionJwtModuleOptions>;

const subjectOf = (session: ActiveSession | undefined) => ({
  subject: session?.subject ?? null,
});

@Controller('one')
class OneController {
  handled = 0;

  constructor(private readonly sessions: SessionService) {}

  @CheckRevocation()
  @Get('checked')
  checked(@Session() session: ActiveSession) {
    this.handled += 1;
    return subjectOf(session);
  }

  @Get('unchecked')
  unchecked(@Session() session: ActiveSession) {
    return subjectOf(session);
  }

  @OptionalSession()
  @CheckRevocation()
  @Get('optional')
  optional(@Session() session: ActiveSession | undefined) {
    return subjectOf(session);
  }

  @Public()
  @CheckRevocation()
  @Get('public')
  open() {
    return {};
  }

  /** What an own guard or middleware would do. */
  @Public()
  @Get('by-hand')
  async byHand(
    @Req() request: never,
    @Res({ passthrough: true }) response: object,
  ) {
    const session = await this.sessions.authenticate(request, {
      response,
      checkRevocation: true,
    });
    return subjectOf(session ?? undefined);
  }

  @Get('after-guard')
  async afterGuard(
    @Req() request: never,
    @Res({ passthrough: true }) response: object,
  ) {
    const session = await this.sessions.authenticate(request, {
      response,
      checkRevocation: true,
    });
    return subjectOf(session ?? undefined);
  }

  @CheckRevocation()
  @Post('leave')
  @HttpCode(200)
  async leave(@Session() session: ActiveSession) {
    return { ended: await this.sessions.revoke(session) };
  }
}

@CheckRevocation()
@Controller('all')
class AllController {
  @Get()
  index(@Session() session: ActiveSession) {
    return subjectOf(session);
  }

  @CheckRevocation(false)
  @Get('open')
  open(@Session() session: ActiveSession) {
    return subjectOf(session);
  }
}

/** A guard of the application that wants the session, and leaves it to the session guard to refuse. */
@Injectable()
class AskingGuard implements CanActivate {
  /** Whether the session guard had judged the last request before this one. */
  isSecond = false;

  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<{ headers: object; session?: unknown }>();
    this.isSecond = request.session !== undefined;
    const response = http.getResponse<object>();
    await this.sessions.authenticate(request, { response });
    return true;
  }
}

const askingGuard = [
  AskingGuard,
  { provide: APP_GUARD, useExisting: AskingGuard },
];

@Module({ providers: askingGuard })
class AskingModule {}

describe.each(adapters)('@CheckRevocation() on %s', (adapter) => {
  const controllers = [OneController, AllController];
  const open = (session: Options = {}) =>
    openStoredNode(adapter, session, { controllers });
  const signIn = (app: TestApp, options?: object) =>
    SessionClient.signIn(app, 'cookie', 'ada', options);

  /** A client at a node that does not know yet that its session was ended elsewhere. */
  async function endedElsewhere(
    session: Options = {},
    options: object = {},
  ): Promise<{ app: TestApp; client: SessionClient }> {
    const { a, b } = await openStoredNodes(adapter, session, {
      controllers,
      ...options,
    });
    const client = await signIn(a);
    await a.sessions.revoke({ id: client.id, subject: 'ada' });
    return { app: b, client: client.copy(b) };
  }

  it.each<[string, string]>([
    ['a method', '/one/checked'],
    ['a class', '/all'],
  ])(
    'on %s refuses immediately what was ended elsewhere (A-080)',
    async (_where, path) => {
      const { app, client } = await endedElsewhere();
      expect((await client.copy().get('/one/unchecked')).status).toBe(200);
      const refused = await client.copy().get(path);
      expect(refused.status).toBe(401);
      expect(refused.setCookie).toHaveLength(1);
      expect(refused.setCookie[0]).toMatch(/^__Host-Http-session=; Max-Age=0/);
      expect(app.eventsOf('rejected')).toMatchObject([{ reason: 'unknown' }]);
      expect(app.app.get(OneController).handled).toBe(0);
    },
  );

  it('F-32: asks the store once for each request of such a route, and for no other', async () => {
    const { app, store } = await open();
    const client = await signIn(app);
    store.takeCalls();
    for (const [path, calls] of [
      ['/one/checked', ['read']],
      ['/one/checked', ['read']],
      ['/one/unchecked', []],
      ['/one/optional', ['read']],
      ['/one/public', []],
      ['/one/by-hand', ['read']],
      ['/one/after-guard', ['read']],
      ['/all', ['read']],
      ['/all/open', []],
    ] as const) {
      const { status } = await client.get(path);
      expect({ path, status, calls: store.takeCalls() }).toEqual({
        path,
        status: 200,
        calls,
      });
    }
    await client.post('/one/leave');
    expect(store.takeCalls()).toEqual(['read', 'end']);
  });

  it("asks no second time where the store is asked 'always'", async () => {
    const { app, store } = await open({ revocationCheck: 'always' });
    const client = await signIn(app);
    store.takeCalls();
    for (const path of ['/one/checked', '/one/after-guard', '/one/by-hand']) {
      expect((await client.get(path)).status).toBe(200);
      expect(store.takeCalls()).toEqual(['read']);
    }
  });

  it('@CheckRevocation(false) opens one method of a class that is checked', async () => {
    const { client } = await endedElsewhere();
    expect((await client.copy().get('/all/open')).status).toBe(200);
    expect((await client.copy().get('/all')).status).toBe(401);
  });

  it('a due session is checked and reloaded, and its token arrives', async () => {
    const { app, store } = await open();
    const client = await signIn(app);
    const before = client.token;
    app.clock.advance('15m');
    store.takeCalls();
    expect((await client.get('/one/checked')).status).toBe(200);
    expect(store.takeCalls()).toEqual(['read', 'update']);
    expect(client.token === before).toBe(false);
    expect(app.users.loads).toHaveLength(2);
  });

  describe.each<[string, boolean, TestAppOptions]>([
    ['of the root module', false, { providers: askingGuard as never }],
    ['of an imported module', true, { imports: [AskingModule] }],
  ])(
    'with a guard %s that asks for the session too',
    (_where, isSecond, own) => {
      const openWithGuard = (session: Options = {}) =>
        openStoredNode(adapter, session, { controllers, ...own });

      it('knows which of the two guards is the first', async () => {
        const { app } = await openWithGuard();
        const client = await signIn(app);
        await client.get('/one/checked');
        const guard = app.app.get(AskingGuard, { strict: false });
        expect(guard.isSecond).toBe(isSecond);
      });

      it('S-122: the store has checked the verdict before the handler runs', async () => {
        const { app, client } = await endedElsewhere({}, own);
        expect((await client.copy().get('/one/unchecked')).status).toBe(200);
        const refused = await client.copy().get('/one/checked');
        expect(refused.status).toBe(401);
        expect(refused.setCookie[0]).toMatch(
          /^__Host-Http-session=; Max-Age=0/,
        );
        expect(app.app.get(OneController).handled).toBe(0);
      });

      it('A-149: one reload and one question', async () => {
        const { app, store } = await openWithGuard();
        const client = await signIn(app);
        store.takeCalls();
        await client.get('/one/checked');
        expect(store.takeCalls()).toEqual(['read']);
        await client.get('/one/unchecked');
        expect(store.takeCalls()).toEqual([]);
        app.clock.advance('15m');
        const { token } = client;
        expect((await client.get('/one/checked')).status).toBe(200);
        expect(store.takeCalls().toSorted()).toEqual(['read', 'update']);
        expect(client.token === token).toBe(false);
        expect(app.users.loads).toHaveLength(2);
      });

      it('an optional route sees no session that was ended elsewhere', async () => {
        const { client } = await endedElsewhere({}, own);
        const answer = await client.copy().get('/one/optional');
        expect(answer.status).toBe(200);
        expect(answer.json).toEqual({ subject: null });
      });

      it('an optional route sees no session that the store cannot vouch for', async () => {
        const { app, store } = await openWithGuard();
        const client = await signIn(app);
        store.fall('rejects');
        const answer = await client.get('/one/optional');
        // The guard that asks for itself does not know that the route is optional.
        expect(answer.status).toBe(isSecond ? 503 : 200);
        expect(answer.json.subject ?? null).toBeNull();
        expect(answer.setCookie).toEqual([]);
      });
    },
  );

  describe('authenticate({ checkRevocation: true })', () => {
    it('finds no session that was ended elsewhere', async () => {
      const { client } = await endedElsewhere();
      const answer = await client.copy().get('/one/by-hand');
      expect(answer.json).toEqual({ subject: null });
      expect(answer.setCookie).toHaveLength(1);
    });

    it('asks although the guard has let the request in', async () => {
      const { client } = await endedElsewhere();
      const answer = await client.copy().get('/one/after-guard');
      expect(answer.json).toEqual({ subject: null });
    });

    it('asks without a response too, and false asks no less than is configured', async () => {
      const { a, b, store } = await openStoredNodes(adapter);
      const { token, id } = await signIn(a);
      const request = { headers: { cookie: `__Host-Http-session=${token}` } };
      await a.sessions.revoke({ id, subject: 'ada' });
      store.takeCalls();
      const { sessions } = b;
      const ask = (checkRevocation = false) =>
        sessions.authenticate(request, { checkRevocation });
      expect((await ask())?.id === id).toBe(true);
      expect((await ask(false))?.id === id).toBe(true);
      expect(store.takeCalls()).toEqual([]);
      expect(await ask(true)).toBeNull();
      expect(store.takeCalls()).toEqual(['read']);
    });

    it("false does not undo 'always'", async () => {
      const { a, b } = await openStoredNodes(adapter, {
        revocationCheck: 'always',
      });
      const { token, id } = await signIn(a);
      const request = { headers: { cookie: `__Host-Http-session=${token}` } };
      await a.sessions.revoke({ id, subject: 'ada' });
      const options = { checkRevocation: false };
      expect(await b.sessions.authenticate(request, options)).toBeNull();
    });
  });

  it('on an optional route, a session that was ended elsewhere is none', async () => {
    const { client } = await endedElsewhere();
    const answer = await client.copy().get('/one/optional');
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({ subject: null });
  });

  describe('without a store', () => {
    const openWithout = () => openTestApp(adapter, { controllers });

    it.each(['/one/checked', '/all', '/one/by-hand', '/one/optional'])(
      'is a fault of the application: %s answers 500 and keeps the cookie',
      async (path) => {
        const app = await openWithout();
        const client = await signIn(app);
        const answer = await client.get(path);
        expect(answer.status).toBe(500);
        expect(answer.json).toEqual({
          statusCode: 500,
          message: 'Internal server error',
        });
        expect(answer.setCookie).toEqual([]);
        expect((await client.get('/one/unchecked')).status).toBe(200);
      },
    );

    it('is one too where a refresh token brings the session: nothing is renewed unchecked', async () => {
      const app = await openTestApp(adapter, {
        controllers,
        session: { refreshToken: {} },
      });
      const browser = await app.signIn();
      app.clock.advance('16m');
      const answer = await browser.get('/one/checked');
      expect([answer.status, answer.setCookie]).toEqual([500, []]);
      expect((await browser.get('/one/unchecked')).status).toBe(200);
    });

    it('throws STORE_REQUIRED', async () => {
      const app = await openWithout();
      const { token } = await signIn(app);
      await expect(
        app.sessions.authenticate(
          { headers: { cookie: `__Host-Http-session=${token}` } },
          { checkRevocation: true },
        ),
      ).rejects.toMatchObject({ code: 'STORE_REQUIRED' });
    });

    it('does not matter to a request without a session', async () => {
      const app = await openWithout();
      expect((await app.browser().get('/one/checked')).status).toBe(401);
      expect((await app.browser().get('/one/public')).status).toBe(200);
    });
  });

  describe.each(ILLNESSES)('S-120: with a store that %s', (illness) => {
    it('answers 503 and keeps the cookie, while other routes answer', async () => {
      const { app, store } = await open({ storeTimeout: 0.02 });
      const client = await signIn(app);
      store.fall(illness);
      for (const path of ['/one/checked', '/all', '/one/by-hand']) {
        const answer = await client.get(path);
        expect(answer.status).toBe(503);
        expect(answer.headers['retry-after']).toMatch(/^[1-5]$/);
        expect(answer.json.errorCode).toBe('SESSION_UNAVAILABLE');
        expect(answer.setCookie).toEqual([]);
      }
      expect(app.app.get(OneController).handled).toBe(0);
      for (const path of ['/one/unchecked', '/all/open', '/one/public']) {
        expect((await client.get(path)).status).toBe(200);
      }
      const optional = await client.get('/one/optional');
      expect(optional.status).toBe(200);
      expect(optional.json).toEqual({ subject: null });
      expect(app.eventsOf('storeFailed')).toHaveLength(4);
      expect(app.eventsOf('rejected')).toEqual([]);
      store.recover();
      expect((await client.get('/one/checked')).status).toBe(200);
    });
  });
});
