import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import ts from 'typescript';
import { importsOf, isRelative } from '../architecture/layers.js';
import { librarySources, ROOT } from '../support/library-sources.js';
import { assertBuilt } from './packed.js';

interface Manifest {
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

describe('the published declarations', () => {
  const declarations = () => {
    assertBuilt();
    return readdirSync(join(ROOT, 'dist'), {
      recursive: true,
      encoding: 'utf8',
    })
      .filter((name) => name.endsWith('.d.ts'))
      .map((name) => ({
        name,
        text: readFileSync(join(ROOT, 'dist', name), 'utf8'),
      }));
  };

  it('carry the comments of the sources', () => {
    const commented = declarations().filter(({ text }) => text.includes('/**'));
    expect(commented.length).toBeGreaterThan(10);
  });

  it('show nothing that is marked @internal', () => {
    const marked = declarations().filter(({ text }) =>
      text.includes('@internal'),
    );
    expect(marked.map(({ name }) => name)).toEqual([]);
  });

  it('document everything that the entry points export', () => {
    assertBuilt();
    const entries = [
      '',
      'client/',
      'metrics/',
      'stores/redis/',
      'stores/postgres/',
      'terminus/',
      'testing/',
    ].map((folder) => join(ROOT, 'dist', folder, 'index.d.ts'));
    const program = ts.createProgram(entries, {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: [],
    });
    const checker = program.getTypeChecker();
    const undocumented = entries.flatMap((entry) => {
      const file = checker.getSymbolAtLocation(program.getSourceFile(entry)!)!;
      return checker
        .getExportsOfModule(file)
        .map((symbol) =>
          symbol.flags & ts.SymbolFlags.Alias
            ? checker.getAliasedSymbol(symbol)
            : symbol,
        )
        .filter(
          (symbol) => symbol.getDocumentationComment(checker).length === 0,
        )
        .map((symbol) => symbol.name);
    });
    expect(undocumented).toEqual([]);
  });
});

describe('the declared dependencies', () => {
  const manifest = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  ) as Manifest;
  // Every decorator compiles to a call of what this one adds to `Reflect`, and nothing names it.
  const withoutImport = ['reflect-metadata'];
  const declared = Object.keys({
    ...manifest.dependencies,
    ...manifest.peerDependencies,
  })
    .filter((name) => !withoutImport.includes(name))
    .toSorted();

  const imported = [
    ...new Set(
      librarySources()
        .flatMap(importsOf)
        .map(({ specifier }) => specifier)
        .filter((specifier) => !isRelative(specifier))
        .filter((specifier) => !specifier.startsWith('node:'))
        .map(packageOf),
    ),
  ].toSorted();

  it('are exactly the packages that the library imports', () => {
    expect(imported).toEqual(declared);
  });

  it('are told from modules of Node by the prefix `node:`', () => {
    expect(imported.filter((name) => builtinModules.includes(name))).toEqual(
      [],
    );
  });
});

/** `@nestjs/common` of `@nestjs/common/enums`. */
function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
