// Finds the specs whose test titles contain the ID of a requirement (A-001, F-07, S-020, V-44 …).
import { readdirSync, readFileSync } from 'node:fs';

const SPEC = /^(.*?)\.(?:e2e-)?spec\.ts$/;
const ID = /\b[AFSV]-\d{2,3}\b/g;
/** Checks the list itself, and tests no requirement. */
const LIST = 'docs/security-tests';
/** An ID counts in a title, not in a comment. */
const COMMENT = /^\s*(?:\/\/|\/?\*)/;
/** Nor as an argument of `printFigures`. */
const ARGUMENT = /'F-\d{2}'/g;

/** Returns, by requirement, the paths of the specs below `test/`, without their ending. */
export function specsByRequirement() {
  const specs = new Map();
  for (const entry of readdirSync('test', { recursive: true })) {
    const file = String(entry);
    const [, name] = SPEC.exec(file) ?? [];
    if (name === undefined || name === LIST) {
      continue;
    }
    const text = readFileSync(`test/${file}`, 'utf8')
      .split('\n')
      .filter((line) => !COMMENT.test(line))
      .join('\n')
      .replaceAll(ARGUMENT, '');
    for (const [id] of text.matchAll(ID)) {
      specs.set(id, (specs.get(id) ?? new Set()).add(name));
    }
  }
  return new Map(
    [...specs].map(([id, names]) => [
      id,
      [...names].toSorted((a, b) => (a < b ? -1 : 1)),
    ]),
  );
}
