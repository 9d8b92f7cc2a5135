import { packPackage, run, type PackedPackage } from './packed.js';

const ENTRY_POINTS = [
  '.',
  'redis',
  'postgres',
  'client',
  'metrics',
  'terminus',
  'testing',
].length;

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
        'dist/index.js',
        'dist/index.d.ts',
        'dist/client/index.js',
        'dist/client/index.d.ts',
        'dist/metrics/index.js',
        'dist/terminus/index.js',
        'dist/testing/index.js',
        'dist/testing/index.d.ts',
        'dist/stores/redis/index.js',
        'dist/stores/postgres/index.js',
      ]),
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
      expect([column, entries.length]).toEqual([column, ENTRY_POINTS]);
    }
  });
});
