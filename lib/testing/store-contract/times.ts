import assert from 'node:assert/strict';
import type { SessionStore } from '../../options/session-store.js';
import {
  assertEnded,
  assertHeld,
  assertSameRecord,
  assertSecondsLater,
} from './assertions.js';
import {
  type AddStoreTest,
  assertAlive,
  begin,
  beginChain,
  type ChainedSession,
  idsOf,
  LIFETIME,
  nearBoundary,
  newRecord,
  present,
  readAlive,
} from './scenario.js';

const { idleSeconds, absoluteSeconds } = LIFETIME;

/** Each way to ask for a session, and what comes of one that has expired. */
const WAYS_TO_ASK: Readonly<
  Record<
    string,
    [(store: SessionStore, chain: ChainedSession) => unknown, unknown]
  >
> = {
  read: [(store, { id, subject }) => store.read(id, subject), undefined],
  'read as seen': [
    (store, { id, subject }) => store.read(id, subject, 'seen'),
    undefined,
  ],
  rotate: [(store, chain) => present(store, chain, 0), 'expired'],
  update: [
    (store, { id, subject }) => store.update(id, subject, { extend: LIFETIME }),
    undefined,
  ],
  end: [(store, { id, subject }) => store.end(id, subject), false],
  endAll: [(store, { subject }) => store.endAll(subject), 0],
  'endAll but for it': [
    (store, { id, subject }) => store.endAll(subject, id),
    undefined,
  ],
  list: [(store, { subject }) => store.list(subject), []],
  'create under a limit': [
    (store, { subject }) =>
      store.create(newRecord({ subject }), {
        limit: { max: 1, policy: 'refuse' },
      }),
    { kind: 'created', ended: [] },
  ],
};

/** A session ends at its idle end, at the latest at its absolute end, and stays ended. */
export function timeTests(test: AddStoreTest): void {
  test(
    'S-054: alive a second before the idle end',
    nearBoundary(async ({ store, another, advance }) => {
      const chain = await beginChain(store);
      await advance(idleSeconds - 1);
      await readAlive(another, chain);
      assert.deepStrictEqual(await idsOf(store, chain.subject), [chain.id]);
      assert.equal(await present(store, chain, 0), 'rotated');
    }),
  );

  for (const [way, [ask, answer]] of Object.entries(WAYS_TO_ASK)) {
    test(`S-054: ended at the idle end, says ${way}`, async ({
      store,
      advance,
    }) => {
      const chain = await beginChain(store);
      await advance(idleSeconds);
      assert.deepStrictEqual(await ask(store, chain), answer);
    });

    test(`F-16: what ${way} found expired stays so when the clock jumps back`, async (bench) => {
      const { store, another, advance } = bench;
      const chain = await beginChain(store);
      await advance(idleSeconds + 1);
      await ask(store, chain);
      await advance(-3_600);
      assert.equal(await another.read(chain.id, chain.subject), undefined);
      assert.equal(await present(another, chain, 0), 'unknown');
      await assertEnded(bench, chain);
    });

    test(`F-30: what ${way} found expired leaves nothing`, async ({
      store,
      advance,
      dump,
    }) => {
      const chain = await beginChain(store);
      assertHeld(await dump(), chain.id, true);
      await advance(idleSeconds + 1);
      await ask(store, chain);
      assertHeld(await dump(), chain.id, false);
    });
  }

  test('V-34: an absolute end before the idle end is the end', async ({
    store,
    advance,
  }) => {
    const lifetime = { idleSeconds: 500, absoluteSeconds: 100 };
    const begun = await begin(store, { lifetime });
    const { createdAt, expiresAt } = await readAlive(store, begun);
    assertSecondsLater(expiresAt, createdAt, 100);
    await advance(100);
    assert.equal(await store.read(begun.id, begun.subject), undefined);
  });

  test('S-054: updates move the idle end to now + idle', async ({
    store,
    advance,
  }) => {
    const { id, subject } = await begin(store);
    for (let i = 1; i <= 3; i += 1) {
      await advance(idleSeconds - 100);
      const updated = await store.update(id, subject, { extend: LIFETIME });
      assertAlive(updated);
      assertSecondsLater(updated.lastSeenAt, updated.createdAt, i * 900);
      assertSecondsLater(updated.expiresAt, updated.lastSeenAt, idleSeconds);
      assertSameRecord(await store.read(id, subject), updated);
    }
  });

  test('S-054: rotations move the idle end to now + idle', async ({
    store,
    advance,
  }) => {
    const chain = await beginChain(store);
    await advance(idleSeconds - 100);
    assert.equal(await present(store, chain, 0), 'rotated');
    const { createdAt, lastSeenAt, expiresAt } = await readAlive(store, chain);
    assertSecondsLater(lastSeenAt, createdAt, idleSeconds - 100);
    assertSecondsLater(expiresAt, lastSeenAt, idleSeconds);
  });

  test('V-34: neither updates nor rotations move the absolute end', async (bench) => {
    const { store, advance } = bench;
    const chain = await beginChain(store);
    const { id, subject } = chain;
    const { createdAt } = await readAlive(store, chain);
    for (let i = 0; i < 5; i += 1) {
      await advance(900);
      assert.equal(await present(store, chain, i), 'rotated');
      const updated = await store.update(id, subject, { extend: LIFETIME });
      assertAlive(updated);
      assert.deepStrictEqual(updated.createdAt, createdAt);
      assertSecondsLater(
        updated.expiresAt,
        createdAt,
        Math.min((i + 1) * 900 + idleSeconds, absoluteSeconds),
      );
    }
    await advance(absoluteSeconds - 5 * 900);
    assert.equal(await present(store, chain, 5), 'expired');
    await assertEnded(bench, chain);
  });

  test('S-054: a lifetime that was shortened meanwhile counts from its next use', async (bench) => {
    const { store, advance } = bench;
    const begun = await begin(store);
    await advance(600);
    const shortened = await store.update(begun.id, begun.subject, {
      extend: { idleSeconds: 200, absoluteSeconds: 700 },
    });
    assertAlive(shortened);
    assertSecondsLater(shortened.expiresAt, shortened.createdAt, 700);
    await advance(100);
    await assertEnded(bench, begun);
  });

  test('S-054: an extension to an absolute end that has passed ends the session', async (bench) => {
    const { store, advance } = bench;
    const begun = await begin(store);
    await advance(600);
    await store.update(begun.id, begun.subject, {
      extend: { idleSeconds: 500, absoluteSeconds: 600 },
    });
    await assertEnded(bench, begun);
  });

  test('S-054: an update without an extension never moves the end', async (bench) => {
    const { store, advance } = bench;
    const begun = await begin(store);
    const { id, subject } = begun;
    await advance(600);
    const updated = await store.update(id, subject, { attributes: { a: 1 } });
    assertAlive(updated);
    assertSecondsLater(updated.expiresAt, updated.createdAt, idleSeconds);
    await advance(400);
    await assertEnded(bench, begun);
  });

  test('one session expires and the others of its subject stay', async ({
    store,
    advance,
  }) => {
    const { id, subject } = await begin(store);
    await advance(idleSeconds / 2);
    const later = await begin(store, { subject });
    await advance(idleSeconds / 2);
    assert.deepStrictEqual(await idsOf(store, subject), [later.id]);
    assert.equal(await store.end(id, subject), false);
    await readAlive(store, later);
  });
}
