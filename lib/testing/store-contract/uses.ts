import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { needing } from '../contract-suite.js';
import { assertSameRecord, assertSecondsLater } from './assertions.js';
import {
  type AddStoreTest,
  assertAlive,
  begin,
  LIFETIME,
  readAlive,
} from './scenario.js';

/** Tests that reads note the use of a session, and do not keep it alive. */
export function useTests(test: AddStoreTest): void {
  test('adds its own time to each answer', async ({
    store,
    another,
    advance,
  }) => {
    const { id, subject } = await begin(store);
    await advance(300);
    const answers = [
      await another.read(id, subject),
      (await store.list(subject))[0],
      await store.read(id, subject, 'seen'),
      await another.update(id, subject, {}),
    ];
    for (const answer of answers) {
      assertAlive(answer);
      assertSecondsLater(answer.asOf, answer.createdAt, 300);
    }
  });

  test('notes that a session is in use at most once a minute, and only when read as seen', async ({
    store,
    another,
    advance,
  }) => {
    const begun = await begin(store);
    const { id, subject } = begun;
    const atFirst = await readAlive(store, begun);
    await advance(50);
    assertSameRecord(await store.read(id, subject, 'seen'), atFirst);
    await advance(11);
    assertSameRecord(await store.read(id, subject), atFirst);
    const seen = await store.read(id, subject, 'seen');
    assertAlive(seen);
    assertSecondsLater(seen.lastSeenAt, atFirst.createdAt, 61);
    await advance(50);
    assertSameRecord(await another.read(id, subject, 'seen'), seen);
    assertSameRecord((await another.list(subject))[0], seen);
  });

  needing(test, 'confirm')(
    'answers confirm like a read as seen, but only with the time if nothing is newer',
    async ({ store, another, advance }) => {
      const { id, subject } = await begin(store);
      const first = await store.read(id, subject);
      assertAlive(first);
      await advance(61);
      const time = await another.confirm!(id, subject, first.revision);
      assertTime(time);
      assertSecondsLater(time, first.createdAt, 61);
      const seen = await store.read(id, subject);
      assertSecondsLater(seen!.lastSeenAt, first.createdAt, 61);
      await store.update(id, subject, { attributes: { theme: 'dark' } });
      const newer = await store.confirm!(id, subject, first.revision);
      assert.ok(
        newer && !(newer instanceof Date),
        `expected the record with its newer attributes, got ${inspect(newer)}`,
      );
      assertSameRecord(await another.read(id, subject), newer);
      assertTime(await store.confirm!(id, subject, newer.revision));
      for (let i = 1; i <= 9; i += 1) {
        await advance(100);
        await store.confirm!(id, subject, newer.revision);
      }
      await advance(100);
      assert.equal(
        await store.confirm!(id, subject, newer.revision),
        undefined,
        'expected undefined, since confirm does not keep a session alive',
      );
      const other = await begin(store);
      await another.end(other.id, other.subject);
      assert.equal(await store.confirm!(other.id, other.subject, 0), undefined);
    },
  );

  test('does not move the end at reads', async ({ store, advance }) => {
    const { id, subject } = await begin(store);
    for (let i = 1; i <= 9; i += 1) {
      await advance(100);
      const record = await store.read(id, subject, 'seen');
      assertAlive(record);
      assertSecondsLater(
        record.expiresAt,
        record.createdAt,
        LIFETIME.idleSeconds,
      );
    }
    await advance(100);
    assert.equal(await store.read(id, subject, 'seen'), undefined);
  });

  test('ends a session on time if it is shorter than the interval at which its use is noted', async ({
    store,
    another,
    advance,
  }) => {
    const lifetime = { idleSeconds: 20, absoluteSeconds: 30 };
    const sessions = [
      await begin(store, { lifetime }),
      await begin(store, { lifetime }),
    ] as const;
    const answers = async (): Promise<readonly unknown[]> => [
      await another.read(sessions[0].id, sessions[0].subject, 'seen'),
      store.confirm
        ? await store.confirm(sessions[1].id, sessions[1].subject, 0)
        : await store.read(sessions[1].id, sessions[1].subject),
    ];
    await advance(19);
    assert.ok(
      (await answers()).every((answer) => answer !== undefined),
      'expected two sessions that have not ended, a second before their end',
    );
    await advance(1);
    assert.deepEqual(await answers(), [undefined, undefined]);
  });
}

function assertTime(answer: unknown): asserts answer is Date {
  assert.ok(
    answer instanceof Date,
    `expected only the time of the store, got ${inspect(answer)}`,
  );
}
