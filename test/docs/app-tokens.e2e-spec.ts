import type { SessionClient } from '../../lib/client/index.js';
import { JarFetch } from '../support/jar-fetch.js';
import { openTestApp } from '../support/opened-apps.js';
import { writeRecipes } from './recipes-snippets.js';
import { SecureStore } from './snippets/application.js';
import type { SnippetFiles } from './snippets/page.js';

const realFetch = globalThis.fetch;
const starts: SnippetFiles[] = [];

/** Starts the app of the recipe, which finds what is in the storage. */
async function startApp(): Promise<SessionClient> {
  const files = writeRecipes();
  starts.push(files);
  return (await import(files.pathOf('An app that keeps its tokens'))).client;
}

afterAll(() => {
  globalThis.fetch = realFetch;
  for (const files of starts) files.remove();
});

it('the recipe for an app keeps a session over restarts, in values that SecureStore takes, until it signs out', async () => {
  const server = await openTestApp('express', {
    session: { transport: 'header', refreshToken: {} },
    extras: { routes: true },
  });
  const network = new JarFetch(server.browser());
  globalThis.fetch = network.fetch;
  let app = await startApp();
  const login = await app.fetch('/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'ada' }),
  });
  app.use((await login.json()) as { token: string });
  for (let i = 0; i < 3; i += 1) {
    server.clock.advance('6d');
    expect((await app.fetch('/me')).status).toBe(200);
    expect(SecureStore.items.size).toBeGreaterThan(0);
    for (const [name, value] of SecureStore.items) {
      expect(name).toMatch(/^[\w.-]+$/);
      expect(Buffer.byteLength(value)).toBeLessThanOrEqual(2048);
    }
    app = await startApp();
  }
  expect(server.eventsOf('refreshed')).toHaveLength(3);
  expect((await app.signOut()).status).toBe(204);
  expect(server.eventsOf('ended')).toMatchObject([{ reason: 'revoked' }]);
  expect(SecureStore.items.size).toBe(0);
  app = await startApp();
  expect((await app.fetch('/me')).status).toBe(401);
});
