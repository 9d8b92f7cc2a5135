// Changes the sources of keys and tokens in small ways, one at a time, and asks whether a test notices.
export default {
  mutate: ['lib/keys/**/*.ts', 'lib/tokens/**/*.ts'],
  testRunner: 'jest',
  testRunnerNodeArgs: [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
  ],
  jest: {
    configFile: 'jest.config.ts',
    enableFindRelatedTests: false,
    config: { testRegex: 'test/(keys|tokens)/.*\\.spec\\.ts$' },
  },
  coverageAnalysis: 'perTest',
  concurrency: 2,
  timeoutMS: 15_000,
  reporters: ['clear-text', 'progress-append-only'],
  clearTextReporter: { reportTests: false, logTests: false },
  thresholds: { high: 95, low: 90, break: 90 },
  tempDirName: 'node_modules/.stryker',
};
