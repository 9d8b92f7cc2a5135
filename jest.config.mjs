import { availableParallelism, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** What a worker may hold between two specs before a new one takes its place: modules of a spec stay in memory. */
const WORKER_BYTES = 600 * 2 ** 20;
/** What it needs at most, with the servers and browsers that its spec starts. */
const WORKER_AND_SERVERS_BYTES = 1.5 * 2 ** 30;

/** @type {import('jest').Config} */
const config = {
  rootDir: '.',
  // The copy of the repository that runs on Nest 11, with a `rootDir` of its own.
  modulePathIgnorePatterns: ['<rootDir>/\\.nest-11/'],
  testRegex: 'test/.*\\.(e2e-)?spec\\.ts$',
  testPathIgnorePatterns: ['/node_modules/', '/test/package/scaffold-app/'],
  // Stryker, which adds to it, knows no `<rootDir>`.
  testEnvironment: fileURLToPath(
    new URL('test/runner/native-environment.cjs', import.meta.url),
  ),
  runtime: '<rootDir>/test/runner/native-runtime.cjs',
  testSequencer: '<rootDir>/test/runner/longest-first.mjs',
  // More than processors: some specs wait for servers and browsers.
  maxWorkers: Math.max(
    1,
    Math.min(
      availableParallelism() + 1,
      Math.floor(totalmem() / WORKER_AND_SERVERS_BYTES),
    ),
  ),
  workerIdleMemoryLimit: WORKER_BYTES,
  // Only what hangs takes so long, on the slowest of machines too.
  testTimeout: (process.env.TEST_EFFORT === 'full' ? 30 : 10) * 60_000,
  workerGracefulExitTimeout: 60_000,
  setupFilesAfterEnv: ['<rootDir>/test/runner/record-issued-tokens.ts'],
  moduleFileExtensions: ['js', 'json', 'ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          target: 'es2022',
          keepClassNames: true,
        },
        module: { type: 'es6' },
      },
    ],
  },
};

export default config;
