import { posix } from 'node:path';
import ts from 'typescript';

/** A source file: its path from the root of the repository, with `/`, and its text. */
export interface SourceText {
  readonly path: string;
  readonly text: string;
}

export interface ImportedModule {
  readonly specifier: string;
  /** Erased by the compiler, so it cannot be part of a cycle at run time. */
  readonly typeOnly: boolean;
}

const FOUNDATION = ['errors', 'options', 'ports', 'deadline.ts'];
const USE_CASES = ['binding', 'tokens', 'stores', 'transports', 'csrf'];
const BELOW_SESSION = [...USE_CASES, ...FOUNDATION];
const ROOMS = [
  'session/model',
  'session/tokens',
  'session/request',
  'session/revocations',
  'session/records',
  'session/loading',
  'session/connections',
];
const SERVER = [
  'session/binding',
  'session',
  ...ROOMS,
  'keys',
  ...BELOW_SESSION,
];

/**
 * Which parts of lib/ a part may import besides itself. A part is a folder or a file directly in lib/, or a room of
 * `session/`; one that is not listed here is a violation by itself, so that a new folder is a decision and not an
 * accident.
 */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  options: FOUNDATION,
  ports: FOUNDATION,
  'deadline.ts': FOUNDATION,
  keys: FOUNDATION,
  tokens: ['keys', ...FOUNDATION],
  binding: ['tokens', 'keys', ...FOUNDATION],
  stores: FOUNDATION,
  transports: FOUNDATION,
  csrf: FOUNDATION,
  'session/model': BELOW_SESSION,
  'session/tokens': ['session/model', ...BELOW_SESSION],
  'session/request': ['session/model', ...BELOW_SESSION],
  'session/revocations': ['session/model', ...BELOW_SESSION],
  'session/records': ['session/model', 'session/revocations', ...BELOW_SESSION],
  'session/loading': [
    'session/model',
    'session/tokens',
    'session/request',
    'session/records',
    ...BELOW_SESSION,
  ],
  'session/connections': [
    'session/model',
    'session/revocations',
    'session/records',
    ...BELOW_SESSION,
  ],
  session: [...ROOMS, ...BELOW_SESSION],
  'session/binding': ['session', ...ROOMS, ...BELOW_SESSION],
  // For browsers: neither a part of the server nor a package.
  client: [],
  // Wiring builds every part, so it may name every part; what it may not hold is a rule.
  nest: SERVER,
  terminus: ['nest', ...SERVER],
  metrics: ['nest', ...SERVER],
  testing: ['nest', ...SERVER],
  'index.ts': ['nest', ...SERVER],
};

/** The only parts that know the framework. */
export const MAY_IMPORT_NEST: readonly string[] = [
  'nest',
  'terminus',
  'metrics',
  'testing',
  'index.ts',
];

/** Parts that import no package and nothing of Node. */
const SELF_CONTAINED: readonly string[] = ['client'];

/** `tokens` for `lib/tokens/codec.ts`, `index.ts` for `lib/index.ts`, `session/model` for a file in that room. */
export function partOf(path: string): string {
  const [, part = '', room, file] = path.split('/');
  return part === 'session' && file !== undefined ? `${part}/${room}` : part;
}

/** The source file that a relative specifier names: TypeScript files import each other as `.js`. */
export function resolveImport(from: string, specifier: string): string {
  return posix
    .join(posix.dirname(from), specifier)
    .replace(/\.(m?)js$/, '.$1ts');
}

export function isRelative(specifier: string): boolean {
  return specifier.startsWith('.');
}

/** Every module a file names: imports, re-exports, `import()` as a call and as a type, `require()`. */
export function importsOf(source: SourceText): ImportedModule[] {
  const found: ImportedModule[] = [];
  const add = (node: ts.Node | undefined, typeOnly: boolean): void => {
    if (node !== undefined && ts.isStringLiteralLike(node)) {
      found.push({ specifier: node.text, typeOnly });
    }
  };
  walk(parse(source), (node) => {
    if (ts.isImportDeclaration(node)) {
      add(
        node.moduleSpecifier,
        node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword,
      );
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node)) {
      add(
        ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined,
        true,
      );
    } else if (ts.isExternalModuleReference(node)) {
      add(node.expression, false);
    } else if (ts.isCallExpression(node)) {
      const callee = node.expression;
      if (
        callee.kind === ts.SyntaxKind.ImportKeyword ||
        (ts.isIdentifier(callee) && callee.text === 'require')
      ) {
        add(node.arguments[0], false);
      }
    }
  });
  return found;
}

/** Imports that point up or sideways, one line each. */
export function layerViolations(sources: readonly SourceText[]): string[] {
  return sources.flatMap((source) => {
    const part = partOf(source.path);
    const allowed = MAY_IMPORT[part];
    if (allowed === undefined) {
      return [`${source.path}: ${part} has no place in the layers`];
    }
    return importsOf(source).flatMap(({ specifier }) => {
      if (!isRelative(specifier)) {
        const isOwnName = /^nestjs-session-jwt(\/|$)/.test(specifier);
        const isNest = specifier.startsWith('@nestjs/');
        return isOwnName ||
          (isNest && !MAY_IMPORT_NEST.includes(part)) ||
          SELF_CONTAINED.includes(part)
          ? [`${source.path} imports ${specifier}`]
          : [];
      }
      const target = resolveImport(source.path, specifier);
      const isAllowed =
        target.startsWith('lib/') &&
        (partOf(target) === part || allowed.includes(partOf(target)));
      return isAllowed ? [] : [`${source.path} imports ${target}`];
    });
  });
}

/**
 * Files that import each other in a circle. A type may point back within its own folder, where two files are
 * read together anyway; between folders even a type does not.
 */
export function importCycles(sources: readonly SourceText[]): string[] {
  const graph = new Map(
    sources.map((source) => [
      source.path,
      importsOf(source)
        .filter(({ specifier }) => isRelative(specifier))
        .map(({ specifier, typeOnly }) => ({
          target: resolveImport(source.path, specifier),
          typeOnly,
        }))
        .filter(
          ({ target, typeOnly }) =>
            !typeOnly || posix.dirname(target) !== posix.dirname(source.path),
        )
        .map(({ target }) => target),
    ]),
  );
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start >= 0) {
      cycles.push([...trail.slice(start), file].join(' -> '));
      return;
    }
    if (done.has(file)) {
      return;
    }
    for (const target of graph.get(file) ?? []) {
      visit(target, [...trail, file]);
    }
    done.add(file);
  };
  for (const file of graph.keys()) {
    visit(file, []);
  }
  return cycles;
}

/** Uses of randomness that is not `randomBytes`, and of the machine's clock, as `path:line what`. */
export function forbiddenSources(source: SourceText): string[] {
  const file = parse(source);
  const found: string[] = [];
  const report = (node: ts.Node, what: string): void => {
    const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
    found.push(`${source.path}:${line + 1} ${what}`);
  };
  walk(file, (node) => {
    if (ts.isPropertyAccessExpression(node)) {
      const name = `${node.expression.getText(file)}.${node.name.text}`;
      if (/\bMath\.random$/.test(name)) {
        report(node, 'Math.random');
      } else if (/\bDate\.now$/.test(name)) {
        report(node, 'Date.now');
      }
    } else if (ts.isIdentifier(node) && node.text === 'randomUUID') {
      report(node, 'randomUUID');
    } else if (
      ts.isNewExpression(node) &&
      node.expression.getText(file) === 'Date' &&
      (node.arguments?.length ?? 0) === 0
    ) {
      report(node, 'new Date()');
    }
  });
  return found;
}

/** Lines of `export *`, which would make the public names something nobody reviews. */
export function starExports(source: SourceText): string[] {
  return parse(source)
    .statements.filter(ts.isExportDeclaration)
    .filter(
      ({ exportClause }) =>
        exportClause === undefined || ts.isNamespaceExport(exportClause),
    )
    .map((statement) => statement.getText());
}

function parse(source: SourceText): ts.SourceFile {
  return ts.createSourceFile(
    source.path,
    source.text,
    ts.ScriptTarget.Latest,
    true,
  );
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}
