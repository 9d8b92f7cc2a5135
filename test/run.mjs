/**
 * `npm test`: everything, in one command. Each step prints its duration, the last line is the count.
 * What the steps print is kept and searched, at the end, for every token that the suite issued.
 */
import {
  createReadStream,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createCommands } from './support/commands.mjs';
import { createTokenSearch } from './support/issued-tokens.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'session-jwt-'));
const issuedTokensFile = join(scratch, 'issued-tokens');
const jestReport = join(scratch, 'jest.json');

const env = { ...process.env, ISSUED_TOKENS_FILE: issuedTokensFile };
const commands = createCommands({
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env,
});
const script = (seconds, name, ...args) =>
  commands.run(seconds, 'npm', 'run', '--silent', name, ...args);

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
  const built = await step('build', () => script(120, 'build'));
  await step(
    'build the samples',
    built && (() => script(240, 'build:samples')),
  );
  await step('lint', () => script(120, 'lint'));
  await step('format', () => script(120, 'format:check'));
  await step('typecheck', () => script(300, 'typecheck'));
  await step('jest', runJest);
  await step('no token in any output', searchTokens);
}
console.log(
  `\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`,
);
process.exit(count.failed > 0 ? 1 : 0);

/** Runs a step and counts it; one that gets `false` instead of a function needs something that has failed. */
async function step(name, run) {
  if (run === false) {
    count.skipped += 1;
    console.log(`\n- ${name}: skipped, the build failed`);
    return false;
  }
  console.log(`\n> ${name}`);
  const start = performance.now();
  const result = await run();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const tests =
    typeof result === 'object'
      ? result
      : { passed: Number(result), failed: Number(!result), skipped: 0 };
  for (const kind of Object.keys(count)) {
    count[kind] += tests[kind];
  }
  console.log(`${tests.failed > 0 ? '✗' : '✓'} ${name} (${seconds} s)`);
  return tests.failed === 0;
}

/**
 * Whether there is a program that the tests need, whose path they find in this variable. Debian's package of it
 * is installed where it is missing and that is allowed.
 */
async function provide(variable, candidates, debianPackage, need) {
  const chosen = process.env[variable];
  const find = () => (chosen ? [chosen] : candidates).find(existsSync);
  if (
    !find() &&
    !chosen &&
    process.getuid?.() === 0 &&
    existsSync('/usr/bin/apt-get')
  ) {
    const apt = (seconds, ...args) =>
      commands.run(
        seconds,
        'env',
        'DEBIAN_FRONTEND=noninteractive',
        // Only the program is wanted: with these, Debian does not start it as a service.
        'RUNLEVEL=1',
        'SYSTEMD_OFFLINE=1',
        'apt-get',
        ...args,
      );
    const install = () =>
      apt(300, 'install', '-y', '--no-install-recommends', debianPackage);
    // A fresh image has no package lists, an old one has lists that the mirror has left behind.
    if (!(await install()) && (await apt(120, 'update'))) {
      await install();
    }
  }
  const path = find();
  console.log(path ?? `${need}, or name another in ${variable}.`);
  env[variable] = path;
  return path !== undefined;
}

function provideBrowser() {
  const path = '/usr/bin/chromium';
  return provide(
    'CHROMIUM_PATH',
    [path],
    'chromium',
    `The browser tests need Chromium: install it as ${path}`,
  );
}

function provideRedis() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return provide(
    'REDIS_SERVER_PATH',
    ['redis-server', 'valkey-server'].flatMap((name) =>
      folders.map((folder) => join(folder, name)),
    ),
    'redis-server',
    'The tests of the Redis store need Redis 7 or Valkey: install redis-server or valkey-server in the PATH',
  );
}

async function runJest() {
  const args = ['--', '--json', `--outputFile=${jestReport}`];
  const succeeded = await script(1200, 'test:jest', ...args);
  if (!existsSync(jestReport)) {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const report = JSON.parse(readFileSync(jestReport, 'utf8'));
  // A spec that could not be loaded holds tests that nobody counted.
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  return {
    passed: report.numPassedTests,
    failed: failed || Number(!succeeded),
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

async function searchTokens() {
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
      console.log(`${hit.part} in: ${line.replace(/[\w-]{12,}/g, '…')}`);
    }
  }
  console.log(
    `${hits} of ${tokens} issued tokens found in ${Math.ceil(output.length / 1024)} KB of output`,
  );
  // Without tokens to look for, finding none would prove nothing.
  return hits === 0 && tokens > 0;
}
