import assert from 'node:assert/strict';
import type { SessionLimit } from '../../ports/session-store.js';
import { assertEnded, assertHeld } from './assertions.js';
import {
  begin,
  beginChain,
  beginInTurn,
  GRACE_SECONDS,
  idsOf,
  LIFETIME,
  newId,
  newRecord,
  newSubject,
  readAlive,
  use,
  type AddStoreTest,
  type StoreBench,
} from './scenario.js';

const REFUSE_3: SessionLimit = { max: 3, policy: 'refuse' };
const END_OLDEST_3: SessionLimit = { max: 3, policy: 'end-oldest' };

/** Tests that a limit holds, however many sign-ins are concurrent. */
export function limitTests(test: AddStoreTest): void {
  test('creates as many of 50 concurrent sessions as the limit allows, and refuses the others', async (bench) => {
    const { verdicts, records } = await beginAtOnce(bench, REFUSE_3);
    const created = records.filter((_, i) => verdicts[i]!.kind === 'created');
    const { subject } = records[0]!;
    assert.equal(created.length, 3);
    assert.deepStrictEqual(
      await idsOf(bench.store, subject),
      created.map(({ id }) => id).toSorted(),
    );
    for (const record of records.filter((each) => !created.includes(each))) {
      await assertEnded(bench, record);
    }
  });

  test('keeps as many of 50 concurrent sessions as the limit allows, and reports the others as ended', async (bench) => {
    const { verdicts, records } = await beginAtOnce(bench, END_OLDEST_3);
    const ended = verdicts.flatMap((verdict) => {
      assert.equal(verdict.kind, 'created');
      return verdict.ended;
    });
    const alive = await idsOf(bench.store, records[0]!.subject);
    assert.equal(alive.length, 3);
    assert.deepStrictEqual(
      [...ended, ...alive].toSorted(),
      records.map(({ id }) => id).toSorted(),
    );
  });

  test('ends nothing and stores nothing when it refuses a sign-in', async (bench) => {
    const { store, dump } = bench;
    const subject = newSubject();
    const ids = await beginInTurn(bench, subject, 4);
    const refused = newRecord({ subject });
    assert.deepStrictEqual(
      await store.create(refused, { limit: REFUSE_3, replaces: ids[0]! }),
      { kind: 'refused' },
    );
    assert.deepStrictEqual(await idsOf(store, subject), ids.toSorted());
    await assertEnded(bench, refused);
    assertHeld(await dump(), refused.id, false);
  });

  test('ends the oldest session at the limit, whichever was used last', async (bench) => {
    const { store, advance } = bench;
    const subject = newSubject();
    const [first, second, third] = await beginInTurn(bench, subject, 3);
    await advance(90);
    await store.update(first!, subject, {
      attributes: { a: 1 },
      extend: LIFETIME,
    });
    await store.read(second!, subject, 'seen');
    const newest = newRecord({ subject });
    assert.deepStrictEqual(
      await store.create(newest, { limit: END_OLDEST_3 }),
      { kind: 'created', ended: [first] },
    );
    await assertEnded(bench, { id: first!, subject });
    assert.deepStrictEqual(
      await idsOf(store, subject),
      [second!, third!, newest.id].toSorted(),
    );
  });

  test('ends as many sessions as a lowered limit requires', async (bench) => {
    const { store } = bench;
    const subject = newSubject();
    const ids = await beginInTurn(bench, subject, 5);
    const newest = newRecord({ subject });
    const verdict = await store.create(newest, {
      limit: { max: 1, policy: 'end-oldest' },
    });
    assert.equal(verdict.kind, 'created');
    assert.deepStrictEqual(verdict.ended.toSorted(), ids.toSorted());
    assert.deepStrictEqual(await idsOf(store, subject), [newest.id]);
  });

  for (const policy of ['refuse', 'end-oldest'] as const) {
    const limit = { max: 2, policy };

    test(`ends sessions whose tokens were never used first (${policy})`, async (bench) => {
      const { store, advance } = bench;
      const subject = newSubject();
      const used = await beginChain(store, 0, { subject });
      await use(store, used, 0);
      await advance(1);
      const lost = await beginChain(store, 0, { subject });
      await advance(GRACE_SECONDS);
      const next = newRecord({ subject });
      assert.deepStrictEqual(
        await store.create(next, {
          limit: { ...limit, graceSeconds: GRACE_SECONDS },
        }),
        { kind: 'created', ended: [lost.id] },
      );
      await assertEnded(bench, lost);
      await readAlive(store, used);
    });

    test(`ends a replaced session, and does not count it (${policy})`, async (bench) => {
      const { store, another } = bench;
      const subject = newSubject();
      const [kept, replaced] = await beginInTurn(bench, subject, 2);
      const next = newRecord({ subject });
      assert.deepStrictEqual(
        await another.create(next, { limit, replaces: replaced! }),
        { kind: 'created', ended: [] },
      );
      await assertEnded(bench, { id: replaced!, subject });
      assert.deepStrictEqual(
        await idsOf(store, subject),
        [kept!, next.id].toSorted(),
      );
    });

    test(`does not count ended or expired sessions (${policy})`, async ({
      store,
      advance,
    }) => {
      const subject = newSubject();
      const expiring = await Promise.all(
        Array.from({ length: 60 }, () => begin(store, { subject })),
      );
      await advance(LIFETIME.idleSeconds);
      const ended = await begin(store, { subject });
      await store.end(ended.id, subject);
      const kept = await begin(store, { subject });
      const next = newRecord({ subject });
      assert.deepStrictEqual(await store.create(next, { limit }), {
        kind: 'created',
        ended: [],
      });
      assert.deepStrictEqual(
        await idsOf(store, subject),
        [kept.id, next.id].toSorted(),
      );
      assert.equal(await store.read(expiring[59]!.id, subject), undefined);
    });

    test(`does not count the sessions of other subjects (${policy})`, async ({
      store,
    }) => {
      const others = await Promise.all([begin(store), begin(store)]);
      await begin(store, {}, { limit: { max: 1, policy } });
      for (const other of others) {
        await readAlive(store, other);
      }
    });
  }

  test('gives no priority to a session that is too young to count as unused or has no refresh token', async (bench) => {
    const { store, advance } = bench;
    const subject = newSubject();
    const used = await beginChain(store, 0, { subject });
    await use(store, used, 0);
    await begin(store, { subject });
    await advance(GRACE_SECONDS);
    const rotated = await beginChain(store, 1, { subject });
    const young = await beginChain(store, 0, { subject });
    await advance(GRACE_SECONDS - 5);
    const limit = { ...END_OLDEST_3, max: 4, graceSeconds: GRACE_SECONDS };
    assert.deepStrictEqual(
      await store.create(newRecord({ subject }), { limit }),
      { kind: 'created', ended: [used.id] },
    );
    await readAlive(store, rotated);
    await readAlive(store, young);
    assert.deepStrictEqual(
      await store.create(newRecord({ subject }), {
        limit: { ...limit, policy: 'refuse' },
      }),
      { kind: 'refused' },
    );
  });

  test('ends only the replaced session if there is no limit', async (bench) => {
    const { store } = bench;
    const subject = newSubject();
    const [kept, replaced] = await beginInTurn(bench, subject, 2);
    const next = await begin(store, { subject }, { replaces: replaced! });
    const last = await begin(store, { subject }, { replaces: newId() });
    await assertEnded(bench, { id: replaced!, subject });
    assert.deepStrictEqual(
      await idsOf(store, subject),
      [kept!, next.id, last.id].toSorted(),
    );
  });
}

async function beginAtOnce(
  { store, another }: StoreBench,
  limit: SessionLimit,
) {
  const subject = newSubject();
  const records = Array.from({ length: 50 }, () => newRecord({ subject }));
  const verdicts = await Promise.all(
    records.map((record, i) =>
      (i % 2 ? store : another).create(record, { limit }),
    ),
  );
  return { records, verdicts };
}
