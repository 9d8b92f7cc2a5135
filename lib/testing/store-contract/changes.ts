import assert from 'node:assert/strict';
import {
  assertEnded,
  assertHeld,
  assertSameJson,
  assertSameRecord,
  assertSecondsLater,
} from './assertions.js';
import {
  type AddStoreTest,
  assertAlive,
  begin,
  newRecord,
  readAlive,
} from './scenario.js';

/** Tests that changes are merged in one step and never revive a session. */
export function changeTests(test: AddStoreTest): void {
  test('keeps the data that was loaded last, whichever arrives last', async ({
    store,
    another,
  }) => {
    const begun = await begin(store, { data: { value: 'a', loadedAt: 10 } });
    const { id, subject } = begun;
    const rows: [value: unknown, loadedAt: number, kept: unknown][] = [
      ['earlier', 9, 'a'],
      ['at the same time', 10, 'at the same time'],
      [null, 11, null],
      ['earlier than null', 10, null],
      [{}, 100, {}],
      ['earlier, though text says later', 11, {}],
    ];
    for (const [value, loadedAt, kept] of rows) {
      const updated = await store.update(id, subject, {
        data: { value, loadedAt },
      });
      assertSameJson(updated?.data?.value, kept);
      assert.equal(updated?.revision, 0);
      assertSameRecord(await another.read(id, subject), updated);
    }
    assert.equal((await readAlive(store, begun)).data?.loadedAt, 100);
  });

  test('keeps the latest of 50 concurrent loads', async ({
    store,
    another,
  }) => {
    const begun = await begin(store);
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        (i % 2 ? store : another).update(begun.id, begun.subject, {
          data: { value: i, loadedAt: 1 + ((i * 7) % 50) },
        }),
      ),
    );
    const { data } = await readAlive(store, begun);
    assertSameJson(data, { value: 7, loadedAt: 50 });
  });

  test('applies the rest of a change whose data is stale', async ({
    store,
    advance,
  }) => {
    const lifetime = { idleSeconds: 100, absoluteSeconds: 1_000 };
    const { id, subject } = await begin(store, {
      data: { value: 'later', loadedAt: 10 },
      lifetime,
    });
    await advance(50);
    const updated = await store.update(id, subject, {
      data: { value: 'earlier', loadedAt: 9 },
      attributes: { a: 1 },
      extend: lifetime,
    });
    assertAlive(updated);
    assertSameJson(updated.data, { value: 'later', loadedAt: 10 });
    assertSameJson(updated.attributes, { a: 1 });
    assertSecondsLater(updated.expiresAt, updated.createdAt, 150);
  });

  test('raises the revision for an empty change of attributes, in the step that notes when data was loaded', async ({
    store,
    another,
  }) => {
    const { id, subject } = await begin(store, { attributes: { a: 1 } });
    const changed = await store.update(id, subject, {
      attributes: {},
      data: { value: null, loadedAt: 10 },
    });
    assert.equal(changed?.revision, 1);
    assertSameJson(changed.attributes, { a: 1 });
    assertSameJson(changed.data, { value: null, loadedAt: 10 });
    const answer = another.confirm
      ? await another.confirm(id, subject, 0)
      : await another.read(id, subject);
    assert.ok(answer && !(answer instanceof Date));
    assertSameRecord(answer, changed);
  });

  test('notes that a session is in use, and nothing else, for an empty change', async ({
    store,
    advance,
  }) => {
    const begun = await begin(store, {
      attributes: { a: 1 },
      data: { value: 1, loadedAt: 1 },
    });
    const before = await readAlive(store, begun);
    await advance(10);
    const after = await store.update(begun.id, begun.subject, {});
    assertAlive(after);
    assertSecondsLater(after.lastSeenAt, before.lastSeenAt, 10);
    assertSameRecord(after, { ...before, lastSeenAt: after.lastSeenAt });
  });

  test('revives nothing when an ended or unknown session is changed', async (bench) => {
    const { store, dump } = bench;
    const unknown = newRecord();
    const ended = await begin(store);
    await store.end(ended.id, ended.subject);
    for (const { id, subject, lifetime } of [unknown, ended]) {
      const changed = await store.update(id, subject, {
        attributes: { a: 1 },
        data: { value: 1, loadedAt: 1 },
        extend: lifetime,
      });
      assert.equal(changed, undefined);
      await assertEnded(bench, { id, subject });
      assertHeld(await dump(), id, false);
    }
  });

  test('revives nothing when a change races the end of its session, 200 times', async (bench) => {
    const { store, another } = bench;
    for (let i = 0; i < 200; i += 1) {
      const begun = await begin(store);
      const { id, subject, lifetime } = begun;
      const update = () =>
        store.update(id, subject, { attributes: { i }, extend: lifetime });
      const end = () => another.end(id, subject);
      const [ended] = await (i % 2
        ? Promise.all([end(), update()])
        : Promise.all([update(), end()]).then(([, first]) => [first]));
      assert.equal(ended, true);
      assert.equal(await store.read(id, subject), undefined);
      assert.deepStrictEqual(await another.list(subject), []);
    }
  });
}
