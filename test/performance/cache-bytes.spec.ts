import type { CacheBytes } from './cache-bytes.js';
import { rounds } from '../support/effort.js';
import { runProgram } from './run-program.js';

describe('A-185: the bytes that bound a cache', () => {
  let figures: CacheBytes;

  beforeAll(async () => {
    figures = await runProgram<CacheBytes>('test/performance/cache-bytes', [
      'test/session/codecs',
      'test/support/effort',
      'test/support/secrets',
      'test/support/session-claims',
      'test/support/signers',
      'test/support/token-keys',
    ]);
  });

  it('are those of the heap, whatever the claims are made of', () => {
    const rows = figures.ratios.map(
      ({ cache, shape, ratio }) => `${ratio.toFixed(2)} ${cache}, ${shape}`,
    );
    process.stdout.write(
      `A-185: bytes of the heap for each that a cache counts: ${rows.join('; ')}\n`,
    );
    expect(figures.ratios.length).toBeGreaterThan(rounds(60, 32));
    for (const each of figures.ratios) {
      expect(each).toMatchObject({ isFull: true });
      const isTight = each.ratio > 0.1 && each.ratio <= 1.5;
      expect({ ...each, isTight }).toMatchObject({ isTight: true });
    }
  });

  it('are counted in a part of the time that verifying takes', () => {
    process.stdout.write(
      `A-185: counting takes ${(100 * figures.share).toFixed(1)} % of verifying\n`,
    );
    expect(figures.share).toBeLessThan(0.5);
  });
});
