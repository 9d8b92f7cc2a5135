import { readFileSync } from 'node:fs';
import { specsByRequirement } from './named-requirements.mjs';

const rows = [
  ...readFileSync('docs/generated/security-tests.md', 'utf8').matchAll(
    /^\| (\w-\d+) \| (.+?) \| (.*?) ?\|$/gm,
  ),
].map(([, id = '', , cell = '']) => ({
  id,
  specs: cell.split(', ').map((name) => name.replaceAll('`', '')),
}));

/** Lists the IDs with a letter, from the first number to the last. */
function range(letter: string, first: number, last: number): string[] {
  const digits = letter === 'V' ? 2 : 3;
  return Array.from(
    { length: last - first + 1 },
    (_, i) => `${letter}-${String(first + i).padStart(digits, '0')}`,
  );
}

describe('docs/generated/security-tests.md', () => {
  it('has a row for every attack on tokens, keys and browsers, every rule and every advisory', () => {
    expect(rows.map(({ id }) => id)).toEqual([
      ...range('A', 1, 15),
      ...range('A', 20, 30),
      ...range('A', 40, 52),
      ...range('A', 60, 74),
      ...range('A', 86, 88),
      ...range('A', 100, 115),
      ...range('A', 120, 134),
      'A-170',
      'A-180',
      'A-181',
      'A-185',
      ...range('S', 1, 20),
      ...range('S', 30, 41),
      ...range('S', 70, 83),
      ...range('S', 111, 115),
      ...range('S', 150, 164),
      ...range('V', 1, 24),
      'V-32',
      ...range('V', 37, 39),
      'V-42',
      'V-44',
      'V-49',
      'V-51',
      'V-54',
      'V-56',
    ]);
  });

  it('lists exactly the specs whose test titles contain the ID', () => {
    const named = specsByRequirement();
    expect(rows).toEqual(
      rows.map(({ id }) => ({ id, specs: named.get(id) ?? [] })),
    );
  });
});
