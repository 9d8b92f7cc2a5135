/** The API reference: one page for each exported symbol, from the doc comments, in `docs/generated/api`. */
import { readFileSync } from 'node:fs';
import { Converter } from 'typedoc';
import { MarkdownPageEvent } from 'typedoc-plugin-markdown';

/** Where TypeScript finds every entry point of the package. */
const { paths } = JSON.parse(
  readFileSync(new URL('../tsconfig.json', import.meta.url), 'utf8'),
).compilerOptions;

/** @type {import('typedoc').TypeDocOptions & import('typedoc-plugin-markdown').PluginOptions} */
export default {
  plugin: ['typedoc-plugin-markdown', hideInternalAncestors, breakUnions],
  tsconfig: '../tsconfig.build.json',
  entryPoints: Object.values(paths).map(([path]) => `../${path}`),
  out: 'generated/api',
  name: 'API',
  readme: 'none',
  entryFileName: 'index',
  router: 'member',
  sort: ['source-order'],
  sortEntryPoints: false,
  excludeExternals: true,
  intentionallyNotExported: ['Declared'],
  // `npm run typecheck` does it.
  skipErrorChecking: true,
  // A link that leads nowhere, or a type that the reader cannot look up.
  treatWarningsAsErrors: true,
  disableSources: true,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  expandObjects: true,
  indexFormat: 'table',
  parametersFormat: 'table',
  typeDeclarationFormat: 'table',
  pageTitleTemplates: {
    index: ({ projectName }) => projectName,
    module: ({ rawName }) => rawName,
    member: ({ rawName }) => rawName.replace(/<.*/, ''),
  },
};

/** A class that is not exported is no ancestor that readers can look up; its members stand in the class that is. */
function hideInternalAncestors(app) {
  const hide = ({ project }) => {
    for (const reflection of Object.values(project.reflections)) {
      delete reflection.inheritedFrom;
      reflection.extendedTypes = reflection.extendedTypes?.filter(
        (type) => type.reflection ?? type.package !== project.packageName,
      );
    }
  };
  // Before the hierarchies of types are made of it.
  app.converter.on(Converter.EVENT_RESOLVE_END, hide, 1);
}

/** Puts each object of a union on its own line, and leaves out headings that all read "Type Literal". */
function breakUnions(app) {
  app.renderer.on(MarkdownPageEvent.END, (page) => {
    page.contents = page.contents
      .replace(/(?<=^> .*) (?=\\\| \\\{)/gm, '  \n> ')
      .replace(/^### Type Literal\n\n/gm, '');
  });
}
