import fc from 'fast-check';
import { timeOf } from '../../../lib/stores/postgres/session-row.js';
import { rounds } from '../../support/effort.js';

describe('a time of Postgres', () => {
  it('keeps its millisecond, and drops what lies within it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 8_000_000_000_000 }),
        fc.integer({ min: 0, max: 999 }),
        (milliseconds, microseconds) => {
          const seconds = Math.floor(milliseconds / 1000);
          const rest = (milliseconds % 1000) * 1000 + microseconds;
          const text = `${seconds}.${String(rest).padStart(6, '0')}`;
          expect(timeOf(text).getTime()).toBe(milliseconds);
        },
      ),
      { numRuns: rounds(20_000, 3_000) },
    );
  });

  it.each([
    ['1893456000', 1_893_456_000_000],
    ['1893456000.123', 1_893_456_000_123],
    ['1893456000.122999', 1_893_456_000_122],
    ['1893456000.1', 1_893_456_000_100],
    ['-0.5', -500],
    // As numbers of seconds, these are a little less and a little more than written.
    ['2147483648.003', 2_147_483_648_003],
    ['4452100409.717999', 4_452_100_409_717],
  ])('is told apart from the millisecond before: %s', (text, milliseconds) => {
    expect(timeOf(text).getTime()).toBe(milliseconds);
  });
});
