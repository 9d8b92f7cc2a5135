import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { librarySources, ROOT } from '../support/library-sources.js';
import {
  avoidedWordsIn,
  AVOIDED_WORDS,
  proseOfMarkdown,
  proseOfModule,
} from './words.js';

/** `STYLE.md` shows what it forbids. */
const pages = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'packages/client/README.md',
  'test/README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /^(?!\.vitepress|generated\/api).*\.md$/.test(name))
    .map((name) => `docs/${name}`),
];

describe('STYLE.md, rules 4 and 5', () => {
  it.each(pages)('hold in %s', (path) => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    const hits = avoidedWordsIn(proseOfMarkdown(text));
    expect(hits.map(({ line, word }) => `${path}:${line} ${word}`)).toEqual([]);
  });

  it.each(librarySources().map(({ path, text }) => [path, text] as const))(
    'hold in %s',
    (path, text) => {
      const words = path.startsWith('lib/csrf/') ? AVOIDED_WORDS : undefined;
      const hits = avoidedWordsIn(proseOfModule(text), words);
      expect(hits.map(({ line, word }) => `${path}:${line} ${word}`)).toEqual(
        [],
      );
    },
  );

  it('are found in comments and messages, and not in code', () => {
    const text = [
      '/** Told `by hand`. */',
      "const begun = `x ${'a' + 'told'} but for y`; // twice is fine",
      "throw new Error('nobody is here');",
    ].join('\n');
    expect(avoidedWordsIn(proseOfModule(text))).toEqual([
      { line: 1, word: 'Told' },
      { line: 2, word: 'but for' },
      { line: 2, word: 'twice is fine' },
      { line: 3, word: 'nobody' },
    ]);
    expect(
      avoidedWordsIn(proseOfMarkdown('`told`\n\n```\nbeside\n```\nbeside')),
    ).toEqual([{ line: 6, word: 'beside' }]);
  });
});
