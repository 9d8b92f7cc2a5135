import assert from 'node:assert/strict';
import { append, texts, type AddLogTest } from './follower.js';

/** Tests that every entry reaches every follower, unchanged. */
export function deliveryTests(test: AddLogTest): void {
  test('delivers what is there already, and then each new entry', async ({
    log,
    follow,
  }) => {
    await append(log, ['first', 'second']);
    const follower = await follow(log).untilAll(['first', 'second']);
    for (const text of texts('later', 5)) {
      await append(log, [text]);
      await follower.untilAll([text]);
    }
  });

  test('delivers to a follower of an empty log', async ({ log, follow }) => {
    const follower = follow(log);
    await append(log, ['first']);
    await follower.untilAll(['first']);
  });

  test('delivers the entries of every process to the followers of every process', async ({
    log,
    another,
    follow,
  }) => {
    const logs = [log, another, log, another];
    const followers = logs.map((each) => follow(each));
    const entries = logs.map((_, i) => texts(`writer ${i}, entry`, 50));
    await Promise.all(
      logs.map(async (each, i) => {
        for (const text of entries[i]!) await append(each, [text]);
      }),
    );
    followers.push(follow(log), follow(another));
    await Promise.all(
      followers.map((follower) => follower.untilAll(entries.flat())),
    );
    for (const { batches } of followers) {
      assert.ok(batches.every(({ hasGap = false }) => !hasGap));
    }
  });

  test('delivers every text unchanged', async ({ log, another, follow }) => {
    const entries = [
      '',
      ' ',
      '0',
      'null',
      '{"v":1,"kind":"session","id":"\\u0000"}',
      'line\nbreak\r\ttab',
      `quotes ' " \` and \\ backslash`,
      'ä ß € 漢字 🙂 \u{10FFFF}',
      'nothing \u0000 is lost',
      '\u2028\u2029',
      'x'.repeat(2_048),
      '🙂'.repeat(512),
    ];
    const live = follow(another);
    await append(log, entries);
    const late = follow(another);
    for (const follower of [live, late]) {
      await follower.untilAll(entries);
      assert.ok(follower.received.every((text) => entries.includes(text)));
    }
  });

  test('delivers equal entries one by one', async ({ log, follow }) => {
    const live = follow(log);
    await append(log, ['same', 'same']);
    await append(log, ['same']);
    const late = follow(log);
    for (const follower of [live, late]) {
      await follower.until(() => follower.received.length >= 3);
    }
  });

  test('delivers 10,000 entries, and those that are appended meanwhile', async ({
    log,
    another,
    follow,
  }) => {
    const entries = texts('entry', 10_000);
    const live = follow(another);
    for (let i = 0; i < entries.length; i += 500) {
      await append(log, entries.slice(i, i + 500));
    }
    const late = follow(another);
    const meanwhile = texts('meanwhile', 20);
    for (const text of meanwhile) await append(log, [text]);
    for (const follower of [live, late]) {
      await follower.untilAll([...entries, ...meanwhile]);
      assert.ok(follower.batches.every(({ hasGap = false }) => !hasGap));
    }
  });

  test('accepts a step without entries', async ({ log, follow }) => {
    const before = await append(log, ['before']);
    const time = await append(log, []);
    assert.ok(time >= before);
    const follower = await follow(log).untilCaughtUp();
    assert.deepStrictEqual(follower.received, ['before']);
    await append(log, ['after']);
    await follower.untilAll(['after']);
    assert.ok(follower.batches.every(({ hasGap = false }) => !hasGap));
  });
}
