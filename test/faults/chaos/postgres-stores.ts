import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import { PostgresSessionStore } from '../../../lib/stores/postgres/index.js';
import {
  startPostgres,
  type PostgresServer,
} from '../../support/postgres-server.js';
import { until } from '../../support/redis-server.js';
import { namedSubjects, type ChaosStore } from './chaos-store.js';
import { FaultyProxy } from './faulty-proxy.js';
import { freePort } from '../../support/free-port.js';
import { installedPgBouncer, nobody } from './installed-pgbouncer.js';

/** PostgreSQL, which restarts while requests run. */
export async function startPostgresStore(): Promise<ChaosStore> {
  const server = await startPostgres();
  await createTable(server.port);
  return {
    ...common,
    upstreams: [server.port],
    shared: [],
    settingsFor: (portOf) => ({ kind: 'postgres', port: portOf(server.port) }),
    happen: () => restart(server),
    stop: () => server.stop(),
  };
}

/**
 * PostgreSQL behind PgBouncer, which gives each transaction another of its connections. A proxy stands between the
 * two as well.
 */
export async function startPgBouncer(): Promise<ChaosStore> {
  const program = installedPgBouncer();
  const server = await startPostgres();
  await createTable(server.port);
  const behind = await FaultyProxy.start(server.port);
  const pooler = await startPooler(program, behind.port);
  return {
    ...common,
    upstreams: [pooler.port],
    shared: [behind],
    settingsFor: (portOf) => ({ kind: 'postgres', port: portOf(pooler.port) }),
    happen: () => restart(server),
    async stop() {
      await pooler.stop();
      await behind.stop();
      await server.stop();
    },
  };
}

const common = {
  storeTimeout: '250ms',
  subjects: namedSubjects(8),
  listsDuringEvent: 0,
  isLossy: false,
};

async function createTable(port: number): Promise<void> {
  const pool = new Pool({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password: 'postgres',
    database: 'postgres',
  });
  await new PostgresSessionStore({ pool }).ensureSchema();
  await pool.end();
}

async function restart(server: PostgresServer): Promise<void> {
  await server.halt();
  await server.resume();
}

async function startPooler(
  program: string,
  database: number,
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'session-pgbouncer-'));
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(
    file,
    `[databases]
postgres = host=127.0.0.1 port=${database} dbname=postgres user=postgres password=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 8
server_login_retry = 1
server_round_robin = 1
`,
  );
  const user = nobody();
  if (user) {
    await chown(folder, user.uid, user.gid);
    await chown(file, user.uid, user.gid);
  }
  // Waits for its end of input, so that it ends with its parent, however that ends.
  const child = spawn(
    'sh',
    [
      '-c',
      '"$@" & pooler=$!; read _; kill -9 $pooler; wait $pooler',
      'sh',
      program,
      '-q',
      file,
    ],
    { ...user, cwd: folder, stdio: ['pipe', 'ignore', 'ignore'] },
  );
  const ended = once(child, 'close');
  const stop = async (): Promise<void> => {
    child.stdin.destroy();
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const pool = new Pool({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database: 'postgres',
  });
  pool.on('error', () => undefined);
  try {
    await until(async () => {
      await pool.query('SELECT 1');
      return true;
    }, 30);
  } catch (error) {
    await stop();
    throw new Error('pgbouncer did not start', { cause: error });
  } finally {
    await pool.end();
  }
  return { port, stop };
}
