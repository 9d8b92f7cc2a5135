import assert from 'node:assert/strict';
import type { SessionStore } from '../../ports/session-store.js';
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

/** The ways to query a session, each with its result for an expired session. */
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
  'endAll with an exception': [
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

/** Tests that a session ends at its idle end, at the latest at its absolute end, and stays ended. */
export function timeTests(test: AddStoreTest): void {
  test(
    'keeps a session until a second before its idle end',
    nearBoundary(async ({ store, another, advance }) => {
      const chain = await beginChain(store);
      await advance(idleSeconds - 1);
      await readAlive(another, chain);
      assert.deepStrictEqual(await idsOf(store, chain.subject), [chain.id]);
      assert.equal(await present(store, chain, 0), 'rotated');
    }),
  );

  for (const [way, [ask, answer]] of Object.entries(WAYS_TO_ASK)) {
    test(`treats a session as ended at its idle end: ${way}`, async ({
      store,
      advance,
    }) => {
      const chain = await beginChain(store);
      await advance(idleSeconds);
      assert.deepStrictEqual(await ask(store, chain), answer);
    });

    test(`does not revive an expired session when the clock jumps back: ${way}`, async (bench) => {
      const { store, another, advance } = bench;
      const chain = await beginChain(store);
      await advance(idleSeconds + 1);
      await ask(store, chain);
      await advance(-3_600);
      assert.equal(await another.read(chain.id, chain.subject), undefined);
      assert.equal(await present(another, chain, 0), 'unknown');
      await assertEnded(bench, chain);
    });

    test(`retains nothing of an expired session: ${way}`, async ({
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

  test('ends a session at its absolute end if that is before the idle end', async ({
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

  test('moves the idle end to now + idle at updates', async ({
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

  test('moves the idle end to now + idle at rotations', async ({
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

  test('moves the absolute end neither at updates nor at rotations', async (bench) => {
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

  test('applies a shortened lifetime from the next use of a session', async (bench) => {
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

  test('ends a session that is extended to a past absolute end', async (bench) => {
    const { store, advance } = bench;
    const begun = await begin(store);
    await advance(600);
    await store.update(begun.id, begun.subject, {
      extend: { idleSeconds: 500, absoluteSeconds: 600 },
    });
    await assertEnded(bench, begun);
  });

  test('does not move the end at an update without an extension', async (bench) => {
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

  test('keeps the other sessions of a subject when one expires', async ({
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
