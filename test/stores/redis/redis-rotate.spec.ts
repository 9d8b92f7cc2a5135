import fc from 'fast-check';
import { Redis } from 'ioredis';
import type { PresentedRefresh } from '../../../lib/ports/session-store.js';
import { RedisSessionStore } from '../../../lib/stores/redis/index.js';
import {
  continuedFrom,
  decideRotation,
  type RotationState,
} from '../../../lib/stores/rotation.js';
import { rounds } from '../../support/effort.js';
import { startRedis, type RedisServer } from '../../support/redis-server.js';
import { connectIoredis } from './clients.js';
import { clientAt } from './frozen-clock.js';

const NOW = 1_900_000_000_000;
const INDEX = 'session:{YWRh}';
const RECORD = `${INDEX}:id`;

let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  redis = connectIoredis(server.port).client;
});

afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const seconds = fc.integer({ min: 1, max: 100 });
const hash = fc.constantFrom('hash-a', 'hash-b', 'hash-c');
/** Around the moment itself, where a comparison may be off by one. */
const moment = fc.oneof(
  fc.constantFrom(NOW - 1, NOW, NOW + 1),
  fc.integer({ min: NOW - 100_000, max: NOW + 100_000 }),
);

const stateArbitrary: fc.Arbitrary<RotationState> = fc.record({
  generation: fc.integer({ min: 0, max: 3 }),
  hash: fc.option(hash, { nil: undefined }),
  previousHash: fc.option(hash, { nil: undefined }),
  rotatedAt: fc.oneof(
    moment,
    seconds.map((grace) => NOW - grace * 1000),
  ),
  usedAt: fc.constantFrom(null, null, undefined, NOW - 150_000, NOW - 1, NOW),
  recovered: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
  deviceKey: fc.constantFrom(undefined, undefined, 'a', 'b', ''),
  createdAt: fc.oneof(
    moment,
    seconds.map((absolute) => NOW - absolute * 1000),
  ),
  expiresAt: moment,
});

const presentedArbitrary: fc.Arbitrary<PresentedRefresh> = fc.record({
  generation: fc.integer({ min: 0, max: 4 }),
  secretHash: hash,
  nextHash: fc.constant('hash-next'),
  graceSeconds: seconds,
  lifetime: fc.record({
    idleSeconds: seconds,
    absoluteSeconds: fc.integer({ min: 1, max: 200 }),
  }),
});

/** The key that comes with a token: mostly that of its session. */
const shownKeyArbitrary = fc.constantFrom<
  ((own: string | undefined) => string | undefined)[]
>(
  (own) => own,
  (own) => own,
  (own) => own,
  () => undefined,
  () => 'b',
  () => '',
);

/** For how many milliseconds the index keeps a session beyond its end. */
const surplusArbitrary = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 20_000 }),
);

type Case = [state: RotationState, presented: PresentedRefresh];

/** A state, and until when index and record are kept. */
type KeptState = RotationState & { readonly kept: number };

function alive(state: RotationState): RotationState {
  return { ...state, createdAt: NOW - 1000, expiresAt: NOW + 1000 };
}

function living(presented: PresentedRefresh): PresentedRefresh {
  const { idleSeconds } = presented.lifetime;
  return { ...presented, lifetime: { idleSeconds, absoluteSeconds: 150 } };
}

/** The parent of the current token, so many milliseconds before the end of its grace time. */
function parent(
  state: RotationState,
  presented: PresentedRefresh,
  early: number,
): Case {
  return [
    {
      ...alive(state),
      generation: presented.generation + 1,
      previousHash: presented.secretHash,
      rotatedAt: NOW - presented.graceSeconds * 1000 + early,
    },
    living(presented),
  ];
}

/** Random states, and those that chance would hardly ever bring to the boundaries of the decision. */
const caseArbitrary = fc
  .tuple(
    stateArbitrary,
    presentedArbitrary,
    fc.constantFrom<((...given: Case) => Case)[]>(
      (state, presented) => [state, presented],
      (state, presented) => [alive(state), living(presented)],
      (state, presented) => [
        {
          ...alive(state),
          generation: presented.generation,
          hash: presented.secretHash,
        },
        living(presented),
      ],
      (state, presented) => [
        {
          ...state,
          expiresAt: NOW + 1000,
          createdAt: NOW - presented.lifetime.absoluteSeconds * 1000,
        },
        presented,
      ],
      (state, presented) => parent(state, presented, 0),
      (state, presented) => parent(state, presented, 1),
      (state, presented) => {
        const [unused, again] = parent(state, presented, -1);
        return [{ ...unused, usedAt: null }, again];
      },
    ),
  )
  .map(([state, presented, align]) => align(state, presented));

async function place(state: KeptState): Promise<void> {
  const fields = Object.entries({
    params: '"ada"',
    metadata: '{}',
    revision: 0,
    lastSeenAt: state.createdAt,
    createdAt: state.createdAt,
    generation: state.generation,
    hash: state.hash,
    previousHash: state.previousHash,
    rotatedAt: state.rotatedAt,
    usedAt: state.usedAt === null ? '' : state.usedAt,
    recovered: state.recovered,
    deviceKey:
      state.deviceKey === undefined
        ? undefined
        : JSON.stringify(state.deviceKey),
    expiresAt: state.expiresAt,
  }).filter(([, value]) => value !== undefined);
  await redis
    .multi()
    .del(INDEX, RECORD)
    .hset(RECORD, Object.fromEntries(fields) as Record<string, string>)
    .zadd(INDEX, state.kept, 'id')
    .exec();
}

/** What the record holds of its chain; `undefined` when it is gone, from the index too. */
async function stateNow(): Promise<KeptState | undefined> {
  const fields = await redis.hgetall(RECORD);
  const kept = await redis.zscore(INDEX, 'id');
  if (kept === null && Object.keys(fields).length === 0) {
    return undefined;
  }
  return {
    generation: Number(fields['generation']),
    hash: fields['hash'],
    previousHash: fields['previousHash'],
    rotatedAt: Number(fields['rotatedAt']),
    usedAt: fields['usedAt'] === '' ? null : numberIn(fields['usedAt']),
    recovered: numberIn(fields['recovered']),
    deviceKey: fields['deviceKey'] && JSON.parse(fields['deviceKey']),
    createdAt: Number(fields['createdAt']),
    expiresAt: Number(fields['expiresAt']),
    kept: Number(kept),
  };
}

function numberIn(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function expectedState(
  state: KeptState,
  presented: PresentedRefresh,
  verdict: ReturnType<typeof decideRotation>,
): KeptState | undefined {
  const { idleSeconds, absoluteSeconds } = presented.lifetime;
  switch (verdict) {
    case 'rotated':
    case 'rolled-forward': {
      const absoluteEnd = state.createdAt + absoluteSeconds * 1000;
      const expiresAt = Math.min(NOW + idleSeconds * 1000, absoluteEnd);
      const last = Math.min(
        Math.floor(expiresAt + (idleSeconds * 1000) / 16),
        absoluteEnd,
      );
      return {
        ...state,
        generation: presented.generation + 1,
        hash: presented.nextHash,
        previousHash: presented.secretHash,
        rotatedAt: NOW,
        usedAt: null,
        expiresAt,
        kept: state.kept < expiresAt || state.kept > last ? last : state.kept,
      };
    }
    case 'repeated':
    case 'unproven':
      return state;
    case 'recovered':
      return { ...state, recovered: state.generation };
    case 'reused':
    case 'expired':
      return undefined;
  }
}

describe('rotate of RedisSessionStore', () => {
  it('gives the verdict of decideRotation and its consequence, in any state and to the millisecond (F-01, F-02, F-09)', async () => {
    const store = new RedisSessionStore({ client: clientAt(redis, () => NOW) });
    const met = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        caseArbitrary,
        surplusArbitrary,
        shownKeyArbitrary,
        async (given, surplus, shownOf) => {
          const [{ expiresAt, deviceKey }, token] = given;
          const shown = shownOf(deviceKey);
          const presented = {
            ...token,
            ...(shown !== undefined && { deviceKey: shown }),
          };
          const state = { ...given[0], kept: expiresAt + surplus };
          await place(state);
          const verdict = decideRotation(state, presented, NOW);
          met.set(verdict, (met.get(verdict) ?? 0) + 1);
          expect(await store.rotate('id', 'ada', presented)).toBe(verdict);
          expect(await stateNow()).toEqual(
            expectedState(state, presented, verdict),
          );
        },
      ),
      // With a seed, so that chance leaves out no verdict.
      { seed: 25, numRuns: rounds(3_000, 500) },
    );
    process.stdout.write(
      `verdicts met: ${JSON.stringify(Object.fromEntries(met))}\n`,
    );
    expect([...met.keys()].toSorted()).toEqual([
      'expired',
      'recovered',
      'repeated',
      'reused',
      'rolled-forward',
      'rotated',
      'unproven',
    ]);
    expect(Math.min(...met.values())).toBeGreaterThan(rounds(100, 15));
  });
});

describe('bind of RedisSessionStore', () => {
  it('continues a chain like the memory store, in any state', async () => {
    const store = new RedisSessionStore({ client: clientAt(redis, () => NOW) });
    const met = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        stateArbitrary.map(alive),
        fc.option(presentedArbitrary, { nil: undefined }),
        async (given, continuesFrom) => {
          const state = { ...given, kept: given.expiresAt };
          await place(state);
          const isFirst = state.deviceKey === undefined;
          const isConflict = !isFirst && state.deviceKey !== 'a';
          const isContinued = isFirst && continuesFrom !== undefined;
          const options = continuesFrom && { continuesFrom };
          const verdict = await store.bind('id', 'ada', 'a', options);
          expect(verdict).toBe(isConflict ? 'conflict' : 'bound');
          const what = isContinued ? 'continued' : verdict;
          met.set(what, (met.get(what) ?? 0) + 1);
          expect(await stateNow()).toEqual(
            isConflict
              ? undefined
              : {
                  ...state,
                  ...(isContinued && continuedFrom(continuesFrom, NOW)),
                  deviceKey: 'a',
                },
          );
        },
      ),
      { seed: 25, numRuns: rounds(1_000, 200) },
    );
    expect([...met.keys()].toSorted()).toEqual([
      'bound',
      'conflict',
      'continued',
    ]);
  });
});
