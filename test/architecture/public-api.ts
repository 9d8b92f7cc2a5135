import { join, relative } from 'node:path';
import ts from 'typescript';
import { ROOT } from '../support/library-sources.js';

/** The package as its users' compiler sees it. */
export interface PublicApi {
  /** Every name that each entry point exports, types included. */
  readonly exports: Readonly<Record<string, readonly string[]>>;
  /** `Type in Exported` for each type that an exported declaration names and no entry point exports. */
  readonly unreachable: readonly string[];
}

const LIBRARY = join(ROOT, 'lib');
// Never written: the declarations stay in memory, in a folder of their own so that no source shadows them.
const DECLARATIONS = join(ROOT, '.declarations');

/**
 * @param entries relative to lib/
 * @param planted sources that take the place of those on the disk
 */
export function readPublicApi(
  entries: readonly string[],
  planted: ReadonlyMap<string, string> = new Map(),
): PublicApi {
  const declarations = emitDeclarations(entries, planted);
  const options = compilerOptions();
  const files = entries.map((entry) =>
    join(DECLARATIONS, entry.replace(/\.ts$/, '.d.ts')),
  );
  const program = ts.createProgram(
    files,
    options,
    hostWith(declarations, options),
  );
  const checker = program.getTypeChecker();

  const exportsOf = (file: string): ts.Symbol[] => {
    const source = program.getSourceFile(file);
    const symbol = source && checker.getSymbolAtLocation(source);
    return symbol ? checker.getExportsOfModule(symbol) : [];
  };
  const resolve = (symbol: ts.Symbol): ts.Symbol =>
    symbol.flags & ts.SymbolFlags.Alias
      ? checker.getAliasedSymbol(symbol)
      : symbol;

  const exported = new Set(files.flatMap(exportsOf).map(resolve));
  const unreachable = new Set<string>();
  for (const symbol of exported) {
    for (const declaration of symbol.declarations ?? []) {
      visitTypeNames(declaration, (node) => {
        const found = checker.getSymbolAtLocation(node);
        const named = found && resolve(found);
        if (
          named === undefined ||
          checker.isUnknownSymbol(named) ||
          (isDeclaredIn(declarations, named) && !exported.has(named))
        ) {
          unreachable.add(`${node.getText()} in ${symbol.name}`);
        }
      });
    }
  }

  return {
    exports: Object.fromEntries(
      files.map((file, i) => [
        entries[i],
        exportsOf(file)
          .map(({ name }) => name)
          .toSorted(),
      ]),
    ),
    unreachable: [...unreachable].toSorted(),
  };
}

/** Calls back for each name in a type position: what a user has to import to write the type down. */
function visitTypeNames(node: ts.Node, visit: (name: ts.Node) => void): void {
  if (ts.isTypeReferenceNode(node)) {
    visit(node.typeName);
  } else if (ts.isExpressionWithTypeArguments(node)) {
    visit(node.expression);
  } else if (ts.isTypeQueryNode(node)) {
    visit(node.exprName);
  } else if (ts.isImportTypeNode(node) && node.qualifier !== undefined) {
    visit(node.qualifier);
  }
  ts.forEachChild(node, (child) => visitTypeNames(child, visit));
}

/** At the top of one of our files: a type parameter or a member needs no import. */
function isDeclaredIn(
  files: ReadonlyMap<string, string>,
  symbol: ts.Symbol,
): boolean {
  return (symbol.declarations ?? []).some((declaration) => {
    const statement = ts.isVariableDeclaration(declaration)
      ? declaration.parent.parent
      : declaration;
    return (
      ts.isSourceFile(statement.parent) && files.has(statement.parent.fileName)
    );
  });
}

function emitDeclarations(
  entries: readonly string[],
  planted: ReadonlyMap<string, string>,
): Map<string, string> {
  const options: ts.CompilerOptions = {
    ...compilerOptions(),
    emitDeclarationOnly: true,
    // Declarations do not depend on the bodies of functions, and `npm test` checks those elsewhere.
    noCheck: true,
    declarationDir: DECLARATIONS,
  };
  const sources = new Map(
    [...planted].map(([path, text]) => [join(LIBRARY, path), text]),
  );
  const program = ts.createProgram(
    entries.map((entry) => join(LIBRARY, entry)),
    options,
    hostWith(sources, options),
  );
  const emitted = new Map<string, string>();
  program.emit(undefined, (name, text) => emitted.set(name, text));
  return emitted;
}

/** What packages declare, which is most of every program: read once for all programs. */
const parsed = new Map<string, ts.SourceFile>();

/** A compiler host that finds the given files before those of the disk. */
function hostWith(
  files: ReadonlyMap<string, string>,
  options: ts.CompilerOptions,
): ts.CompilerHost {
  const host = ts.createCompilerHost(options, true);
  return {
    ...host,
    directoryExists: (name) =>
      !relative(DECLARATIONS, name).startsWith('..') ||
      ts.sys.directoryExists(name),
    fileExists: (name) => files.has(name) || host.fileExists(name),
    readFile: (name) => files.get(name) ?? host.readFile(name),
    getSourceFile: (name, languageVersion, ...rest) => {
      const text = files.get(name);
      if (text !== undefined) {
        return ts.createSourceFile(name, text, languageVersion, true);
      }
      const source =
        parsed.get(name) ?? host.getSourceFile(name, languageVersion, ...rest);
      if (source !== undefined && name.includes('/node_modules/')) {
        parsed.set(name, source);
      }
      return source;
    },
  };
}

function compilerOptions(): ts.CompilerOptions {
  const read = (name: string) => ts.sys.readFile(name);
  const { config } = ts.readConfigFile(
    join(ROOT, 'tsconfig.build.json'),
    read,
  ) as {
    config: unknown;
  };
  return ts.parseJsonConfigFileContent(config, ts.sys, ROOT).options;
}
