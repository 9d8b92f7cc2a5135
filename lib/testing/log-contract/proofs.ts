import assert from 'node:assert/strict';
import {
  append,
  RETENTION,
  texts,
  type AddLogTest,
  type Follower,
} from './follower.js';

const isProof = true;

/** Tests that proofs of life arrive, and that only the last one is kept. */
export function proofTests(test: AddLogTest): void {
  test('delivers each proof of life to a follower that keeps up', async ({
    log,
    another,
    follow,
  }) => {
    const followers = [follow(log), follow(another)];
    for (const text of texts('proof', 10)) {
      const time = await append(log, [text], { isProof });
      for (const follower of followers) {
        await follower.untilAll([text]);
        assert.ok(follower.asOf >= time.getTime());
      }
    }
  });

  test('keeps only the last proof of life', async ({
    log,
    another,
    follow,
  }) => {
    const entries = texts('entry', 20);
    for (const [i, text] of texts('proof', 200).entries()) {
      await append(i % 2 ? log : another, [text], { isProof });
      if (i % 10 === 0) await append(log, [entries[i / 10]!]);
    }
    const follower = await follow(log).untilCaughtUp();
    assert.deepStrictEqual(proofsOf(follower), ['proof 199']);
    assert.ok(follower.hasAll(entries));
  });

  test('keeps the last proof of life whatever its age', async ({
    log,
    advance,
    follow,
  }) => {
    await append(log, ['proof'], { isProof });
    await append(log, ['proof of several', 'last proof'], { isProof });
    await advance(10 * RETENTION);
    await append(log, texts('entry', 300));
    await advance(10 * RETENTION);
    await append(log, ['entry']);
    const follower = await follow(log).untilCaughtUp();
    assert.deepStrictEqual(proofsOf(follower), ['last proof']);
  });

  test('reports no gap after proofs of life have been replaced', async ({
    log,
    follow,
  }) => {
    await append(log, ['first']);
    await append(log, ['proof'], { isProof });
    const first = await follow(log).untilCaughtUp();
    await first.stop();
    for (const text of texts('proof', 20))
      await append(log, [text], { isProof });
    await append(log, ['second']);
    const second = await follow(log, first.position).untilAll(['second']);
    await second.untilCaughtUp();
    assert.ok(second.batches.every(({ hasGap = false }) => !hasGap));
  });
}

function proofsOf({ received }: Follower): string[] {
  return received.filter((text) => text.includes('proof'));
}
