import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/library-sources.js';
import { SCAFFOLDS } from '../package/scaffold-kinds.js';
import { readPage, sectionsOf } from './snippets/page.js';

const tables = sectionsOf(readPage('docs/compatibility.md')).map(
  ({ title, text }) => ({
    title,
    rows: text
      .split('\n')
      .filter((line) => /^\| (?!---)/.test(line))
      .slice(1)
      .map((line) => line.slice(2, -1).split('|'))
      .map((cells) => cells.map((cell) => cell.trim())),
  }),
);
const rows = tables.flatMap((table) => table.rows);

describe('docs/compatibility.md', () => {
  it.each(rows)('names a test, or says that it was not tried: %s', (...row) => {
    const links = [...row.at(-1)!.matchAll(/\]\((.+?)\)/g)];
    for (const [, link] of links) {
      const exists = existsSync(join(ROOT, 'docs', link!));
      expect({ link, exists }).toEqual({ link, exists: true });
    }
    if (links.length === 0) {
      expect(row.join(' ')).toContain('not tried');
    }
  });

  it('lists the applications of the CLI that the tests create', () => {
    const { rows: applications } = tables.find(
      ({ title }) => title === 'Applications',
    )!;
    const tried = applications.filter((row) => !row.includes('not tried'));
    expect(tried.map(([name]) => name)).toEqual(
      SCAFFOLDS.map(([title]) => title),
    );
  });
});
