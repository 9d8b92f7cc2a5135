import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { slugOf, targetOf } from '../../../docs/.vitepress/links.js';
import { groups, textOf } from '../../../docs/.vitepress/pages.js';
import { drawSequence } from '../../../docs/.vitepress/sequence-diagram.js';
import { ROOT } from '../../support/library-sources.js';

const pages = groups.flatMap((group) => group.pages);

const withoutCode = (text: string): string =>
  text.replace(/^( *)```[^]*?^\1```|`[^`\n]*`/gm, '');

const anchorsOf = (source: string): string[] =>
  [...textOf(source).matchAll(/^#+ (.+)$/gm)].map(
    ([, heading]) => `#${slugOf(heading!)}`,
  );

const filesIn = (folder: string, recursive: boolean): string[] =>
  readdirSync(join(ROOT, folder), { recursive, encoding: 'utf8' })
    .filter((name) => /^(?!\.vitepress|generated\/api).*\.md$/.test(name))
    .map((name) => join(folder, name));

describe('the documentation site', () => {
  it('shows every page in one group of its sidebar, at an address of its own', () => {
    const files = [
      ...filesIn('.', false),
      ...filesIn('docs', true),
      ...readdirSync(join(ROOT, 'sample')).map(
        (name) => `sample/${name}/README.md`,
      ),
    ];
    expect(pages.map(({ source }) => source).toSorted()).toEqual(
      files.toSorted(),
    );
    expect(new Set(pages.map(({ route }) => route)).size).toBe(files.length);
  });

  it.each(pages.map(({ source }) => source))(
    'links from %s to files and headings that exist',
    (source) => {
      const links = [
        ...withoutCode(textOf(source)).matchAll(/\]\(([^)\s]+)\)/g),
      ];
      for (const [, link] of links) {
        const target = targetOf(link!, source);
        if ('page' in target && target.anchor) {
          expect(anchorsOf(target.page.source)).toContain(target.anchor);
        }
        if ('elsewhere' in target && target.elsewhere.startsWith('#')) {
          expect(anchorsOf(source)).toContain(target.elsewhere);
        }
      }
    },
  );

  it.each(['no-such-page.md', 'guides/no-such-guide.md', '../no-such-file.ts'])(
    'refuses a link to %s',
    (link) => {
      expect(() => targetOf(link, 'docs/stores.md')).toThrow(
        `docs/stores.md: expected a file at ${link}; correct the link`,
      );
    },
  );

  it('has a summary of every page', () => {
    const missing = pages.filter(({ summary }) => summary.length < 10);
    expect(missing.map(({ source }) => source)).toEqual(['CHANGELOG.md']);
  });

  it('draws every text of the diagrams', () => {
    const diagrams = pages.flatMap(({ source }) => [
      ...textOf(source).matchAll(/^```mermaid\n([^]*?)^```/gm),
    ]);
    expect(diagrams.length).toBeGreaterThan(0);
    for (const [, diagram] of diagrams) {
      const drawn = drawSequence(diagram!)
        .replace(/<[^>]+>/g, ' ')
        .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
      for (const [, text] of diagram!.matchAll(/(?: as |: )(.+)$/gm)) {
        const words = text!.split(/\s+|<br\/>/).join(' ');
        expect(drawn.replace(/\s+/g, ' ')).toContain(words);
      }
    }
  });

  it('refuses a diagram that it cannot draw', () => {
    expect(() => drawSequence('flowchart LR\n  A --> B')).toThrow(
      'expected a sequence diagram, got "flowchart LR"',
    );
  });
});
