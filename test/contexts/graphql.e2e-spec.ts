import {
  createTestSession,
  type TestSession,
  type TestSessionOverrides,
} from '../../lib/testing/index.js';
import { SickStore } from '../support/sick-store.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import {
  Feed,
  GRAPHQL_PLATFORMS,
  GRAPHQL_PROVIDERS,
  graphQLModule,
} from './graphql-app.js';
import { GraphQLSocket, overHttp, type Credentials } from './graphql-client.js';

const UNAUTHENTICATED = 'UNAUTHENTICATED SESSION_REQUIRED';
const FORGED = 'FORBIDDEN CSRF_REFUSED';
const UNAVAILABLE = 'INTERNAL_SERVER_ERROR SESSION_UNAVAILABLE';
const EVIL = 'https://evil.example';

/** What a row of the table sends, and the state of the world at that time. */
interface Situation {
  /** How many minutes ago the data was loaded; it is due after 5, and too old after 10. */
  readonly loaded?: number;
  readonly before?: (app: TestApp, session: TestSession) => unknown;
  readonly cookie?: (cookie: string) => string | undefined;
  readonly headers?: Record<string, string>;
  /** Whether the store must confirm the session. */
  readonly confirms?: boolean;
  readonly loads?: number;
}

const SITUATIONS: [what: string, answer: string, situation: Situation][] = [
  ['a good session', 'ada', {}],
  ['no session', UNAUTHENTICATED, { cookie: () => undefined }],
  [
    'an expired session',
    UNAUTHENTICATED,
    { before: (app) => app.clock.advance('60d') },
  ],
  [
    'an ended session',
    UNAUTHENTICATED,
    { before: (app, { session }) => app.sessions.revoke(session) },
  ],
  ['a foreign origin', FORGED, { headers: { origin: EVIL } }],
  [
    'a forged token',
    UNAUTHENTICATED,
    { cookie: (cookie) => `${cookie.slice(0, -4)}AAAA` },
  ],
  ['a session due for a reload', 'ada', { loaded: 6, loads: 1 }],
  [
    'a due session while the loader is down',
    'ada',
    {
      loaded: 6,
      before: (app) => (app.users.failure = new Error('down')),
      loads: 1,
    },
  ],
  [
    'too old a session while the loader is down',
    UNAVAILABLE,
    {
      loaded: 11,
      before: (app) => (app.users.failure = new Error('down')),
      loads: 1,
    },
  ],
  [
    'a session whose user is gone',
    UNAUTHENTICATED,
    { loaded: 6, before: (app) => app.users.all.delete('ada'), loads: 1 },
  ],
  ['a session that the store confirms', 'ada', { confirms: true }],
  [
    'a session that the store cannot confirm',
    UNAVAILABLE,
    { confirms: true, before: () => store.fall('rejects') },
  ],
];

/** Ways to send an operation: the answer, and what came with it over HTTP. */
const OPERATIONS: [
  what: string,
  kind: 'http' | 'socket',
  operation: (confirms: boolean) => string,
][] = [
  [
    'a query over HTTP',
    'http',
    (confirms) => (confirms ? '{ confirmed }' : '{ a }'),
  ],
  [
    'a mutation over HTTP',
    'http',
    (confirms) =>
      confirms ? 'mutation { confirmedChange }' : 'mutation { change }',
  ],
  [
    'a query over a socket',
    'socket',
    (confirms) => (confirms ? '{ confirmed }' : '{ a }'),
  ],
  [
    'a mutation over a socket',
    'socket',
    (confirms) =>
      confirms ? 'mutation { confirmedChange }' : 'mutation { change }',
  ],
  [
    'a subscription',
    'socket',
    (confirms) =>
      confirms ? 'subscription { confirmedTexts }' : 'subscription { texts }',
  ],
];

let store: SickStore;

describe.each(GRAPHQL_PLATFORMS)('%s on %s', (driver, adapter) => {
  let app: TestApp;
  let sockets: GraphQLSocket[] = [];

  beforeAll(async () => {
    store = new SickStore();
    app = await startTestApp(adapter, {
      session: {
        store,
        dataRefreshInterval: '5m',
        loader: { maxStale: '5m' },
      },
      imports: [graphQLModule(driver)],
      providers: GRAPHQL_PROVIDERS,
    });
  });
  afterEach(async () => {
    await Promise.all(sockets.map((socket) => socket.close()));
    sockets = [];
    app.users.failure = undefined;
    app.users.all.set('ada', { id: 'ada', role: 'admin' });
    store.recover();
  });
  afterAll(() => app.close());

  const own = (): string => `http://127.0.0.1:${app.port}`;
  const signedIn = (overrides?: TestSessionOverrides): Promise<TestSession> =>
    createTestSession(app.app, 'ada', overrides);

  function connect(credentials: Credentials): GraphQLSocket {
    const socket = new GraphQLSocket(app.port, credentials);
    sockets.push(socket);
    return socket;
  }

  /** Publishes until a subscription has delivered something. */
  async function firstOf(socket: GraphQLSocket, query: string) {
    const { first } = socket.subscribe(query);
    const news = setInterval(() => Feed.publish('news'), 1);
    const answer = await first;
    clearInterval(news);
    return answer.replace(' news', '');
  }

  describe.each(OPERATIONS)('%s', (_what, kind, operation) => {
    it.each(SITUATIONS)('with %s: %s', async (_name, expected, situation) => {
      const { loaded = 0, cookie: change = (cookie) => cookie } = situation;
      const session = await signedIn({
        loadedAt: new Date((app.clock.nowSeconds() - 60 * loaded) * 1000),
      });
      await situation.before?.(app, session);
      const cookie = change(session.cookie);
      const headers = {
        host: `127.0.0.1:${app.port}`,
        origin: own(),
        ...(cookie && { cookie }),
        ...situation.headers,
      };
      Feed.handled = [];
      app.users.loads = [];
      const query = operation(situation.confirms ?? false);
      if (kind === 'http') {
        const { answer, status, setCookie } = await overHttp(app.port, query, {
          headers,
        });
        expect(answer).toBe(expected);
        expect(status).toBe(200);
        const isReloaded = situation.loaded === 6 && expected === 'ada';
        const isCleared = expected === UNAUTHENTICATED && cookie;
        expect(setCookie).toHaveLength(
          isCleared || (isReloaded && !app.users.failure) ? 1 : 0,
        );
      } else {
        expect(await firstOf(connect({ headers }), query)).toBe(expected);
      }
      expect(app.users.loads).toHaveLength(situation.loads ?? 0);
      expect(Feed.handled).toHaveLength(expected === 'ada' ? 1 : 0);
    });
  });
});
