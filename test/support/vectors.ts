import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Next to the repository; its copy with Nest 11 is a folder in it. */
const FOLDERS = ['../../..', '../../../..'].map(
  (parent) => new URL(`${parent}/shared/vectors/`, import.meta.url),
);
const FOLDER = FOLDERS.find((folder) => existsSync(folder)) ?? FOLDERS[0];

/** Reads a file of a folder of vectors. */
export type ReadVectors = <Vectors>(file: string) => Vectors;

/** Specs about vectors of others, which lie beside the project; where they do not, they are reported as skipped. */
export function describeVectors(
  title: string,
  folder: string,
  specs: (read: ReadVectors) => void,
): void {
  const url = new URL(`${folder}/`, FOLDER);
  if (existsSync(url)) {
    describe(title, () =>
      specs((file) => JSON.parse(readFileSync(new URL(file, url), 'utf8'))),
    );
  } else {
    describe.skip(title, () => it(`needs ${fileURLToPath(url)}`, () => {}));
  }
}

/** One line of the test output. */
export function report(figures: string): void {
  process.stdout.write(`${figures}\n`);
}
