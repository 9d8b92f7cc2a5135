import type { BindingCosts } from './binding-costs.js';
import { runProgram } from './run-program.js';

/** The best parts compared: it was 0.9 to 1.2, beside four busy loops as well. */
const MAXIMUM_TIME = 2;
/** A copy of the claims would show. */
const MAXIMUM_BYTES = 1.25;

describe('a fresh request with device binding', () => {
  let costs: BindingCosts;

  beforeAll(async () => {
    costs = await runProgram<BindingCosts>('test/performance/binding-costs');
  });

  it.each(['stateless', 'recorded'] as const)(
    'costs what it costs without, whether its session is bound or not: %s',
    (kind) => {
      const { off, unbound, bound } = costs[kind];
      const best = ({ nanoseconds }: typeof off) => Math.min(...nanoseconds);
      const allocated = ({ bytes }: typeof off) =>
        bytes.toSorted((a, b) => a - b)[Math.floor(bytes.length / 2)]!;
      process.stdout.write(
        `device binding, ${kind}: a fresh request takes ${Object.entries(
          costs[kind],
        )
          .map(
            ([mode, cost]) =>
              `${Math.round(best(cost))} ns and ${Math.round(allocated(cost))} bytes ${mode}`,
          )
          .join(', ')}\n`,
      );
      for (const cost of [off, unbound, bound]) {
        expect(cost).toMatchObject({ storeCalls: 0 });
        // No promise, no timer.
        expect(cost.resources).toEqual({});
      }
      for (const cost of [unbound, bound]) {
        expect(best(cost) / best(off)).toBeLessThan(MAXIMUM_TIME);
        expect(allocated(cost) / allocated(off)).toBeLessThan(MAXIMUM_BYTES);
      }
    },
  );
});
