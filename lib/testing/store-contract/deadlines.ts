import assert from 'node:assert/strict';
import type { SessionStore, WriteDeadline } from '../../ports/session-store.js';
import { needing } from '../contract-suite.js';
import { assertEnded, assertSameRecord } from './assertions.js';
import {
  beginChain,
  LIFETIME,
  newRecord,
  present,
  readAlive,
  type AddStoreTest,
  type ChainedSession,
  type StoreBench,
} from './scenario.js';

/** Every call that writes with a deadline, on a session that it would change. */
const WRITES: Readonly<
  Record<
    string,
    (
      store: SessionStore,
      chain: ChainedSession,
      deadline: WriteDeadline,
    ) => Promise<unknown>
  >
> = {
  create: (store, { id, subject }, deadline) =>
    store.create(newRecord({ subject }), { ...deadline, replaces: id }),
  'create under a limit': (store, { subject }, deadline) =>
    store.create(newRecord({ subject }), {
      ...deadline,
      limit: { max: 1, policy: 'end-oldest' },
    }),
  'create under a large limit': (store, { id, subject }, deadline) =>
    store.create(newRecord({ subject }), {
      ...deadline,
      replaces: id,
      limit: { max: 1_000, policy: 'end-oldest' },
    }),
  rotate: (store, chain, deadline) => present(store, chain, 1, deadline),
  'rotate with a parent': (store, chain, deadline) =>
    present(store, chain, 0, { ...deadline, graceSeconds: 0 }),
  'rotate with a reused token': (store, chain, deadline) =>
    present(
      store,
      { ...chain, first: { gen: 0, jti: 'A'.repeat(43) } },
      1,
      deadline,
    ),
  update: (store, { id, subject }, deadline) =>
    store.update(id, subject, {
      ...deadline,
      attributes: { late: true },
      extend: LIFETIME,
    }),
  endAll: (store, { subject }, deadline) =>
    store.endAll(subject, undefined, deadline),
};

/** Deadlines that make a call late, at a time of the store. */
export const LATE: Readonly<Record<string, (now: Date) => WriteDeadline>> = {
  'after the deadline': (now) => ({ notAfter: at(now, -1) }),
  'when the clock has gone back to before the deadline was set': (now) => ({
    notBefore: at(now, 600),
    notAfter: at(now, 900),
  }),
};

/** Tests that a call whose caller has given up changes nothing, in stores that report their time. */
export function deadlineTests(test: AddStoreTest): void {
  const testTime = needing(test, 'now');

  for (const [name, write] of Object.entries(WRITES)) {
    for (const [when, deadlineAt] of Object.entries(LATE)) {
      testTime(`refuses ${name} ${when}, and changes nothing`, (bench) =>
        isLate(bench, write, deadlineAt),
      );
    }

    test(`carries out ${name} within the deadline`, async ({ store }) => {
      const chain = await beginChain(store, 1);
      const before = await readAlive(store, chain);
      const now = before.asOf;
      const deadline = { notBefore: at(now, -600), notAfter: at(now, 600) };
      await write(store, chain, deadline);
      const after = await store.read(chain.id, chain.subject);
      const isChanged =
        after?.revision !== before.revision ||
        (await present(store, chain, 1)) !== 'rotated';
      assert.ok(
        isChanged || name === 'rotate with a parent',
        'expected a change',
      );
    });
  }

  testTime(
    'reports the time of its answers, and moves it on',
    async (bench) => {
      const { store, another, advance } = bench;
      const chain = await beginChain(store);
      const first = await store.now!(chain.subject);
      const { asOf } = await readAlive(another, chain);
      await advance(100);
      const later = await store.now!(chain.subject);
      assert.ok(
        asOf.getTime() >= first.getTime() - 1_001,
        'expected a record no earlier than the time of the store before it',
      );
      assert.ok(
        later.getTime() >= asOf.getTime() + 98_999,
        'expected a time that moves on with the clock',
      );
    },
  );

  test('spares sessions created after a given instant from endAll', async (bench) => {
    const { store, another, advance } = bench;
    const old = await beginChain(store);
    const { subject } = old;
    const other = await beginChain(store, 0, { subject });
    await advance(10);
    const begunUntil = at((await readAlive(store, old)).asOf, -5);
    const young = await beginChain(another, 0, { subject });
    assert.equal(await store.endAll(subject, undefined, { begunUntil }), 2);
    await assertEnded(bench, old);
    await assertEnded(bench, other);
    await readAlive(another, young);
    assert.equal(await present(another, young, 0), 'rotated');
    assert.equal(await store.endAll(subject, undefined, { begunUntil }), 0);
    assert.equal(await another.endAll(subject), 1);
  });

  test('spares sessions created after a given instant from endAll with an exception', async (bench) => {
    const { store, advance } = bench;
    const kept = await beginChain(store);
    const { subject } = kept;
    const old = await beginChain(store, 0, { subject });
    await advance(10);
    const begunUntil = at((await readAlive(store, kept)).asOf, -5);
    const young = await beginChain(store, 0, { subject });
    assert.equal(await store.endAll(subject, kept.id, { begunUntil }), 1);
    await assertEnded(bench, old);
    await readAlive(store, kept);
    await readAlive(store, young);
  });
}

async function isLate(
  { store, another }: StoreBench,
  write: (typeof WRITES)[string],
  deadlineAt: (now: Date) => WriteDeadline,
): Promise<void> {
  const chain = await beginChain(another, 1);
  const before = await readAlive(another, chain);
  const now = await store.now!(chain.subject);
  await assertLate(write(store, chain, deadlineAt(now)), now);
  assertSameRecord(await readAlive(another, chain), before);
  assert.equal((await another.list(chain.subject)).length, 1);
  assert.equal(await present(another, chain, 1), 'rotated');
}

/** Fails unless a store refuses a call as late. */
export async function assertLate(
  call: Promise<unknown>,
  now: Date,
): Promise<void> {
  const error = await call.then(
    () => undefined,
    (thrown: { name?: unknown; asOf?: unknown }) => thrown,
  );
  assert.ok(error, 'expected a LateCallError, got an answer');
  assert.equal(error.name, 'LateCallError');
  assert.ok(error.asOf instanceof Date, 'expected the time of the store');
  assert.ok(error.asOf >= now, 'expected a time no earlier than the call');
}

function at(time: Date, seconds: number): Date {
  return new Date(time.getTime() + seconds * 1000);
}
