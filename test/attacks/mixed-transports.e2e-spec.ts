import { RequestFieldTransport } from '../../lib/index.js';
import { AccessTokenTransport } from '../support/access-token-transport.js';
import { ORIGIN, send } from '../support/browser.js';
import { linesOf } from '../support/set-cookie.js';
import {
  bothAdapters as adapters,
  startTestApp,
  type TestApp,
} from '../support/test-app.js';
import { REFRESH_COOKIE, RefreshController } from '../support/token-pair.js';

const ELSEWHERE = {
  Origin: 'https://evil.example',
  'Sec-Fetch-Site': 'cross-site',
};

describe.each(adapters)(
  'an application with cookie and header transport on %s',
  (adapter) => {
    let app: TestApp;

    beforeAll(async () => {
      app = await startTestApp(adapter, {
        session: { transport: ['cookie', 'header'] },
      });
    });
    afterAll(() => app.close());

    it('A-131: does not let another site end a cookie session by a sign-in that writes no cookie', async () => {
      const victim = await app.signIn();
      const forged = await victim.post(
        '/login',
        { user: 'bob', transport: 'header' },
        ELSEWHERE,
      );
      expect(forged.status).toBe(403);
      expect((await victim.get('/me')).json.subject).toBe('ada');
    });

    it('A-131: does not let another site sign a browser out that sends no cookie along', async () => {
      const forged = await app.browser().post('/logout', {}, ELSEWHERE);
      expect(forged.status).toBe(403);
      expect(forged.setCookie).toEqual([]);
    });

    it('A-134: lets a client of another origin sign out by its header, which no site can forge', async () => {
      const { token } = await app.sessions.generate('ada', {
        transport: 'header',
      });
      const Authorization = `Bearer ${token}`;
      const signOut = { method: 'POST', path: '/logout', body: {} };
      const headers = { ...ELSEWHERE, Authorization };
      expect((await send(app.port, { ...signOut, headers })).status).toBe(204);
      const me = await send(app.port, {
        path: '/me',
        headers: { Authorization },
      });
      expect(me.status).toBe(401);
    });

    it('A-134: refuses the same with the cookie present too', async () => {
      const victim = await app.signIn();
      const Authorization = `Bearer ${await victim.cookie()}`;
      const forged = await victim.post(
        '/logout',
        {},
        { ...ELSEWHERE, Authorization },
      );
      expect(forged.status).toBe(403);
      expect((await victim.get('/me')).status).toBe(200);
    });
  },
);

/** Where a token may come from beside the cookie; both read one field of the query, the body and a header. */
const FIELDS = [
  [
    'the transport of the library',
    () =>
      new RequestFieldTransport({
        header: 'x-access-token',
        query: 'accessToken',
        body: 'accessToken',
      }),
    true,
  ],
  [
    'a transport that says nothing of what it proves',
    () => new AccessTokenTransport(),
    false,
  ],
] as const;

describe.each(adapters)(
  'a cookie beside a field of requests on %s',
  (adapter) => {
    describe.each(FIELDS)('by %s', (_which, createField, provesByHeader) => {
      let app: TestApp;
      /** A session of the attacker, who may put its tokens wherever a form can. */
      let attacker: { token: string; refreshToken: string };

      beforeAll(async () => {
        app = await startTestApp(adapter, {
          session: {
            transport: ['cookie', createField()],
            refreshToken: { accessLifetime: '1h' },
            dataRefreshInterval: '5m',
          },
          controllers: [RefreshController],
        });
        const { token, refreshToken } = await app.sessions.generate('bob');
        attacker = { token, refreshToken: refreshToken! };
      });
      afterAll(() => app.close());

      /** What a page of another site makes a browser send. */
      const forge = (path: string, body: object, cookies: string[] = []) =>
        send(app.port, {
          method: 'POST',
          path,
          body: JSON.stringify(body),
          headers: {
            ...ELSEWHERE,
            'Content-Type': 'application/json',
            ...(cookies.length > 0 && { Cookie: cookies.join('; ') }),
          },
        });

      describe.each([['/login'], ['/logout']])(
        'A-131: refuses a forged POST %s',
        (path) => {
          it.each<[what: string, inQuery: () => string, body: () => object]>([
            ['with nothing', () => '', () => ({})],
            ['with a token in the query', () => '?accessToken=x', () => ({})],
            ['with an empty one', () => '?accessToken=', () => ({})],
            [
              'with two of them',
              () => '?accessToken=x&accessToken=y',
              () => ({}),
            ],
            [
              "with the attacker's own",
              () => `?accessToken=${attacker.token}`,
              () => ({}),
            ],
            ['with one in the body', () => '', () => ({ accessToken: 'x' })],
            [
              "with the attacker's own in the body",
              () => '',
              () => ({ accessToken: attacker.token }),
            ],
          ])('%s', async (_what, inQuery, body) => {
            const posted = { user: 'bob', ...body() };
            const answer = await forge(path + inQuery(), posted);
            expect(answer.status).toBe(403);
            expect(answer.setCookie).toEqual([]);
            expect(answer.json).not.toHaveProperty('token');
          });
        },
      );

      it.each([['/refresh'], ['/refresh-given']])(
        'gives a client that keeps its refresh token no cookie, whichever page makes it post to %s (A-131)',
        async (path) => {
          const { refreshToken, token } = attacker;
          const posted = { refreshToken, given: refreshToken };
          for (const query of ['', `?accessToken=${token}`]) {
            const answer = await forge(path + query, posted);
            expect(answer.status).toBe(200);
            expect(answer.setCookie).toEqual([]);
          }
        },
      );

      it('A-131: refuses it over a cookie, with its own token in the query too, and ends nothing', async () => {
        const victim = await app.signIn();
        const session = (await victim.cookie()) ?? '';
        const cookies = [await victim.jar.getCookieString(ORIGIN)];
        for (const path of ['/login', '/refresh', '/logout', '/change']) {
          const answer = await forge(
            `${path}?accessToken=${session}`,
            { user: 'bob' },
            cookies,
          );
          expect(answer.status).toBe(403);
          expect(answer.setCookie).toEqual([]);
        }
        expect((await victim.get('/me')).json.subject).toBe('ada');
      });

      it('refuses a token in the query next to a refresh cookie, before anything is written (A-131)', async () => {
        const victim = await app.signIn();
        const cookies = [
          `${REFRESH_COOKIE}=${await victim.cookie(REFRESH_COOKIE)}`,
        ];
        const path = `/attributes?accessToken=${attacker.token}`;
        const answer = await forge(path, { theme: 'dark' }, cookies);
        expect(answer.status).toBe(403);
        expect(answer.setCookie).toEqual([]);
      });

      it('accepts the same from our own page (A-134)', async () => {
        const answer = await send(app.port, {
          method: 'POST',
          path: '/login?accessToken=x',
          body: { user: 'ada' },
          headers: { 'Sec-Fetch-Site': 'same-origin', Origin: ORIGIN },
        });
        expect(answer.status).toBe(200);
      });

      it(`A-134: takes a token in a header for ${provesByHeader ? 'a' : 'no'} proof`, async () => {
        const answer = await send(app.port, {
          method: 'POST',
          path: '/login',
          body: { user: 'ada' },
          headers: { ...ELSEWHERE, 'X-Access-Token': 'x' },
        });
        expect(answer.status).toBe(provesByHeader ? 200 : 403);
      });

      it('V-36: writes no new token into a cookie that did not bring the session', async () => {
        const victim = await app.signIn();
        const { token } = await app.sessions.generate('bob');
        const refresh = await victim.cookie(REFRESH_COOKIE);
        const before = app.users.loads.length;
        app.clock.advance('6m');
        const answer = await send(app.port, {
          path: `/me?accessToken=${token}`,
          headers: { Cookie: `${REFRESH_COOKIE}=${refresh}` },
        });
        expect(app.users.loads.length - before).toBe(1);
        expect(answer.json.subject).toBe('bob');
        expect(linesOf(answer)).toEqual([]);
      });
    });
  },
);
