import assert from 'node:assert/strict';
import { LARGEST_PAGE } from '../../ports/session-store.js';
import {
  begin,
  idsOf,
  LIFETIME,
  newId,
  newSubject,
  readAlive,
  type AddStoreTest,
  type StoreBench,
} from './scenario.js';

/** Tests that one call reads a bounded number of sessions, and that a page begins where the last one ended. */
export function listTests(test: AddStoreTest): void {
  test('lists the sessions that end last first', async ({ store, advance }) => {
    const subject = newSubject();
    const first = await begin(store, { subject });
    await advance(200);
    const second = await begin(store, { subject });
    assert.deepStrictEqual(
      (await store.list(subject)).map(({ id }) => id),
      [second.id, first.id],
    );
    await advance(200);
    await store.update(first.id, subject, { extend: LIFETIME });
    assert.deepStrictEqual(
      (await store.list(subject)).map(({ id }) => id),
      [first.id, second.id],
    );
  });

  test('lists every session on exactly one page', async (bench) => {
    const { store, another } = bench;
    const subject = newSubject();
    const ids = await beginMany(bench, subject, 25);
    const found: string[] = [];
    for (let page = 0; page < 4; page += 1) {
      const after = found.at(-1);
      const records = await (page % 2 ? store : another).list(subject, {
        limit: 10,
        ...(after !== undefined && { after }),
      });
      assert.equal(records.length, [10, 10, 5, 0][page]);
      found.push(...records.map(({ id }) => id));
    }
    assert.deepStrictEqual(found.toSorted(), ids.toSorted());
    assert.deepStrictEqual(
      found,
      (await store.list(subject)).map(({ id }) => id),
    );
  });

  test('starts from the beginning if the page is to follow an ended session', async (bench) => {
    const { store } = bench;
    const subject = newSubject();
    await beginMany(bench, subject, 5);
    const [first, second] = await store.list(subject, { limit: 2 });
    await store.end(second!.id, subject);
    for (const after of [second!.id, newId()]) {
      const page = await store.list(subject, { limit: 2, after });
      assert.equal(page[0]?.id, first!.id);
      assert.equal(page.length, 2);
    }
  });

  test(`lists at most ${LARGEST_PAGE} sessions per page`, async (bench) => {
    const { store } = bench;
    const subject = newSubject();
    const ids = await beginMany(bench, subject, LARGEST_PAGE + 7);
    const page = await store.list(subject);
    assert.equal(page.length, LARGEST_PAGE);
    const more = await store.list(subject, { limit: 5_000 });
    assert.equal(more.length, LARGEST_PAGE);
    const rest = await store.list(subject, { after: page.at(-1)!.id });
    assert.equal(rest.length, 7);
    assert.deepStrictEqual(
      [...page, ...rest].map(({ id }) => id).toSorted(),
      ids.toSorted(),
    );
    assert.equal(await store.endAll(subject), LARGEST_PAGE + 7);
    assert.deepStrictEqual(await idsOf(store, subject), []);
  });

  test('fills a page without expired sessions', async ({ store, advance }) => {
    const subject = newSubject();
    const lifetime = { idleSeconds: 100, absoluteSeconds: 1_000 };
    await begin(store, { subject, lifetime });
    await begin(store, { subject, lifetime });
    const kept = await begin(store, { subject });
    await advance(100);
    const page = await store.list(subject, { limit: 1 });
    assert.deepStrictEqual(
      page.map(({ id }) => id),
      [kept.id],
    );
    await readAlive(store, kept);
  });
}

async function beginMany(
  { store, another }: StoreBench,
  subject: string,
  count: number,
): Promise<string[]> {
  const begun = await Promise.all(
    Array.from({ length: count }, (_, i) =>
      begin(i % 2 ? store : another, { subject }),
    ),
  );
  return begun.map(({ id }) => id);
}
