import assert from 'node:assert/strict';
import { assertEnded, assertHeld, assertSameRecord } from './assertions.js';
import { needing } from '../contract-suite.js';
import { boundRotationTests } from './bound-rotations.js';
import { continuedChainTests } from './continued-chains.js';
import { assertLate, LATE } from './deadlines.js';
import { deviceKeyTests } from './device-keys.js';
import {
  assertAlive,
  begin,
  beginChain,
  bind,
  DEVICE_KEY,
  LIFETIME,
  newId,
  newSubject,
  present,
  readAlive,
  type AddStoreTest,
} from './scenario.js';
import { HOSTILE_SUBJECTS } from './subjects.js';

const OTHER_KEY = DEVICE_KEY.replace('WKn', 'WKm');

/** Tests that a session is bound to one device key at most, in stores that support it. */
export function bindingTests(addTest: AddStoreTest): void {
  const test = needing(addTest, 'bind');

  test('binds a session, and returns the key from every method', async ({
    store,
    another,
    advance,
  }) => {
    const chain = await beginChain(store, 1, { attributes: { a: 1 } });
    const { id, subject } = chain;
    const before = await readAlive(store, chain);
    assert.ok(
      !JSON.stringify(before).includes('"deviceKey"'),
      'expected a record without a member `deviceKey`',
    );
    await advance(30);
    assert.equal(await bind(store, chain), 'bound');
    const bound = { ...before, deviceKey: DEVICE_KEY };
    assertSameRecord(await another.read(id, subject), bound);
    assertSameRecord(await another.read(id, subject, 'seen'), bound);
    assertSameRecord((await another.list(subject))[0], bound);
    const confirmed = await another.confirm?.(id, subject, -1);
    if (confirmed && !(confirmed instanceof Date)) {
      assertSameRecord(confirmed, bound);
    }
    const passive = { isPassive: true } as const;
    assertSameRecord(await another.update(id, subject, passive), bound);
  });

  test('does not count a binding as use', async ({ store, advance }) => {
    const begun = await begin(store);
    const before = await readAlive(store, begun);
    await advance(LIFETIME.idleSeconds / 2);
    assert.equal(await bind(store, begun), 'bound');
    assertSameRecord(await readAlive(store, begun), {
      ...before,
      deviceKey: DEVICE_KEY,
    });
    await advance(LIFETIME.idleSeconds / 2);
    assert.equal(await store.read(begun.id, begun.subject), undefined);
  });

  test("answers 'bound' to the same key again, and changes nothing", async ({
    store,
    another,
    advance,
  }) => {
    const begun = await begin(store);
    assert.equal(await bind(store, begun), 'bound');
    const before = await readAlive(store, begun);
    await advance(100);
    assert.equal(await bind(another, begun), 'bound');
    assertSameRecord(await readAlive(store, begun), before);
  });

  test("answers 'conflict' to another key, and ends the session", async (bench) => {
    const { store, another, dump } = bench;
    const chain = await beginChain(store, 1);
    const other = await begin(store, { subject: chain.subject });
    assert.equal(await bind(store, chain), 'bound');
    assert.equal(await bind(another, chain, OTHER_KEY), 'conflict');
    await assertEnded(bench, chain);
    for (const key of [DEVICE_KEY, OTHER_KEY]) {
      assert.equal(await bind(store, chain, key), 'unknown');
      const proof = { deviceKey: key };
      assert.equal(await present(store, chain, 1, proof), 'unknown');
    }
    await assertEnded(bench, chain);
    assertHeld(await dump(), chain.id, false);
    await readAlive(store, other);
  });

  test("answers 'unknown' without a record, and creates none", async (bench) => {
    const { store, another } = bench;
    const chain = await beginChain(store);
    const stranger = { ...chain, subject: newSubject() };
    const ended = await begin(store);
    await another.end(ended.id, ended.subject);
    for (const missing of [{ ...chain, id: newId() }, stranger, ended]) {
      assert.equal(await bind(store, missing), 'unknown');
      await assertEnded(bench, missing);
    }
    assert.equal(await present(store, chain, 0), 'rotated');
  });

  for (const [which, first, second] of [
    ['an unbound session', undefined, DEVICE_KEY],
    ['a bound session, with the same key', DEVICE_KEY, DEVICE_KEY],
    ['a bound session, with another key', DEVICE_KEY, OTHER_KEY],
  ] as const) {
    test(`answers 'unknown' at the idle end of ${which}, and retains nothing`, async (bench) => {
      const { store, advance, dump } = bench;
      const chain = await beginChain(store);
      if (first) await bind(store, chain, first);
      await advance(LIFETIME.idleSeconds);
      assert.equal(await bind(store, chain, second), 'unknown');
      assertHeld(await dump(), chain.id, false);
      await advance(-3_600);
      assert.equal(await bind(store, chain, second), 'unknown');
      await assertEnded(bench, chain);
    });
  }

  test('binds to one of 50 concurrent keys; the second ends the session, 10 times', async (bench) => {
    const { store, another } = bench;
    for (let round = 0; round < 10; round += 1) {
      const chain = await beginChain(store);
      const verdicts = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          bind(i % 2 ? store : another, chain, `key ${i}`),
        ),
      );
      assert.deepStrictEqual(verdicts.toSorted(), [
        'bound',
        'conflict',
        ...Array.from({ length: 48 }, () => 'unknown'),
      ]);
      await assertEnded(bench, chain);
    }
  });

  test("answers 'bound' to 50 concurrent bindings to one key", async ({
    store,
    another,
  }) => {
    const begun = await begin(store);
    const verdicts = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        bind(i % 2 ? store : another, begun),
      ),
    );
    assert.deepStrictEqual([...new Set(verdicts)], ['bound']);
    assert.equal((await readAlive(store, begun)).deviceKey, DEVICE_KEY);
  });

  test('revives nothing when a binding races the end of its session, 100 times', async (bench) => {
    const { store, another } = bench;
    for (let i = 0; i < 100; i += 1) {
      const chain = await beginChain(store);
      const { id, subject } = chain;
      const end = () => another.end(id, subject);
      const racing: Promise<unknown>[] =
        i % 2 ? [bind(store, chain), end()] : [end(), bind(store, chain)];
      const answers = await Promise.all(racing);
      const [verdict, ended] = i % 2 ? answers : answers.toReversed();
      assert.match(String(verdict), /^(bound|unknown)$/);
      assert.equal(ended, true);
      assert.equal(await store.read(id, subject), undefined);
      const proof = { deviceKey: DEVICE_KEY };
      assert.equal(await present(another, chain, 0, proof), 'unknown');
    }
  });

  const testLate = needing(test, 'now');
  for (const [when, deadlineAt] of Object.entries(LATE)) {
    testLate(`refuses bind ${when}, and changes nothing`, async (bench) => {
      const { store, another } = bench;
      const begun = await begin(store);
      for (const [key, next] of [
        [undefined, DEVICE_KEY],
        [DEVICE_KEY, OTHER_KEY],
      ] as const) {
        if (key) await bind(store, begun, key);
        const before = await readAlive(another, begun);
        const now = await store.now!(begun.subject);
        const { id, subject } = begun;
        await assertLate(store.bind!(id, subject, next, deadlineAt(now)), now);
        assertSameRecord(await readAlive(another, begun), before);
      }
    });
  }

  test('carries out bind within the deadline', async ({ store }) => {
    const begun = await begin(store);
    const now = (await readAlive(store, begun)).asOf.getTime();
    const deadline = {
      notBefore: new Date(now - 600_000),
      notAfter: new Date(now + 600_000),
    };
    const { id, subject } = begun;
    const verdict = await store.bind!(id, subject, DEVICE_KEY, deadline);
    assert.equal(verdict, 'bound');
    assert.equal((await readAlive(store, begun)).deviceKey, DEVICE_KEY);
  });

  test('keeps the keys of the sessions of one subject apart', async ({
    store,
    another,
  }) => {
    const subject = newSubject();
    const keys = [DEVICE_KEY, OTHER_KEY, undefined];
    const expected = new Map<string, string | undefined>();
    for (const key of keys) {
      expected.set((await begin(store, { subject })).id, key);
    }
    for (const [id, key] of expected) {
      if (key) assert.equal(await bind(store, { id, subject }, key), 'bound');
    }
    const listed = await another.list(subject);
    assert.equal(listed.length, keys.length);
    for (const { id, deviceKey } of listed) {
      assert.equal(deviceKey, expected.get(id));
    }
  });

  test('binds the sessions of any subject', async ({ store, another }) => {
    for (const makeSubject of Object.values(HOSTILE_SUBJECTS)) {
      const chain = await beginChain(store, 0, { subject: makeSubject() });
      const { subject } = chain;
      assert.equal(await bind(store, chain), 'bound');
      const [listed] = await another.list(subject);
      assertAlive(listed);
      assert.equal(listed.deviceKey, DEVICE_KEY);
      assert.equal(await present(another, chain, 0), 'unproven');
    }
  });

  deviceKeyTests(test);
  boundRotationTests(test);
  continuedChainTests(test);
}
