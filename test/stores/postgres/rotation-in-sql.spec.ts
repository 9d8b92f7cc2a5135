import fc from 'fast-check';
import type { Pool } from 'pg';
import type { PresentedRefresh } from '../../../lib/ports/session-store.js';
import { endOf } from '../../../lib/stores/memory-entry.js';
import { PostgresSessionStore } from '../../../lib/stores/postgres/index.js';
import {
  continuedFrom,
  decideRotation,
  type RotationState,
} from '../../../lib/stores/rotation.js';
import { rounds } from '../../support/effort.js';
import {
  sharedPostgres,
  type PostgresServer,
} from '../../support/postgres-server.js';
import { newStore } from './postgres-fixtures.js';

/** Milliseconds since the Unix epoch at which everything here happens. */
const NOW = 1_893_456_000_000;

/** What a record says of its current token, whose parent comes long afterwards. */
const CHILDREN = [
  { usedAt: null, rotatedAt: NOW - 10_000 },
  { usedAt: NOW - 9_000, rotatedAt: NOW - 10_000 },
].map((child) => ({ ...child, createdAt: NOW, expiresAt: NOW + 60_000 }));

const hash = fc.constantFrom('a', 'b', 'c');
/** Of a session. */
const deviceKey = fc.constantFrom(undefined, 'a', '');
/** That comes with a token: mostly the one of its session. */
const shownKey = fc.constantFrom('own', 'own', 'own', 'own', undefined, 'b');
/** Close to now, and often exactly now, so that every comparison is met from both sides and on the edge. */
const near = fc.integer({ min: -4, max: 4 }).map((steps) => NOW + steps * 500);

const cases = fc.record({
  state: fc.record({
    generation: fc.integer({ min: 0, max: 3 }),
    hash: fc.option(hash, { nil: undefined }),
    previousHash: fc.option(hash, { nil: undefined }),
    rotatedAt: near,
    usedAt: fc.oneof(fc.constant(null), fc.constant(null), near),
    recovered: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    deviceKey,
    createdAt: near,
    expiresAt: fc.oneof(
      { weight: 1, arbitrary: near },
      fc.constant(NOW + 60_000),
    ),
  }),
  presented: fc.record({
    ahead: fc.constantFrom(-2, -1, -1, -1, 0, 0, 1, 3),
    secretHash: hash,
    nextHash: fc.constantFrom('n', 'm'),
    shownKey,
    graceSeconds: fc.integer({ min: 0, max: 3 }),
    lifetime: fc.record({
      idleSeconds: fc.integer({ min: 1, max: 3 }),
      absoluteSeconds: fc.integer({ min: 1, max: 3 }),
    }),
  }),
});

let server: PostgresServer;
let pool: Pool;
let store: PostgresSessionStore;

beforeAll(async () => {
  server = await sharedPostgres();
  const { schema } = await newStore(server);
  // Names are looked up here before those of the system: the server's clock stands still.
  pool = server.pool(`${schema},pg_catalog`, { max: 2 });
  await pool.query(`
    CREATE FUNCTION ${schema}.statement_timestamp() RETURNS timestamptz STABLE LANGUAGE sql
    AS $$ SELECT timestamptz 'epoch' $$`);
  const clockOffset = () => NOW;
  store = new PostgresSessionStore({ pool, clockOffset });
});

afterAll(() => server.stop());

async function write(state: RotationState): Promise<void> {
  const at = (ms: number) => new Date(ms).toISOString();
  await pool.query('DELETE FROM user_sessions');
  await pool.query(
    `INSERT INTO user_sessions (subject, id, params, metadata, attributes, created_at, last_seen_at,
       expires_at, generation, hash, previous_hash, rotated_at, used_at, recovered, device_key)
     VALUES ('s', 'i', '1', '{}', '{}', $1, $1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      at(state.createdAt),
      at(state.expiresAt),
      state.generation,
      state.hash,
      state.previousHash,
      at(state.rotatedAt),
      typeof state.usedAt === 'number' ? at(state.usedAt) : null,
      state.recovered,
      state.deviceKey,
    ],
  );
}

async function readBack(): Promise<unknown> {
  const { rows } = await pool.query('SELECT * FROM user_sessions');
  return rows.map((row: Record<string, any>) => ({
    generation: Number(row['generation']),
    hash: row['hash'] ?? undefined,
    previousHash: row['previous_hash'] ?? undefined,
    rotatedAt: row['rotated_at'].getTime(),
    usedAt: row['used_at']?.getTime() ?? null,
    recovered: row['recovered'] === null ? undefined : Number(row['recovered']),
    deviceKey: row['device_key'] ?? undefined,
    createdAt: row['created_at'].getTime(),
    expiresAt: row['expires_at'].getTime(),
    lastSeenAt: row['last_seen_at'].getTime(),
  }));
}

/** What the memory store does with the verdict. */
function expectedRows(
  state: RotationState,
  token: PresentedRefresh,
  verdict: string,
): unknown[] {
  switch (verdict) {
    case 'rotated':
    case 'rolled-forward':
      return [
        {
          generation: token.generation + 1,
          hash: token.nextHash,
          previousHash: token.secretHash,
          rotatedAt: NOW,
          usedAt: null,
          recovered: state.recovered,
          deviceKey: state.deviceKey,
          createdAt: state.createdAt,
          expiresAt: endOf(NOW, state.createdAt, token.lifetime),
          lastSeenAt: NOW,
        },
      ];
    case 'repeated':
    case 'unproven':
      return [{ ...state, lastSeenAt: state.createdAt }];
    case 'recovered':
      return [
        {
          ...state,
          recovered: state.generation,
          lastSeenAt: state.createdAt,
        },
      ];
    default:
      return [];
  }
}

describe('rotation in SQL', () => {
  it('V-25 is decideRotation for every record and token', async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        cases,
        fc.constantFrom(undefined, undefined, ...CHILDREN),
        async ({ state: random, presented }, child) => {
          const { ahead, shownKey: given, ...rest } = presented;
          // Chance alone hardly ever makes a parent that comes so late.
          const state = child
            ? { ...random, ...child, previousHash: rest.secretHash }
            : random;
          const shown = given === 'own' ? state.deviceKey : given;
          const token = {
            ...rest,
            ...(shown !== undefined && { deviceKey: shown }),
            generation: Math.max(state.generation + ahead, 0),
          };
          const expected = decideRotation(state, token, NOW);
          seen.set(expected, (seen.get(expected) ?? 0) + 1);
          await write(state);
          expect(await store.rotate('i', 's', token)).toBe(expected);
          expect(await readBack()).toEqual(
            expectedRows(state, token, expected),
          );
        },
      ),
      // With a seed, so that chance leaves out no verdict.
      { seed: 25, numRuns: rounds(600, 200) },
    );
    console.log('verdicts:', Object.fromEntries(seen));
    for (const verdict of [
      'rotated',
      'repeated',
      'recovered',
      'rolled-forward',
      'reused',
      'unproven',
      'expired',
    ]) {
      expect(seen.get(verdict) ?? 0).toBeGreaterThan(0);
    }
  });

  it('continues a chain at the first binding like the memory store, for every record', async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(cases, fc.boolean(), async (given, isContinuing) => {
        const state = { ...given.state, expiresAt: NOW + 60_000 };
        const { ahead, secretHash } = given.presented;
        const generation = Math.max(state.generation + ahead, 0);
        const continuesFrom = { generation, secretHash };
        await write(state);
        const isFirst = state.deviceKey === undefined;
        const isConflict = state.deviceKey === '';
        const verdict = await store.bind(
          'i',
          's',
          'a',
          isContinuing ? { continuesFrom } : {},
        );
        expect(verdict).toBe(isConflict ? 'conflict' : 'bound');
        const isContinued = isFirst && isContinuing;
        const what = isContinued ? 'continued' : verdict;
        seen.set(what, (seen.get(what) ?? 0) + 1);
        const expected = {
          ...state,
          ...(isContinued && continuedFrom(continuesFrom, NOW)),
          deviceKey: 'a',
          lastSeenAt: state.createdAt,
        };
        expect(await readBack()).toEqual(isConflict ? [] : [expected]);
      }),
      { seed: 25, numRuns: rounds(300, 50) },
    );
    expect([...seen.keys()].toSorted()).toEqual([
      'bound',
      'conflict',
      'continued',
    ]);
  });

  it('stands still at the time that the test says', async () => {
    await write({
      generation: 0,
      hash: 'a',
      previousHash: undefined,
      rotatedAt: NOW,
      usedAt: null,
      recovered: undefined,
      deviceKey: undefined,
      createdAt: NOW,
      expiresAt: NOW + 1,
    });
    expect(await store.list('s')).toHaveLength(1);
    await write({
      generation: 0,
      hash: 'a',
      previousHash: undefined,
      rotatedAt: NOW,
      usedAt: null,
      recovered: undefined,
      deviceKey: undefined,
      createdAt: NOW - 1,
      expiresAt: NOW,
    });
    expect(await store.list('s')).toHaveLength(0);
  });
});
