import assert from 'node:assert/strict';
import type { SessionStore } from '../../ports/session-store.js';
import { childOf, firstLink } from '../../session/model/refresh-chain.js';
import {
  assertEnded,
  assertSameRecord,
  assertSecondsLater,
} from './assertions.js';
import type { RotationRow } from './rotation-table.js';
import {
  beginChain,
  GRACE_SECONDS,
  linkAt,
  present,
  presented,
  readAlive,
  use,
  type StoreBench,
} from './scenario.js';

/** Presents the token of a row to a store and checks what has changed. */
export async function checkRotation(
  bench: StoreBench,
  row: RotationRow,
): Promise<void> {
  const { store, another, advance } = bench;
  const lifetime = {
    idleSeconds: row.idle ?? 1_000,
    absoluteSeconds: row.absolute ?? 5_000,
  };
  const chain = await beginChain(store, 0, { lifetime });
  const { id, subject } = chain;
  const presentIt = (generation: number) =>
    present(store, chain, generation, { lifetime });
  await advance(row.rotatedAfter ?? 0);
  for (let generation = 0; generation < row.rotations; generation += 1) {
    assert.equal(await presentIt(generation), 'rotated');
    if (
      row.isAfterRecovery &&
      store.confirmUse &&
      generation === row.rotations - 2
    ) {
      const late = { lifetime, graceSeconds: 0 };
      const verdict = await present(store, chain, generation, late);
      assert.equal(verdict, 'recovered');
    }
  }
  const { usedAfter = 0, presentedAfter = 0 } = row;
  if (row.usedAfter !== undefined) {
    await advance(usedAfter);
    await use(another, chain, row.rotations);
  }
  const before = await readAlive(store, chain);
  await advance(presentedAfter - usedAfter);

  const { secretOf = row.generation } = row;
  const { jti } =
    secretOf === 'foreign' ? firstLink() : linkAt(chain, secretOf);
  const link = { gen: row.generation, jti };
  const absoluteSeconds = row.absoluteThen ?? lifetime.absoluteSeconds;
  const verdict = await another.rotate(
    id,
    subject,
    presented(link, id, {
      graceSeconds: row.grace ?? GRACE_SECONDS,
      lifetime: { ...lifetime, absoluteSeconds },
    }),
  );
  assert.equal(verdict, expectedOf(store, row));

  if (verdict === 'reused' || verdict === 'expired') {
    assert.equal(await presentIt(row.rotations), 'unknown');
    await assertEnded(bench, chain);
    return;
  }
  const after = await readAlive(store, chain);
  if (verdict === 'repeated' || verdict === 'recovered') {
    assertSameRecord(after, before);
    assert.equal(await presentIt(row.rotations), 'rotated');
    return;
  }
  assertSecondsLater(after.lastSeenAt, before.lastSeenAt, presentedAfter);
  assertSecondsLater(
    after.expiresAt,
    after.createdAt,
    Math.min(
      (row.rotatedAfter ?? 0) + presentedAfter + lifetime.idleSeconds,
      absoluteSeconds,
    ),
  );
  const { lastSeenAt, expiresAt } = after;
  assertSameRecord(after, { ...before, lastSeenAt, expiresAt });
  const child = childOf(link, id);
  const next = presented(child, id, { lifetime });
  assert.equal(await store.rotate(id, subject, next), 'rotated');
}

function expectedOf(
  store: SessionStore,
  { verdict, verdictWithoutUse }: RotationRow,
): string {
  const withoutUse = verdict === 'recovered' ? 'reused' : verdict;
  return store.confirmUse ? verdict : (verdictWithoutUse ?? withoutUse);
}
