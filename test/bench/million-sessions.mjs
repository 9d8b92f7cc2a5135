/**
 * `node test/bench/million-sessions.mjs [count]`, after `npm run build`: what a session costs in each store, and how
 * long one subject's operations take among all. Needs `redis-server` in the PATH (or `REDIS_SERVER_PATH`); Postgres
 * comes with the development dependencies. Both are started with their defaults, on this machine.
 */
import assert from 'node:assert/strict';
import { register } from 'node:module';
import { Population, refreshHash } from './population.mjs';

register('../runner/typescript-hooks.mjs', import.meta.url);
const { fillMemory, fillPostgres, fillRedis } = await import('./stores.mjs');

const RUNS = 300;
const LIFETIME = { idleSeconds: 7 * 86_400, absoluteSeconds: 30 * 86_400 };

const count = Number(process.argv[2] ?? 1_000_000);
if (!Number.isSafeInteger(count / 1_000) || count < 20_000) {
  console.error('count: expected thousands, from 20,000');
  process.exit(1);
}
const population = new Population(count);
const results = [];
for (const fill of [fillMemory, fillRedis, fillPostgres]) {
  console.error(`${fill.name}: ${count} sessions`);
  const { store, stop, ...figures } = await fill(population);
  try {
    results.push({ ...figures, times: await measure(store) });
  } finally {
    await stop();
  }
}
print();

/** Milliseconds of each run, one after the other on one connection, each on another subject. */
async function measure(store) {
  const subjects = population.subjectsFrom(1, RUNS);
  const lists = new Map();
  for (const subject of population.subjectsFrom(RUNS + 1, 50)) {
    await store.list(subject); // connections, scripts and compiled code are there before anything is measured
  }
  const list = await each(subjects, async (subject) => {
    lists.set(subject, await store.list(subject));
  });
  const ids = new Map(
    [...lists].map(([subject, sessions]) => [subject, sessions[0].id]),
  );
  assert.deepEqual(
    new Set([...lists.values()].map(({ length }) => length)),
    new Set([10]),
  );

  const read = await each(subjects, async (subject) => {
    assert.equal(
      (await store.read(ids.get(subject), subject))?.subject,
      subject,
    );
  });
  const presented = new Map(
    [...ids].map(([subject, id]) => [
      subject,
      {
        generation: 0,
        secretHash: refreshHash(id),
        nextHash: refreshHash(subject),
        graceSeconds: 30,
        lifetime: LIFETIME,
      },
    ]),
  );
  const rotate = await each(subjects, async (subject) => {
    const token = presented.get(subject);
    assert.equal(
      await store.rotate(ids.get(subject), subject, token),
      'rotated',
    );
  });
  const revokeAll = await each(subjects, async (subject) => {
    assert.equal(await store.endAll(subject), 10);
  });
  const revokeHeavy = await each(population.heavySubjects, async (subject) => {
    assert.equal(await store.endAll(subject), population.heavySize);
  });
  for (const subject of [...subjects, ...population.heavySubjects]) {
    assert.deepEqual(await store.list(subject), []);
  }
  return { read, rotate, list, revokeAll, revokeHeavy };
}

async function each(subjects, run) {
  const times = [];
  for (const subject of subjects) {
    const start = performance.now();
    await run(subject);
    times.push(performance.now() - start);
  }
  return times.toSorted((a, b) => a - b);
}

function print() {
  const number = new Intl.NumberFormat('en');
  const heavy = number.format(population.heavySize);
  const milliseconds = (times, share) =>
    Number(times[Math.floor(times.length * share)].toPrecision(2));
  const both = (times) =>
    `${milliseconds(times, 0.5)} (${milliseconds(times, 0.95)})`;
  const rows = [
    ['bytes per session', ({ bytes }) => number.format(bytes)],
    [
      'of which table, indexes',
      ({ parts }) => (parts ? `${parts.table}, ${parts.indexes}` : ''),
    ],
    ['seconds to fill', ({ seconds }) => seconds.toFixed(0)],
    ['`read`, ms', ({ times }) => both(times.read)],
    ['`rotate`, ms', ({ times }) => both(times.rotate)],
    ['`list` of 10, ms', ({ times }) => both(times.list)],
    ['`revokeAll` of 10, ms', ({ times }) => both(times.revokeAll)],
    [
      `\`revokeAll\` of ${heavy}, ms`,
      ({ times }) => milliseconds(times.revokeHeavy, 0.5),
    ],
  ];
  console.log(
    `${number.format(count)} sessions. Times: median (95th percentile) of ${RUNS} subjects, ${population.heavySubjects.length} for ${heavy}. Node ${process.versions.node}.\n`,
  );
  console.log(`| | ${results.map(({ name }) => name).join(' | ')} |`);
  console.log(`|${' --- |'.repeat(results.length + 1)}`);
  for (const [label, cell] of rows) {
    console.log(`| ${[String(label), ...results.map(cell)].join(' | ')} |`);
  }
}
