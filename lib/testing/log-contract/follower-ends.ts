import assert from 'node:assert/strict';
import { append, texts, type AddLogTest } from './follower.js';

/** Tests that a follower ends when its signal is aborted, and only that one. */
export function followerEndTests(test: AddLogTest): void {
  test('resolves after an abort and delivers nothing more', async ({
    log,
    another,
    follow,
  }) => {
    await append(log, ['before']);
    const ended = await follow(log).untilCaughtUp();
    const other = await follow(log).untilCaughtUp();
    const count = ended.batches.length;
    ended.abort();
    await ended.ended;
    const entries = texts('after', 20);
    for (const text of entries) await append(another, [text]);
    await other.untilAll(entries);
    assert.equal(ended.batches.length, count);
  });

  test('resolves if it was aborted before it began', async ({ log }) => {
    await append(log, ['before']);
    let batches = 0;
    await log.follow(undefined, () => (batches += 1), AbortSignal.abort());
    assert.equal(batches, 0);
  });

  test('resolves if it is aborted while it begins', async ({ log, follow }) => {
    await append(log, ['before']);
    const followers = Array.from({ length: 5 }, () => follow(log));
    for (const [turns, follower] of followers.entries()) {
      for (let i = 0; i < turns; i += 1) await Promise.resolve();
      const count = follower.batches.length;
      follower.abort();
      await follower.ended;
      assert.equal(follower.batches.length, count);
    }
  });

  test('resolves if its listener aborts it', async ({ log, follow }) => {
    await append(log, texts('entry', 1_500));
    const follower = follow(log);
    follower.onBatch = () => follower.abort();
    await follower.ended;
    assert.equal(follower.batches.length, 1);
  });
}
