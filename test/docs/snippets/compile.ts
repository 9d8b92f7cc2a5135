import { dirname, join } from 'node:path';
import ts from 'typescript';
import { ROOT } from '../../support/library-sources.js';

/**
 * What packages and the library declare, which is most of every program: read, and resolved, once for all programs
 * of a spec.
 */
const parsed = new Map<string, ts.SourceFile>();
const resolved = new Map<string, ts.ResolvedModuleWithFailedLookupLocations>();

/** Whether a file is the same in every program, unlike those in the folders of snippets. */
const isShared = (path: string): boolean =>
  path.startsWith(ROOT) || path.includes('/node_modules/');

const isOfLanguage = (path: string): boolean =>
  path.includes('/typescript/lib/lib.');

function hostFor(options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options, true);
  const { paths, moduleResolution, resolvePackageJsonExports } = options;
  const resolution = JSON.stringify([
    paths,
    moduleResolution,
    resolvePackageJsonExports,
  ]);
  const cache = ts.createModuleResolutionCache(ROOT, (name) => name, options);
  return {
    ...host,
    getSourceFile: (name, version, ...rest) => {
      if (!isShared(name)) {
        return host.getSourceFile(name, version, ...rest);
      }
      // No option changes how the compiler reads its declarations of the language.
      const key = isOfLanguage(name)
        ? name
        : `${name} ${options.module} ${JSON.stringify(version)}`;
      const source = parsed.get(key) ?? host.getSourceFile(name, version);
      if (source !== undefined) {
        parsed.set(key, source);
      }
      return source;
    },
    resolveModuleNameLiterals: (literals, from, redirected, given, source) =>
      literals.map((literal) => {
        const mode = ts.getModeForUsageLocation(source, literal, given);
        const key = isShared(from)
          ? [resolution, dirname(from), literal.text, mode].join(' ')
          : undefined;
        const found =
          (key === undefined ? undefined : resolved.get(key)) ??
          ts.resolveModuleName(
            literal.text,
            from,
            given,
            host,
            cache,
            redirected,
            mode,
          );
        if (key !== undefined) {
          resolved.set(key, found);
        }
        return found;
      }),
  };
}

/** Returns what the compiler reports about some files, with the options of this repository. */
export function compile(
  paths: string[],
  overrides: ts.CompilerOptions = {},
): string[] {
  const { config } = ts.readConfigFile(
    join(ROOT, 'tsconfig.json'),
    ts.sys.readFile,
  ) as { config: { compilerOptions: { paths: Record<string, string[]> } } };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const all: ts.CompilerOptions = {
    ...options,
    noEmit: true,
    allowImportingTsExtensions: true,
    // A section does not use every import.
    noUnusedLocals: false,
    // Where the files are says nothing about the types of this repository.
    rootDir: '/',
    typeRoots: [join(ROOT, 'node_modules/@types')],
    ...overrides,
  };
  const program = ts.createProgram(paths, all, hostFor(all));
  return paths.flatMap((path) => {
    const source = program.getSourceFile(path)!;
    return [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ].map(({ messageText, start = 0 }) => {
      const { line } = source.getLineAndCharacterOfPosition(start);
      const text = source.text.split('\n')[line]!.trim();
      return `${text}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
  });
}
