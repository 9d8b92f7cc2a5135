/**
 * `npm test`: everything, in one command, with modest effort; `TEST_EFFORT=full npm test` gives every statistical
 * test its full number of rounds. Each step prints its duration, the last line is the count.
 * `NEST=11 npm test` runs the same on Nest 11, in a copy of the repository that has it installed
 * (`nest-11/create-project.mjs`). The package that it tests is the one built with Nest 12: there is only one build.
 * What the steps print is kept and searched, at the end, for every token that the suite issued.
 */
import {
  createReadStream,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createCommands } from './runner/commands.mjs';
import { createTokenSearch } from './runner/issued-tokens.mjs';
import { createNest11Project } from './nest-11/create-project.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'session-jwt-'));
const issuedTokensFile = join(scratch, 'issued-tokens');
const jestReport = join(scratch, 'jest.json');

const onNest11 = process.env.NEST === '11';
const effort = process.env.TEST_EFFORT === 'full' ? 'full' : 'modest';
/** What is not run at modest effort: these start many processes, or compare times where others count. */
const ONLY_AT_FULL_EFFORT = [
  '/test/faults/(?:chaos/|rolling-deploy)',
  '/test/package/import-cost',
  '/test/performance/(?!guard-costs)',
];
const env = { ...process.env, ISSUED_TOKENS_FILE: issuedTokensFile };
/** Where commands run: here, or from the copy on. */
const place = { cwd: fileURLToPath(new URL('..', import.meta.url)), env };
const commands = createCommands(place);
const show = (text) => process.stdout.write(text);
const script = (print, name, ...args) =>
  commands.run(print, 'npm', 'run', '--silent', name, ...args);

process.on('exit', () => {
  commands.stop();
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => process.exit(1));
}

const count = { passed: 0, failed: 0, skipped: 0 };
if (
  (await step('browser', provideBrowser)) &&
  (await step('redis', provideRedis))
) {
  await step('prometheus', providePrometheus);
  await step('nginx', provideNginx);
  // It needs no build, which leaves half a processor idle.
  const format =
    effort === 'full' && !onNest11
      ? step('format', (print) => script(print, 'format:check'))
      : undefined;
  const isBuilt = await step('build', (print) => script(print, 'build'));
  const isReady =
    !onNest11 || (isBuilt && (await step('install Nest 11', moveToNest11)));
  await step(
    'build the samples',
    isBuilt && isReady && ((print) => script(print, 'build:samples')),
  );
  // Jest first: many of its specs wait for servers and browsers, and leave room for the others.
  await allAtOnce([
    () => step(`jest, ${effort} effort`, isReady && runJest),
    // Lint finds the errors of types as well, with the compiler that it has built in.
    ...(onNest11 || effort === 'full'
      ? [
          () =>
            step(
              'typecheck',
              isReady && ((print) => script(print, 'typecheck')),
            ),
        ]
      : []),
    // The same sources again.
    ...(onNest11
      ? []
      : [
          () => format,
          () => step('types and lint', (print) => script(print, 'lint')),
        ]),
  ]);
  await step('no token in any output', searchTokens);
}
console.log(
  `\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`,
);
process.exit(count.failed > 0 ? 1 : 0);

/**
 * Runs a step and counts it; one that gets `false` instead of a function needs something that has failed. What
 * it prints by the function that it is given comes in one piece, whatever runs beside it.
 */
async function step(name, run) {
  if (run === false) {
    count.skipped += 1;
    console.log(`\n- ${name}: skipped, the build failed`);
    return false;
  }
  let printed = '';
  const start = performance.now();
  const result = await run((text) => (printed += text));
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const tests =
    typeof result === 'object'
      ? result
      : { passed: Number(result), failed: Number(!result), skipped: 0 };
  for (const kind of Object.keys(count)) {
    count[kind] += tests[kind];
  }
  const mark = tests.failed > 0 ? '✗' : '✓';
  show(`${printed}${mark} ${name} (${seconds} s)\n`);
  return tests.failed === 0;
}

/** As many at a time as the machine has processors. */
async function allAtOnce(tasks) {
  const waiting = [...tasks];
  const work = async () => {
    for (let task = waiting.shift(); task; task = waiting.shift()) {
      await task();
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

/**
 * Whether there is a program that the tests need, whose path they find in this variable. Debian's package of it
 * is installed where it is missing and that is allowed.
 */
async function provide(print, variable, candidates, debianPackage, need) {
  const chosen = process.env[variable];
  const find = () => (chosen ? [chosen] : candidates).find(existsSync);
  if (
    !find() &&
    !chosen &&
    process.getuid?.() === 0 &&
    existsSync('/usr/bin/apt-get')
  ) {
    const apt = (...args) =>
      commands.run(
        print,
        'env',
        'DEBIAN_FRONTEND=noninteractive',
        // Only the program is wanted: with these, Debian does not start it as a service.
        'RUNLEVEL=1',
        'SYSTEMD_OFFLINE=1',
        'apt-get',
        ...args,
      );
    const install = () =>
      apt('install', '-y', '--no-install-recommends', debianPackage);
    // A fresh image has no package lists, an old one has lists that the mirror has left behind.
    if (!(await install()) && (await apt('update'))) {
      await install();
    }
  }
  const path = find();
  print(`${path ?? `${need}, or name another in ${variable}.`}\n`);
  env[variable] = path;
  return path !== undefined;
}

async function provideBrowser(print) {
  const path = '/usr/bin/chromium';
  const isThere = await provide(
    print,
    'CHROMIUM_PATH',
    [path],
    'chromium',
    `The browser tests need Chromium: install it as ${path}`,
  );
  const shell = '/usr/bin/chromium-headless-shell';
  await provide(
    print,
    'CHROMIUM_SHELL_PATH',
    [shell],
    'chromium-headless-shell',
    `Most browser tests need half the processor with Chromium's headless shell: install it as ${shell}`,
  );
  return isThere;
}

function provideRedis(print) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return provide(
    print,
    'REDIS_SERVER_PATH',
    ['redis-server', 'valkey-server'].flatMap((name) =>
      folders.map((folder) => join(folder, name)),
    ),
    'redis-server',
    'The tests of the Redis store need Redis 7 or Valkey: install redis-server or valkey-server in the PATH',
  );
}

function providePrometheus(print) {
  const path = '/usr/bin/prometheus';
  return provideOrSkip(
    print,
    'PROMETHEUS_PATH',
    [path],
    'prometheus',
    `Some tests of the metrics are skipped without Prometheus, with promtool next to it: install it as ${path}`,
  );
}

function provideNginx(print) {
  const path = '/usr/sbin/nginx';
  return provideOrSkip(
    print,
    'NGINX_PATH',
    [path],
    'nginx',
    `The tests behind nginx are skipped without it: install it as ${path}`,
  );
}

/** The tests that need the program are skipped without it: few machines of developers have one. */
async function provideOrSkip(...program) {
  const isThere = await provide(...program);
  return isThere || { passed: 0, failed: 0, skipped: 1 };
}

function moveToNest11(print) {
  try {
    place.cwd = createNest11Project();
    return true;
  } catch (error) {
    print(`${error.message}\n`);
    return false;
  }
}

async function runJest() {
  const args = ['--logHeapUsage', '--json', `--outputFile=${jestReport}`];
  const ignored = [
    '/test/package/scaffold-app/',
    // These install their own Nest, both versions.
    ...(onNest11 ? ['/test/package/scaffold'] : []),
    ...(effort === 'full' ? [] : ONLY_AT_FULL_EFFORT),
  ];
  args.push(...ignored.map((path) => `--testPathIgnorePatterns=${path}`));
  const succeeded = await script(show, 'test:jest', '--', ...args);
  if (!existsSync(jestReport)) {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const heaps = commands
    .output()
    .matchAll(/, (\d+) MB heap size\)|\((\d+) MB heap size\)/g);
  const peak = Math.max(...[...heaps].map(([, a, b]) => Number(a ?? b)));
  show(`The largest heap of a worker after a spec: ${peak} MB\n`);
  const report = JSON.parse(readFileSync(jestReport, 'utf8'));
  // A spec that could not be loaded holds tests that nobody counted.
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  if (onNest11) {
    const skipped = report.testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => status === 'pending')
      .filter(({ fullName }) => fullName.includes('(needs Nest 12)'));
    show(`${skipped.length} of the skipped tests need Nest 12\n`);
  }
  return {
    passed: report.numPassedTests,
    failed: failed || Number(!succeeded),
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

async function searchTokens(print) {
  const output = commands.output();
  const find = createTokenSearch(output);
  let [tokens, hits] = [0, 0];
  const input = existsSync(issuedTokensFile)
    ? createInterface({ input: createReadStream(issuedTokensFile) })
    : [];
  for await (const token of input) {
    tokens += 1;
    const hit = find(token);
    if (hit !== undefined && ++hits <= 10) {
      const line = output.split('\n')[hit.line - 1].trim();
      print(`${hit.part} in: ${line.replace(/[\w-]{12,}/g, '…')}\n`);
    }
  }
  print(
    `${hits} of ${tokens} issued tokens found in ${Math.ceil(output.length / 1024)} KB of output\n`,
  );
  // Without tokens to look for, finding none would prove nothing.
  return hits === 0 && tokens > 0;
}
