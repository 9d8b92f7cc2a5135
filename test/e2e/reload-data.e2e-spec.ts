import {
  Controller,
  Get,
  Post,
  Req,
  Res,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import {
  ActiveSession,
  Session,
  SessionDataLoader,
  SessionEndedError,
  SessionGuard,
  SessionService,
  type SessionContext,
} from '../../lib/index.js';
import { claimsIn, DAY } from '../support/session-claims.js';
import { platforms } from '../support/effort.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const adapters = platforms('fastify');

interface Plain {
  id: string;
  role: string;
}

/** What the loader below was asked to expand, and how it answers. */
class Expansions {
  readonly seen: { data: Plain; context: SessionContext }[] = [];
  expand: (data: Plain) => unknown = (data) => ({ ...data, rights: ['read'] });

  get loader() {
    // oxlint-disable-next-line typescript/no-this-alias -- the class below has a `this` of its own
    const expansions = this;
    return class extends SessionDataLoader<string, Plain> {
      role = 'admin';

      load(id: string): Plain {
        return { id, role: this.role };
      }

      override expand(data: Plain, context: SessionContext) {
        expansions.seen.push({ data, context });
        return expansions.expand(data);
      }
    };
  }
}

/** Asks for the session in every way there is, within one request. */
@Controller('asks')
class AskingController {
  constructor(private readonly sessions: SessionService) {}

  @Get('often')
  @UseGuards(SessionGuard)
  async often(@Session() session: ActiveSession, @Req() request: any) {
    const again = await this.sessions.authenticate(request);
    return {
      same: again === session && request.session === session,
      data: session.data,
    };
  }

  @Post('update')
  async update(@Session() session: ActiveSession) {
    const issued = await this.sessions.update(session, { theme: 'dark' });
    return { plain: issued.data, expanded: issued.session.data };
  }

  @Post('reload')
  async reload(@Session() session: ActiveSession) {
    const issued = await this.sessions.reload(session);
    return { plain: issued.data, expanded: issued.session.data };
  }

  @Post('switch')
  async switch(
    @Session('data') before: unknown,
    @Res({ passthrough: true }) response: object,
  ) {
    const { session } = await this.sessions.generate('bob', { response });
    return { before, after: session.data };
  }

  @Get('mutate')
  mutate(@Session('data') data: any) {
    data.rights.push('write');
    return data;
  }
}

describe.each(adapters)('a loader with expand, on %s', (adapter) => {
  let app: TestApp;
  let expansions: Expansions;

  beforeEach(async () => {
    expansions = new Expansions();
    app = await startTestApp(adapter, {
      extras: { dataLoader: expansions.loader },
      controllers: [AskingController],
    });
  });
  afterEach(() => app.close());

  async function signIn() {
    const browser = await app.signIn('ada', { attributes: { theme: 'light' } });
    expansions.seen.length = 0;
    return browser;
  }

  it.each<[string, Expansions['expand']]>([
    ['at once', (data) => ({ ...data, rights: ['read'] })],
    ['by a promise', async (data) => ({ ...data, rights: ['read'] })],
  ])(
    'enriches the data for handlers %s, and never what the token holds',
    async (_how, expand) => {
      expansions.expand = expand;
      const browser = await signIn();
      const me = await browser.get('/me');
      expect(me.json.data).toEqual({
        id: 'ada',
        role: 'admin',
        rights: ['read'],
      });
      app.clock.advance('15m');
      expect((await browser.get('/me')).json.data.rights).toEqual(['read']);
      expect(claimsIn(await browser.cookie()).data).toEqual({
        id: 'ada',
        role: 'admin',
      });
      expect(expansions.seen).toHaveLength(2);
    },
  );

  it('is told of the session, and given frozen data', async () => {
    const browser = await signIn();
    await browser.get('/me');
    const { data, context } = expansions.seen[0]!;
    expect(data).toEqual({ id: 'ada', role: 'admin' });
    expect(Object.isFrozen(data)).toBe(true);
    expect(context).toMatchObject({
      sessionId: claimsIn(await browser.cookie()).sid,
      subject: 'ada',
      attributes: { theme: 'light' },
      issuedAt: new Date(app.clock.nowSeconds() * 1000),
    });
    expect(context.issuedBefore(new Date(0))).toBe(false);
  });

  it('is asked once per request, however often the session is asked for', async () => {
    const browser = await signIn();
    const often = await browser.get('/asks/often');
    expect(often.json).toEqual({
      same: true,
      data: { id: 'ada', role: 'admin', rights: ['read'] },
    });
    expect(expansions.seen).toHaveLength(1);
  });

  it('is not asked again by an update, and by a reload for the new data', async () => {
    const browser = await signIn();
    const update = await browser.post('/asks/update');
    const [plain, expanded] = [
      { id: 'ada', role: 'admin' },
      { id: 'ada', role: 'admin', rights: ['read'] },
    ];
    expect(update.json).toEqual({ plain, expanded });
    expect(expansions.seen).toHaveLength(1);

    app.app.get<any>(SessionDataLoader, { strict: false }).role = 'owner';
    const reload = await browser.post('/asks/reload');
    expect(reload.json).toEqual({
      plain: { ...plain, role: 'owner' },
      expanded: { ...expanded, role: 'owner' },
    });
    expect(expansions.seen).toHaveLength(3);
  });

  it('is asked anew for another session that begins in the same request', async () => {
    app.app.get<any>(SessionDataLoader, { strict: false }).load = () => true;
    expansions.expand = () => ({ of: expansions.seen.at(-1)?.context.subject });
    const browser = await signIn();
    const response = await browser.post('/asks/switch');
    expect(response.json).toEqual({
      before: { of: 'ada' },
      after: { of: 'bob' },
    });
  });

  it('is not asked on public routes, nor for requests without a session', async () => {
    const browser = await signIn();
    await browser.get('/public');
    await app.browser().get('/me');
    expect(expansions.seen).toEqual([]);
  });

  it('A-146: what it made for one request is not seen by the next', async () => {
    const browser = await signIn();
    for (let i = 0; i < 3; i += 1) {
      const response = await browser.get('/asks/mutate');
      expect(response.json.rights).toEqual(['read', 'write']);
    }
  });

  it.each<[string, Expansions['expand']]>([
    [
      'throws',
      () => {
        throw new Error('rights service down');
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('rights service down');
      },
    ],
  ])(
    'fails the request with 500 where it %s, and never the session',
    async (_how, expand) => {
      const browser = await signIn();
      expansions.expand = expand;
      for (const wait of [0, 900]) {
        app.clock.advance(wait);
        const me = await browser.get('/me');
        expect(me.status).toBe(500);
        expect(me.json).toEqual({
          statusCode: 500,
          message: 'Internal server error',
        });
        expect(me.setCookie.filter((line) => /Max-Age=0/.test(line))).toEqual(
          [],
        );
      }
      expect(app.account.handled).toBe(0);
      expect(app.eventsOf('ended')).toEqual([]);
      expect(app.eventsOf('loaderFailed')).toEqual([]);
      expansions.expand = (data) => data;
      expect((await browser.get('/me')).status).toBe(200);
    },
  );

  it.each([
    ['an HttpException 401', new UnauthorizedException()],
    ['a SessionEndedError', new SessionEndedError()],
  ])('does not log out by %s either', async (_what, error) => {
    const browser = await signIn();
    expansions.expand = () => {
      throw error;
    };
    const me = await browser.get('/me');
    expect(me.status).toBeGreaterThanOrEqual(400);
    expect(me.setCookie).toEqual([]);
    expect(app.eventsOf('ended')).toEqual([]);
    expansions.expand = (data) => data;
    expect((await browser.get('/me')).status).toBe(200);
  });
});

describe.each(adapters)('without a loader, on %s', (adapter) => {
  let app: TestApp;

  beforeEach(async () => {
    app = await startTestApp(adapter, { extras: { dataLoader: false } });
  });
  afterEach(() => app.close());

  const USER = { id: 'ada', role: 'admin' };

  async function signIn() {
    const browser = app.browser();
    const response = await browser.post('/login', {
      user: USER,
      subject: 'ada',
    });
    expect(response.json.data).toEqual(USER);
    return browser;
  }

  it('the params are the data, held once in the token', async () => {
    const browser = await signIn();
    expect((await browser.get('/me')).json).toMatchObject({
      subject: 'ada',
      data: USER,
    });
    const claims = claimsIn(await browser.cookie());
    expect(claims.params).toEqual(USER);
    expect('data' in claims).toBe(false);
  });

  it('the token is issued again each interval, and holds the same', async () => {
    const browser = await signIn();
    const before = claimsIn(await browser.cookie());
    app.clock.advance('15m');
    const me = await browser.get('/me');
    expect(me.setCookie).toHaveLength(1);
    expect(me.json.data).toEqual(USER);
    expect((await browser.get('/me')).setCookie).toEqual([]);
    const after = claimsIn(await browser.cookie());
    expect('data' in after).toBe(false);
    expect(after).toMatchObject({
      sid: before.sid,
      oiat: before.oiat,
      params: USER,
      lat: before.lat + 900,
      exp: before.exp + 900,
    });
    expect(app.users.loads).toEqual([]);
  });

  it('an active user stays in until the absolute end, and not longer', async () => {
    const browser = await signIn();
    for (let day = 1; day < 30; day += 1) {
      app.clock.advance('1d');
      expect((await browser.get('/me')).status).toBe(200);
    }
    app.clock.advance(DAY - 1);
    expect((await browser.get('/me')).status).toBe(200);
    app.clock.advance(1);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('an idle user is out at the idle end', async () => {
    const [early, late] = [await signIn(), await signIn()];
    app.clock.advance(7 * DAY - 1);
    expect((await early.get('/me')).status).toBe(200);
    app.clock.advance(1);
    expect((await late.get('/me')).status).toBe(401);
  });

  it('reload and update issue the token again', async () => {
    const browser = await signIn();
    app.clock.advance(60);
    const reloaded = await browser.post('/reload');
    expect(reloaded.json.data).toEqual(USER);
    expect(reloaded.setCookie).toHaveLength(1);
    await browser.post('/attributes', { theme: 'dark' });
    const me = await browser.get('/me');
    expect(me.json).toMatchObject({
      data: USER,
      attributes: { theme: 'dark' },
      loadedAt: new Date(app.clock.nowSeconds() * 1000).toISOString(),
    });
  });

  it('a session ends by sign-out as any other', async () => {
    const browser = await signIn();
    const copy = `__Host-Http-session=${await browser.cookie()}`;
    await browser.post('/sign-out');
    expect((await app.browser().get('/me', { Cookie: copy })).status).toBe(401);
  });
});
