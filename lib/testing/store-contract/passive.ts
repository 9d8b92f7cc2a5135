import assert from 'node:assert/strict';
import { assertSameRecord, assertSecondsLater } from './assertions.js';
import {
  begin,
  beginChain,
  LIFETIME,
  present,
  readAlive,
  type AddStoreTest,
} from './scenario.js';

/** Tests that passive calls move neither the idle end nor the time of the last use. */
export function passiveTests(test: AddStoreTest): void {
  test('applies a passive change, and does not note it as use', async ({
    store,
    another,
    advance,
  }) => {
    const begun = await begin(store, { data: { value: 1, loadedAt: 1 } });
    const { id, subject } = begun;
    const before = await readAlive(store, begun);
    await advance(100);
    const data = { value: 2, loadedAt: 2 };
    const attributes = { a: 1 };
    const change = { attributes, data, isPassive: true };
    const after = await store.update(id, subject, change);
    assert.ok(after);
    assertSameRecord(after, { ...before, attributes, data, revision: 1 });
    assertSameRecord(await another.read(id, subject), after);
    const used = await another.update(id, subject, { isPassive: false });
    assertSecondsLater(used!.lastSeenAt, before.lastSeenAt, 100);
  });

  test('moves neither the end nor the time of the last use at a passive rotation', async ({
    store,
    another,
    advance,
  }) => {
    const chain = await beginChain(store, 1);
    const before = await readAlive(store, chain);
    await advance(100);
    const passive = {
      isPassive: true,
      lifetime: {
        ...LIFETIME,
        idleSeconds: LIFETIME.idleSeconds - 100,
      },
    };
    assert.equal(await present(store, chain, 1, passive), 'rotated');
    assertSameRecord(await readAlive(another, chain), before);
    assert.equal(await present(another, chain, 1, passive), 'repeated');
    // As after a store that lost writes.
    assert.equal(await present(another, chain, 3, passive), 'rolled-forward');
    assertSameRecord(await readAlive(store, chain), before);
    assert.equal(await present(store, chain, 4), 'rotated');
    const after = await readAlive(store, chain);
    assertSecondsLater(after.lastSeenAt, before.lastSeenAt, 100);
    assertSecondsLater(after.expiresAt, before.expiresAt, 100);
    assert.equal(await present(store, chain, 5, passive), 'rotated');
    await advance(LIFETIME.idleSeconds);
    assert.equal(await present(store, chain, 6, passive), 'expired');
  });
}
