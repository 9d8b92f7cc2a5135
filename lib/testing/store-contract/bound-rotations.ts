import assert from 'node:assert/strict';
import type {
  RotationVerdict,
  SessionStore,
} from '../../ports/session-store.js';
import { firstLink } from '../../session/model/refresh-chain.js';
import { needing } from '../contract-suite.js';
import { assertEnded, assertSameRecord } from './assertions.js';
import {
  beginChain,
  bind,
  DEVICE_KEY,
  GRACE_SECONDS,
  LIFETIME,
  present,
  readAlive,
  use,
  type AddStoreTest,
  type ChainedSession,
  type StoreBench,
} from './scenario.js';

/** What a request presents that has not proved the key of the session. */
const UNPROVEN: Readonly<Record<string, { readonly deviceKey?: string }>> = {
  'without a key': {},
  'with another key': { deviceKey: `${DEVICE_KEY}s` },
};
const PROOF = { deviceKey: DEVICE_KEY };

interface BoundRow {
  readonly title: string;
  /** Default: the current one, 3. */
  readonly generation?: number;
  readonly isForeign?: boolean;
  /** Seconds from the last rotation to the presentation. Default: 0. */
  readonly after?: number;
  readonly isUsed?: boolean;
  readonly verdict: RotationVerdict;
}

/** Refresh tokens of a bound session that was rotated three times, and their verdicts with the key. */
const TABLE: readonly BoundRow[] = [
  { title: 'the current token', verdict: 'rotated' },
  {
    title: 'the parent within the grace period',
    generation: 2,
    after: GRACE_SECONDS - 10,
    verdict: 'repeated',
  },
  {
    title: 'the parent after the grace period, with its child in use',
    generation: 2,
    after: GRACE_SECONDS,
    isUsed: true,
    verdict: 'reused',
  },
  {
    title: 'the parent after the grace period, with its child unused',
    generation: 2,
    after: GRACE_SECONDS,
    verdict: 'recovered',
  },
  { title: 'the first token', generation: 0, verdict: 'reused' },
  { title: 'a token ahead', generation: 5, verdict: 'rolled-forward' },
  { title: 'a token of another chain', isForeign: true, verdict: 'reused' },
  {
    title: 'the current token at the idle end',
    after: LIFETIME.idleSeconds,
    verdict: 'expired',
  },
];

/** Tests that only a proof of its key refreshes a bound session, and that nothing else ends it. */
export function boundRotationTests(test: AddStoreTest): void {
  for (const row of TABLE) {
    test(`answers '${row.verdict}' to ${row.title} of a bound session, with its key`, async (bench) => {
      const chain = await beginBound(bench, row);
      const verdict = await presentRow(bench.another, chain, row, PROOF);
      assert.equal(verdict, expectedOf(bench.store, row));
      if (verdict === 'reused' || verdict === 'expired') {
        await assertEnded(bench, chain);
      } else {
        assert.equal(
          (await readAlive(bench.store, chain)).deviceKey,
          DEVICE_KEY,
        );
      }
    });

    if (row.verdict === 'expired') {
      test(`answers 'expired' to ${row.title} of a bound session, without its key`, async (bench) => {
        const chain = await beginBound(bench, row);
        const verdict = await presentRow(bench.another, chain, row, {});
        assert.equal(verdict, 'expired');
        await assertEnded(bench, chain);
      });
      continue;
    }

    for (const [how, proof] of Object.entries(UNPROVEN)) {
      test(`answers 'unproven' to ${row.title} of a bound session, ${how}, and changes nothing`, async (bench) => {
        const { store, another } = bench;
        const chain = await beginBound(bench, row);
        const before = await readAlive(store, chain);
        for (const each of [another, store, another]) {
          assert.equal(await presentRow(each, chain, row, proof), 'unproven');
        }
        assertSameRecord(await readAlive(store, chain), before);
        // The verdict is still the one that it would have been before.
        assert.equal(
          await presentRow(another, chain, row, PROOF),
          expectedOf(store, row),
        );
      });
    }
  }

  test('requires the key of every token from the binding on, and of none before', async ({
    store,
    another,
  }) => {
    const chain = await beginChain(store);
    assert.equal(await present(store, chain, 0), 'rotated');
    assert.equal(await bind(another, chain), 'bound');
    for (const generation of [0, 1, 2]) {
      assert.equal(await present(store, chain, generation), 'unproven');
    }
    assert.equal(await present(store, chain, 1, PROOF), 'rotated');
    assert.equal(await present(another, chain, 2), 'unproven');
    assert.equal(await present(another, chain, 2, PROOF), 'rotated');
    assert.equal(await present(store, chain, 2, PROOF), 'repeated');
  });

  test('extends no grace period at a presentation without the key', async (bench) => {
    const { store, another, advance } = bench;
    const chain = await beginChain(store, 1);
    await use(store, chain, 1);
    await bind(store, chain);
    for (const generation of [0, 1]) {
      await advance(GRACE_SECONDS / 2);
      assert.equal(await present(another, chain, generation), 'unproven');
    }
    assert.equal(await present(store, chain, 0, PROOF), 'reused');
    await assertEnded(bench, chain);
  });

  const testUse = needing(test, 'confirmUse');
  testUse(
    'confirms no token that is presented without the key',
    async ({ store, another, advance }) => {
      const chain = await beginChain(store, 1);
      await bind(store, chain);
      assert.equal(await present(another, chain, 1), 'unproven');
      await advance(GRACE_SECONDS);
      assert.equal(await present(another, chain, 0, PROOF), 'recovered');
    },
  );

  test('ignores the key where a session is not bound', async (bench) => {
    const { store, another } = bench;
    const chain = await beginChain(store);
    assert.equal(await present(store, chain, 0, PROOF), 'rotated');
    assert.equal(await present(another, chain, 0, PROOF), 'repeated');
    const { deviceKey } = await readAlive(store, chain);
    assert.equal(deviceKey, undefined);
    assert.equal(await present(another, chain, 1), 'rotated');
    assert.equal(await present(another, chain, 0, PROOF), 'reused');
    await assertEnded(bench, chain);
  });

  test('keeps the key at changes, uses and rotations of every kind', async ({
    store,
    another,
    advance,
  }) => {
    const chain = await beginChain(store);
    const { id, subject } = chain;
    await bind(store, chain);
    const deviceKey = 'an attribute of this name';
    const steps: (() => Promise<unknown>)[] = [
      () => another.update(id, subject, { attributes: { deviceKey } }),
      () => store.update(id, subject, { attributes: { deviceKey: null } }),
      () => store.update(id, subject, { data: { value: 1, loadedAt: 1 } }),
      () => another.update(id, subject, { extend: LIFETIME }),
      () => another.read(id, subject, 'seen', 0),
      () => use(store, chain, 0),
      () => present(store, chain, 0, PROOF),
      () => present(another, chain, 1, { ...PROOF, isPassive: true }),
      () => present(store, chain, 7, PROOF),
    ];
    for (const step of steps) {
      await advance(61);
      await step();
      assert.equal((await readAlive(another, chain)).deviceKey, DEVICE_KEY);
    }
    assert.equal(await present(store, chain, 8), 'unproven');
  });

  test('decides on a token that races the binding as before it or after it, 100 times', async ({
    store,
    another,
  }) => {
    for (let i = 0; i < 100; i += 1) {
      const chain = await beginChain(store, 1);
      const rotate = () => present(store, chain, 1);
      const racing: Promise<unknown>[] =
        i % 2
          ? [bind(another, chain), rotate()]
          : [rotate(), bind(another, chain)];
      const answers = await Promise.all(racing);
      const [bound, verdict] = i % 2 ? answers : answers.toReversed();
      assert.equal(bound, 'bound');
      assert.match(String(verdict), /^(rotated|unproven)$/);
      const current = verdict === 'rotated' ? 2 : 1;
      assert.equal(await present(another, chain, current), 'unproven');
      assert.equal(await present(another, chain, current, PROOF), 'rotated');
    }
  });
}

/** Creates a bound session and moves the clock to the presentation of a row. */
async function beginBound(
  { store, another, advance }: StoreBench,
  { after = 0, isUsed }: BoundRow,
): Promise<ChainedSession> {
  const chain = await beginChain(store, 3);
  if (isUsed) await use(store, chain, 3);
  assert.equal(await bind(another, chain), 'bound');
  await advance(after);
  return chain;
}

function presentRow(
  store: SessionStore,
  chain: ChainedSession,
  { generation = 3, isForeign }: BoundRow,
  proof: { readonly deviceKey?: string },
): Promise<RotationVerdict> {
  const { jti } = firstLink();
  const presented = isForeign ? { ...chain, first: { gen: 3, jti } } : chain;
  return present(store, presented, generation, proof);
}

function expectedOf(
  store: SessionStore,
  { verdict }: BoundRow,
): RotationVerdict {
  return verdict === 'recovered' && !store.confirmUse ? 'reused' : verdict;
}
