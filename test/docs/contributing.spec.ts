import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { librarySources, ROOT } from '../support/library-sources.js';

const page = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
const paths = [...page.matchAll(/`((?:[a-z-]+\/)*[\w.-]+(?:\.ts|\/))`/g)].map(
  ([, path]) => path!,
);
const names = librarySources().map(({ path }) => path.slice('lib/'.length));

describe('test/README.md', () => {
  const text = readFileSync(join(ROOT, 'test/README.md'), 'utf8');
  const named = [...text.matchAll(/`((?:[a-z-]+\/)+(?:[\w.-]+\.ts)?)`/g)].map(
    ([, path]) => path!,
  );

  it.each([...new Set(named)])('names something that exists: %s', (path) => {
    const roots = ['test', '.', 'lib'].map((root) => join(ROOT, root, path));
    expect(roots.some(existsSync)).toBe(true);
  });
});

describe('CONTRIBUTING.md', () => {
  it.each([...new Set(paths)])('names something that is there: %s', (path) => {
    const isInLibrary = path.endsWith('/')
      ? names.some((name) => `/${name}`.includes(`/${path}`))
      : names.some((name) => name === path || name.endsWith(`/${path}`));
    expect(isInLibrary || existsSync(join(ROOT, path))).toBe(true);
  });

  it('explains types that exist', () => {
    const table = page.slice(page.indexOf('## Ten kinds of session'));
    const types = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(
      ([, type]) => type,
    );
    expect(types).toHaveLength(10);
    const all = librarySources()
      .map(({ text }) => text)
      .join('\n');
    for (const type of types) {
      expect(all).toMatch(
        new RegExp(`export (interface|class|type) ${type}\\b`),
      );
    }
  });
});
