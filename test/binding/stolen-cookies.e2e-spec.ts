import {
  MemorySessionStore,
  type SessionJwtModuleOptions,
  type SessionStore,
} from '../../lib/index.js';
import { TestDevice, TestSessionClock } from '../../lib/testing/index.js';
import { BoundBrowser } from '../support/bound-browser.js';
import { send, type Browser, type TestResponse } from '../support/browser.js';
import { combinations, rounds } from '../support/effort.js';
import { seededRandom, type Random } from '../support/random.js';
import { copyOf } from '../support/set-cookie.js';
import { SERVERS } from '../support/store-servers.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { refreshLinesOf } from '../support/token-pair.js';
import { UnhandledErrors } from '../support/unhandled.js';

const ACCESS = 300;
const TRIALS = rounds(1_000, 30);

interface Stores {
  open(clock: TestSessionClock): Promise<(SessionStore | undefined)[]>;
  stop(): Promise<void>;
}

const KINDS: Record<string, () => Promise<Stores>> = {
  'tokens alone': async () => ({
    open: async () => [undefined, undefined],
    stop: async () => undefined,
  }),
  memory: async () => ({
    open: async () => {
      const store = new MemorySessionStore();
      return [store, store];
    },
    stop: async () => undefined,
  }),
  ...Object.fromEntries(
    Object.entries(SERVERS).map(([name, start]) => [
      name,
      async () => {
        const server = await start();
        return {
          open: (clock: TestSessionClock) => server.openStores(2, clock),
          stop: () => server.stop(),
        };
      },
    ]),
  ),
};

const unhandled = new UnhandledErrors();
beforeAll(() => unhandled.start());
afterAll(() => unhandled.stop());

/** What became of the trials. */
interface Tally {
  stolenBeforeBinding: number;
  attempts: number;
  /** Requests that the thief made with a session token that had not ended. */
  admitted: number;
  refreshedBeforeBinding: number;
  refreshedAfterBinding: number;
  boundByThief: number;
  ownersEnded: number;
  ownerRefused: number;
}

describe.each(combinations(Object.entries(KINDS), 2))(
  'a thief who has copied every cookie of a session in %s',
  (kind, start) => {
    let stores: Stores;
    let nodes: TestApp[] = [];
    const clock = new TestSessionClock();

    beforeAll(async () => {
      stores = await start();
      const opened = await stores.open(clock);
      nodes = await Promise.all(
        opened.map((store, i) =>
          startTestApp(i === 0 ? 'express' : 'fastify', {
            clock,
            session: {
              refreshToken: { accessLifetime: ACCESS },
              dataRefreshInterval: ACCESS,
              deviceBinding: true,
              // Nothing here is about how fast a busy machine is.
              ...(store && { store, storeTimeout: '10s' }),
            } satisfies Partial<SessionJwtModuleOptions>,
            extras: { routes: true },
          }),
        ),
      );
    });
    afterAll(async () => {
      await Promise.all(nodes.map((node) => node.close()));
      await stores.stop();
    });

    it(`gets nothing that lasts, and ends no session: ${TRIALS} times, at two nodes, in every order`, async () => {
      const random = seededRandom(17);
      const tally: Tally = {
        stolenBeforeBinding: 0,
        attempts: 0,
        admitted: 0,
        refreshedBeforeBinding: 0,
        refreshedAfterBinding: 0,
        boundByThief: 0,
        ownersEnded: 0,
        ownerRefused: 0,
      };
      for (let i = 0; i < TRIALS; i += 1) {
        await runTrial(random, tally, kind !== 'tokens alone');
      }
      console.log(`${kind}: ${JSON.stringify(tally)}`);
      expect(tally).toMatchObject({
        refreshedAfterBinding: 0,
        boundByThief: 0,
        ownersEnded: 0,
        ownerRefused: 0,
      });
      // Trials that show nothing would be worth nothing.
      expect(tally.attempts).toBeGreaterThan(TRIALS);
      expect(tally.admitted).toBeGreaterThan(0);
      expect(await unhandled.settled()).toEqual([]);
      if (kind !== 'tokens alone') {
        expect(tally.refreshedBeforeBinding).toBeGreaterThan(0);
      }
    });

    /** @param isRecorded whether tokens from before the binding need a proof as well */
    async function runTrial(
      random: Random,
      tally: Tally,
      isRecorded: boolean,
    ): Promise<void> {
      const pick = <T>(items: readonly T[]): T =>
        items[Math.floor(random() * items.length)]!;
      const roam = (browser: Browser) =>
        Object.assign(browser, { port: pick(nodes).port });
      const owner = new BoundBrowser(nodes[0]!);
      const signIn = await roam(owner).sendOnly({
        method: 'POST',
        path: '/login',
        body: { user: pick(['ada', 'bob']) },
      });
      await owner.take(signIn);
      let isBound = false;
      const ownerSteps: (() => Promise<void>)[] = [
        async () => {
          roam(owner);
          const answer = await owner.device.register({
            ...signIn,
            body: signIn.json,
          });
          isBound = true;
          if (answer?.status !== 200) tally.ownersEnded += 1;
        },
        ...Array.from({ length: 4 }, (_, i) => async () => {
          if (i % 2 === 0 || random() < 0.3) clock.advance(ACCESS);
          const { status } = await roam(owner).get('/me');
          if (status !== 200) tally.ownerRefused += 1;
        }),
      ];
      // Stateless tokens from before the binding are of use until they end: documented.
      const stealAt = Math.floor(
        random() * ownerSteps.length + (isRecorded ? 0 : 1),
      );
      let thief: Thief | undefined;
      for (const [i, step] of ownerSteps.entries()) {
        if (i === stealAt) {
          thief = new Thief(roam(await copyOf(owner)), pick, tally);
          if (!isBound) tally.stolenBeforeBinding += 1;
          if (random() < 0.5) await thief.attempt(isBound);
          if (random() < 0.5) await thief.attempt(isBound);
        }
        const wasBound = isBound;
        if (thief && random() < 0.5) {
          roam(thief.browser);
          await Promise.all([step(), thief.attempt(wasBound)]);
        } else {
          await step();
        }
        if (thief && random() < 0.5) {
          roam(thief.browser);
          await thief.attempt(isBound);
        }
      }
      clock.advance(ACCESS);
      const { json } = await roam(owner).get('/session');
      if (json?.isBound !== true) tally.ownersEnded += 1;
    }
  },
);

/** Someone with the cookies, and a device of his own. */
class Thief {
  readonly #device: TestDevice;
  #challenge: string | undefined;

  constructor(
    readonly browser: Browser,
    readonly pick: <T>(items: readonly T[]) => T,
    readonly tally: Tally,
  ) {
    this.#device = new TestDevice(async () => ({ status: 0, headers: {} }));
  }

  /** @param isBound whether the owner's browser had bound the session before this attempt began */
  async attempt(isBound: boolean): Promise<void> {
    this.tally.attempts += 1;
    const answer = await this.pick([
      () => this.browser.get('/me'),
      () => this.#withoutSessionCookie(),
      () => this.browser.post('/session/refresh'),
      () => this.#own('/session/device/refresh'),
      () => this.#ownProof('/session/device/refresh', false),
      () => this.#ownProof('/session/device', true),
    ])();
    const challenge = /^"([^"]+)"/.exec(
      String(answer.headers['secure-session-challenge']),
    );
    if (challenge) this.#challenge = challenge[1];
    const hasTokens = refreshLinesOf(answer).some(
      (line) => !line.includes('Max-Age=0'),
    );
    if (answer.status === 200 && !hasTokens) this.tally.admitted += 1;
    if (hasTokens && isBound) this.tally.refreshedAfterBinding += 1;
    if (hasTokens && !isBound) this.tally.refreshedBeforeBinding += 1;
    if (answer.json?.session_identifier) this.tally.boundByThief += 1;
  }

  async #withoutSessionCookie(): Promise<TestResponse> {
    const refresh = await this.browser.cookie('__Host-Http-session-refresh');
    const answer = await send(this.browser.port, {
      path: '/me',
      headers: { Cookie: `__Host-Http-session-refresh=${refresh}` },
    });
    await this.browser.take(answer);
    return answer;
  }

  async #own(path: string, headers: object = {}): Promise<TestResponse> {
    const cookie = await this.browser.jar.getCookieString(
      'https://app.example/',
    );
    const answer = await send(this.browser.port, {
      method: 'POST',
      path,
      headers: { Cookie: cookie, 'Content-Length': '0', ...headers },
    });
    await this.browser.take(answer);
    return answer;
  }

  #ownProof(path: string, isRegistration: boolean): Promise<TestResponse> {
    const challenge = this.#challenge ?? 'none';
    return this.#own(path, {
      'Secure-Session-Response': this.#device.proofOf(challenge, {
        isRegistration,
      }),
    });
  }
}
