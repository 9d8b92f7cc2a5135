import {
  compareRounds,
  ratio,
  type Spread,
} from '../bench/support/statistics.mjs';
import type { Entries, RevocationCosts } from './revocation-costs.js';
import { runProgram } from './run-program.js';

/** It is 1 within noise; a search through the entries makes it thousands. */
const MAXIMUM_RATIO = 2;
/** It was 195 to 210. */
const MAXIMUM_BYTES = 300;

describe('live revocations', () => {
  let costs: RevocationCosts;

  beforeAll(async () => {
    costs = await runProgram<RevocationCosts>(
      'test/performance/revocation-costs',
    );
  });

  it('cost a request the same, however many they are', () => {
    const { times } = costs;
    const over = (name: Entries, other: Entries): string => {
      const { median, min, max }: Spread = compareRounds(
        times[name],
        times[other],
        ratio,
      );
      return `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`;
    };
    process.stdout.write(
      `revocations: the processor time of a remembered request with a log is ${over('0', 'none')} of that without; with 1,000 live entries ${over('1000', '0')} of that with none, with ${costs.many.toLocaleString('en')} ${over('many', '0')}\n`,
    );
    const { median } = compareRounds(times.many, times['0'], ratio);
    expect(median).toBeLessThan(MAXIMUM_RATIO);
  });

  it('take about 200 bytes each', () => {
    process.stdout.write(
      `revocations: a live entry takes ${Math.round(costs.bytes)} bytes\n`,
    );
    expect(costs.bytes).toBeLessThan(MAXIMUM_BYTES);
  });
});
