import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/library-sources.js';
import { Guide, GUIDES } from './guide.js';
import { readPage } from './snippets/page.js';

/** What readers type, or see; everything else is pasted into a file. */
const READ_ONLY = new Set(['sh', 'http', 'text', 'mermaid']);

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
});
