import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/library-sources.js';
import { Guide, GUIDES } from './guide.js';
import { compile, readPage } from './snippets/page.js';

/** What readers type, or see; everything else is pasted into a file. */
const READ_ONLY = new Set(['sh', 'http', 'text', 'mermaid']);
/** What guides that show only a part of an application import from the rest of it. */
const REST = { 'src/app.module.ts': 'export class AppModule {}' };

/** The text of the spec that runs a guide. */
const specOf = (path: string): string =>
  readFileSync(
    join(
      ROOT,
      'test/docs/guides',
      path.replace(/^.*\//, '').replace('.md', '.e2e-spec.ts'),
    ),
    'utf8',
  );

describe('guides', () => {
  it.each(GUIDES)('%s says which file each block belongs to', (path) => {
    const pasted = new Guide(path).blocks.filter(
      ({ language }) => !READ_ONLY.has(language),
    );
    const fences = readPage(path).match(/^```\w/gm) ?? [];
    expect(fences).toHaveLength(new Guide(path).blocks.length);
    expect(pasted.map(({ file }) => file)).not.toContain(undefined);
  });

  it.each(GUIDES)('%s has a spec that takes each of its files', (path) => {
    const spec = specOf(path);
    expect(spec).toContain(path);
    const { files } = new Guide(path);
    for (const file of files.keys()) {
      const name = file.replace(/^src\//, '').replace(/\.ts$/, '');
      const isImported = [...files.values()].some((text) =>
        text.includes(`/${name.replace(/^.*\//, '')}.js'`),
      );
      const isTaken = isImported || spec.includes(name);
      expect({ file, isTaken }).toEqual({ file, isTaken: true });
    }
  });

  it.each([
    ['README.md', ['README.md']],
    ['together', GUIDES],
  ])('show no code that does not compile: %s', (_title, paths) => {
    const folders = paths.map((path) => {
      const guide = new Guide(path);
      return { guide, folder: guide.write(REST) };
    });
    try {
      const modules = folders.flatMap(({ guide, folder }) =>
        [...guide.files.keys()]
          .filter((name) => name.endsWith('.ts'))
          .map((name) => folder.pathOf(name)),
      );
      const errors = compile(modules, {
        lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
        // As in an application that Nest's starter has made.
        exactOptionalPropertyTypes: false,
        noUnusedParameters: false,
      });
      expect(errors).toEqual([]);
    } finally {
      folders.forEach(({ folder }) => folder.remove());
    }
  });
});
