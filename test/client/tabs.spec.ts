import { jest } from '@jest/globals';
import { createGate, turn, until } from '../support/asynchrony.js';
import type { SessionClient } from '../../lib/client/index.js';
import { UnhandledErrors } from '../support/unhandled.js';
import { API, FakeRoutes, ROUTES, tokensOf } from './fake-routes.js';

type Globals = Record<string, unknown>;

/** Web Locks, as far as the client uses them. */
class Locks {
  readonly #queues = new Map<string, Promise<unknown>>();

  request(
    name: string,
    _options: object,
    work: () => Promise<unknown>,
  ): Promise<unknown> {
    const last = this.#queues.get(name) ?? Promise.resolve();
    const result = last.then(work);
    this.#queues.set(
      name,
      result.catch(() => undefined),
    );
    return result;
  }
}

class ForbiddenLocks {
  request(): Promise<never> {
    return Promise.reject(new Error('SecurityError'));
  }
}

let open: SessionClient[] = [];

/** Makes this process a browser, as far as the client looks at one. */
function browse(locks?: object): void {
  define('location', { href: `${API}/page` });
  define('navigator', { locks });
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, configurable: true });
}

function tabsOf(routes: FakeRoutes, count: number): SessionClient[] {
  const tabs = Array.from({ length: count }, (_, i) =>
    routes.client({}, `tab ${i}`),
  );
  open.push(...tabs);
  return tabs;
}

/** Lets what one tab has told arrive at the others. */
async function delivered(): Promise<void> {
  for (let i = 0; i < 50; i += 1) await turn();
}

async function statuses(
  tabs: SessionClient[],
  path = '/me',
): Promise<number[]> {
  const answers = await Promise.all(tabs.map((tab) => tab.fetch(path)));
  return answers.map(({ status }) => status);
}

const REAL_TIMEOUT = setTimeout;
const timers = jest.spyOn(globalThis, 'setTimeout');

/** A turn that another tab has ended leaves a timer behind, and that the process of these tests running. */
afterAll(() => {
  for (const { value } of timers.mock.results) clearTimeout(value as number);
  timers.mockRestore();
});

afterEach(() => {
  for (const tab of open) tab.close();
  open = [];
  Reflect.deleteProperty(globalThis, 'location');
  Reflect.deleteProperty(globalThis, 'navigator');
});

describe.each<[how: string, locks: () => object | undefined]>([
  ['Web Locks', () => new Locks()],
  ['an election', () => undefined],
  ['locks that the browser forbids', () => new ForbiddenLocks()],
])('the tabs of a browser with %s', (_how, locks) => {
  beforeEach(() => browse(locks()));

  describe.each([
    ['cookies', false],
    ['tokens in memory', true],
  ])('and %s', (_what, keepsTokens) => {
    let routes: FakeRoutes;
    const refreshes = () => routes.to('/session/refresh').length;

    beforeEach(() => {
      routes = new FakeRoutes(keepsTokens);
    });

    async function signedIn(count: number): Promise<SessionClient[]> {
      const tabs = tabsOf(routes, count);
      tabs[0]!.use(routes.tokens());
      await delivered();
      if (keepsTokens) {
        expect(await statuses(tabs)).toEqual(Array(count).fill(200));
      } else {
        await Promise.all(tabs.map((tab) => tab.fetch(ROUTES)));
      }
      return tabs;
    }

    it('refresh once for all of them', async () => {
      const tabs = await signedIn(5);
      routes.expire();
      expect(await statuses(tabs)).toEqual(Array(5).fill(200));
      expect(refreshes()).toBe(1);
      expect(routes.ended).toEqual([]);
    });

    it('refresh once when one asks while another one refreshes', async () => {
      const [first, second] = await signedIn(2);
      routes.expire();
      const gate = createGate();
      routes.gate = gate.promise;
      const early = first!.fetch('/me');
      await until(() => refreshes() === 1, 'the refresh');
      const late = second!.fetch('/me');
      await until(() => routes.to('/me').length > 1, 'the second request');
      await delivered();
      gate.open();
      expect((await early).status).toBe(200);
      expect((await late).status).toBe(200);
      expect(refreshes()).toBe(1);
    });

    it('refresh each time that the tokens expire', async () => {
      const tabs = await signedIn(2);
      for (const round of [1, 2]) {
        routes.expire();
        expect(await statuses(tabs)).toEqual([200, 200]);
        expect(refreshes()).toBe(round);
      }
    });

    it('all hear of the end when one of them signs out, each once', async () => {
      const tabs = await signedIn(3);
      await tabs[1]!.signOut();
      await until(() => routes.ended.length === 3, 'the end in each tab');
      expect(await statuses(tabs)).toEqual([401, 401, 401]);
      expect(routes.ended.toSorted()).toEqual(['tab 0', 'tab 1', 'tab 2']);
    });

    it('all hear of the end that one of them notices, each once', async () => {
      const tabs = await signedIn(3);
      routes.valid = undefined;
      expect(await statuses(tabs.slice(0, 2))).toEqual([401, 401]);
      await until(() => routes.ended.length === 3, 'the end in each tab');
      expect(refreshes()).toBe(1);
    });

    it('go on when the first has no luck: the next one tries', async () => {
      const tabs = await signedIn(2);
      routes.expire();
      routes.answer = ({ url }) =>
        url === `${ROUTES}/refresh` && refreshes() === 1
          ? new Response(null, { status: 503 })
          : undefined;
      expect(new Set(await statuses(tabs))).toEqual(new Set([200, 503]));
      expect(refreshes()).toBe(2);
      expect(routes.ended).toEqual([]);
    });

    it('do without one that was closed', async () => {
      const [first, second] = await signedIn(2);
      first!.close();
      routes.expire();
      expect((await second!.fetch('/me')).status).toBe(200);
      await second!.signOut();
      expect(routes.ended).toEqual(['tab 1']);
    });

    it('go on with the session of a sign-in in one of them while another one refreshes', async () => {
      const [first, second] = await signedIn(2);
      routes.expire();
      const gate = createGate();
      routes.gate = gate.promise;
      const me = first!.fetch('/me');
      await until(() => refreshes() === 1, 'the refresh');
      routes.valid = routes.jar = 7;
      second!.use(routes.tokens());
      await delivered();
      gate.open();
      expect((await me).status).toBe(200);
      expect(await statuses([first!, second!])).toEqual([200, 200]);
      expect(refreshes()).toBe(1);
      expect(routes.ended).toEqual([]);
    });

    it('work on in a page that makes its client twice and closes the first, one request of which is under way', async () => {
      const [other, first] = await signedIn(2);
      routes.expire();
      const gate = createGate();
      routes.gate = gate.promise;
      const early = first!.fetch('/me');
      await until(() => refreshes() === 1, 'the refresh');
      first!.close();
      const [second] = tabsOf(routes, 1);
      await delivered();
      gate.open();
      expect((await early).status).toBe(200);
      expect(await statuses([second!, other!])).toEqual([200, 200]);
      expect(routes.ended).toEqual([]);
      await second!.signOut();
      await until(() => routes.ended.length === 2, 'the end in both');
      expect(routes.ended).toHaveLength(2);
    });

    it('tell a new one of the session, whose end it then tells', async () => {
      const [first] = await signedIn(1);
      const [late] = tabsOf(routes, 1);
      expect((await late!.fetch('/me')).status).toBe(200);
      routes.valid = undefined;
      routes.ended.length = 0;
      await delivered();
      expect((await late!.fetch('/me')).status).toBe(401);
      await until(() => routes.ended.length === 2, 'the end in both');
      expect((await first!.fetch('/me')).status).toBe(401);
    });
  });
});

describe('the tabs of a browser with tokens in memory', () => {
  beforeEach(() => browse(new Locks()));

  it('share the tokens of a sign-in and of answers, not what is older', async () => {
    const routes = new FakeRoutes(true);
    const [first, second] = tabsOf(routes, 2);
    first!.use(tokensOf(1));
    expect(await statuses([second!])).toEqual([200]);
    routes.answer = () =>
      new Response(null, { headers: { 'session-token': 'token-3' } });
    await first!.fetch('/me');
    routes.answer = () => undefined;
    routes.valid = 3;
    await delivered();
    expect(await statuses([second!])).toEqual([200]);
    expect(routes.to('/session/refresh')).toEqual([]);
  });

  it('ignore what is no message of theirs', async () => {
    const routes = new FakeRoutes(true);
    const [tab] = tabsOf(routes, 1);
    tab!.use(tokensOf(1));
    const unhandled = new UnhandledErrors();
    const stranger = new BroadcastChannel(`session memory ${ROUTES}`);
    unhandled.start();
    try {
      const foreign = { kind: 'session', epoch: 'x', tokens: { token: '' } };
      for (const message of [null, 7, 'ended', {}, { kind: '?' }, foreign]) {
        // oxlint-disable-next-line unicorn/require-post-message-target-origin
        stranger.postMessage(message);
      }
      await delivered();
      expect(await statuses([tab!])).toEqual([200]);
      expect(await unhandled.settled()).toEqual([]);
    } finally {
      unhandled.stop();
      stranger.close();
    }
    expect(routes.ended).toEqual([]);
  });

  it('a visitor of another one ends no session', async () => {
    const routes = new FakeRoutes(true);
    const [first] = tabsOf(routes, 1);
    first!.use(tokensOf(1));
    const stranger = routes.client({ url: `${API}/other` }, 'stranger');
    open.push(stranger);
    expect((await stranger.fetch('/me')).status).toBe(401);
    expect((await first!.fetch('/me')).status).toBe(200);
    expect(routes.ended).toEqual([]);
  });
});

describe('the tabs of a browser with Web Locks', () => {
  it('go on without one that does not run any more, and has the lock', async () => {
    let asked = 0;
    browse({
      request: (_name: string, { signal }: { signal: AbortSignal }) => {
        asked += 1;
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () =>
            reject(signal.reason as Error),
          );
        });
      },
    });
    const waits: number[] = [];
    timers.mockImplementation((work: () => void, milliseconds = 0) => {
      waits.push(milliseconds);
      return REAL_TIMEOUT(work, Math.min(milliseconds, 20));
    });
    try {
      const routes = new FakeRoutes();
      const tab = routes.client({ timeoutSeconds: 50 });
      open.push(tab);
      tab.use();
      for (let i = 0; i < 2; i += 1) {
        routes.expire();
        expect((await tab.fetch('/me')).status).toBe(200);
      }
      // Longer than a refresh may take; and once: then it asks no lock any more.
      expect(Math.max(...waits)).toBeGreaterThan(50_000);
      expect(asked).toBe(1);
      await tab.signOut();
      expect(routes.ended).toEqual(['one']);
    } finally {
      timers.mockImplementation(REAL_TIMEOUT);
    }
  });
});

describe('the tabs of a browser without Web Locks', () => {
  it('go on without one that does not run any more, and was at work', async () => {
    browse(undefined);
    const routes = new FakeRoutes();
    const [tab] = tabsOf(routes, 1);
    tab!.use();
    routes.expire();
    const waits: number[] = [];
    timers.mockImplementation((work: () => void, milliseconds = 0) => {
      waits.push(milliseconds);
      return REAL_TIMEOUT(work, Math.min(milliseconds, 80));
    });
    const frozen = new BroadcastChannel(`session cookies ${ROUTES}`);
    try {
      // It says that it goes first, as the tab at work does, and then nothing more.
      frozen.addEventListener(
        'message',
        // oxlint-disable-next-line unicorn/require-post-message-target-origin
        () => frozen.postMessage({ kind: 'wants', rank: '' }),
        { once: true },
      );
      expect((await tab!.fetch('/me')).status).toBe(200);
      expect(routes.to('/session/refresh')).toHaveLength(1);
      expect(waits).toContain(1000);
    } finally {
      frozen.close();
      timers.mockImplementation(REAL_TIMEOUT);
    }
  });
});

describe('a browser that forbids channels', () => {
  it('leaves each tab alone, and working', async () => {
    browse(new Locks());
    const channel = (globalThis as Globals).BroadcastChannel;
    define('BroadcastChannel', function () {
      throw new Error('SecurityError');
    });
    try {
      const routes = new FakeRoutes();
      const [tab] = tabsOf(routes, 1);
      tab!.use();
      routes.expire();
      expect(await statuses([tab!, tab!])).toEqual([200, 200]);
      await tab!.signOut();
      expect(routes.ended).toEqual(['tab 0']);
    } finally {
      define('BroadcastChannel', channel);
    }
  });
});
