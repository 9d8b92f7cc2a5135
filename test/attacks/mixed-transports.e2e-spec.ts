import { adapters, startTestApp, type TestApp } from '../support/test-app.js';
import { send } from '../support/browser.js';

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
