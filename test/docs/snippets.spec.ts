import * as comingFrom from './coming-from-snippets.js';
import * as recipes from './recipes-snippets.js';
import { compile, SnippetFiles } from './snippets/page.js';
import { source } from './testing-snippets.js';

/** A section with an option, a method and a type of data that do not exist. */
const broken = comingFrom
  .moduleOf(comingFrom.libraries[0]!)
  .replace('dataRefreshInterval:', 'dataRefreshIntervalInSeconds:')
  .replace('this.sessions.generate(', 'this.sessions.create(')
  .replace('email: user.email', 'mail: user.email');

it('shows no code in the documentation that does not compile', () => {
  const sources = new Map([
    ...[comingFrom, recipes].flatMap(({ sources: each }) => each),
    ['testing', source],
    ['broken', broken],
  ]);
  const files = new SnippetFiles(sources);
  try {
    const paths = [...sources.keys()].map((title) => files.pathOf(title));
    expect(new Set(paths).size).toBe(
      comingFrom.libraries.length + recipes.recipes.length + 2,
    );
    const errors = compile(paths, {
      // A page of the browser is among them.
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
      // As in an application that Nest's starter has made.
      exactOptionalPropertyTypes: false,
      noUnusedParameters: false,
    });
    expect(errors).toEqual([
      expect.stringContaining("'email' is missing"),
      expect.stringContaining('dataRefreshIntervalInSeconds'),
      expect.stringContaining("'create' does not exist"),
    ]);
  } finally {
    files.remove();
  }
});
