import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/library-sources.js';
import { FENCES, page, recipes } from './recipes-snippets.js';
import { blocksOf, readPage } from './snippets/page.js';

const headingsOf = (text: string): string[] =>
  [...text.matchAll(/^##+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );

describe('docs/recipes.md', () => {
  it('has no code that is not compiled', () => {
    const fences = [...page.matchAll(/^```(.+)$/gm)].map(([, fence]) => fence);
    const blocks = recipes.flatMap((recipe) =>
      FENCES.flatMap((fence) => blocksOf(recipe, fence)),
    );
    expect(fences.length).toBeGreaterThan(10);
    expect(blocks).toHaveLength(fences.length);
  });

  it('links to headings and files that exist, as do the links to it', () => {
    const links = [...page.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(
      ([, to]) => to!,
    );
    for (const link of links) {
      const [file = '', anchor] = link.split('#');
      const exists = existsSync(join(ROOT, 'docs', file));
      const leads =
        exists && anchor
          ? headingsOf(readPage(join('docs', file))).includes(anchor)
          : exists;
      expect({ link, leads }).toEqual({ link, leads: true });
    }
    for (const path of ['README.md', 'docs/coming-from.md']) {
      const anchors = readPage(path).matchAll(/recipes\.md#([\w-]+)/g);
      for (const [, anchor] of anchors) {
        expect(headingsOf(page)).toContain(anchor);
      }
    }
  });
});
