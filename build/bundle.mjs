/**
 * The second part of `npm run build`: makes the packages from what `nest build` has compiled into `.compiled/`. Each
 * entry point becomes one file of `dist/`, and so does each layer that entry points share. Nothing is minified, and
 * comments stay. The declarations stay as compiled, without those that no entry point reaches.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rollup } from 'rollup';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const COMPILED = join(ROOT, '.compiled');
const DIST = join(ROOT, 'dist');
const CLIENT = join(ROOT, 'packages/client/dist');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
/** `index`, `client/index`, …: the entry points that the manifest exports. */
const ENTRIES = Object.values(manifest.exports)
  .filter((target) => target.default)
  .map((target) => target.default.slice('./dist/'.length, -'.js'.length));

for (const folder of [DIST, CLIENT]) {
  rmSync(folder, { recursive: true, force: true });
}
await bundleCode();
copyDeclarations();
cpSync(join(DIST, 'client'), CLIENT, { recursive: true });

async function bundleCode() {
  const { dependencies, peerDependencies } = manifest;
  const external = Object.keys({ ...dependencies, ...peerDependencies });
  const bundle = await rollup({
    input: Object.fromEntries(
      ENTRIES.map((name) => [name, join(COMPILED, `${name}.js`)]),
    ),
    external: [/^node:/, ...external],
    plugins: [{ name: 'tslib', resolveId: resolveTslib }],
    // A module that is not used does nothing when it is imported.
    treeshake: { moduleSideEffects: false, unknownGlobalSideEffects: false },
    onLog: (_level, { message }) => {
      throw new Error(message);
    },
  });
  await bundle.write({
    dir: DIST,
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    manualChunks: sharedFileOf,
    generatedCode: { constBindings: true },
    hoistTransitiveImports: false,
    minifyInternalExports: false,
  });
}

/** The helpers of the compiler for decorators: one copy, and no dependency. */
function resolveTslib(id) {
  return id === 'tslib'
    ? fileURLToPath(import.meta.resolve('tslib/tslib.es6.mjs'))
    : null;
}

/** `session` for `session/model/freshness.js`; none for the files of an entry point. */
function sharedFileOf(file) {
  const path = relative(COMPILED, file).replaceAll(sep, '/');
  if (path.startsWith('..')) {
    return 'tslib';
  }
  const isOfEntry = ENTRIES.some((name) => {
    const folder = posix.dirname(name);
    return folder === '.'
      ? path === `${name}.js`
      : path.startsWith(`${folder}/`);
  });
  return isOfEntry ? null : path.split('/', 1)[0].replace(/\.js$/, '');
}

function copyDeclarations() {
  const reached = new Set(ENTRIES.map((name) => `${name}.d.ts`));
  // A set also visits what is added meanwhile.
  for (const path of reached) {
    const text = readFileSync(join(COMPILED, path), 'utf8');
    for (const [, name] of text.matchAll(/["'](\.{1,2}\/[^"']+)\.js["']/g)) {
      reached.add(posix.join(posix.dirname(path), `${name}.d.ts`));
    }
    cpSync(join(COMPILED, path), join(DIST, path));
  }
}
