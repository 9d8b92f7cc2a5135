import assert from 'node:assert/strict';
import { assertEnded, assertHeld } from './assertions.js';
import {
  begin,
  beginChain,
  beginInTurn,
  idsOf,
  LIFETIME,
  newId,
  newSubject,
  present,
  readAlive,
  type AddStoreTest,
} from './scenario.js';

/** Tests that an ended session is gone immediately, for every instance and for good. */
export function endTests(test: AddStoreTest): void {
  test('ends a session immediately, for every instance and every method', async (bench) => {
    const { store, another } = bench;
    const chain = await beginChain(store, 1);
    assert.equal(await another.end(chain.id, chain.subject), true);
    await assertEnded(bench, chain);
    assert.equal(await present(store, chain, 0), 'unknown');
    assert.equal(await present(store, chain, 1), 'unknown');
    assert.equal(await present(another, chain, 2), 'unknown');
  });

  test('reports the end of a session to exactly one of 50 concurrent calls', async ({
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

  test('keeps a session ended when its subject signs in again', async (bench) => {
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

  test('ends all sessions of a subject, and no others', async (bench) => {
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

  test('ends all sessions of a subject except one, which goes on', async (bench) => {
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

  test('ends nothing if the exception has ended or never existed', async ({
    store,
    another,
  }) => {
    const { subject, id } = await begin(store);
    await store.end(id, subject);
    const kept = await begin(store, { subject });
    const stranger = await begin(store);
    for (const except of [id, newId(), '', '*', '__proto__', stranger.id]) {
      assert.equal(await another.endAll(subject, except), undefined);
      assert.deepStrictEqual(await idsOf(store, subject), [kept.id]);
    }
    await readAlive(store, stranger);
    assert.equal(await another.endAll(subject, kept.id), 0);
    assert.equal(await store.endAll(subject), 1);
    assert.equal(await store.endAll(subject, kept.id), undefined);
  });

  test('ends nothing if the exception has expired', async ({
    store,
    advance,
  }) => {
    const { subject, id } = await begin(store);
    await advance(LIFETIME.idleSeconds / 2);
    const later = await begin(store, { subject });
    await advance(LIFETIME.idleSeconds / 2);
    assert.equal(await store.endAll(subject, id), undefined);
    assert.deepStrictEqual(await idsOf(store, subject), [later.id]);
  });

  test('keeps exactly one of several sessions that end all others concurrently, 40 times', async ({
    store,
    another,
  }) => {
    for (let i = 0; i < 40; i += 1) {
      const subject = newSubject();
      const ids = await Promise.all(
        Array.from(
          { length: 5 },
          async () => (await begin(store, { subject })).id,
        ),
      );
      const answers = await Promise.all(
        ids.map((id, at) => (at % 2 ? store : another).endAll(subject, id)),
      );
      const winner = answers.findIndex((answer) => answer !== undefined);
      assert.deepStrictEqual(
        answers,
        ids.map((_, at) => (at === winner ? 4 : undefined)),
      );
      assert.deepStrictEqual(await idsOf(store, subject), [ids[winner]]);
    }
  });

  test('ends all other sessions or none when the exception ends concurrently, 100 times', async ({
    store,
    another,
  }) => {
    for (let i = 0; i < 100; i += 1) {
      const subject = newSubject();
      const kept = await begin(store, { subject });
      const other = await begin(store, { subject });
      const end = () => another.end(kept.id, subject);
      const endOthers = () => store.endAll(subject, kept.id);
      const racing = i % 2 ? [endOthers(), end()] : [end(), endOthers()];
      const answers = await Promise.all(racing);
      const [ended, wasThere] = i % 2 ? answers : answers.toReversed();
      assert.equal(wasThere, true);
      assert.deepStrictEqual(
        { ended, alive: await idsOf(another, subject) },
        ended === undefined
          ? { ended: undefined, alive: [other.id] }
          : { ended: 1, alive: [] },
      );
    }
  });

  test('ends nothing for a subject without sessions', async ({ store }) => {
    const subject = newSubject();
    assert.equal(await store.endAll(subject), 0);
    assert.equal(await store.endAll(subject, newId()), undefined);
    assert.equal(await store.end(newId(), subject), false);
    assert.deepStrictEqual(await store.list(subject), []);
  });

  test('lists and ends 500 sessions of one subject, each in one call', async (bench) => {
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

  test('retains nothing of a session, however it ended', async (bench) => {
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
    for (const id of ids) {
      assertHeld(before, id, true);
    }

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
      assertHeld(after, id, false);
    }
    assertHeld(after, subject, false);
    assertHeld(after, Buffer.from(subject).toString('base64url'), false);
  });
}
