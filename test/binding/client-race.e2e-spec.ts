import { MemorySessionStore } from '../../lib/index.js';
import { SessionClient } from '../../lib/client/index.js';
import { BoundBrowser } from '../support/bound-browser.js';
import { ORIGIN } from '../support/browser.js';
import { JarFetch } from '../support/jar-fetch.js';
import { openTestApp } from '../support/opened-apps.js';

const ACCESS = 300;

it('the browser client keeps a bound session whose request met the end of its token', async () => {
  const app = await openTestApp('express', {
    session: {
      refreshToken: { accessLifetime: ACCESS },
      dataRefreshInterval: ACCESS,
      deviceBinding: true,
      store: new MemorySessionStore(),
    },
    extras: { routes: true },
  });
  const browser = new BoundBrowser(app);
  await browser.post('/login', { user: 'ada' });
  const jar = new JarFetch(browser);
  let ended = 0;
  const client = new SessionClient({
    url: `${ORIGIN}/session`,
    fetch: jar.fetch,
    onSessionEnded: () => (ended += 1),
  });
  client.use();
  expect((await client.fetch(`${ORIGIN}/me`)).status).toBe(200);
  // The browser sends the cookie, and the token ends on the way.
  const send = browser.sendOnly.bind(browser);
  browser.sendOnly = async (given) => {
    if (given.path === '/me') {
      browser.sendOnly = send;
      const cookie = await browser.jar.getCookieString(`${ORIGIN}/me`);
      app.clock.advance(ACCESS);
      return send({
        ...given,
        headers: { ...(given.headers as object), Cookie: cookie },
      });
    }
    return send(given);
  };
  const answer = await client.fetch(`${ORIGIN}/me`);
  expect(ended).toBe(0);
  expect(answer.status).toBe(200);
  expect((await browser.get('/session')).status).toBe(200);
});
