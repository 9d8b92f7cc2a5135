// Regenerates the third column of docs/generated/security-tests.md: the specs whose test titles contain the ID of the row.
import { readFileSync, writeFileSync } from 'node:fs';
import { specsByRequirement } from './named-requirements.mjs';

const FILE = 'docs/generated/security-tests.md';
const specs = specsByRequirement();

writeFileSync(
  FILE,
  readFileSync(FILE, 'utf8').replace(
    /^\| (\w-\d+) \| (.*?) \|.*\|$/gm,
    (_row, id, text) => {
      const names = (specs.get(id) ?? []).map((name) => `\`${name}\``);
      return `| ${id} | ${text} | ${names.join(', ')} |`;
    },
  ),
);
