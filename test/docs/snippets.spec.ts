import * as comingFrom from './coming-from-snippets.js';
import { Guide, GUIDES } from './guide.js';
import * as keys from './keys-page.js';
import { moduleSource } from './operations-page.js';
import { profiles } from './profiles-page.js';
import * as recipes from './recipes-snippets.js';
import { compile } from './snippets/compile.js';
import { SnippetFiles } from './snippets/page.js';
import { source } from './testing-snippets.js';

/** As in an application that Nest's starter has made. */
const STARTER = {
  // A page of the browser is among them.
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
  exactOptionalPropertyTypes: false,
  noUnusedParameters: false,
};
/** What guides that show only a part of an application import from the rest of it. */
const REST = { 'src/app.module.ts': 'export class AppModule {}' };

/** A section with an option, a method and a type of data that do not exist. */
const broken = comingFrom
  .moduleOf(comingFrom.libraries[0]!)
  .replace('dataRefreshInterval:', 'dataRefreshIntervalInSeconds:')
  .replace('this.sessions.generate(', 'this.sessions.create(')
  .replace('email: user.email', 'mail: user.email');

/** What was written for one test. */
let written: { remove(): void }[] = [];

afterEach(() => {
  written.forEach((each) => each.remove());
  written = [];
});

/** Writes modules, and returns the paths of those that are to be compiled. */
function modulesOf(
  sources: ReadonlyMap<string, string>,
  titles = [...sources.keys()],
): string[] {
  const files = new SnippetFiles(sources);
  written.push(files);
  const paths = titles.map((title) => files.pathOf(title));
  expect(new Set(paths).size).toBe(titles.length);
  return paths;
}

/** Writes the files of a guide, and returns the paths of the modules among them. */
function modulesOfGuide(path: string): string[] {
  const guide = new Guide(path);
  const folder = guide.write(REST);
  written.push(folder);
  return [...guide.files.keys()]
    .filter((name) => name.endsWith('.ts'))
    .map((name) => folder.pathOf(name));
}

// One spec for all pages: a program costs seconds, unless the one before has read what packages declare.
describe('the code in the documentation', () => {
  it('compiles in recipes, guides and pages about libraries and tests', () => {
    const sources = new Map([
      ...comingFrom.sources,
      ...recipes.sources,
      ['testing', source] as const,
      ['broken', broken] as const,
    ]);
    expect(sources.size).toBe(
      comingFrom.libraries.length + recipes.recipes.length + 2,
    );
    const guides = GUIDES.flatMap(modulesOfGuide);
    expect(guides.length).toBeGreaterThan(GUIDES.length);
    expect(compile([...modulesOf(sources), ...guides], STARTER)).toEqual([
      expect.stringContaining("'email' is missing"),
      expect.stringContaining('dataRefreshIntervalInSeconds'),
      expect.stringContaining("'create' does not exist"),
    ]);
  });

  it('compiles in the README, which declares types of a session', () => {
    expect(compile(modulesOfGuide('README.md'), STARTER)).toEqual([]);
  });

  it('compiles as strictly as this repository on the pages about keys, operations and profiles', () => {
    expect(profiles.length).toBeGreaterThan(5);
    const options = modulesOf(new Map(profiles));
    const pages = modulesOf(
      new Map([
        ['application', keys.APPLICATION],
        ['operations', moduleSource],
        ['whole', keys.moduleAt()],
        ['broken', keys.broken],
      ]),
      ['operations', 'whole', 'broken'],
    );
    expect(compile([...options, ...pages])).toEqual([
      expect.stringContaining("'soon'"),
      expect.stringContaining("'soon'"),
      expect.stringContaining("'maximumAge'"),
      expect.stringContaining("'ES512'"),
    ]);
  });
});
