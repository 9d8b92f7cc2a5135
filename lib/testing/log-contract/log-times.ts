import assert from 'node:assert/strict';
import type { RevocationLog } from '../../ports/revocation-log.js';
import { append, texts, type AddLogTest, type Follower } from './follower.js';

const ROUNDS = 40;
const WRITERS = 6;

/** Tests that a follower never believes that it has received what it has not. */
export function logTimeTests(test: AddLogTest): void {
  test('returns a time that moves with its clock and never goes back', async ({
    log,
    another,
    advance,
  }) => {
    const first = await append(log, ['first']);
    await advance(100);
    const second = await append(another, ['second']);
    assert.ok(second.getTime() - first.getTime() > 98_000);
    await advance(-50);
    const third = await append(log, ['third']);
    const proof = await append(another, ['proof'], { isProof: true });
    const fourth = await append(log, ['fourth']);
    assert.ok(third >= second && proof >= third && fourth >= proof);
  });

  test('delivers what is appended after its clock was set back', async ({
    log,
    advance,
    follow,
  }) => {
    const follower = follow(log);
    await advance(100);
    await append(log, ['ahead']);
    await append(log, ['proof ahead'], { isProof: true });
    await advance(-100);
    await follower.untilAll(['ahead', 'proof ahead']);
    await append(log, ['back']);
    await append(log, ['proof back'], { isProof: true });
    await follower.untilAll(['back', 'proof back']);
    const late = await follow(log).untilAll(['ahead', 'back', 'proof back']);
    for (const { batches } of [follower, late]) {
      assert.ok(batches.every(({ hasGap = false }) => !hasGap));
    }
  });

  test('says how far a follower is as soon as it has everything, and from then on', async ({
    log,
    follow,
  }) => {
    const entries = texts('entry', 1_500);
    const time = await append(log, entries);
    const follower = await follow(log).untilCaughtUp();
    assert.ok(follower.hasAll(entries));
    assert.ok(follower.asOf >= time.getTime());
    const behind = follower.batches.slice(0, -1);
    assert.ok(behind.every(({ asOf }) => asOf === undefined));

    const again = await follow(log, follower.position).untilCaughtUp();
    assert.ok(again.asOf >= time.getTime());
    for (let i = 0; i < 10; i += 1) {
      const later = await append(log, [`later ${i}`], { isProof: i % 2 > 0 });
      await again.until(() => again.asOf >= later.getTime());
    }
    const times = again.batches.map(({ asOf }) => asOf?.getTime() ?? NaN);
    assert.ok(!times.includes(NaN));
    assert.deepStrictEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
  });

  test('never claims to have delivered an entry that it has not', async ({
    log,
    another,
    advance,
    follow,
  }) => {
    /** Entries whose append has resolved, and the time of the log then. */
    const appended: [text: string, time: number][] = [];
    const faults: string[] = [];
    const watch = (follower: Follower): Follower => {
      let unseen = 0;
      follower.onBatch = ({ asOf }) => {
        if (!asOf) return;
        const missing = appended
          .slice(unseen)
          .filter(
            ([text, time]) => time < asOf.getTime() && !follower.has(text),
          );
        faults.push(...missing.map(([text]) => text));
        while (unseen < appended.length && follower.has(appended[unseen]![0])) {
          unseen += 1;
        }
      };
      return follower;
    };
    const write = async (
      writer: RevocationLog,
      name: string,
      isProof: boolean,
    ): Promise<void> => {
      for (const text of texts(name, ROUNDS)) {
        const time = await append(writer, [text], { isProof });
        if (!isProof) appended.push([text, time.getTime()]);
        await advance(1);
      }
    };
    const followers = [log, another].map((each) => watch(follow(each)));
    const writing = Array.from({ length: WRITERS }, (_, i) =>
      write(i % 2 ? log : another, `writer ${i}`, i % 3 === 0),
    );
    for (let i = 0; i < 4; i += 1) {
      await followers[0]!.until(() => followers[0]!.received.length > i * 20);
      followers.push(watch(follow(i % 2 ? log : another)));
    }
    await Promise.all(writing);
    const all = appended.map(([text]) => text);
    await Promise.all(followers.map((follower) => follower.untilAll(all)));
    await append(log, ['last'], { isProof: true });
    await Promise.all(followers.map((follower) => follower.untilAll(['last'])));
    assert.deepStrictEqual(faults, []);
  });
}
