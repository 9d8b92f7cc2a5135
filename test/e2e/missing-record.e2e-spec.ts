import type {
  Duration,
  GenerateOptions,
  RotationVerdict,
  SessionJwtModuleOptions,
  SessionRecord,
} from '../../lib/index.js';
import type { TestRequest, TestResponse } from '../support/browser.js';
import { SickStore } from '../support/sick-store.js';
import { openStoredNode } from '../support/stored-nodes.js';
import { asCookies, RefreshController } from '../support/token-pair.js';
import { platforms } from '../support/effort.js';
import { type TestApp } from '../support/test-app.js';

const adapters = platforms('express');

const SENT = 100;

/** A store that has lost what it recorded, until a backup is restored. */
class LosingStore extends SickStore {
  isLost = false;

  override async read(
    ...call: Parameters<SickStore['read']>
  ): Promise<SessionRecord | undefined> {
    const record = await super.read(...call);
    return this.isLost ? undefined : record;
  }

  override async update(
    ...call: Parameters<SickStore['update']>
  ): Promise<SessionRecord | undefined> {
    const record = await super.update(...call);
    return this.isLost ? undefined : record;
  }

  override async rotate(
    ...call: Parameters<SickStore['rotate']>
  ): Promise<RotationVerdict> {
    if (this.isLost) {
      this.calls.push('rotate');
      return 'unknown';
    }
    return super.rotate(...call);
  }
}

/** As {@link LosingStore}, and it notices by itself when everything is gone. */
class NoticingStore extends LosingStore {
  asked = 0;
  hasNoticed = false;

  override async hasLostAll(): Promise<boolean> {
    this.asked += 1;
    return this.isLost && !this.hasNoticed && (this.hasNoticed = true);
  }
}

type Tokens = { token: string; refreshToken: string | undefined };

interface Profile {
  readonly name: string;
  readonly session: Partial<SessionJwtModuleOptions>;
  readonly generate?: GenerateOptions;
  /** How long after the sign-in the store is queried. */
  readonly after: Duration;
  request(tokens: Tokens): TestRequest;
}

const bearer = (token: string | undefined) => ({
  Authorization: `Bearer ${token}`,
});
const cookies = ({ token: session, refreshToken: refresh }: Tokens) => ({
  headers: asCookies({ session, refresh }),
});

const PROFILES: Profile[] = [
  {
    name: 'a cookie at its reload',
    session: {},
    after: '15m',
    request: (tokens) => ({ path: '/me', ...cookies(tokens) }),
  },
  {
    name: 'a cookie pair that the guard refreshes',
    session: { refreshToken: {} },
    after: '16m',
    request: (tokens) => ({ path: '/me', ...cookies(tokens) }),
  },
  {
    name: 'a bearer pair at its reload',
    session: { transport: 'header', refreshToken: {} },
    generate: { dataRefreshInterval: '5m' },
    after: '6m',
    request: ({ token }) => ({ path: '/me', headers: bearer(token) }),
  },
  {
    name: 'a bearer pair at the refresh route',
    session: { transport: 'header', refreshToken: {} },
    after: '16m',
    request: ({ refreshToken }) => ({
      method: 'POST',
      path: '/refresh',
      body: { refreshToken },
    }),
  },
  {
    name: "revocationCheck: 'always'",
    session: { revocationCheck: 'always' },
    after: '1s',
    request: (tokens) => ({ path: '/me', ...cookies(tokens) }),
  },
  {
    name: "keepDataIn: 'store'",
    session: { keepDataIn: 'store' },
    after: '1s',
    request: (tokens) => ({ path: '/me', ...cookies(tokens) }),
  },
];

describe.each(adapters)('a token without a record on %s', (adapter) => {
  async function open<Store extends LosingStore>(
    { session, generate, after, request }: Profile,
    store: Store,
  ): Promise<{
    app: TestApp;
    send: () => Promise<TestResponse>;
    recorded: Store;
  }> {
    const { app } = await openStoredNode(
      adapter,
      session,
      { controllers: [RefreshController] },
      store,
    );
    const { token, refreshToken } = await app.sessions.generate(
      'ada',
      generate,
    );
    app.clock.advance(after);
    const sent = request({ token, refreshToken });
    store.takeCalls();
    app.users.loads.length = 0;
    return {
      app,
      recorded: store,
      send: () => app.browser().sendOnly(sent),
    };
  }

  it.each(PROFILES.map((profile) => [profile.name, profile] as const))(
    'costs at most 2 calls of the store for 100 requests, and works again when the record is back: %s',
    async (name, profile) => {
      const { app, send, recorded } = await open(profile, new LosingStore());
      recorded.isLost = true;
      const counts: number[] = [];
      while (counts.length < 2) {
        const statuses = new Set<number>();
        for (let i = 0; i < SENT; i += 1) {
          statuses.add((await send()).status);
        }
        expect(statuses).toEqual(new Set([401]));
        counts.push(recorded.takeCalls().length);
        app.clock.advance(30);
      }
      process.stdout.write(
        `${adapter}, ${name}: ${counts.join(' and ')} calls of the store for ${SENT} requests each with a dead token\n`,
      );
      for (const count of counts) {
        expect(count).toBeGreaterThan(0);
        expect(count).toBeLessThanOrEqual(2);
      }
      expect(app.users.loads.length).toBeLessThanOrEqual(2);
      expect(app.eventsOf('rejected')).toHaveLength(2 * SENT);

      recorded.isLost = false;
      expect((await send()).status).toBe(200);
    },
  );

  it.each(PROFILES.map((profile) => [profile.name, profile] as const))(
    'makes a store that notices the loss of everything report it once: %s (F-11)',
    async (_name, profile) => {
      const { app, send, recorded } = await open(profile, new NoticingStore());
      recorded.isLost = true;
      for (let i = 0; i < 3; i += 1) {
        expect((await send()).status).toBe(401);
      }
      expect(app.eventsOf('storeRolledBack')).toMatchObject([
        { lost: 'everything', subject: 'ada' },
      ]);
      expect(recorded.takeCalls().length + recorded.asked).toBe(2);
    },
  );
});

describe('a token with a record', () => {
  it.each(PROFILES.map((profile) => [profile.name, profile] as const))(
    'never has the store asked whether everything is lost: %s',
    async (_name, { session, generate, after, request }) => {
      const store = new NoticingStore();
      const { app } = await openStoredNode(
        'express',
        session,
        { controllers: [RefreshController] },
        store,
      );
      const { token, refreshToken } = await app.sessions.generate(
        'ada',
        generate,
      );
      app.clock.advance(after);
      const response = await app
        .browser()
        .sendOnly(request({ token, refreshToken }));
      expect([response.status, store.asked]).toEqual([200, 0]);
    },
  );
});
