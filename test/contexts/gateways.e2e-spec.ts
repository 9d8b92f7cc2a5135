import {
  createTestSession,
  type TestSession,
} from '../../lib/testing/index.js';
import { ORIGIN } from '../support/browser.js';
import { SickStore } from '../support/sick-store.js';
import { adapters, type TestApp } from '../support/test-app.js';
import { startGatewayApp, Handled, type Sockets } from './gateway-app.js';
import {
  closeClients,
  connect,
  type Closed,
  type Credentials,
} from './gateway-client.js';

const SOCKETS: Sockets[] = ['ws', 'io', 'polling'];

/** What clients see: a close code of ws, a reason of socket.io. */
type End = 'open' | 'ended' | 'uncertain';
const endOf = (sockets: Sockets, end: End): Closed | 'open' =>
  end === 'open'
    ? 'open'
    : sockets === 'ws'
      ? { ended: 4401, uncertain: 4410 }[end]
      : { ended: 'io server disconnect', uncertain: 'transport close' }[end];

const FOREIGN = 'https://evil.example';

describe.each(adapters)('gateways on %s', (adapter) => {
  describe.each(SOCKETS)('over %s', (sockets) => {
    let app: TestApp;
    let store: SickStore;

    beforeAll(async () => {
      store = new SickStore();
      app = await startGatewayApp(adapter, sockets, {
        session: {
          transport: ['cookie', 'header'],
          store,
          revocationCheck: 'always',
        },
      });
    });

    beforeEach(() => Handled.reset());

    afterEach(async () => {
      app.users.failure = undefined;
      store.recover();
      await closeClients();
    });

    afterAll(() => app.close());

    const session = (overrides = {}): Promise<TestSession> =>
      createTestSession(app.app, 'ada', overrides);
    const ago = (seconds: number): Date =>
      new Date((app.clock.nowSeconds() - seconds) * 1000);
    // The client for long polling sends the true host.
    const ownOrigin = (): string =>
      sockets === 'polling' ? `http://127.0.0.1:${app.port}` : ORIGIN;
    const byCookie = (
      { cookie }: TestSession,
      origin = ownOrigin(),
    ): Credentials => ({ headers: { cookie, origin } });

    it.each<[string, End, () => Promise<Credentials>]>([
      ['a good session', 'open', async () => byCookie(await session())],
      ['no session', 'ended', async () => ({})],
      [
        'an expired session',
        'ended',
        async () => byCookie(await session({ issuedAt: ago(3_000_000) })),
      ],
      [
        'an ended session',
        'ended',
        async () => {
          const held = await session();
          await app.sessions.revoke(held.session);
          return byCookie(held);
        },
      ],
      [
        'a good session and a foreign origin',
        'ended',
        async () => byCookie(await session(), FOREIGN),
      ],
      [
        'a forged token',
        'ended',
        async () => {
          const { cookie } = await session();
          return { headers: { cookie: `${cookie.slice(0, -4)}AAAA` } };
        },
      ],
      [
        'a session due for reload',
        'open',
        async () => byCookie(await session({ loadedAt: ago(1000) })),
      ],
      [
        'a session due for reload that the loader ends',
        'ended',
        async () => {
          const held = await createTestSession(app.app, 'carol', {
            data: {},
            loadedAt: ago(1000),
          });
          return byCookie(held);
        },
      ],
      [
        'a store that is down',
        'uncertain',
        async () => {
          const held = await session();
          store.fall('rejects');
          return byCookie(held);
        },
      ],
      [
        'a loader that is down for too long',
        'uncertain',
        async () => {
          const held = await session({ loadedAt: ago(3600) });
          app.users.failure = new Error('down');
          return byCookie(held);
        },
      ],
    ])('decides on %s: %s', async (_case, end, prepare) => {
      const client = connect(sockets, app.port, await prepare());
      const answer = await client.ask('say', 'hello');
      if (end === 'open') {
        expect(answer).toBe('ada');
        expect(Handled.messages).toEqual(['hello']);
      } else {
        expect(await client.closed).toBe(endOf(sockets, end));
        expect(Handled.messages).toEqual([]);
      }
    });

    it('shows the server the session of a client', async () => {
      const client = connect(sockets, app.port, byCookie(await session()));
      expect(await client.ask('say')).toBe('ada');
      expect(await client.ask('who')).toBe('ada');
    });

    it('takes the token of the Authorization header', async () => {
      const { header } = await session();
      const headers = { authorization: header, origin: FOREIGN };
      const client = connect(sockets, app.port, { headers });
      expect(await client.ask('say')).toBe('ada');
    });

    if (sockets !== 'ws') {
      it.each<[string, End, (held: TestSession, other: TestSession) => object]>(
        [
          ['a bare token', 'open', ({ token }) => ({ auth: { token } })],
          [
            'a token with its scheme',
            'open',
            ({ header }) => ({ auth: { token: header } }),
          ],
          [
            'a member named like the header',
            'open',
            ({ header }) => ({ auth: { authorization: header } }),
          ],
          [
            'the same token in the header as well',
            'open',
            ({ token, header }) => ({
              auth: { token },
              headers: { authorization: header.replace('Bearer', 'bearer') },
            }),
          ],
          [
            'the credentials of a proxy in the header',
            'open',
            ({ token }) => ({
              auth: { token },
              headers: { authorization: 'Basic YTpi' },
            }),
          ],
          [
            'another token in the header',
            'ended',
            ({ token }, other) => ({
              auth: { token },
              headers: { authorization: other.header },
            }),
          ],
          [
            'another token in another member',
            'ended',
            ({ token }, other) => ({
              auth: { token, authorization: other.header },
            }),
          ],
          [
            'something that is no token',
            'ended',
            () => ({
              auth: { token: { toString: 'x' }, authorization: ['x'] },
            }),
          ],
          [
            'an origin among its credentials, with a foreign one',
            'ended',
            ({ cookie }) => ({
              headers: { cookie, origin: FOREIGN },
              auth: { origin: ORIGIN, 'Sec-Fetch-Site': 'same-origin' },
              query: { origin: ORIGIN, 'sec-fetch-site': 'same-origin' },
            }),
          ],
        ],
      )('decides on %s: %s', async (_case, end, credentials) => {
        const given = credentials(
          await session(),
          await createTestSession(app.app, 'bob'),
        );
        const client = connect(sockets, app.port, given);
        const answer = await client.ask('say');
        expect(answer).toEqual(
          end === 'open' ? 'ada' : { closed: endOf(sockets, end) },
        );
      });
    }
  });
});
