import assert from 'node:assert/strict';
import { append, texts, type AddLogTest } from './follower.js';

/** Tests that a follower continues anywhere without losing anything. */
export function positionTests(test: AddLogTest): void {
  test('continues from every earlier position', async ({
    log,
    another,
    follow,
  }) => {
    const first = follow(log);
    const entries: string[] = [];
    for (let i = 0; i < 12; i += 1) {
      const more = texts(`step ${i}, entry`, 1 + (i % 3) * 10);
      entries.push(...more);
      await append(i % 2 ? log : another, more);
      await append(another, [`proof ${i}`], { isProof: true });
      await first.untilAll([...more, `proof ${i}`]);
    }
    const received = new Set<string>();
    for (const { entries: delivered, position } of first.batches) {
      for (const text of delivered) received.add(text);
      const missing = entries.filter((text) => !received.has(text));
      const second = await follow(another, position).untilAll([
        ...missing,
        ...(received.has('proof 11') ? [] : ['proof 11']),
      ]);
      await second.untilCaughtUp();
      assert.ok(second.batches.every(({ hasGap = false }) => !hasGap));
      await second.stop();
    }
  });

  test('continues after a pause', async ({ log, follow }) => {
    await append(log, texts('before', 30));
    const first = await follow(log).untilCaughtUp();
    await first.stop();
    const entries = texts('meanwhile', 1_200);
    await append(log, entries);
    const second = await follow(log, first.position).untilAll(entries);
    await append(log, ['later']);
    await second.untilAll(['later']);
    assert.ok(second.batches.every(({ hasGap = false }) => !hasGap));
  });

  test('continues from a position in an empty log, if it gives one', async ({
    log,
    follow,
  }) => {
    const first = follow(log);
    await append(log, ['proof'], { isProof: true });
    await first.untilAll(['proof']);
    const position = first.batches[0]!.position;
    await append(log, ['first']);
    const second = await follow(log, position).untilAll(['first']);
    await second.untilCaughtUp();
    assert.ok(second.batches.every(({ hasGap = false }) => !hasGap));
  });

  test('delivers everything to a follower without a position', async ({
    log,
    another,
    follow,
  }) => {
    const entries = texts('entry', 700);
    await append(log, entries);
    await append(log, ['proof'], { isProof: true });
    const first = await follow(log).untilCaughtUp();
    assert.ok(first.hasAll([...entries, 'proof']));
    const second = await follow(another).untilCaughtUp();
    assert.ok(second.hasAll([...entries, 'proof']));
  });
}
