import assert from 'node:assert/strict';
import type {
  BindVerdict,
  SessionStore,
  WriteDeadline,
} from '../../ports/session-store.js';
import { hashOf } from '../../session/model/refresh-chain.js';
import { needing } from '../contract-suite.js';
import { assertEnded, assertOneOf, assertSameRecord } from './assertions.js';
import { assertLate, LATE } from './deadlines.js';
import {
  beginChain,
  bind,
  DEVICE_KEY,
  GRACE_SECONDS,
  LIFETIME,
  linkAt,
  newId,
  newRecord,
  newSubject,
  present,
  readAlive,
  use,
  type AddStoreTest,
  type ChainedSession,
} from './scenario.js';

const PROOF = { deviceKey: DEVICE_KEY };

/** Tests that the first binding lets the chain continue from the token that the browser holds, and no other call. */
export function continuedChainTests(test: AddStoreTest): void {
  for (const [copied, times] of [
    [1, 'once'],
    [2, 'twice'],
  ] as const) {
    test(`continues from the first token, of which a copy was exchanged ${times} before the binding`, async ({
      store,
      another,
      advance,
    }) => {
      const chain = await beginChain(store, copied);
      assert.equal(await bindFrom(another, chain, 0), 'bound');
      for (let generation = 0; generation <= copied; generation += 1) {
        assert.equal(await present(store, chain, generation), 'unproven');
      }
      assert.equal(await present(store, chain, 0, PROOF), 'rotated');
      assert.equal(await present(another, chain, 0, PROOF), 'repeated');
      await advance(GRACE_SECONDS);
      assert.equal(
        await present(another, chain, 0, PROOF),
        store.confirmUse ? 'recovered' : 'reused',
      );
      if (!store.confirmUse) return;
      for (const generation of [1, 2, 3]) {
        assert.equal(await present(store, chain, generation, PROOF), 'rotated');
        assert.equal(await present(store, chain, generation), 'unproven');
      }
    });

    for (let generation = 1; generation <= copied; generation += 1) {
      test(`answers 'rolled-forward' to token ${generation}, with the key, after a copy of the first one was exchanged ${times}`, async ({
        store,
        another,
      }) => {
        const chain = await beginChain(store, copied);
        await bindFrom(store, chain, 0);
        const verdict = await present(another, chain, generation, PROOF);
        assert.equal(verdict, 'rolled-forward');
        const next = await present(another, chain, generation + 1, PROOF);
        assert.equal(next, 'rotated');
      });
    }
  }

  test('continues from a token ahead of the record', async ({
    store,
    another,
  }) => {
    const chain = await beginChain(store, 1);
    assert.equal(await bindFrom(store, chain, 4), 'bound');
    assert.equal(await present(another, chain, 4), 'unproven');
    assert.equal(await present(another, chain, 4, PROOF), 'rotated');
    assert.equal(await present(another, chain, 5, PROOF), 'rotated');
  });

  test('leaves the token that a chain continues from without a parent', async (bench) => {
    const { store, another } = bench;
    const chain = await beginChain(store, 2);
    assert.equal(await bindFrom(store, chain, 2), 'bound');
    assert.equal(await present(another, chain, 1, PROOF), 'reused');
    await assertEnded(bench, chain);
  });

  const testUse = needing(test, 'confirmUse');
  testUse(
    'allows a recovery again in a chain that continues',
    async ({ store, another, advance }) => {
      const chain = await beginChain(store, 1);
      await advance(GRACE_SECONDS);
      assert.equal(await present(store, chain, 0), 'recovered');
      assert.equal(await bindFrom(another, chain, 1), 'bound');
      assert.equal(await present(store, chain, 1, PROOF), 'rotated');
      await advance(GRACE_SECONDS);
      assert.equal(await present(store, chain, 1, PROOF), 'recovered');
    },
  );

  test('counts the token that a chain continues from as used, not the session', async (bench) => {
    const { store, advance } = bench;
    const subject = newSubject();
    const bound = await beginChain(store, 0, { subject });
    await advance(1);
    const lost = await beginChain(store, 0, { subject });
    await advance(GRACE_SECONDS);
    const before = await readAlive(store, bound);
    assert.equal(await bindFrom(store, bound, 0), 'bound');
    const after = { ...before, deviceKey: DEVICE_KEY };
    assertSameRecord(await readAlive(store, bound), after);
    if (!store.confirmUse) return;
    const limit = {
      max: 2,
      policy: 'end-oldest',
      graceSeconds: GRACE_SECONDS,
    } as const;
    assert.deepStrictEqual(
      await store.create(newRecord({ subject }), { limit }),
      { kind: 'created', ended: [lost.id] },
    );
    assert.equal(await present(store, bound, 0, PROOF), 'rotated');
  });

  test('leaves the chain as it is at every binding after the first one', async ({
    store,
    another,
    advance,
  }) => {
    const chain = await beginChain(store, 1);
    assert.equal(await bindFrom(store, chain, 0), 'bound');
    assert.equal(await present(store, chain, 0, PROOF), 'rotated');
    assert.equal(await present(store, chain, 1, PROOF), 'rotated');
    const before = await readAlive(store, chain);
    for (const generation of [0, 1, 2, 7]) {
      await advance(1);
      assert.equal(await bindFrom(another, chain, generation), 'bound');
      assertSameRecord(await readAlive(store, chain), before);
      assert.equal(await present(store, chain, 1, PROOF), 'repeated');
    }
    assert.equal(await present(another, chain, 2, PROOF), 'rotated');
  });

  test('leaves the chain as it is after a binding that continued none', async ({
    store,
    another,
  }) => {
    const chain = await beginChain(store, 2);
    await use(store, chain, 2);
    assert.equal(await bind(store, chain), 'bound');
    assert.equal(await bindFrom(another, chain, 0), 'bound');
    assert.equal(await present(store, chain, 1, PROOF), 'repeated');
    assert.equal(await present(store, chain, 2, PROOF), 'rotated');
  });

  test('continues no chain with another key, which ends the session', async (bench) => {
    const { store, another } = bench;
    const chain = await beginChain(store, 1);
    assert.equal(await bindFrom(store, chain, 0), 'bound');
    const verdict = await bindFrom(another, chain, 0, `${DEVICE_KEY}s`);
    assert.equal(verdict, 'conflict');
    await assertEnded(bench, chain);
  });

  test('continues no chain of a session that has expired or never existed', async (bench) => {
    const { store, another, advance } = bench;
    const chain = await beginChain(store, 1);
    const missing = { ...chain, id: newId() };
    await advance(LIFETIME.idleSeconds);
    for (const each of [chain, missing]) {
      assert.equal(await bindFrom(another, each, 0), 'unknown');
      await assertEnded(bench, each);
      assert.equal(await present(store, each, 0, PROOF), 'unknown');
    }
  });

  const testLate = needing(test, 'now');
  for (const [when, deadlineAt] of Object.entries(LATE)) {
    testLate(`continues no chain ${when}`, async ({ store, another }) => {
      const chain = await beginChain(store, 2);
      const before = await readAlive(store, chain);
      const now = await store.now!(chain.subject);
      const late = bindFrom(another, chain, 0, DEVICE_KEY, deadlineAt(now));
      await assertLate(late, now);
      assertSameRecord(await readAlive(store, chain), before);
      assert.equal(await present(store, chain, 1), 'repeated');
      assert.equal(await present(store, chain, 2), 'rotated');
    });
  }

  test('continues a chain within the deadline', async ({ store, another }) => {
    const chain = await beginChain(store, 2);
    const now = (await readAlive(store, chain)).asOf.getTime();
    const deadline = { notAfter: new Date(now + 600_000) };
    await bindFrom(another, chain, 0, DEVICE_KEY, deadline);
    assert.equal(await present(store, chain, 0, PROOF), 'rotated');
  });

  for (const [whose, proof, verdicts] of [
    ['a copy without the key', {}, ['rotated', 'unproven']],
    ['the browser itself with the key', PROOF, ['rotated']],
  ] as const) {
    test(`continues a chain while ${whose} presents the same token, 50 times`, async ({
      store,
      another,
    }) => {
      for (let i = 0; i < 50; i += 1) {
        const chain = await beginChain(store);
        const rotate = () => present(store, chain, 0, proof);
        const racing: Promise<unknown>[] =
          i % 2
            ? [bindFrom(another, chain, 0), rotate()]
            : [rotate(), bindFrom(another, chain, 0)];
        const answers = await Promise.all(racing);
        const [bound, verdict] = i % 2 ? answers : answers.toReversed();
        assert.equal(bound, 'bound');
        assertOneOf(verdict, verdicts);
        assert.equal(await present(another, chain, 1), 'unproven');
        if (proof === PROOF) {
          // Whether the binding or the rotation came first, the browser holds the child.
          const next = await present(another, chain, 1, PROOF);
          assertOneOf(next, ['rotated', 'rolled-forward']);
        } else {
          assert.equal(await present(another, chain, 0, PROOF), 'rotated');
        }
      }
    });
  }
}

/** Binds a session, whose browser holds the refresh token of a generation. */
function bindFrom(
  store: SessionStore,
  chain: ChainedSession,
  generation: number,
  key = DEVICE_KEY,
  deadline: WriteDeadline = {},
): Promise<BindVerdict> {
  const { id, subject } = chain;
  const secretHash = hashOf(linkAt(chain, generation));
  const continuesFrom = { generation, secretHash };
  return store.bind!(id, subject, key, { ...deadline, continuesFrom });
}
