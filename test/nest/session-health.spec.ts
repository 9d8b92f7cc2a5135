import { SessionHealth } from '../../lib/nest/session-health.js';
import type { SessionRuntime } from '../../lib/nest/session-runtime.js';
import type { SessionHealthReport } from '../../lib/session/session-health-report.js';
import { until } from '../support/asynchrony.js';
import { SECRET } from '../support/secrets.js';
import { SickStore } from '../support/sick-store.js';
import { carrying, told } from '../session/carried-tokens.js';
import {
  closeNodes,
  openNodes,
  settled,
  type NodesOptions,
} from '../session/revoked-nodes.js';
import {
  HANDLING,
  openRuntime,
  type OpenedRuntime,
} from '../session/session-runtime.js';

afterEach(closeNodes);

const MAX_LAG = 2;

const healthOf = (runtime: SessionRuntime) => new SessionHealth(runtime);

async function signIn(runtime: OpenedRuntime): Promise<string> {
  const { issuer } = runtime.issuing!;
  return (await issuer.generate('ada', {}, undefined)).token;
}

describe('a report of health', () => {
  it('has only the parts that are configured', async () => {
    const runtime = await openRuntime();
    expect(healthOf(runtime).check()).toEqual({ state: 'up', isServing: true });
  });

  it('says since when the store is down and why, without its tokens; then that it is up', async () => {
    const store = new SickStore();
    const runtime = await openRuntime({ store });
    const health = healthOf(runtime);
    const start = runtime.clock.nowSeconds();
    const token = await signIn(runtime);
    expect(health.check()).toEqual({
      state: 'up',
      isServing: true,
      store: { state: 'up', since: at(start), averageSeconds: 0 },
    });
    runtime.clock.advance(10);
    store.fall('rejects');
    await expect(signIn(runtime)).rejects.toThrow();
    runtime.clock.advance(10);
    await expect(signIn(runtime)).rejects.toThrow();
    const report = health.check();
    expect(report).toMatchObject({
      state: 'down',
      isServing: false,
      store: {
        state: 'down',
        since: at(start + 10),
        lastError: {
          message: expect.stringContaining('refused'),
          at: at(start + 20),
        },
      },
    });
    store.recover();
    runtime.clock.advance(10);
    expect((await health.probe()).store).toMatchObject({
      state: 'up',
      since: at(start + 30),
    });
    expect(runtime.heard.map(({ type }) => type)).toContain('storeRecovered');
    for (const secret of [token, SECRET]) {
      expect(JSON.stringify(report)).not.toContain(secret);
    }
  });

  it('probes the store only if it has not just answered, and never rejects', async () => {
    const store = new SickStore();
    const runtime = await openRuntime({ store });
    const health = healthOf(runtime);
    expect((await health.probe()).state).toBe('up');
    expect(store.takeCalls()).toEqual(['read']);
    await health.probe();
    health.check();
    expect(store.takeCalls()).toEqual([]);
    runtime.clock.advance(1);
    store.fall('throws');
    expect(await health.probe()).toMatchObject({
      state: 'down',
      isServing: false,
    });
    store.recover();
    expect((await health.probe()).state).toBe('up');
    expect(store.takeCalls()).toEqual(['read', 'read']);
    // It has answered a moment ago, and failed since.
    store.fall('rejects');
    await expect(signIn(runtime)).rejects.toThrow();
    store.recover();
    expect((await health.probe()).state).toBe('up');
    expect(store.takeCalls()).toEqual(['create', 'read']);
  });

  it('calls a store slow before its calls fail', async () => {
    const store = new SickStore();
    const runtime = await openRuntime({ store, storeTimeout: 10 });
    const health = healthOf(runtime);
    for (let i = 0; i < 10; i += 1) {
      let open = (): void => undefined;
      store.gate = new Promise<void>((resolve) => (open = resolve));
      const call = signIn(runtime);
      await settled();
      runtime.clock.advance(9);
      open();
      await call;
    }
    expect(health.check()).toMatchObject({
      state: 'slow',
      isServing: true,
      store: { state: 'slow', averageSeconds: expect.any(Number) },
    });
  });

  it('calls the loader down after five failures in a row, and goes on serving', async () => {
    const failure = new Error('database gone');
    let isDown = true;
    const runtime = await openRuntime({}, async () => {
      if (isDown) throw failure;
      return { role: 'admin' };
    });
    const health = healthOf(runtime);
    for (let i = 0; i < 5; i += 1) {
      expect(health.check().state).toBe('up');
      await expect(signIn(runtime)).rejects.toThrow();
    }
    expect(health.check()).toMatchObject({
      state: 'down',
      isServing: true,
      loader: {
        state: 'down',
        lastError: { message: '"Error: database gone"' },
      },
    });
    isDown = false;
    await signIn(runtime);
    expect(health.check().loader).toMatchObject({ state: 'up' });
  });

  it('calls keys lagging while their source fails and the known ones stay in use', async () => {
    let isDown = false;
    const runtime = await openRuntime({
      secret: async () => {
        if (isDown) throw new Error('vault sealed');
        return SECRET;
      },
      keyCache: { maxAge: 60, coolDown: 30 },
    });
    const health = healthOf(runtime);
    const start = runtime.clock.nowSeconds();
    const token = await signIn(runtime);
    expect(health.check()).toEqual({
      state: 'up',
      isServing: true,
      keys: { state: 'up', since: at(start) },
    });
    isDown = true;
    runtime.clock.advance(61);
    const ask = () =>
      runtime.authenticator.authenticate(carrying({ cookie: token }), HANDLING);
    expect(told(await ask())).toMatchObject({ subject: 'ada' });
    expect(health.check()).toMatchObject({
      state: 'lagging',
      isServing: true,
      keys: {
        state: 'lagging',
        since: at(start + 61),
        lastError: { message: '"Error: vault sealed"' },
      },
    });
    isDown = false;
    runtime.clock.advance(60);
    await runtime.keys.ring.reload();
    expect(health.check().keys).toMatchObject({
      state: 'up',
      since: at(start + 121),
    });
  });

  it('calls keys down before the first ones', async () => {
    const runtime = await openRuntime({
      secret: undefined,
      verifyOnly: { jwksUri: 'http://127.0.0.1:1/jwks.json' },
    } as never);
    expect(healthOf(runtime).check()).toMatchObject({
      state: 'down',
      isServing: false,
      keys: { state: 'down' },
    });
  });
});

describe('the health of a revocation log', () => {
  it('is up while this process knows every revocation', async () => {
    const { nodes } = await openNodes(1, { maxLag: MAX_LAG });
    const [node] = nodes;
    await node!.revokeAll();
    await settled();
    expect(healthOf(node!).check()).toMatchObject({
      state: 'up',
      isServing: true,
      revocations: {
        state: 'up',
        unconfirmed: 0,
        entries: 1,
        maxEntries: 1_000_000,
      },
    });
  });

  it.each([
    ['accept', {}, true],
    ['refuse', {}, false],
    ['ask-store', { store: new SickStore() }, true],
  ] as const)(
    'is lagging when nothing is heard; requests are served by whenLagging: %s',
    async (whenLagging, options: NodesOptions, isServing) => {
      const { nodes, clock } = await openNodes(1, {
        ...options,
        maxLag: MAX_LAG,
        whenLagging,
      });
      const [node] = nodes;
      await node!.signIn();
      await settled();
      const health = healthOf(node!);
      expect(health.check().state).toBe('up');
      const cutAt = clock.nowSeconds();
      node!.connection.cut();
      clock.advance(MAX_LAG + 1);
      expect(health.check()).toMatchObject({
        state: 'lagging',
        isServing,
        revocations: {
          state: 'lagging',
          reason: 'silent',
          since: at(cutAt + MAX_LAG + 1),
          lagSeconds: MAX_LAG + 1,
        },
      });
      node!.connection.heal();
      clock.advance(1);
      await until(() => health.check().state === 'up', 'it has caught up');
    },
  );

  it('is down when nothing is heard and calls fail, and counts what is unconfirmed', async () => {
    const { nodes, clock } = await openNodes(1, { maxLag: MAX_LAG });
    const [node] = nodes;
    const { sid } = await node!.signIn();
    const health = healthOf(node!);
    node!.connection.failure = new Error('log gone');
    await expect(node!.revocation.endNamed(sid, 'ada')).rejects.toThrow(
      'revocation log',
    );
    const failing: SessionHealthReport = health.check();
    expect(failing.revocations).toMatchObject({
      state: 'slow',
      unconfirmed: 1,
      lastError: { message: '"Error: log gone"' },
    });
    clock.advance(MAX_LAG + 1);
    expect(health.check()).toMatchObject({
      state: 'down',
      isServing: true,
      revocations: { state: 'down', reason: 'silent' },
    });
  });

  it('is lagging because of a gap, which leaves the process serving', async () => {
    const { nodes, clock } = await openNodes(1, {
      maxLag: MAX_LAG,
      whenLagging: 'refuse',
    });
    const [node] = nodes;
    const health = healthOf(node!);
    clock.advance(1);
    await settled();
    node!.revocations!.journal.standing.noteGap();
    expect(health.check()).toMatchObject({
      state: 'lagging',
      isServing: true,
      revocations: { state: 'lagging', reason: 'gap', since: expect.any(Date) },
    });
  });

  it('does not serve when the memory is full, even with whenLagging: accept', async () => {
    const { nodes } = await openNodes(1, {
      maxLag: MAX_LAG,
      whenLagging: 'accept',
    });
    const [node] = nodes;
    await node!.signIn();
    await settled();
    const { journal } = node!.revocations!;
    journal.standing.noteFull(journal.now + 60);
    expect(healthOf(node!).check()).toMatchObject({
      state: 'lagging',
      isServing: false,
      revocations: { state: 'lagging', reason: 'full' },
    });
  });
});

function at(seconds: number): Date {
  return new Date(seconds * 1000);
}
