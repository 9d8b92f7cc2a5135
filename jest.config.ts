import type { Config } from 'jest';

const config: Config = {
  rootDir: '.',
  testRegex: 'test/.*\\.(e2e-)?spec\\.ts$',
  testEnvironment: 'node',
  // Workers are ended with the run, so an application left open by a failed test cannot hold it up.
  maxWorkers: 2,
  setupFilesAfterEnv: ['<rootDir>/test/support/record-issued-tokens.ts'],
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
  moduleNameMapper: {
    '^nestjs-session-jwt$': '<rootDir>/lib/index.ts',
    '^nestjs-session-jwt/(redis|postgres)$': '<rootDir>/lib/stores/$1/index.ts',
    '^nestjs-session-jwt/(client|testing)$': '<rootDir>/lib/$1/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
};

export default config;
