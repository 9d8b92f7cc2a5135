import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/library-sources.js';
import type { ScaffoldedApplication, ScaffoldOptions } from './scaffold.js';

/** What the documentation says to add to a configuration of Jest. */
const JEST = JSON.parse(
  `{${/"transformIgnorePatterns": .+/.exec(readFileSync(join(ROOT, 'docs/testing.md'), 'utf8'))![0]}}`,
) as object;

function withJest(app: ScaffoldedApplication): void {
  app.edit('package.json', ({ jest }) => Object.assign(jest, JEST));
  app.edit('test/jest-e2e.json', (jest) => Object.assign(jest, JEST));
}

/** With the oldest Nest that the package allows, and every package of Nest that belongs to it. */
function withOldestNest(app: ScaffoldedApplication): void {
  withJest(app);
  const { peerDependencies: peers } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  ) as { peerDependencies: Record<string, string> };
  const oldest = (name: string): string =>
    /\d+\.\d+\.\d+/.exec(peers[`@nestjs/${name}`]!)![0];
  app.edit('package.json', ({ dependencies, devDependencies }) => {
    for (const name of ['common', 'core', 'platform-express']) {
      dependencies[`@nestjs/${name}`] = oldest('core');
    }
    dependencies['@nestjs/jwt'] = oldest('jwt');
    devDependencies['@nestjs/testing'] = oldest('core');
  });
}

function withSwc(app: ScaffoldedApplication): void {
  withJest(app);
  app.edit('nest-cli.json', ({ compilerOptions }) => {
    compilerOptions.builder = 'swc';
  });
  app.edit('package.json', ({ devDependencies, jest }) => {
    delete devDependencies['ts-jest'];
    Object.assign(devDependencies, {
      '@swc/cli': '0.8.1',
      '@swc/core': '1.16.22',
      '@swc/jest': '0.2.39',
    });
    jest.transform = SWC;
  });
  app.edit('test/jest-e2e.json', (jest) => {
    jest.transform = SWC;
  });
}

const SWC = {
  '^.+\\.(t|j)s$': [
    '@swc/jest',
    {
      jsc: {
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
      },
    },
  ],
};

const npx = (name: string): string[] => [
  'npx',
  '--yes',
  '--prefer-offline',
  '-p',
  name,
];
const NODE_24 = [...npx('node@24'), 'node'];
const BUN = [...npx('bun@1'), 'bun'];
const JEST_ON_NODE_24 = [
  ...NODE_24,
  '--experimental-vm-modules',
  'node_modules/jest/bin/jest.js',
];

/** The kinds of applications that docs/compatibility.md names. */
export const SCAFFOLDS: [title: string, options: ScaffoldOptions][] = [
  [
    'Nest 11, CommonJS, Jest with ts-jest',
    { nest: 11, module: 'CommonJS', adapt: withJest },
  ],
  ['Nest 12, ESM, vitest', { nest: 12, module: 'ESM' }],
  [
    'the oldest Nest 11 allowed, CommonJS, Jest with ts-jest',
    { nest: 11, module: 'CommonJS', adapt: withOldestNest },
  ],
  [
    'Nest 11, CommonJS, SWC and @swc/jest',
    { nest: 11, module: 'CommonJS', adapt: withSwc },
  ],
  [
    'Nest 12, CommonJS, Jest on Node 24',
    {
      nest: 12,
      module: 'CommonJS',
      runtime: NODE_24,
      tests: [
        JEST_ON_NODE_24,
        [...JEST_ON_NODE_24, '--config', 'test/jest-e2e.json'],
      ],
    },
  ],
  [
    'Nest 11, CommonJS, pnpm',
    {
      nest: 11,
      module: 'CommonJS',
      adapt: withJest,
      install: [...npx('pnpm@10'), 'pnpm', 'install', '--prefer-offline'],
    },
  ],
  [
    'Nest 12, ESM, Bun',
    {
      nest: 12,
      module: 'ESM',
      install: [...BUN, 'install'],
      runtime: BUN,
      tests: [
        [...BUN, '--bun', 'run', 'test'],
        [...BUN, '--bun', 'run', 'test:e2e'],
      ],
    },
  ],
];
