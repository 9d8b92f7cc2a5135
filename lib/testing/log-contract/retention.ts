import assert from 'node:assert/strict';
import { append, RETENTION, texts, type AddLogTest } from './follower.js';

/** More entries than logs that remove them in groups have in one. */
const MANY = 600;

/** Tests that entries stay as long as they matter, and that their removal is no gap. */
export function retentionTests(test: AddLogTest): void {
  test('keeps entries until their retention has ended', async ({
    log,
    another,
    advance,
    follow,
  }) => {
    const entries = texts('entry', MANY);
    await append(log, entries);
    await advance(RETENTION - 60);
    await append(another, texts('later', MANY));
    await append(another, ['proof'], { isProof: true });
    const follower = await follow(log).untilCaughtUp();
    assert.ok(follower.hasAll(entries));
  });

  test('reports no gap to a new follower after older entries were removed', async (bench) => {
    const { log, follow } = bench;
    await age(bench);
    const follower = await follow(log).untilCaughtUp();
    assert.ok(follower.hasAll(['kept', 'new']));
    assert.ok(follower.batches.every(({ hasGap = false }) => !hasGap));
    await append(log, ['live']);
    await follower.untilAll(['live']);
    assert.ok(follower.batches.every(({ hasGap = false }) => !hasGap));
  });

  test('reports no gap to a follower that missed entries whose retention has ended', async (bench) => {
    const { log, another, follow } = bench;
    await append(log, texts('very old', 10));
    const first = await follow(log).untilCaughtUp();
    await first.stop();
    await age(bench);
    for (const each of [log, another]) {
      const second = await follow(each, first.position).untilCaughtUp();
      assert.ok(second.hasAll(['kept', 'new']));
      await append(log, ['live']);
      await second.untilAll(['live']);
      assert.ok(second.batches.every(({ hasGap = false }) => !hasGap));
    }
  });

  test('reports no gap when nothing but a proof of life is left', async ({
    log,
    advance,
    follow,
  }) => {
    await append(log, texts('old', MANY));
    const first = await follow(log).untilCaughtUp();
    await append(log, texts('missed', 10));
    await first.stop();
    await advance(RETENTION + 60);
    await append(log, ['proof'], { isProof: true });
    for (const from of [undefined, first.position]) {
      const follower = await follow(log, from).untilAll(['proof']);
      await append(log, ['new']);
      await follower.untilAll(['new']);
      assert.ok(follower.batches.every(({ hasGap = false }) => !hasGap));
      await follower.stop();
    }
  });

  test('reports no gap when many entries and no proof of life are left', async ({
    log,
    advance,
    follow,
  }) => {
    await append(log, texts('old', MANY));
    const first = await follow(log).untilCaughtUp();
    await first.stop();
    await advance(10);
    await append(log, texts('older', 1));
    await append(log, texts('kept', 2 * MANY));
    await advance(RETENTION - 5);
    await append(log, ['new']);
    for (const from of [undefined, first.position]) {
      const follower = await follow(log, from).untilCaughtUp();
      assert.ok(follower.hasAll([...texts('kept', 2 * MANY), 'new']));
      assert.ok(follower.batches.every(({ hasGap = false }) => !hasGap));
    }
  });

  test('accepts entries with different retentions', async ({
    log,
    advance,
    follow,
  }) => {
    const follower = follow(log);
    for (let i = 0; i < 6; i += 1) {
      const entries = texts(`step ${i}, entry`, 120);
      const retentionSeconds = i % 2 ? 50 : RETENTION;
      await append(log, entries, { retentionSeconds });
      await follower.untilAll(entries);
      await advance(40);
      const late = await follow(log).untilCaughtUp();
      assert.ok(late.hasAll(entries));
      assert.ok(late.batches.every(({ hasGap = false }) => !hasGap));
      await late.stop();
    }
    assert.ok(follower.batches.every(({ hasGap = false }) => !hasGap));
  });
}

/** Appends entries, of which all but 'kept' and 'new' may be removed. */
async function age({
  log,
  another,
  advance,
}: Parameters<Parameters<AddLogTest>[1]>[0]): Promise<void> {
  for (const each of [log, another]) await append(each, texts('old', MANY));
  await advance(RETENTION + 60);
  await append(log, ['kept']);
  await advance(RETENTION - 60);
  await append(another, ['new']);
  await append(log, ['proof'], { isProof: true });
}
