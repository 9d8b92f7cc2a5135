import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/library-sources.js';
import {
  blocksOf,
  compile,
  libraries,
  moduleOf,
  page,
  sections,
  SnippetFiles,
} from './coming-from-snippets.js';

const TITLES = [
  'auth-jwt-express',
  'session-jwt',
  'jwt-redis-session',
  'A separate auth server',
  'svelte-kit-jwt-session',
  'express-session',
  'passport-jwt',
  'better-auth',
];

describe('docs/coming-from.md', () => {
  let files: SnippetFiles;

  beforeAll(() => {
    files = new SnippetFiles();
  });

  afterAll(() => files.remove());

  it('says of each library what was written there, what is written here, and what changes', () => {
    expect(libraries.map(({ title }) => title)).toEqual(TITLES);
    for (const section of libraries) {
      const { title, text } = section;
      expect({
        title,
        there:
          blocksOf(section, 'js').length > 0 ||
          title === 'A separate auth server',
        here: blocksOf(section, 'ts').length > 0,
        changes: /^- /m.test(text),
      }).toEqual({ title, there: true, here: true, changes: true });
    }
  });

  it('has no code that is neither theirs nor compiled here', () => {
    const fences = [...page.matchAll(/^```(.+)$/gm)].map(([, fence]) => fence);
    expect(new Set(fences)).toEqual(new Set(['js', 'ts', 'ts controller']));
    const inSections = sections.flatMap((section) =>
      ['js', 'ts', 'ts controller'].flatMap((fence) =>
        blocksOf(section, fence),
      ),
    );
    expect(inSections).toHaveLength(fences.length);
  });

  it('shows nothing that does not compile', () => {
    const paths = libraries.map(({ title }) => files.pathOf(title));
    expect(compile(paths)).toEqual([]);
    // The compiler would have noticed: an option, a method and a type of data that do not exist.
    const [seed] = libraries;
    const broken = moduleOf(seed!)
      .replace('dataRefreshInterval:', 'dataRefreshIntervalInSeconds:')
      .replace('this.sessions.generate(', 'this.sessions.create(')
      .replace('email: user.email', 'mail: user.email');
    const path = files.pathOf('broken');
    writeFileSync(path, broken);
    expect(compile([path])).toEqual([
      expect.stringContaining("'email' is missing"),
      expect.stringContaining('dataRefreshIntervalInSeconds'),
      expect.stringContaining("'create' does not exist"),
    ]);
  }, 60_000);

  it('is short, and links to headings and files that exist', () => {
    expect(page.split('\n').length).toBeLessThanOrEqual(260);
    const headings = sections.map(
      ({ title }) => `#${title.toLowerCase().replaceAll(' ', '-')}`,
    );
    const links = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, to]) => to!);
    expect(links.length).toBeGreaterThanOrEqual(TITLES.length);
    for (const link of links) {
      const [file = ''] = link.split('#');
      expect({
        link,
        exists: file
          ? existsSync(join(ROOT, 'docs', file))
          : headings.includes(link),
      }).toEqual({ link, exists: true });
    }
  });
});
