import assert from 'node:assert/strict';
import { assertEnded } from './assertions.js';
import {
  begin,
  beginChain,
  beginInTurn,
  idsOf,
  newId,
  newSubject,
  present,
  readAlive,
  type AddStoreTest,
} from './scenario.js';

/** An ended session is gone at once, for every instance, for good. */
export function endTests(test: AddStoreTest): void {
  test('S-104: gone at once, for every instance and every method', async (bench) => {
    const { store, another } = bench;
    const chain = await beginChain(store, 1);
    assert.equal(await another.end(chain.id, chain.subject), true);
    await assertEnded(bench, chain);
    assert.equal(await present(store, chain, 0), 'unknown');
    assert.equal(await present(store, chain, 1), 'unknown');
    assert.equal(await present(another, chain, 2), 'unknown');
  });

  test('S-122: of 50 that end one session at once exactly one ended it', async ({
    store,
    another,
  }) => {
    const { id, subject } = await begin(store);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        (i % 2 ? store : another).end(id, subject),
      ),
    );
    assert.equal(answers.filter(Boolean).length, 1);
  });

  test('V-31: an ended session stays ended when its subject signs in again', async (bench) => {
    const { store } = bench;
    const chain = await beginChain(store, 1);
    const { subject } = chain;
    const byEndAll = await begin(store, { subject });
    await store.end(chain.id, subject);
    await store.endAll(subject);
    const next = await begin(
      store,
      { subject },
      { replaces: chain.id, limit: { max: 1, policy: 'refuse' } },
    );
    await assertEnded(bench, chain);
    await assertEnded(bench, byEndAll);
    assert.equal(await present(store, chain, 1), 'unknown');
    assert.deepStrictEqual(await idsOf(store, subject), [next.id]);
  });

  test('S-055: all of a subject end, and only those', async (bench) => {
    const { store, another } = bench;
    const subject = newSubject();
    const ids = await beginInTurn(bench, subject, 4);
    const other = await begin(store);
    assert.equal(await another.endAll(subject), 4);
    for (const id of ids) {
      await assertEnded(bench, { id, subject });
    }
    assert.equal(await store.endAll(subject), 0);
    await readAlive(store, other);
  });

  test('S-055: all but one end; that one goes on', async (bench) => {
    const { store } = bench;
    const subject = newSubject();
    const ids = await beginInTurn(bench, subject, 3);
    const kept = await beginChain(store, 1, { subject, params: 'kept' });
    assert.equal(await store.endAll(subject, kept.id), 3);
    for (const id of ids) {
      await assertEnded(bench, { id, subject });
    }
    assert.deepStrictEqual(await idsOf(store, subject), [kept.id]);
    assert.equal((await readAlive(store, kept)).params, 'kept');
    assert.equal(await present(store, kept, 1), 'rotated');
    assert.equal(await store.endAll(subject, kept.id), 0);
    assert.equal(await store.endAll(subject), 1);
    await assertEnded(bench, kept);
  });

  test('S-055: an exception that does not exist saves nothing', async ({
    store,
  }) => {
    const { subject, id } = await begin(store);
    await store.end(id, subject);
    await begin(store, { subject });
    assert.equal(await store.endAll(subject, id), 1);
    await begin(store, { subject });
    assert.equal(await store.endAll(subject, newId()), 1);
    await begin(store, { subject });
    assert.equal(await store.endAll(subject, ''), 1);
    assert.deepStrictEqual(await store.list(subject), []);
  });

  test('a subject without sessions has none to end', async ({ store }) => {
    const subject = newSubject();
    assert.equal(await store.endAll(subject), 0);
    assert.equal(await store.endAll(subject, newId()), 0);
    assert.equal(await store.end(newId(), subject), false);
    assert.deepStrictEqual(await store.list(subject), []);
  });

  test('F-31: 500 sessions of one subject are listed and ended at once', async (bench) => {
    const { store, another } = bench;
    const subject = newSubject();
    const begun: string[] = [];
    for (let i = 0; i < 10; i += 1) {
      const records = await Promise.all(
        Array.from({ length: 50 }, () => begin(store, { subject })),
      );
      begun.push(...records.map(({ id }) => id));
    }
    assert.deepStrictEqual(await idsOf(another, subject), begun.toSorted());
    assert.equal(await another.endAll(subject, begun[0]), 499);
    assert.deepStrictEqual(await idsOf(store, subject), [begun[0]]);
    await assertEnded(bench, { id: begun[499]!, subject });
    assert.equal(await store.endAll(subject), 1);
  });

  test('F-30: however sessions end, nothing of them is left', async (bench) => {
    const { store, dump } = bench;
    const subject = newSubject();
    const [byEnd, byLimit, byReplacing, byEndAll] = await beginInTurn(
      bench,
      subject,
      4,
    );
    const byReuse = await beginChain(store, 2, { subject });
    const ids = [byEnd!, byLimit!, byReplacing!, byEndAll!, byReuse.id];
    const before = await dump();
    assert.ok(ids.every((id) => before.includes(id)));

    await store.end(byEnd!, subject);
    assert.equal(await present(store, byReuse, 0), 'reused');
    const last = await begin(
      store,
      { subject },
      {
        replaces: byReplacing!,
        limit: { max: 2, policy: 'end-oldest' },
      },
    );
    assert.deepStrictEqual(
      await idsOf(store, subject),
      [byEndAll!, last.id].toSorted(),
    );
    await store.endAll(subject);

    const after = await dump();
    for (const id of [...ids, last.id]) {
      assert.ok(!after.includes(id));
    }
    assert.ok(!after.includes(subject));
    assert.ok(!after.includes(Buffer.from(subject).toString('base64url')));
  });
}
