/** Fills each kind of store, and returns what that took. */
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Redis } from 'ioredis';
import { MemorySessionStore } from '../../dist/index.js';
import { PostgresSessionStore } from '../../dist/stores/postgres/index.js';
import { RedisSessionStore } from '../../dist/stores/redis/index.js';
import { startPostgres } from '../support/postgres-server.ts';
import { startRedis } from '../support/redis-server.ts';
import { sqlHash } from './population.mjs';

const PIPELINED = 2_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

export async function fillMemory(population) {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const store = new MemorySessionStore({ allowInProduction: true });
  const seconds = await timed(async () => {
    for (let i = 1; i <= population.count; i += 1) {
      await store.create(population.recordAt(i));
    }
  });
  collectGarbage();
  const bytes = process.memoryUsage().heapUsed - before;
  assert.equal(store.size, population.count);
  return {
    name: 'memory',
    store,
    seconds,
    bytes: perSession(bytes, population),
    stop: async () => undefined,
  };
}

export async function fillRedis(population) {
  const server = await startRedis();
  const client = new Redis(server.port, '127.0.0.1');
  const info = async (section, field) =>
    new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(await client.info(section))[1];
  const store = new RedisSessionStore({ client });
  // What does not grow with the sessions: scripts, and the mark that the records are there.
  const first = population.recordAt(1);
  await store.create(first);
  await store.end(first.id, first.subject);
  const before = Number(await info('memory', 'used_memory'));

  const seconds = await timed(async () => {
    for (let i = 1; i <= population.count; i += PIPELINED) {
      const end = Math.min(i + PIPELINED, population.count + 1);
      await Promise.all(
        Array.from({ length: end - i }, (_, j) =>
          store.create(population.recordAt(i + j)),
        ),
      );
    }
  });
  const bytes = Number(await info('memory', 'used_memory')) - before;
  return {
    name: `Redis ${await info('server', 'redis_version')}`,
    store,
    seconds,
    bytes: perSession(bytes, population),
    async stop() {
      client.disconnect();
      await server.stop();
    },
  };
}

export async function fillPostgres(population) {
  // The settings of a server that must not lose anything.
  const server = await startPostgres({ fsync: 'on', full_page_writes: 'on' });
  const pool = server.pool(await server.createSchema());
  const store = new PostgresSessionStore({ pool });
  await store.ensureSchema();
  const count = async (expression) =>
    Number((await pool.query(`SELECT ${expression} AS n`)).rows[0].n);

  const seconds = await timed(() => insertAll(pool, store, population));
  await pool.query('VACUUM ANALYZE user_sessions');
  await assertLikeTheStores(pool, store, population);
  const table = await count(`pg_table_size('user_sessions')`);
  const total = await count(`pg_total_relation_size('user_sessions')`);
  const { rows } = await pool.query('SHOW server_version');
  return {
    name: `PostgreSQL ${rows[0].server_version}`,
    store,
    seconds,
    bytes: perSession(total, population),
    parts: {
      table: perSession(table, population),
      indexes: perSession(total - table, population),
    },
    async stop() {
      // The server's last step alone would not keep this process waiting for it.
      const waiting = setInterval(() => undefined, 1_000);
      await server.stop();
      clearInterval(waiting);
    },
  };
}

/** One statement: what all rows have in common is what the store itself wrote into a first row. */
async function insertAll(pool, store, population) {
  await store.create({
    ...population.recordAt(1),
    id: 'template',
    subject: '',
  });
  await pool.query(`
WITH ${population.sql}, template AS (DELETE FROM user_sessions WHERE id = 'template' RETURNING *)
INSERT INTO user_sessions (subject, id, params, metadata, attributes, created_at, last_seen_at, rotated_at,
  expires_at, hash)
SELECT s.subject, s.id, to_json(s.subject)::text, t.metadata, t.attributes, t.created_at, t.last_seen_at,
  t.rotated_at, t.created_at + s.idle, ${sqlHash(`'refresh ' || s.id`)}
FROM sessions s CROSS JOIN template t ORDER BY s.i`);
  const { rows } = await pool.query(
    'SELECT count(*)::int AS n FROM user_sessions',
  );
  assert.equal(rows[0].n, population.count);
}

/** Rows out of the bulk are column for column what the store writes for the same record. */
async function assertLikeTheStores(pool, store, population) {
  const columns = `to_jsonb(s) - '{created_at,last_seen_at,rotated_at,expires_at,expiry_hour}'::text[]
    || jsonb_build_object('idle', expires_at - created_at)`;
  const rowOf = async (id) =>
    (
      await pool.query(
        `SELECT ${columns} AS row FROM user_sessions s WHERE id = $1`,
        [id],
      )
    ).rows[0].row;
  for (const i of [1, 19, 20, 4_000, population.count - 1, population.count]) {
    const record = population.recordAt(i);
    const { id, subject, attributes, metadata } = record;
    const inserted = await rowOf(id);
    const read = await store.read(id, subject);
    assert.deepEqual(
      [read.params, { ...read.attributes }, read.metadata],
      [subject, attributes, metadata],
    );
    assert.equal(await store.end(id, subject), true);
    await store.create(record);
    assert.deepEqual(inserted, await rowOf(id));
  }
}

async function timed(work) {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function perSession(bytes, { count }) {
  return Math.round(bytes / count);
}
