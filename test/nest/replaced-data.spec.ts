import {
  CheckRevocation,
  MemorySessionStore,
  type ActiveSession,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { createGate, turn, until } from '../support/asynchrony.js';
import {
  inCookies,
  openNode,
  roleOf,
  type ContextNode,
} from './context-node.js';
import { cookiesOf, createExchange } from '../support/node-exchange.js';
import { valueOf } from '../support/set-cookie.js';

type Options = Partial<SessionJwtModuleOptions>;

const profiles: [string, () => Options][] = [
  ['without a store', () => ({})],
  ['with a store', () => ({ store: new MemorySessionStore() })],
  [
    'with a store that is always asked',
    () => ({ store: new MemorySessionStore(), revocationCheck: 'always' }),
  ],
  [
    'with its data in a store',
    () => ({ store: new MemorySessionStore(), keepDataIn: 'store' }),
  ],
  ['with a stateless pair', () => ({ refreshToken: {} })],
  [
    'with a stored pair',
    () => ({ refreshToken: {}, store: new MemorySessionStore() }),
  ],
  ['with encrypted tokens', () => ({ encrypt: true })],
];

/** For `describe.each`: how much later than the sign-in the application reloads. */
const pauses: [string, number][] = [
  ['in the second of the sign-in', 0],
  ['a second later', 1],
];

class CheckedController {
  @CheckRevocation()
  handle(): void {
    // Never runs.
  }
}

const setRole = (role: string, ...nodes: ContextNode[]) => {
  for (const { users } of nodes) users.all.get('ada')!.role = role;
};

/** A signed-in admin: the token, and the session as a handler gets it. */
async function signIn(node: ContextNode) {
  const { token } = await node.sessions.generate('ada');
  const { session } = await node.ask(inCookies(token));
  return { token, session: session! };
}

describe.each(profiles)('a token %s', (_profile, options) => {
  describe.each(pauses)('of before a reload %s', (_when, pause) => {
    let node: ContextNode;
    let token: string;
    let session: ActiveSession;

    beforeEach(async () => {
      node = await openNode(options());
      ({ token, session } = await signIn(node));
      node.clock.advance(pause);
      setRole('member', node);
      node.takeLoads();
    });

    it('shows the new data, without another load, and is replaced', async () => {
      const reloaded = await node.sessions.reload(session);
      expect(node.takeLoads()).toBe(1);
      const old = await node.ask(inCookies(token));
      expect(old).toMatchObject({ status: 200, role: 'member' });
      const found = await node.sessions.authenticate({
        headers: inCookies(token),
      });
      expect(roleOf(found)).toBe('member');
      for (const fresh of [reloaded.token, valueOf(old.setCookie[0])]) {
        if (fresh === '') continue;
        expect(await node.ask(inCookies(fresh))).toMatchObject({
          role: 'member',
          setCookie: [],
        });
      }
      expect(node.takeLoads()).toBe(0);
    });

    it('follows each of several reloads', async () => {
      const tokens = [token];
      for (const role of ['member', 'guest', 'owner']) {
        setRole(role, node);
        tokens.push((await node.sessions.reload(session)).token);
        for (const each of tokens) {
          expect((await node.ask(inCookies(each))).role).toBe(role);
        }
      }
      expect(node.takeLoads()).toBe(3);
    });

    it('gives no old data to an update by who still holds the old session', async () => {
      await node.sessions.reload(session);
      const updated = await node.sessions.update(session, { theme: 'dark' });
      expect((updated.data as { role: string }).role).toBe('member');
      const { role, session: found } = await node.ask(inCookies(updated.token));
      expect(role).toBe('member');
      expect(found?.attributes).toEqual({ theme: 'dark' });
      expect((await node.ask(inCookies(token))).session?.attributes).toEqual({
        theme: 'dark',
      });
    });

    it('shows the new data until it is due itself, and then newer', async () => {
      await node.sessions.reload(session);
      setRole('guest', node);
      node.clock.advance('10m');
      expect((await node.ask(inCookies(token))).role).toBe('member');
      node.clock.advance('5m');
      const due = await node.ask(inCookies(token));
      if (due.status === 200) expect(due.role).toBe('guest');
    });
  });
});

describe('the result of a reload', () => {
  it.each<[string, Options]>([
    ['is not remembered', { cache: false }],
    ['was evicted', { cache: { maxTokens: 1 } }],
  ])('that %s is loaded again for an old token', async (_why, options) => {
    const node = await openNode(options);
    const { token, session } = await signIn(node);
    const bob = await node.sessions.generate('bob');
    setRole('member', node);
    await node.sessions.reload(session);
    await node.sessions.reload(bob.session);
    node.takeLoads();
    const old = await node.ask(inCookies(token));
    expect(old.role).toBe('member');
    expect(node.takeLoads()).toBe(1);
    const next = valueOf(old.setCookie[0]);
    expect(await node.ask(inCookies(next))).toMatchObject({
      role: 'member',
      setCookie: [],
    });
    expect(node.takeLoads()).toBe(0);
  });

  it('is not there when the load failed: the old data stays, as before', async () => {
    const node = await openNode();
    const { token, session } = await signIn(node);
    node.users.failure = new Error('connection refused');
    await expect(node.sessions.reload(session)).rejects.toMatchObject({
      code: 'LOADER_UNAVAILABLE',
    });
    expect(await node.ask(inCookies(token))).toMatchObject({
      status: 200,
      role: 'admin',
      setCookie: [],
    });
  });

  it.each(pauses)(
    'wins over a load that was under way, whose answer is slow, %s',
    async (_when, pause) => {
      const node = await openNode();
      const { token, session } = await signIn(node);
      node.clock.advance('15m');
      const [early, late] = [createGate(), createGate()];
      node.users.gate = early.promise;
      const slow = createExchange(inCookies(token));
      const first = node.guard(slow);
      node.clock.advance(pause);
      const reloading = node.sessions.reload(session);
      await turn();
      node.users.gate = late.promise;
      early.open();
      expect((await first).role).toBe('admin');
      setRole('member', node);
      late.open();
      expect(roleOf((await reloading).session)).toBe('member');
      expect(cookiesOf(slow)).toEqual([]);
      expect((await node.ask(inCookies(token))).role).toBe('member');
    },
  );

  it('keeps the sessions of a subject apart', async () => {
    const node = await openNode();
    const [one, other] = [await signIn(node), await signIn(node)];
    setRole('member', node);
    await node.sessions.reload(one.session);
    expect((await node.ask(inCookies(one.token))).role).toBe('member');
    expect((await node.ask(inCookies(other.token))).role).toBe('admin');
  });
});

describe.each(pauses)('at other nodes, after a reload %s,', (_when, pause) => {
  async function openTwo(options: Options = {}) {
    const clock = new TestSessionClock();
    const store = new MemorySessionStore();
    const open = () => openNode({ store, clock, ...options });
    const [a, b] = [await open(), await open()];
    const { token, session } = await signIn(a);
    // The other node has seen the old token, and remembers it.
    expect((await b.ask(inCookies(token))).role).toBe('admin');
    clock.advance(pause);
    setRole('member', a, b);
    return { a, b, clock, token, session };
  }

  it("an old token shows new data at once with 'always', with one load per node", async () => {
    const { a, b, token, session } = await openTwo({
      revocationCheck: 'always',
    });
    const { token: newest } = await a.sessions.reload(session);
    a.takeLoads();
    for (let i = 0; i < 5; i += 1) {
      for (const node of [b, a]) {
        const old = await node.ask(inCookies(token));
        expect(old).toMatchObject({ status: 200, role: 'member' });
        for (const each of [newest, valueOf(old.setCookie[0])]) {
          expect((await node.ask(inCookies(each))).role).toBe('member');
        }
      }
    }
    expect([a.takeLoads(), b.takeLoads()]).toEqual([0, 1]);
    expect((await a.ask(inCookies(newest))).setCookie).toEqual([]);
  });

  it('an old token shows new data where a request asks the store, and from then on', async () => {
    const { a, b, token, session } = await openTwo();
    await a.sessions.reload(session);
    expect((await b.ask(inCookies(token))).role).toBe('admin');
    const checked = await b.ask(inCookies(token), 'GET', CheckedController);
    expect(checked.role).toBe('member');
    expect((await b.ask(inCookies(token))).role).toBe('member');
    expect(b.takeLoads()).toBe(1);
  });

  it('an old token shows new data to authenticate({ checkRevocation: true })', async () => {
    const { a, b, token, session } = await openTwo({ refreshToken: {} });
    await a.sessions.reload(session);
    const request = { headers: inCookies(token) };
    const found = await b.sessions.authenticate(request, {
      checkRevocation: true,
    });
    expect(roleOf(found)).toBe('member');
  });

  it('an update there leaves the data new', async () => {
    const { a, b, token, session } = await openTwo({
      revocationCheck: 'always',
    });
    await a.sessions.reload(session);
    const { session: there } = await b.ask(inCookies(token));
    const updated = await b.sessions.update(there!, { theme: 'dark' });
    for (const node of [a, b]) {
      for (const each of [token, updated.token]) {
        const { role, session: found } = await node.ask(inCookies(each));
        expect(role).toBe('member');
        expect(found?.attributes).toEqual({ theme: 'dark' });
      }
    }
  });

  it('what was being loaded there meanwhile is loaded again', async () => {
    const { a, b, clock, token, session } = await openTwo({
      revocationCheck: 'always',
    });
    clock.advance('15m');
    const gate = createGate();
    b.users.gate = gate.promise;
    const first = b.ask(inCookies(token));
    await until(() => b.users.loads.length > 0, 'a load');
    await a.ask(inCookies(token));
    clock.advance(pause);
    await a.sessions.reload(session);
    // It asks the store, and waits for the load that is under way.
    const second = b.ask(inCookies(token));
    for (let i = 0; i < 5; i += 1) await turn();
    gate.open();
    const roles = (await Promise.all([first, second])).map(({ role }) => role);
    expect(roles).toEqual(['member', 'member']);
    expect(b.takeLoads()).toBe(2);
  });
});
