import assert from 'node:assert/strict';
import { needing } from '../contract-suite.js';
import { append, texts, type AddLogTest, type Follower } from './follower.js';

/** Tests that a broken connection costs no entry, and that followers learn of lost entries. */
export function breakTests(test: AddLogTest): void {
  brokenConnectionTests(needing(test, 'cut'));
  lossTests(needing(test, 'lose'));
}

function brokenConnectionTests(test: AddLogTest): void {
  test('rejects or goes on when its connection breaks, and misses nothing', async ({
    log,
    another,
    cut,
    follow,
  }) => {
    await append(log, ['first']);
    const first = await follow(log).untilCaughtUp();
    await cut!();
    await append(another, ['meanwhile']);
    const second = await first
      .untilAll(['meanwhile'])
      .catch(() => follow(log, first.position).untilAll(['meanwhile']));
    await append(another, ['later']);
    await second.untilAll(['later']);
    assert.equal(gapsOf(second), 0);
  });
}

function lossTests(test: AddLogTest): void {
  test('reports once that entries are missing which it has not received', async ({
    log,
    another,
    lose,
    follow,
  }) => {
    await append(log, ['received']);
    await append(log, ['proof'], { isProof: true });
    const first = await follow(log).untilCaughtUp();
    await first.stop();
    await append(another, texts('lost', 3));
    await lose!();
    for (const isProof of [false, true]) {
      await append(log, ['new'], { isProof });
      const second = await follow(another, first.position).untilAll(['new']);
      await second.untilCaughtUp();
      assert.equal(gapsOf(second), 1);
      await append(log, [`later ${isProof}`], { isProof });
      await second.untilAll([`later ${isProof}`]);
      assert.equal(gapsOf(second), 1);
      const third = await follow(log, second.position).untilCaughtUp();
      assert.equal(gapsOf(third), 0);
    }
  });

  test('notices while it follows that entries which it has received are lost, or goes on', async ({
    log,
    lose,
    follow,
  }) => {
    const first = follow(log);
    await append(log, ['received']);
    await first.untilAll(['received']);
    await lose!();
    const entries = texts('new', 5);
    for (const text of entries) await append(log, [text]);
    const second = await first
      .untilAll(entries)
      .catch(() => follow(log, first.position).untilAll(entries));
    await second.untilCaughtUp();
  });
}

function gapsOf({ batches }: Follower): number {
  return batches.filter(({ hasGap = false }) => hasGap).length;
}
