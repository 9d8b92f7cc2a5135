import fc from 'fast-check';
import {
  decideRotation,
  type RotationState,
} from '../../lib/stores/rotation.js';
import type { PresentedRefresh } from '../../lib/ports/session-store.js';
import {
  rotationTable,
  type RotationRow,
} from '../../lib/testing/store-contract/rotation-table.js';
import { rounds } from '../support/effort.js';

const BEGUN = Date.UTC(2030, 0, 1);

describe('decideRotation', () => {
  it.each(rotationTable.map((row) => [row.verdict, row.title, row] as const))(
    'answers %s to %s',
    (verdict, _title, row) => {
      const { state, presented, now } = caseOf(row);
      expect(decideRotation(state, presented, now)).toBe(verdict);
    },
  );

  it('is held to a table that has every verdict', () => {
    expect(new Set(rotationTable.map(({ verdict }) => verdict))).toEqual(
      new Set([
        'rotated',
        'repeated',
        'recovered',
        'rolled-forward',
        'reused',
        'expired',
      ]),
    );
    const titles = rotationTable.map(({ verdict, title }) => verdict + title);
    expect(new Set(titles).size).toBe(titles.length);
  });

  it.each([
    [undefined, 29_999, 'repeated'],
    [undefined, 30_000, 'recovered'],
    [0, 29_999, 'repeated'],
    [0, 30_000, 'reused'],
    [500, 529_999, 'repeated'],
    [500, 530_000, 'reused'],
  ])(
    'decides the grace period to the millisecond: used after %p s, presented after %i ms: %s (A-083, F-02)',
    (usedAfter, after, verdict) => {
      const { state, presented } = caseOf({
        rotations: 1,
        generation: 0,
        ...(usedAfter !== undefined && { usedAfter }),
      });
      expect(decideRotation(state, presented, BEGUN + after)).toBe(verdict);
    },
  );

  it('recovers nothing of a record that does not say whether its tokens were used', () => {
    const { state, presented, now } = caseOf({
      rotations: 1,
      generation: 0,
      presentedAfter: 30,
    });
    expect(decideRotation(state, presented, now)).toBe('recovered');
    const older = { ...state, usedAt: undefined };
    expect(decideRotation(older, presented, now)).toBe('reused');
  });

  it.each([
    [999_999, 'rotated'],
    [1_000_000, 'expired'],
  ])('decides the end to the millisecond: %i (S-054)', (after, verdict) => {
    const { state, presented } = caseOf({ rotations: 1, generation: 1 });
    expect(decideRotation(state, presented, BEGUN + after)).toBe(verdict);
  });

  it('lets the first token of a record without refresh tokens not pass', () => {
    const { state, presented, now } = caseOf({ rotations: 0, generation: 0 });
    const without = { ...state, hash: undefined };
    expect(decideRotation(without, presented, now)).toBe('reused');
    const ofNothing = { ...presented, secretHash: 'undefined' };
    expect(decideRotation(without, ofNothing, now)).toBe('reused');
  });

  it('says expired exactly when the record or the present absolute lifetime has ended (S-054)', () => {
    fc.assert(
      fc.property(anyCase, ({ state, presented, now }) => {
        const absoluteEnd =
          state.createdAt + presented.lifetime.absoluteSeconds * 1000;
        const isOver = now >= Math.min(state.expiresAt, absoluteEnd);
        return (decideRotation(state, presented, now) === 'expired') === isOver;
      }),
      { numRuns: rounds(2_000, 500) },
    );
  });

  it('lets nothing pass but the current token and its parent', () => {
    fc.assert(
      fc.property(anyCase, ({ state, presented, now }) => {
        const verdict = decideRotation(state, presented, now);
        const { generation, secretHash } = presented;
        if (verdict === 'rotated') {
          expect([generation, secretHash]).toEqual([
            state.generation,
            state.hash,
          ]);
        }
        if (verdict === 'repeated') {
          expect([generation, secretHash]).toEqual([
            state.generation - 1,
            state.previousHash,
          ]);
          expect(
            now - Math.max(state.rotatedAt, state.usedAt ?? 0),
          ).toBeLessThan(presented.graceSeconds * 1000);
        }
        if (verdict === 'recovered') {
          expect([generation, secretHash, state.usedAt]).toEqual([
            state.generation - 1,
            state.previousHash,
            null,
          ]);
          expect(state.recovered).not.toBe(generation);
        }
      }),
      { numRuns: rounds(2_000, 500) },
    );
  });

  it('F-09: rolls forward for every token ahead, and for no other, unless the session has expired', () => {
    fc.assert(
      fc.property(anyCase, ({ state, presented, now }) => {
        const verdict = decideRotation(state, presented, now);
        const isAhead = presented.generation > state.generation;
        return (
          (verdict === 'rolled-forward') === (isAhead && verdict !== 'expired')
        );
      }),
      { numRuns: rounds(2_000, 500) },
    );
  });

  it('says unproven exactly when a session is bound to another key and has not expired, whatever the token; otherwise what it says without a key', () => {
    const key = fc.constantFrom(undefined, '', 'a', 'b');
    fc.assert(
      fc.property(
        anyCase,
        key,
        key,
        ({ state, presented, now }, own, shown) => {
          const plain = decideRotation(state, presented, now);
          const verdict = decideRotation(
            { ...state, deviceKey: own },
            { ...presented, ...(shown !== undefined && { deviceKey: shown }) },
            now,
          );
          const isProven = own === undefined || own === shown;
          return (
            verdict === (isProven || plain === 'expired' ? plain : 'unproven')
          );
        },
      ),
      { numRuns: rounds(2_000, 500) },
    );
  });

  it('A-083: once the parent is reused it stays so: time never gives it back', () => {
    fc.assert(
      fc.property(
        anyCase,
        fc.nat(100_000),
        ({ state, presented, now }, later) => {
          const verdict = decideRotation(state, presented, now);
          const next = decideRotation(state, presented, now + later);
          const isReplay = presented.generation < state.generation;
          fc.pre(isReplay && verdict === 'reused');
          expect(['reused', 'expired']).toContain(next);
        },
      ),
      { numRuns: rounds(500, 200) },
    );
  });
});

/** State and presentation of a row; hashes name the generation they stand for. */
function caseOf(row: Omit<RotationRow, 'title' | 'verdict'>): {
  state: RotationState;
  presented: PresentedRefresh;
  now: number;
} {
  const { rotations, generation, secretOf = generation } = row;
  const absolute = row.absolute ?? 5_000;
  const idle = row.idle ?? 1_000;
  const rotatedAt = BEGUN + (row.rotatedAfter ?? 0) * 1000;
  return {
    state: {
      generation: rotations,
      hash: `hash ${rotations}`,
      previousHash: rotations > 0 ? `hash ${rotations - 1}` : undefined,
      rotatedAt,
      createdAt: BEGUN,
      usedAt:
        row.usedAfter === undefined ? null : rotatedAt + row.usedAfter * 1000,
      recovered: row.isAfterRecovery ? rotations - 1 : undefined,
      deviceKey: undefined,
      expiresAt: Math.min(rotatedAt + idle * 1000, BEGUN + absolute * 1000),
    },
    presented: {
      generation,
      secretHash: `hash ${secretOf}`,
      nextHash: `hash ${generation + 1}`,
      graceSeconds: row.grace ?? 30,
      lifetime: {
        idleSeconds: idle,
        absoluteSeconds: row.absoluteThen ?? absolute,
      },
    },
    now: rotatedAt + (row.presentedAfter ?? 0) * 1000,
  };
}

const anyCase = fc
  .record({
    rotations: fc.nat(4),
    generation: fc.nat(6),
    secretOf: fc.oneof(fc.nat(6), fc.constant('foreign' as const)),
    rotatedAfter: fc.nat(200),
    usedAfter: fc.option(fc.nat(200), { nil: undefined }),
    isAfterRecovery: fc.boolean(),
    presentedAfter: fc.nat(200),
    grace: fc.nat(200),
    idle: fc.integer({ min: 1, max: 200 }),
    absolute: fc.integer({ min: 1, max: 400 }),
    absoluteThen: fc.integer({ min: 1, max: 400 }),
  })
  .map(({ usedAfter, ...row }) =>
    caseOf({ ...row, ...(usedAfter !== undefined && { usedAfter }) }),
  );
