import { Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import {
  MemorySessionStore,
  Public,
  RequestFieldTransport,
  SessionService,
  type Transport,
} from '../../lib/index.js';
import { send, type TestResponse } from '../support/browser.js';
import {
  CLEARED,
  CLEARED_PARTITIONED,
  CLEARED_REFRESH,
  CLEARED_REFRESH_PARTITIONED,
  COOKIE,
} from '../support/set-cookie.js';
import {
  bothAdapters as adapters,
  startTestApp,
  type TestApp,
} from '../support/test-app.js';

const PAIR = [CLEARED, CLEARED_REFRESH];

@Public()
@Controller()
class RefreshController {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  /** By a token that the application finds itself. */
  @Post('refresh-given')
  @HttpCode(200)
  given(
    @Req() request: { headers: Record<string, string> },
    @Res({ passthrough: true }) response: object,
  ) {
    const token = request.headers['x-refresh'] ?? '';
    return this.sessions.refresh(token, { response });
  }

  /** The session of the token in a header, which is none that the request carries. */
  @Post('reload-given')
  @HttpCode(200)
  async reload(
    @Req() request: { headers: Record<string, string> },
    @Res({ passthrough: true }) response: object,
  ) {
    const session = await this.sessions.verify(request.headers['x-given']!);
    await this.sessions.revoke({ id: session.id, subject: session.subject });
    return this.sessions.reload(session, { response });
  }
}

/** A second cookie of an application's own. */
const other: Transport = {
  name: 'other',
  read: ({ headers }) => /other=([^;]*)/.exec(String(headers['cookie']))?.[1],
  write: () => [],
  clear: () => [
    { kind: 'cookie', name: 'other', line: 'other=; Max-Age=0; Path=/' },
  ],
};
const OTHER = 'other=; Max-Age=0; Path=/';

describe.each(adapters)(
  'a refusal where several transports carry tokens on %s',
  (adapter) => {
    let app: TestApp;

    beforeAll(async () => {
      app = await startTestApp(adapter, {
        session: {
          transport: [
            'cookie',
            'header',
            new RequestFieldTransport({
              header: 'x-token',
              query: 'token',
              body: 'token',
            }),
            other,
          ],
          refreshToken: {},
          store: new MemorySessionStore(),
        },
        extras: { routes: true },
        controllers: [RefreshController],
      });
    });
    afterAll(() => app.close());

    async function signedIn() {
      const { session, token, refreshToken } =
        await app.sessions.generate('ada');
      return {
        id: session.id,
        token,
        refreshToken: refreshToken!,
        cookie: `${COOKIE}=${token}`,
        refresh: `${COOKIE}-refresh=${refreshToken}`,
      };
    }

    type Given = Awaited<ReturnType<typeof signedIn>>;
    interface Sent {
      method?: string;
      path?: string;
      cookie?: string[];
      headers?: Record<string, string>;
      body?: object;
    }

    function ask({ cookie, headers, ...sent }: Sent): Promise<TestResponse> {
      return send(app.port, {
        path: '/me',
        ...sent,
        headers: {
          ...(cookie && { Cookie: cookie.join('; ') }),
          ...headers,
        },
      });
    }

    const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
    /** What an expired token of a session looks like later. */
    const forged = ({ token }: Given) =>
      `${token.slice(0, token.lastIndexOf('.'))}.${'A'.repeat(43)}`;

    it.each<
      [what: string, sent: (own: Given, of: Given) => Sent, cleared: string[]]
    >([
      [
        'a bad header beside good cookies',
        (own) => ({
          cookie: [own.cookie, own.refresh],
          headers: bearer('undefined'),
        }),
        [],
      ],
      [
        'a forged header',
        (own, of) => ({ cookie: [own.cookie], headers: bearer(forged(of)) }),
        [],
      ],
      [
        'two bearer tokens in the field transport',
        (own) => ({
          path: '/me?token=x&token=y',
          cookie: [own.cookie, own.refresh],
        }),
        [],
      ],
      [
        'a bad token in the address',
        (own) => ({ path: '/me?token=x', cookie: [own.cookie, own.refresh] }),
        [],
      ],
      [
        'a bad token in the body',
        (own) => ({
          method: 'POST',
          path: '/change',
          cookie: [own.cookie],
          body: { token: 'x' },
        }),
        [],
      ],
      [
        'another session in a header',
        (own, of) => ({ cookie: [own.cookie], headers: bearer(of.token) }),
        [],
      ],
      [
        'another session in the address',
        (own, of) => ({ path: `/me?token=${of.token}`, cookie: [own.cookie] }),
        [],
      ],
      [
        'another session in a second cookie',
        (own, of) => ({ cookie: [own.cookie, `other=${of.token}`] }),
        [...PAIR, OTHER],
      ],
      [
        'a bad second cookie',
        (own) => ({ cookie: [own.cookie, 'other=x'] }),
        [OTHER],
      ],
      [
        'a bad cookie beside a good header',
        (own) => ({ cookie: [`${COOKIE}=x`], headers: bearer(own.token) }),
        PAIR,
      ],
      [
        'two cookies beside a good header',
        (own) => ({
          cookie: [own.cookie, own.cookie],
          headers: bearer(own.token),
        }),
        [...PAIR, CLEARED_PARTITIONED, CLEARED_REFRESH_PARTITIONED],
      ],
    ])('costs only what carried the bad token: %s', async (_w, sent, lines) => {
      const own = await signedIn();
      const response = await ask(sent(own, await signedIn()));
      expect(response.status).toBe(401);
      expect(response.setCookie).toEqual(lines);
      expect((await ask({ cookie: [own.cookie] })).status).toBe(200);
    });

    it.each<[what: string, sent: (own: Given, of: Given) => Sent, string[]]>([
      ['by a header alone', (own) => ({ headers: bearer(own.token) }), []],
      [
        'by a header, beside the refresh cookie of another session',
        (own, of) => ({ cookie: [of.refresh], headers: bearer(own.token) }),
        [],
      ],
      [
        'by a header and the cookie',
        (own) => ({ cookie: [own.cookie], headers: bearer(own.token) }),
        PAIR,
      ],
      [
        'by a header, beside its refresh cookie',
        (own) => ({ cookie: [own.refresh], headers: bearer(own.token) }),
        PAIR,
      ],
      [
        'by a second cookie and a header',
        (own) => ({
          cookie: [`other=${own.token}`],
          headers: bearer(own.token),
        }),
        [OTHER],
      ],
    ])(
      'of an ended session costs what carried it: %s',
      async (_what, sent, lines) => {
        const own = await signedIn();
        await app.sessions.revoke({ id: own.id, subject: 'ada' });
        const response = await ask(sent(own, await signedIn()));
        expect(response.status).toBe(401);
        expect(response.setCookie).toEqual(lines);
      },
    );

    it.each<[what: string, sent: (own: Given, of: Given) => Sent, string[]]>([
      [
        'an expired session in a header, and a refresh cookie of another one',
        (own, of) => ({ cookie: [of.refresh], headers: bearer(own.token) }),
        [],
      ],
      [
        'an expired session cookie, and a refresh cookie of another one',
        (own, of) => ({ cookie: [own.cookie, of.refresh] }),
        PAIR,
      ],
      [
        'an expired session in a header, and a bad refresh cookie',
        (own) => ({
          cookie: [`${COOKIE}-refresh=x`],
          headers: bearer(own.token),
        }),
        PAIR,
      ],
    ])('of a refresh by the guard: %s', async (_what, sent, lines) => {
      const [own, of] = [await signedIn(), await signedIn()];
      app.clock.advance('16m');
      const response = await ask(sent(own, of));
      expect(response.status).toBe(401);
      expect(response.setCookie).toEqual(lines);
    });

    it.each<[what: string, sent: (own: Given, of: Given) => Sent, string[]]>([
      [
        'a bad token in the body, beside a session cookie',
        (own) => ({ cookie: [own.cookie], body: { refreshToken: 'x' } }),
        [],
      ],
      [
        'a body of another session than the cookies',
        (own, of) => ({
          cookie: [own.cookie, own.refresh],
          body: { refreshToken: of.refreshToken },
        }),
        [],
      ],
      [
        'cookies of two sessions',
        (own, of) => ({ cookie: [own.cookie, of.refresh], body: {} }),
        PAIR,
      ],
      [
        'cookies of two sessions, and a body',
        (own, of) => ({
          cookie: [own.cookie, of.refresh],
          body: { refreshToken: of.refreshToken },
        }),
        PAIR,
      ],
      [
        'a header of another session than the refresh cookie',
        (own, of) => ({
          cookie: [own.refresh],
          headers: bearer(of.token),
          body: {},
        }),
        [],
      ],
      [
        'a bad refresh cookie, beside a good header',
        (own) => ({
          cookie: [`${COOKIE}-refresh=x`],
          headers: bearer(own.token),
          body: {},
        }),
        PAIR,
      ],
      [
        'a token that the application found elsewhere',
        (own) => ({
          path: '/refresh-given',
          cookie: [own.cookie, own.refresh],
          headers: { 'X-Refresh': 'x' },
          body: {},
        }),
        [],
      ],
      [
        'a token that the application took out of our cookie',
        () => ({
          path: '/refresh-given',
          cookie: [`${COOKIE}-refresh=x`],
          headers: { 'X-Refresh': 'x' },
          body: {},
        }),
        PAIR,
      ],
    ])('of refresh() costs: %s', async (_what, sent, lines) => {
      const own = await signedIn();
      const response = await ask({
        method: 'POST',
        path: '/session/refresh',
        ...sent(own, await signedIn()),
      });
      expect(response.status).toBe(401);
      expect(response.setCookie).toEqual(lines);
      expect((await ask({ cookie: [own.cookie] })).status).toBe(200);
    });

    it('of reload() costs a request nothing that carries another session', async () => {
      const own = await signedIn();
      const ended = await signedIn();
      const response = await ask({
        method: 'POST',
        path: '/reload-given',
        cookie: [own.cookie],
        headers: { 'X-Given': ended.token },
        body: {},
      });
      expect(response.status).toBe(401);
      expect(response.setCookie).toEqual([]);
    });

    it('leaves the cookies to a browser on an optional route, too', async () => {
      const own = await signedIn();
      const response = await ask({
        path: '/optional',
        cookie: [own.cookie, own.refresh],
        headers: bearer('undefined'),
      });
      expect([response.status, response.json]).toEqual([
        200,
        { subject: null },
      ]);
      expect(response.setCookie).toEqual([]);
    });
  },
);
