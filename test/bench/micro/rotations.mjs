/** How many refresh tokens a store exchanges, against the least that its server could do. */
import { atLeast } from './goals.mjs';
import {
  interleave,
  median,
  compareRounds,
  ratio,
} from '../support/statistics.mjs';

const SESSIONS = 1_000;
const AT_ONCE = 32;
const LIFETIME = { idleSeconds: 7 * 86_400, absoluteSeconds: 30 * 86_400 };
const HASHES = ['A', 'B'].map((letter) => letter.repeat(43));

export const idAt = (i) => `${'s'.repeat(33)}${String(i).padStart(10, '0')}`;
export const subjectAt = (i) => `user-${i}`;
export const NEW_HASH = HASHES[1];

/**
 * @param bare the same number of round trips without the store, by the number of the session
 */
export async function compareRotations(name, bareName, store, bare, settings) {
  const { isQuick } = settings;
  const generations = Array.from({ length: SESSIONS }, () => 0);
  for (let i = 0; i < SESSIONS; i += 1) {
    await store.create({
      id: idAt(i),
      subject: subjectAt(i),
      params: subjectAt(i),
      attributes: {},
      metadata: { userAgent: 'Mozilla/5.0' },
      lifetime: LIFETIME,
      refreshHash: HASHES[0],
    });
  }
  const rotate = async (i) => {
    const generation = generations[i];
    generations[i] += 1;
    const verdict = await store.rotate(idAt(i), subjectAt(i), {
      generation,
      secretHash: HASHES[generation % 2],
      nextHash: HASHES[(generation + 1) % 2],
      graceSeconds: 30,
      lifetime: LIFETIME,
    });
    if (verdict !== 'rotated') {
      throw new Error(`a rotation was ${JSON.stringify(verdict)}`);
    }
  };
  const results = [];
  for (const atOnce of [1, AT_ONCE]) {
    const contestants = [
      { call: bare, rates: [] },
      { call: rotate, rates: [] },
    ];
    const count = (isQuick ? 100 : 600) * atOnce;
    for (const { call } of contestants) await perSecond(call, count, atOnce);
    await interleave(contestants, isQuick ? 5 : 15, async ({ call, rates }) => {
      rates.push(await perSecond(call, count, atOnce));
    });
    const [least, ours] = contestants.map(({ rates }) => rates);
    results.push({
      atOnce,
      least: median(least),
      ours: median(ours),
      share: compareRounds(ours, least, ratio).median,
    });
  }
  return {
    goals: results.map(({ atOnce, share }) =>
      atLeast(
        0.9,
        'x',
        `${name} rotations over ${bareName}, ${atOnce} at once`,
        share,
      ),
    ),
    tables: [
      {
        title: `${name}: rotations each second, ${SESSIONS} sessions`,
        columns: ['at once', bareName, 'rotations', 'x'],
        rows: results.map(({ atOnce, least, ours, share }) => [
          atOnce,
          least.toFixed(0),
          ours.toFixed(0),
          share.toFixed(2),
        ]),
      },
    ],
  };
}

/** No session twice at once: so many callers, each with sessions of its own. */
async function perSecond(call, count, atOnce) {
  const start = performance.now();
  const callers = Array.from({ length: atOnce }, async (_, caller) => {
    const own = Math.floor((SESSIONS - caller - 1) / atOnce) + 1;
    for (let i = 0; i < count / atOnce; i += 1) {
      await call(caller + (i % own) * atOnce);
    }
  });
  await Promise.all(callers);
  return (count / (performance.now() - start)) * 1_000;
}
