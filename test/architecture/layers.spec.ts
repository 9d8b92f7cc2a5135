import { librarySources } from '../support/library-sources.js';
import {
  forbiddenSources,
  importCycles,
  layerViolations,
  starExports,
} from './layers.js';

const MAX_LINES = 250;
const sources = librarySources();

describe('the layers of lib/', () => {
  it('has files to look at', () => {
    expect(sources.length).toBeGreaterThan(10);
  });

  it('only lets imports point down', () => {
    expect(layerViolations(sources)).toEqual([]);
  });

  it('has no import cycle', () => {
    expect(importCycles(sources)).toEqual([]);
  });

  it(`has no file of more than ${MAX_LINES} lines`, () => {
    const long = sources
      .map(({ path, text }) => ({
        path,
        lines: text.trimEnd().split('\n').length,
      }))
      .filter(({ lines }) => lines > MAX_LINES);
    expect(long).toEqual([]);
  });

  it('names every export of its entry points', () => {
    const entries = sources.filter(({ path }) =>
      /(?:^|\/)index\.ts$/.test(path),
    );
    expect(entries).toHaveLength(7);
    expect(entries.flatMap(starExports)).toEqual([]);
  });

  it('takes randomness from randomBytes only, and time from the clock only (S-101)', () => {
    const found = sources.flatMap(forbiddenSources);
    const [inClock, elsewhere] = [
      found.filter((line) =>
        /^lib\/ports\/clock\.ts:\d+ Date\.now$/.test(line),
      ),
      found.filter(
        (line) => !/^lib\/ports\/clock\.ts:\d+ Date\.now$/.test(line),
      ),
    ];
    expect(elsewhere).toEqual([]);
    expect(inClock).toHaveLength(1);
  });
});

describe('the check of the layers', () => {
  const violation = (path: string, text: string) =>
    layerViolations([{ path, text }]);

  it.each([
    [
      'the framework in a store',
      'lib/stores/memory.ts',
      `import { Logger } from '@nestjs/common';`,
    ],
    [
      'a type of the framework',
      'lib/tokens/a.ts',
      `import type { JwtService } from '@nestjs/jwt';`,
    ],
    [
      'a sibling',
      'lib/transports/cookie.ts',
      `import { x } from '../stores/x.js';`,
    ],
    [
      'a type of a sibling',
      'lib/csrf/a.ts',
      `import type { X } from '../transports/x.js';`,
    ],
    [
      'an inline type of a sibling',
      'lib/csrf/a.ts',
      `let x: import('../tokens/x.js').X;`,
    ],
    [
      'a re-export of a sibling',
      'lib/csrf/a.ts',
      `export { x } from '../tokens/x.js';`,
    ],
    [
      'a dynamic import',
      'lib/csrf/a.ts',
      `const x = await import('../tokens/x.js');`,
    ],
    [
      'an import upwards',
      'lib/keys/key-set.ts',
      `import { x } from '../tokens/x.js';`,
    ],
    [
      'an arrow that skips a layer',
      'lib/session/a.ts',
      `import { x } from '../keys/x.js';`,
    ],
    [
      'an import from the foundation upwards',
      'lib/ports/clock.ts',
      `import { x } from '../keys/x.js';`,
    ],
    [
      'a room above',
      'lib/session/model/a.ts',
      `import type { x } from '../loading/x.js';`,
    ],
    [
      'a room beside',
      'lib/session/records/a.ts',
      `import { x } from '../tokens/x.js';`,
    ],
    [
      'a use case in a room',
      'lib/session/loading/a.ts',
      `import { x } from '../session-issuer.js';`,
    ],
    ['a room nobody planned', 'lib/session/utils/a.ts', ``],
    [
      'an import in errors',
      'lib/errors/a.ts',
      `import { x } from '../options/x.js';`,
    ],
    ['the entry point', 'lib/nest/a.ts', `import { x } from '../index.js';`],
    ['test helpers', 'lib/nest/a.ts', `import { x } from '../testing/x.js';`],
    [
      'the package by its own name',
      'lib/nest/a.ts',
      `import { x } from 'nestjs-session-jwt';`,
    ],
    [
      'a file outside lib',
      'lib/nest/a.ts',
      `import { x } from '../../test/x.js';`,
    ],
    ['a package in the client', 'lib/client/a.ts', `import 'cookie';`],
    ['Node in the client', 'lib/client/a.ts', `import 'node:crypto';`],
    [
      'a part of the server in the client',
      'lib/client/a.ts',
      `import type { X } from '../errors/x.js';`,
    ],
    ['a folder nobody planned', 'lib/utils/a.ts', ``],
  ])('notices %s', (_case, path, text) => {
    expect(violation(path, text)).toHaveLength(1);
  });

  it.each([
    ['its own folder', 'lib/tokens/a.ts', `import { x } from './b.js';`],
    ['the layer below', 'lib/tokens/a.ts', `import { x } from '../keys/b.js';`],
    [
      'the foundation',
      'lib/csrf/a.ts',
      `import { x } from '../ports/request-facts.js';`,
    ],
    ['a package', 'lib/transports/a.ts', `import { serialize } from 'cookie';`],
    [
      'the framework at the rim',
      'lib/nest/a.ts',
      `import { Module } from '@nestjs/common';`,
    ],
  ])('lets %s pass', (_case, path, text) => {
    expect(violation(path, text)).toEqual([]);
  });

  it('notices a cycle of values within a folder and lets a cycle of types pass there', () => {
    const pair = (path: string, other: string) =>
      importCycles([
        { path, text: `import { b } from '${other}';` },
        { path: 'lib/session/b.ts', text: `import { a } from './a.js';` },
      ]);
    expect(pair('lib/session/a.ts', './b.js')).toHaveLength(1);
    expect(
      importCycles([
        { path: 'lib/session/a.ts', text: `import { b } from './b.js';` },
        { path: 'lib/session/b.ts', text: `import type { a } from './a.js';` },
      ]),
    ).toEqual([]);
  });

  it('notices a cycle through types between folders', () => {
    expect(
      importCycles([
        { path: 'lib/nest/a.ts', text: `import { b } from '../options/b.js';` },
        {
          path: 'lib/options/b.ts',
          text: `import type { a } from '../nest/a.js';`,
        },
      ]),
    ).toEqual(['lib/nest/a.ts -> lib/options/b.ts -> lib/nest/a.ts']);
  });

  it.each([
    ['Math.random', `const x = Math.random();`],
    ['Math.random', `const x = globalThis.Math.random();`],
    ['randomUUID', `import { randomUUID } from 'node:crypto';`],
    ['randomUUID', `const x = crypto.randomUUID();`],
    ['Date.now', `const x = { now: Date.now };`],
    ['new Date()', `const x = new Date();`],
  ])('notices %s in `%s`', (what, text) => {
    expect(forbiddenSources({ path: 'lib/a.ts', text })).toEqual([
      `lib/a.ts:1 ${what}`,
    ]);
  });

  it('lets a date of a known instant and a comment pass', () => {
    const text = `// not Math.random()\nconst x = new Date(seconds * 1000);`;
    expect(forbiddenSources({ path: 'lib/a.ts', text })).toEqual([]);
  });

  it('notices `export *`', () => {
    const text = `export * from './a.js';\nexport * as b from './b.js';\nexport { c } from './c.js';`;
    expect(starExports({ path: 'lib/index.ts', text })).toHaveLength(2);
  });
});
