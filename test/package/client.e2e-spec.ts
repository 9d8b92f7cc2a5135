import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get } from '@nestjs/common';
import { minify, transform } from '@swc/core';
import { rollup } from 'rollup';
import ts from 'typescript';
import { compile } from '../docs/snippets/compile.js';
import { blocksOf, readPage } from '../docs/snippets/page.js';
import { ORIGIN, send } from '../support/browser.js';
import { combinations } from '../support/effort.js';
import { gzipBytes } from '../support/client-script.js';
import { JarFetch } from '../support/jar-fetch.js';
import { ROOT } from '../support/library-sources.js';
import { openTestApp } from '../support/opened-apps.js';
import { packPackage, run, type PackedPackage } from './packed.js';

const NAME = 'nestjs-session-jwt-client';
const SOURCE = join(ROOT, 'packages/client');
const README = readPage('packages/client/README.md');
const [PAGE = ''] = blocksOf({ title: NAME, text: README }, 'ts');

interface Manifest {
  version: string;
  [field: string]: unknown;
}

/** What the README shows. */
interface Page {
  session: { close(): void };
  signIn(credentials: object): Promise<boolean>;
  loadOrders(): Promise<Response>;
  signOut(): Promise<Response>;
}

@Controller('orders')
class OrdersController {
  @Get()
  list() {
    return ['tea'];
  }
}

let packed: PackedPackage;
/** A project that has nothing but the client installed. */
let folder: string;

beforeAll(async () => {
  packed = await packPackage(SOURCE);
  folder = mkdtempSync(join(tmpdir(), 'client-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const installed = await run(
    'npm',
    ['install', '--offline', '--no-audit', '--no-fund', packed.tarball],
    { cwd: folder },
  );
  expect(installed).toMatchObject({ ok: true });
  for (const name of ['page.ts', 'page.cts']) {
    writeFileSync(join(folder, name), PAGE);
  }
  const { code } = await transform(PAGE, {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
  });
  writeFileSync(join(folder, 'page.mjs'), code);
});

afterAll(() => {
  packed?.remove();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

describe('the packed client', () => {
  it('holds the entry point of the server package, its declarations and its documents', () => {
    expect(packed.files.toSorted()).toEqual([
      'LICENSE',
      'README.md',
      'dist/answers.d.ts',
      'dist/graphql.d.ts',
      'dist/index.d.ts',
      'dist/index.js',
      'dist/session-client-options.d.ts',
      'dist/session-client.d.ts',
      'package.json',
    ]);
    for (const [ours, theirs] of [
      ['dist/index.js', 'dist/client/index.js'],
      ['LICENSE', 'LICENSE'],
    ] as const) {
      expect(readFileSync(join(SOURCE, ours), 'utf8')).toBe(
        readFileSync(join(ROOT, theirs), 'utf8'),
      );
    }
  });

  it('has the version of the server package', () => {
    expect(manifestIn(SOURCE).version).toBe(manifestIn(ROOT).version);
  });

  it('installs as one package of less than 100 KB', () => {
    const modules = readdirSync(join(folder, 'node_modules'));
    expect(modules.filter((name) => !name.startsWith('.'))).toEqual([NAME]);
    expect(packed.unpackedSize).toBeLessThan(100 * 1024);
    expect(Object.keys(manifestIn(SOURCE))).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/dependencies/i)]),
    );
  });

  const RESOLUTIONS: [
    how: string,
    file: string,
    options: ts.CompilerOptions,
  ][] = [
    [
      'node10',
      'page.ts',
      {
        module: ts.ModuleKind.ES2022,
        moduleResolution: ts.ModuleResolutionKind.Node10,
        resolvePackageJsonExports: false,
      },
    ],
    ['nodenext, from CommonJS', 'page.cts', { verbatimModuleSyntax: false }],
    [
      'node16, from ESM',
      'page.ts',
      {
        module: ts.ModuleKind.Node16,
        moduleResolution: ts.ModuleResolutionKind.Node16,
      },
    ],
    [
      'bundler',
      'page.ts',
      {
        module: ts.ModuleKind.ESNext,
        moduleResolution: ts.ModuleResolutionKind.Bundler,
      },
    ],
  ];

  it.each(combinations(RESOLUTIONS, 2))(
    'has types for moduleResolution %s',
    (_how, file, options) => {
      const all: ts.CompilerOptions = {
        lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
        paths: {},
        skipLibCheck: false,
        types: [],
        ...options,
      };
      const path = join(folder, file);
      const broken = join(folder, `broken-${file}`);
      writeFileSync(broken, PAGE.replace('onSessionEnded', 'onEnd'));
      // Of both together: nothing else is wrong with either.
      expect(compile([path, broken], all)).toEqual([
        expect.stringContaining("'onEnd' does not exist"),
      ]);
    },
  );

  it.each([
    ['an ES module', `import { SessionClient } from '${NAME}';`, 'module'],
    [
      'a CommonJS module',
      `const { SessionClient } = require('${NAME}');`,
      'commonjs',
    ],
  ])('loads in Node from %s', async (_what, load, type) => {
    const program = `${load} console.log(new SessionClient({ url: 'http://127.0.0.1/session' }).fetch.length);`;
    const node = ['--disable-warning=ExperimentalWarning', '--eval', program];
    expect(
      await run(process.execPath, [`--input-type=${type}`, ...node], {
        cwd: folder,
      }),
    ).toEqual({ ok: true, output: '2\n' });
  });

  it('takes less than 5.5 KB of a bundle for browsers', async () => {
    const { resolve } = createRequire(join(folder, 'package.json'));
    const entry = join(folder, 'bundled.js');
    writeFileSync(entry, `export { SessionClient } from '${NAME}';`);
    const bundle = await rollup({
      input: entry,
      plugins: [
        {
          name: 'node_modules',
          resolveId: (id) => (id === NAME ? resolve(id) : null),
        },
      ],
    });
    const { output } = await bundle.generate({});
    const { code } = await minify(output[0].code, { module: true });
    const bytes = gzipBytes(code);
    process.stdout.write(
      `the client: ${packed.size} bytes packed, ${packed.unpackedSize} installed, ${bytes} in a bundle\n`,
    );
    expect(code).not.toMatch(/\b(?:import|require)\b/);
    expect(bytes).toBeLessThan(5_632);
  });
});

describe('the page of its README', () => {
  const realFetch = globalThis.fetch;
  const visited: string[] = [];

  afterEach(() => {
    globalThis.fetch = realFetch;
    for (const name of ['document', 'location']) {
      Reflect.deleteProperty(globalThis, name);
    }
  });

  it('signs in, refreshes once for two requests, and signs out, after which copied cookies are refused', async () => {
    const app = await openTestApp('express', {
      session: {
        refreshToken: {
          cookie: { name: '__Secure-refresh', path: '/session' },
        },
      },
      extras: { routes: true },
      controllers: [OrdersController],
    });
    const browser = app.browser();
    globalThis.fetch = new JarFetch(browser).fetch;
    Object.assign(globalThis, {
      document: { baseURI: ORIGIN, cookie: '' },
      location: { assign: (path: string) => visited.push(path) },
    });
    const page = (await import(join(folder, 'page.mjs'))) as Page;
    expect((await page.loadOrders()).status).toBe(401);
    expect(await page.signIn({ user: 'ada' })).toBe(true);
    app.clock.advance('16m');
    const orders = await Promise.all([page.loadOrders(), page.loadOrders()]);
    expect(await Promise.all(orders.map((each) => each.json()))).toEqual([
      ['tea'],
      ['tea'],
    ]);
    expect(app.eventsOf('refreshed')).toHaveLength(1);
    const cookie = browser.jar.getCookieStringSync(`${ORIGIN}/session`);
    expect((await page.signOut()).status).toBe(204);
    expect(visited).toEqual(['/login']);
    expect((await page.loadOrders()).status).toBe(401);
    const headers = { cookie, 'sec-fetch-site': 'same-origin' };
    for (const [method, path] of [
      ['GET', '/orders'],
      ['POST', '/session/refresh'],
    ] as const) {
      const answer = await send(app.port, { method, path, headers });
      expect([path, answer.status]).toEqual([path, 401]);
    }
    page.session.close();
  });
});

function manifestIn(place: string): Manifest {
  return JSON.parse(
    readFileSync(join(place, 'package.json'), 'utf8'),
  ) as Manifest;
}
