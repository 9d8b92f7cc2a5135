import { assertBuilt, run } from './packed.js';

it('gives all entry points of the build the same classes, under the names that they export', async () => {
  assertBuilt();
  const { output } = await run(process.execPath, [
    'test/package/entry-points.mjs',
  ]);
  expect(JSON.parse(output)).toEqual({
    entries: 7,
    misnamed: [],
    stores: [true, true],
    logs: [true, true],
    clock: true,
    injected: true,
  });
});
