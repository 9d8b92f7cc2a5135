import { slopeOf } from './heap-slopes.js';

describe('the slope of a heap', () => {
  it('is that of the second half, whatever filled the caches before', () => {
    const bytes = [10, 20, 30, 40, 44, 46, 48, 50];
    const readings = bytes.map((each, i) => ({ minutes: i + 1, bytes: each }));
    expect(slopeOf(readings)).toBeCloseTo(2.4, 5);
  });

  it('is that of the line with the least squares, not from the first reading to the last', () => {
    const readings = [0, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20].map(
      (minutes) => ({ minutes, bytes: minutes === 20 ? 5 : 0 }),
    );
    expect(slopeOf(readings)).toBeCloseTo(25 / 110, 5);
    expect(slopeOf(readings.map((each) => ({ ...each, bytes: 7 })))).toBe(0);
  });
});
