import assert from 'node:assert/strict';
import { firstLink } from '../../session/model/refresh-chain.js';
import { checkRotation } from './check-rotation.js';
import { rotationTable } from './rotation-table.js';
import { assertEnded, assertHeld, assertSameRecord } from './assertions.js';
import {
  begin,
  beginChain,
  GRACE_SECONDS,
  linkAt,
  nearBoundary,
  newId,
  newSubject,
  present,
  presented,
  readAlive,
  use,
  type AddStoreTest,
} from './scenario.js';

/** Tests that a store decides on refresh tokens like `decideRotation`, in one step. */
export function rotationTests(test: AddStoreTest): void {
  for (const row of rotationTable) {
    test(
      `answers '${row.verdict}' to ${row.title}`,
      nearBoundary((bench) => checkRotation(bench, row)),
    );
  }

  test("answers 'unknown' if there is no record of that id and subject", async (bench) => {
    const { store } = bench;
    const chain = await beginChain(store);
    const unknown = { ...chain, id: newId() };
    assert.equal(await present(store, unknown, 0), 'unknown');
    assert.equal(await present(store, unknown, 1), 'unknown');
    const stranger = { ...chain, subject: newSubject() };
    assert.equal(await present(store, stranger, 0), 'unknown');
    await assertEnded(bench, unknown);
    assert.equal(await present(store, chain, 0), 'rotated');
  });

  test("answers 'reused' to a first token of a session without refresh tokens", async (bench) => {
    const begun = await begin(bench.store);
    const verdict = await bench.store.rotate(
      begun.id,
      begun.subject,
      presented(firstLink(), begun.id),
    );
    assert.equal(verdict, 'reused');
    await assertEnded(bench, begun);
  });

  test('does not extend the grace period at a replay', async (bench) => {
    const { store, another, advance } = bench;
    const chain = await beginChain(store, 1);
    await use(bench.store, chain, 1);
    for (const instance of [store, another]) {
      await advance(GRACE_SECONDS / 3);
      assert.equal(await present(instance, chain, 0), 'repeated');
    }
    await advance(GRACE_SECONDS / 3);
    assert.equal(await present(store, chain, 0), 'reused');
    await assertEnded(bench, chain);
  });

  test('moves neither the end nor the time of the last use at a replay', async ({
    store,
    advance,
  }) => {
    const chain = await beginChain(store, 1);
    const before = await readAlive(store, chain);
    await advance(GRACE_SECONDS - 10);
    assert.equal(await present(store, chain, 0), 'repeated');
    assertSameRecord(await readAlive(store, chain), before);
  });

  test('ends the session at the first token of a chain of ten, so that the current token is dead too', async (bench) => {
    const { store, another } = bench;
    const chain = await beginChain(store, 10);
    assert.equal(await present(another, chain, 0), 'reused');
    assert.equal(await present(store, chain, 10), 'unknown');
    await assertEnded(bench, chain);
  });

  test('detects a thief and the owner on one chain at their first uses after the grace period', async (bench) => {
    const { store, another, advance } = bench;
    const chain = await beginChain(store, 4);
    assert.equal(await present(another, chain, 3), 'repeated');
    await advance(GRACE_SECONDS);
    assert.equal(await present(store, chain, 4), 'rotated');
    await use(store, chain, 5);
    await advance(GRACE_SECONDS);
    assert.equal(await present(another, chain, 4), 'reused');
    assert.equal(await present(store, chain, 5), 'unknown');
    await assertEnded(bench, chain);
  });

  test('creates one child for 200 concurrent presentations of one token', async ({
    store,
    another,
  }) => {
    const chain = await beginChain(store, 1);
    const verdicts = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        present(i % 2 ? store : another, chain, 1),
      ),
    );
    const count = (verdict: string) =>
      verdicts.filter((each) => each === verdict).length;
    assert.equal(count('rotated'), 1);
    assert.equal(count('repeated'), 199);
    assert.equal(await present(another, chain, 2), 'rotated');
  });

  test('forks neither of two chains that are presented concurrently', async (bench) => {
    const { store, another } = bench;
    const chain = await beginChain(store);
    const forged = { ...chain, first: firstLink() };
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        present(i % 2 ? store : another, i % 3 ? chain : forged, 0),
      ),
    );
    await assertEnded(bench, chain);
  });

  test('leaves nothing usable after an end that races a rotation, 200 times', async (bench) => {
    const { store, another } = bench;
    for (let i = 0; i < 200; i += 1) {
      const chain = await beginChain(store, 1);
      const { id, subject } = chain;
      const endsAll = i % 4 > 1;
      const rotate = () => present(store, chain, 1);
      const end = () =>
        endsAll ? another.endAll(subject) : another.end(id, subject);
      const racing = i % 2 ? [rotate(), end()] : [end(), rotate()];
      const answers = await Promise.all(racing);
      const [verdict, ended] = i % 2 ? answers : answers.toReversed();
      assert.match(String(verdict), /^(rotated|unknown)$/);
      assert.equal(ended, endsAll ? 1 : true);
      for (const generation of [0, 1, 2]) {
        assert.equal(await present(store, chain, generation), 'unknown');
      }
      assert.equal(await another.read(id, subject), undefined);
    }
  });

  test('leaves nothing usable after a reuse that races the current token, 50 times', async (bench) => {
    const { store, another } = bench;
    for (let i = 0; i < 50; i += 1) {
      const chain = await beginChain(store, 2);
      const generations = i % 2 ? [0, 2] : [2, 0];
      const verdicts = await Promise.all([
        present(store, chain, generations[0]!),
        present(another, chain, generations[1]!),
      ]);
      assert.ok(verdicts.includes('reused'), "expected one 'reused'");
      assert.equal(await present(store, chain, 3), 'unknown');
      assert.equal(await another.read(chain.id, chain.subject), undefined);
    }
  });

  test('stores no usable token in a record', async ({ store, dump }) => {
    const chain = await beginChain(store, 2);
    await present(store, chain, 1);
    const held = await dump();
    assertHeld(held, chain.id, true);
    for (const generation of [0, 1, 2, 3]) {
      const { jti } = linkAt(chain, generation);
      const secret = Buffer.from(jti, 'base64url');
      for (const encoding of ['base64url', 'base64', 'hex'] as const) {
        const text = secret.toString(encoding);
        assertHeld(held, text, false, `a refresh token in ${encoding}`);
      }
    }
  });
}
