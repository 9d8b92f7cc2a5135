import { libraries, page, sections } from './coming-from-snippets.js';
import { blocksOf } from './snippets/page.js';

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

  it('is short', () => {
    expect(page.split('\n').length).toBeLessThanOrEqual(260);
  });
});
