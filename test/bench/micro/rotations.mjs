/** Compares how many refresh tokens a store exchanges with the minimum that its server could do. */
import { atLeast } from './goals.mjs';
import {
  interleave,
  median,
  compareRounds,
  ratio,
} from '../support/statistics.mjs';

export const SESSIONS = 1_000;
export const LIFETIME = {
  idleSeconds: 7 * 86_400,
  absoluteSeconds: 30 * 86_400,
};
const AT_ONCE = 32;
const HASHES = ['A', 'B'].map((letter) => letter.repeat(43));
export const [FIRST_HASH, NEW_HASH] = HASHES;

export const idAt = (i) => `${'s'.repeat(33)}${String(i).padStart(10, '0')}`;
export const subjectAt = (i) => `user-${i}`;

/** Returns the refresh tokens of each session in their order, by the number of the session. */
export function chains() {
  const generations = Array.from({ length: SESSIONS }, () => 0);
  return (i) => {
    const generation = generations[i];
    generations[i] += 1;
    return {
      generation,
      secretHash: HASHES[generation % 2],
      nextHash: HASHES[(generation + 1) % 2],
    };
  };
}

/**
 * @param bare the same number of round trips without the store, by the number of the session
 * @param others further ways to rotate, by name, which have no goals
 * @param serverTime the microseconds that the server has worked so far
 */
export async function compareRotations(
  name,
  bareName,
  store,
  bare,
  settings,
  { others = {}, serverTime } = {},
) {
  const { isQuick } = settings;
  for (let i = 0; i < SESSIONS; i += 1) {
    await store.create({
      id: idAt(i),
      subject: subjectAt(i),
      params: subjectAt(i),
      attributes: {},
      metadata: { userAgent: 'Mozilla/5.0' },
      lifetime: LIFETIME,
      refreshHash: FIRST_HASH,
    });
  }
  const nextOf = chains();
  const rotate = async (i) => {
    const { generation, secretHash, nextHash } = nextOf(i);
    const verdict = await store.rotate(idAt(i), subjectAt(i), {
      generation,
      secretHash,
      nextHash,
      graceSeconds: 30,
      lifetime: LIFETIME,
    });
    assertRotated(verdict);
  };
  const calls = Object.entries({ [bareName]: bare, ...others, rotate });
  const results = [];
  for (const atOnce of [1, AT_ONCE]) {
    const contestants = calls.map(([what, call]) => ({
      what,
      call,
      rounds: [],
    }));
    const count = (isQuick ? 100 : 600) * atOnce;
    for (const { call } of contestants) await run(call, count, atOnce);
    await interleave(
      contestants,
      isQuick ? 5 : 15,
      async ({ call, rounds }) => {
        const before = await serverTime?.();
        const round = await run(call, count, atOnce);
        const server = ((await serverTime?.()) - before) / count;
        rounds.push({ ...round, server });
      },
    );
    const seriesOf = ({ rounds }, key) => rounds.map((round) => round[key]);
    const rates = seriesOf(contestants[0], 'rate');
    for (const contestant of contestants) {
      const own = seriesOf(contestant, 'rate');
      const medianOf = (key) => median(seriesOf(contestant, key));
      results.push({
        atOnce,
        what: contestant.what,
        rate: median(own),
        share: compareRounds(own, rates, ratio).median,
        p50: medianOf('p50'),
        p99: medianOf('p99'),
        client: medianOf('client'),
        server: medianOf('server'),
      });
    }
  }
  return {
    goals: results
      .filter(({ what }) => what === 'rotate')
      .map(({ atOnce, share }) =>
        atLeast(
          0.9,
          'x',
          `${name} rotations over ${bareName}, concurrency ${atOnce}`,
          share,
        ),
      ),
    tables: [
      {
        title: `${name}: rotations, ${SESSIONS} sessions; microseconds per call, of client CPU${serverTime ? ', and of the script on the server' : ''}`,
        columns: [
          'concurrency',
          'what',
          'per second',
          'x',
          'p50',
          'p99',
          'client',
          ...(serverTime ? ['server'] : []),
        ],
        rows: results.map(
          ({ atOnce, what, rate, share, p50, p99, client, server }) => [
            atOnce,
            what,
            rate.toFixed(0),
            share.toFixed(2),
            p50.toFixed(0),
            p99.toFixed(0),
            client.toFixed(1),
            ...(serverTime ? [server.toFixed(1)] : []),
          ],
        ),
      },
    ],
  };
}

export function assertRotated(verdict) {
  if (verdict !== 'rotated') {
    throw new Error(`a rotation was ${JSON.stringify(verdict)}`);
  }
}

/** Runs `atOnce` callers with separate sessions, so that no session is used concurrently. Times in microseconds. */
async function run(call, count, atOnce) {
  const latencies = new Float64Array(count);
  let done = 0;
  const processor = process.cpuUsage();
  const start = performance.now();
  const callers = Array.from({ length: atOnce }, async (_, caller) => {
    const own = Math.floor((SESSIONS - caller - 1) / atOnce) + 1;
    for (let i = 0; i < count / atOnce; i += 1) {
      const sent = performance.now();
      await call(caller + (i % own) * atOnce);
      latencies[done] = performance.now() - sent;
      done += 1;
    }
  });
  await Promise.all(callers);
  const elapsed = performance.now() - start;
  const { user, system } = process.cpuUsage(processor);
  latencies.sort();
  return {
    rate: (count / elapsed) * 1_000,
    client: (user + system) / count,
    p50: latencies[Math.floor(count * 0.5)] * 1_000,
    p99: latencies[Math.floor(count * 0.99)] * 1_000,
  };
}
