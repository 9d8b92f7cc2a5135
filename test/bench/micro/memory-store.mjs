/** Measures the operations of one subject in the memory store, among many sessions. */
import { MemorySessionStore } from '../../../dist/index.js';
import { median } from '../support/statistics.mjs';
import { Population } from '../population.mjs';
import { atMost } from './goals.mjs';

const SUBJECTS = 2_000;

export async function measure({ isQuick }) {
  const small = await measureAmong(20_000);
  const large = await measureAmong(isQuick ? 200_000 : 1_000_000);
  const label = new Intl.NumberFormat('en').format(large.count);
  const operations = Object.keys(large.times);
  return {
    goals: ['list', 'endAll'].map((operation) =>
      atMost(
        20,
        'µs',
        `memory store, ${operation} of a subject with 10 sessions among ${label}`,
        large.times[operation],
      ),
    ),
    tables: [
      {
        title: 'Memory store: one subject with 10 sessions',
        columns: ['', '20,000 sessions, µs', `${label} sessions, µs`],
        rows: [
          ...operations.map((name) => [
            name,
            small.times[name].toFixed(2),
            large.times[name].toFixed(2),
          ]),
          ['bytes per session', small.bytes, large.bytes],
        ],
      },
    ],
  };
}

async function measureAmong(count) {
  const population = new Population(count);
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  const store = new MemorySessionStore({ allowInProduction: true });
  for (let i = 1; i <= count; i += 1) {
    await store.create(population.recordAt(i));
  }
  globalThis.gc();
  const bytes = Math.round((process.memoryUsage().heapUsed - before) / count);

  const half = Math.min(SUBJECTS, population.subjects / 4);
  const subjects = population.subjectsFrom(1, half);
  const ids = new Map();
  const list = await each(subjects, async (subject) => {
    const sessions = await store.list(subject);
    ids.set(subject, sessions[0].id);
  });
  const read = await each(subjects, (subject) =>
    store.read(ids.get(subject), subject),
  );
  const end = await each(subjects, (subject) =>
    store.end(ids.get(subject), subject),
  );
  const endAll = await each(
    population.subjectsFrom(half + 1, half),
    (subject) => store.endAll(subject),
  );
  return { count, bytes, times: { list, read, end, endAll } };
}

/** Returns the median of a call, in microseconds; the first tenth warms up. */
async function each(subjects, operation) {
  const times = [];
  for (const subject of subjects) {
    const start = performance.now();
    await operation(subject);
    times.push((performance.now() - start) * 1_000);
  }
  return median(times.slice(Math.floor(times.length / 10)));
}
