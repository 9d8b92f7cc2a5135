/**
 * `node test/bench/revocation-logs.mjs [seconds]`, after `npm run build`: how long an entry takes from `append` to the
 * followers of a revocation log, in milliseconds, with 200 entries a second from 4 writers, a proof of life every 500 ms
 * and 4 followers, on Redis and Postgres with their defaults, on this machine. Prints the time until the first and the
 * last follower has it.
 */
import { register } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { PostgresRevocationLog } from '../../dist/stores/postgres/index.js';
import { RedisRevocationLog } from '../../dist/stores/redis/index.js';

register('../runner/typescript-hooks.mjs', import.meta.url);
const { startPostgres } = await import('../support/postgres-server.ts');
const { startRedis } = await import('../support/redis-server.ts');

const PROCESSES = 4;
const RATE = 200;
const RETENTION = { retentionSeconds: 900 };

const seconds = Number(process.argv[2] ?? 20);
for (const open of [openRedis, openPostgres, openDeafPostgres]) {
  const { name, logs, stop } = await open();
  const times = await measure(logs);
  await stop();
  const columns = Object.entries(times).map(
    ([what, values]) =>
      `${what}: p50 ${at(values, 0.5)}, p99 ${at(values, 0.99)}, max ${at(values, 1)}`,
  );
  console.log(
    `${name} (${times['last follower'].length} entries)\n  ${columns.join('\n  ')}`,
  );
}

async function measure(logs) {
  const controller = new AbortController();
  const appendedAt = new Map();
  const times = { append: [], 'first follower': [], 'last follower': [] };
  const seen = new Map();
  let caughtUp = 0;
  const following = logs.map((log) => {
    return log.follow(
      undefined,
      ({ entries, asOf }) => {
        const now = performance.now();
        if (asOf) caughtUp += 1;
        for (const text of entries) {
          const start = appendedAt.get(text);
          if (start === undefined) continue;
          const count = (seen.get(text) ?? 0) + 1;
          seen.set(text, count);
          if (count === 1) times['first follower'].push(now - start);
          if (count === logs.length) times['last follower'].push(now - start);
        }
      },
      controller.signal,
    );
  });
  const prove = () =>
    logs[0].append([`proof ${performance.now()}`], {
      ...RETENTION,
      isProof: true,
    });
  await prove();
  while (caughtUp < logs.length) await pause(10);
  const total = RATE * seconds;
  const start = performance.now();
  let nextProof = start;
  const appending = [];
  for (let i = 0; i < total; i += 1) {
    const due = start + (i * 1000) / RATE;
    if (due > performance.now()) await pause(due - performance.now());
    if (performance.now() > nextProof) {
      nextProof += 500;
      appending.push(prove());
    }
    // The size of an entry of the library.
    const text = JSON.stringify({
      v: 1,
      i,
      kind: 'session',
      id: 'x'.repeat(86),
    });
    const begun = performance.now();
    appendedAt.set(text, begun);
    appending.push(
      logs[i % logs.length].append([text], RETENTION).then(() => {
        times.append.push(performance.now() - begun);
      }),
    );
  }
  await Promise.all(appending);
  while (times['last follower'].length < total) await pause(10);
  controller.abort();
  await Promise.all(following);
  return times;
}

function at(values, quantile) {
  const sorted = values.toSorted((a, b) => a - b);
  const index = Math.min(
    sorted.length - 1,
    Math.floor(sorted.length * quantile),
  );
  return sorted[index].toFixed(2);
}

async function openRedis() {
  const server = await startRedis();
  const clients = Array.from(
    { length: PROCESSES },
    () => new Redis(server.port, '127.0.0.1'),
  );
  return {
    name: 'Redis',
    logs: clients.map((client) => new RedisRevocationLog({ client })),
    async stop() {
      for (const client of clients) client.disconnect();
      await server.stop();
    },
  };
}

function openDeafPostgres() {
  return openPostgres('Postgres without notifications', (client) => {
    const query = client.query.bind(client);
    client.query = (...args) =>
      args[0]?.text?.startsWith('LISTEN') ? Promise.resolve() : query(...args);
  });
}

async function openPostgres(name = 'Postgres', onConnect = () => undefined) {
  const server = await startPostgres({ fsync: 'on', full_page_writes: 'on' });
  const schema = await server.createSchema();
  const pools = Array.from({ length: PROCESSES }, () =>
    server.pool(schema, { max: 5 }),
  );
  for (const pool of pools) pool.on('connect', onConnect);
  const logs = pools.map((pool) => new PostgresRevocationLog({ pool }));
  await logs[0].ensureSchema();
  return { name, logs, stop: () => server.stop() };
}
