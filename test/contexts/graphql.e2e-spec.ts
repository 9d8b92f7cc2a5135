import { MemorySessionStore } from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import { ORIGIN } from '../support/browser.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import {
  GRAPHQL_PLATFORMS,
  GRAPHQL_PROVIDERS,
  graphQLModule,
} from './graphql-app.js';
import { GraphQLSocket, overHttp } from './graphql-client.js';

describe.each(GRAPHQL_PLATFORMS)('%s on %s', (driver, adapter) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp(adapter, {
      session: { store: new MemorySessionStore() },
      imports: [graphQLModule(driver)],
      providers: GRAPHQL_PROVIDERS,
    });
  });
  afterAll(() => app.close());

  it('tries', async () => {
    const { cookie } = await createTestSession(app.app, 'ada');
    const headers = { cookie, origin: ORIGIN };
    console.log(await overHttp(app.port, '{ a }', { headers }));
    console.log(
      await overHttp(app.port, '{ a b c open optional polled confirmed }', {
        headers,
      }),
    );
    console.log(await overHttp(app.port, '{ a }', { headers: {} }));
    const socket = new GraphQLSocket(app.port, {
      headers: { cookie, origin: `http://127.0.0.1:${app.port}` },
    });
    console.log(
      await socket.ask('{ a }'),
      await socket.ask('mutation { change(text: "x") }'),
      await socket.ask('{ open optional polled confirmed }'),
    );
    const s = socket.subscribe('subscription { texts }');
    await new Promise((r) => setTimeout(r, 100));
    const { Feed } = await import('./graphql-app.js');
    Feed.publish('hello');
    console.log(await s.first);
    await app.sessions.revokeAll('ada');
    console.log(await socket.closed);
    const anon = new GraphQLSocket(app.port, { headers: {} });
    console.log(await anon.ask('{ a }'), await anon.ask('{ open }'));
    await anon.close();
  });
});
