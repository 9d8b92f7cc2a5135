const asyncHooks = require('node:async_hooks');
const { existsSync, statSync } = require('node:fs');
const { join, sep } = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');
const { SourceTextModule, SyntheticModule } = require('node:vm');
const { default: JestRuntime } = require('jest-runtime');
const { sourceOf } = require('./entry-points.cjs');

const ESM = {
  supportsDynamicImport: true,
  supportsExportNamespaceFrom: true,
  supportsStaticESM: true,
  supportsTopLevelAwait: true,
};

/** What Node has loaded, by its specifier. */
const loadedByNode = new Map();

/** Modules of `lib/`, by their addresses. Specs of a worker share them: V8 optimizes them once, and keeps them once. */
const library = new Map();

/** What V8 made of our other modules, by their paths: a spec compiles most of those of the spec before again. */
const compiled = new Map();

/** That of the spec which runs: what a shared module imports later belongs to it. */
let current;

/**
 * Where Jest keeps which test runs, in place of its `AsyncLocalStorage`. Tests run one after the other, and every promise
 * would cost more with each spec before: Node never lets go of a storage.
 */
class SpecStorage {
  #store;

  getStore() {
    return this.#store;
  }

  async run(store, callback) {
    const before = this.#store;
    this.#store = store;
    try {
      return await callback();
    } finally {
      this.#store = before;
    }
  }
}

/**
 * Gives each spec modules of `test/` of its own. Packages are loaded by Node, once for all specs of a worker: to load
 * Nest anew costs more than most specs. `lib/` is loaded once as well, unless a spec replaces a package, a file has
 * changed, or `LIBRARY_OF_EACH_SPEC` is set.
 */
class NativeRuntime extends JestRuntime {
  #environment;
  #modules = new Map();
  #mocks = new Map();
  #isOfLibrary;

  constructor(config, environment, ...others) {
    super(config, environment, ...others);
    this.#environment = environment;
    const libraryUrl = pathToFileURL(join(config.rootDir, 'lib', sep)).href;
    this.#isOfLibrary = (url) => url.startsWith(libraryUrl);
    current = this;
    if (
      process.env.LIBRARY_OF_EACH_SPEC ||
      [...library.values()].some(isStale)
    ) {
      library.clear();
    }
  }

  async unstable_importModule(path) {
    return link(await this.#load(pathToFileURL(path)));
  }

  /** What Jest itself needs in a spec. Its state is global, and that of the spec before has to go. */
  requireInternalModule(path) {
    delete globalThis[Symbol.for('EVENT_HANDLERS')];
    delete require.cache[path];
    const { AsyncLocalStorage } = asyncHooks;
    asyncHooks.AsyncLocalStorage = SpecStorage;
    try {
      return require(path);
    } finally {
      asyncHooks.AsyncLocalStorage = AsyncLocalStorage;
    }
  }

  setModuleMock(_from, specifier, create) {
    this.#mocks.set(specifier, create);
  }

  installGetBuiltinModule() {}

  #import(specifier, from) {
    if (/^(\.|\/|file:)/.test(specifier)) {
      return this.#load(new URL(specifier, from));
    }
    const source = sourceOf(specifier);
    if (source) {
      return this.#load(source);
    }
    if (specifier === '@jest/globals') {
      const path = fileURLToPath(from);
      return toModule(specifier, this.jestGlobals.cjsGlobals(path));
    }
    const mock = this.#mocks.get(specifier);
    return mock === undefined
      ? this.#loadByNode(specifier)
      : toModule(specifier, mock());
  }

  #load({ href }) {
    const url = href.replace(/\.js$/, '.ts');
    // A spec that replaces packages has modules of its own from there on.
    const isShared = this.#mocks.size === 0 && this.#isOfLibrary(url);
    const modules = isShared ? library : this.#modules;
    let module = modules.get(url);
    if (module === undefined) {
      if (!isSource(url)) {
        return this.#loadByNode(href);
      }
      module = this.#compile(url);
      modules.set(url, module);
    }
    return module;
  }

  #loadByNode(specifier) {
    if (!loadedByNode.has(specifier)) {
      const before = new Set(Reflect.ownKeys(globalThis));
      const module = import(specifier).then((exports) => {
        const keys = Reflect.ownKeys(globalThis);
        this.#environment.keep(keys.filter((key) => !before.has(key)));
        return toModule(specifier, exports);
      });
      loadedByNode.set(specifier, module);
    }
    return loadedByNode.get(specifier);
  }

  #compile(url) {
    const path = fileURLToPath(url);
    const importFrom = (specifier) => current.#import(specifier, url);
    const module = this.#moduleOf(path, {
      identifier: path,
      importModuleDynamically: async (specifier) =>
        link(await importFrom(specifier)),
      initializeImportMeta: (meta) => {
        meta.url = url;
        meta.jest = this.jestGlobals.jestObjectFor(path);
      },
    });
    return Object.assign(module, { importFrom });
  }

  #moduleOf(path, options) {
    const { mtimeMs } = statSync(path);
    const known = compiled.get(path);
    if (known?.mtimeMs === mtimeMs) {
      const { code, cachedData } = known;
      try {
        const module = new SourceTextModule(code, { ...options, cachedData });
        return Object.assign(module, { mtimeMs });
      } catch (error) {
        // A spec has changed the flags of V8, such as `--expose-gc`.
        if (error.code !== 'ERR_VM_MODULE_CACHED_DATA_REJECTED') {
          throw error;
        }
      }
    }
    const code = this.transformCache.transform(path, ESM);
    const module = new SourceTextModule(code, options);
    // V8 loses what belongs to a dynamic import.
    if (!/\bimport\s*[(.]/.test(code)) {
      const cachedData = module.createCachedData();
      compiled.set(path, { mtimeMs, code, cachedData });
    }
    return Object.assign(module, { mtimeMs });
  }
}

/** Whether a module is not that of its file: it could not be loaded, or somebody has changed it. */
function isStale({ status, identifier, mtimeMs }) {
  return (
    status === 'errored' ||
    statSync(identifier, { throwIfNoEntry: false })?.mtimeMs !== mtimeMs
  );
}

/** Whether there is such a file; compiled code has none, and is loaded by Node. */
function isSource(url) {
  const { pathname } = new URL(url);
  return (
    pathname.endsWith('.ts') && existsSync(fileURLToPath(url.split('?')[0]))
  );
}

/** Links and evaluates a module, if nothing else has. */
async function link(module) {
  if (module.status === 'unlinked') {
    await module.link((specifier, parent) => parent.importFrom(specifier));
  }
  while (module.status === 'linking') {
    await new Promise(setImmediate);
  }
  await module.evaluate();
  return module;
}

async function toModule(identifier, exports) {
  const names = Object.keys(exports);
  const module = new SyntheticModule(
    names,
    () => names.forEach((name) => module.setExport(name, exports[name])),
    { identifier },
  );
  return link(module);
}

module.exports = { __esModule: true, default: NativeRuntime };
