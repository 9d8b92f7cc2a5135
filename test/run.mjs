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
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createCommands } from './support/commands.mjs';
import { createTokenSearch } from './support/issued-tokens.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'session-jwt-'));
const issuedTokensFile = join(scratch, 'issued-tokens');
const jestReport = join(scratch, 'jest.json');
const chromium = process.env.CHROMIUM_PATH || '/usr/bin/chromium';

const commands = createCommands({
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: {
    ...process.env,
    CHROMIUM_PATH: chromium,
    ISSUED_TOKENS_FILE: issuedTokensFile,
  },
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
if (await step('browser', findBrowser)) {
  const built = await step('build', () => script(120, 'build'));
  await step('build the sample', built && (() => script(120, 'build:sample')));
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

async function findBrowser() {
  if (
    !existsSync(chromium) &&
    !process.env.CHROMIUM_PATH &&
    process.getuid?.() === 0 &&
    existsSync('/usr/bin/apt-get')
  ) {
    const apt = (seconds, ...args) =>
      commands.run(
        seconds,
        'env',
        'DEBIAN_FRONTEND=noninteractive',
        'apt-get',
        ...args,
      );
    const install = () =>
      apt(300, 'install', '-y', '--no-install-recommends', 'chromium');
    // A fresh image has no package lists, an old one has lists that the mirror has left behind.
    if (!(await install()) && (await apt(120, 'update'))) {
      await install();
    }
  }
  if (!existsSync(chromium)) {
    console.log(
      `The browser tests need Chromium: install it as ${chromium}, or name another in CHROMIUM_PATH.`,
    );
  }
  return existsSync(chromium);
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
