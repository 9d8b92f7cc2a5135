import { packPackage, run, type PackedPackage } from './packed.js';

const ENTRIES = [
  'index',
  'client/index',
  'metrics/index',
  'stores/postgres/index',
  'stores/redis/index',
  'terminus/index',
  'testing/index',
];
/** What entry points share, with the helpers of the compiler. */
const LAYERS = [
  'binding',
  'csrf',
  'deadline',
  'errors',
  'keys',
  'nest',
  'options',
  'ports',
  'session',
  'stores',
  'tokens',
  'transports',
  'tslib',
];

describe('the packed package', () => {
  let packed: PackedPackage;

  beforeAll(async () => {
    packed = await packPackage();
  });
  afterAll(() => packed?.remove());

  it('holds the build, its documents and nothing else', () => {
    const other = packed.files.filter(
      (file) =>
        !/^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/.test(file) &&
        !/^dist\/[a-z0-9./-]+\.(js|d\.ts)$/.test(file),
    );
    expect(other).toEqual([]);
    expect(packed.files).toEqual(
      expect.arrayContaining([
        'package.json',
        'README.md',
        'LICENSE',
        ...ENTRIES.map((entry) => `dist/${entry}.d.ts`),
      ]),
    );
  });

  it('holds one script for each entry point and for each layer', () => {
    const scripts = packed.files.filter((file) => file.endsWith('.js'));
    expect(scripts.toSorted()).toEqual(
      [...ENTRIES, ...LAYERS].map((name) => `dist/${name}.js`).toSorted(),
    );
  });

  it('holds no spec, map or build record', () => {
    const unwanted =
      /\.(spec|e2e-spec|test)\.|\.map$|\.tsbuildinfo$|(^|\/)test\//;
    expect(packed.files.filter((file) => unwanted.test(file))).toEqual([]);
  });

  it('passes publint --strict', async () => {
    const { ok, output } = await run('node_modules/.bin/publint', [
      'run',
      '--strict',
      packed.tarball,
    ]);
    expect({ ok, output }).toEqual({
      ok: true,
      output: expect.stringContaining('All good!'),
    });
  });

  it('resolves with its types for every consumer, from CommonJS and by moduleResolution node10 too (attw)', async () => {
    const { ok, output } = await run('node_modules/.bin/attw', [
      packed.tarball,
      // Node requires ESM in every version that the package supports.
      '--ignore-rules=cjs-resolves-to-esm',
      '--no-color',
      '--no-emoji',
      '--format=ascii',
    ]);
    expect({ ok, output }).toEqual({ ok: true, output: expect.anything() });
    for (const column of [
      'node10: OK',
      'node16 (from CJS): OK (ESM)',
      'node16 (from ESM): OK (ESM)',
      'bundler: OK',
    ]) {
      const entries = output
        .split('\n')
        .filter((line) => line.trim() === column);
      expect([column, entries.length]).toEqual([column, ENTRIES.length]);
    }
  });
});
