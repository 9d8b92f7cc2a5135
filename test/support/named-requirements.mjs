// Which specs name a requirement (A-001, S-020, V-44 …) in the title of a test.
import { readdirSync, readFileSync } from 'node:fs';

const SPEC = /^(.*?)\.(?:e2e-)?spec\.ts$/;
const ID = /\b[ASV]-\d{2,3}\b/g;
/** It checks this list, and shows nothing by itself. */
const LIST = 'docs/security-tests';
/** Titles are texts; an ID in a comment names no test. */
const COMMENT = /^\s*(?:\/\/|\/?\*)/;

/** The names of specs below `test/`, without their ending, by the requirement that they name. */
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
      .join('\n');
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
