import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/library-sources.js';

/** A number of milliseconds behind the function of a test or hook. */
const OWN_LIMIT = /\},\s*(?:[\d_]{4,}|\w*(?:PATIENCE|MILLISECONDS)\w*),?\s*\);/;
/** A comparison of a time that was measured with a number. */
const ABSOLUTE_TIME =
  /expect\([^;]*performance\.now\(\)[^;]*\)\s*\.toBe(?:Less|Greater)Than/;

const specs = readdirSync(join(ROOT, 'test'), {
  recursive: true,
  encoding: 'utf8',
})
  .filter(
    (name) => name.endsWith('spec.ts') && !name.endsWith('limits.spec.ts'),
  )
  .map((name) => ({
    name,
    text: readFileSync(join(ROOT, 'test', name), 'utf8'),
  }));

describe('no spec fails because the machine is slow', () => {
  it.each([
    ['a limit of its own: jest.config.mjs has the one for all', OWN_LIMIT],
    ['an assertion on milliseconds', ABSOLUTE_TIME],
  ])('through %s', (_what, pattern) => {
    const found = specs.filter(({ text }) => pattern.test(text));
    expect(found.map(({ name }) => name)).toEqual([]);
  });

  it('and this notices both', () => {
    expect(OWN_LIMIT.test("it('waits', async () => {\n}, 30_000);")).toBe(true);
    expect(
      ABSOLUTE_TIME.test('expect(performance.now() - start).toBeLessThan(9);'),
    ).toBe(true);
  });
});
