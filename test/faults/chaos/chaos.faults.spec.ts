import { combinations, rounds } from '../../support/effort.js';
import type { CompiledLibrary } from '../../support/compiled-library.js';
import { printLine } from '../../support/figures.js';

import { compilePrograms } from '../processes.js';
import { ChaosRun } from './chaos-run.js';
import type { ChaosStoreName } from './chaos-store.js';

/** So many that a full run takes about 40 s each on two cores. */
const ROUNDS = combinations<readonly [ChaosStoreName, number]>(
  [
    ['cluster', rounds(14, 1)],
    ['pgbouncer', rounds(10, 1)],
    ['redis', rounds(16, 1)],
    ['sentinel', rounds(8, 1)],
    ['postgres', rounds(14, 1)],
  ],
  2,
);
const THEFTS = rounds(20, 2);
const SEED = 1;

let library: CompiledLibrary;

beforeAll(() => {
  library = compilePrograms();
});

afterAll(() => library.remove());

describe.each(ROUNDS)('on %s', (store, count) => {
  it(`ends no healthy session, accepts no ended one and reports every failure, in ${count} rounds of stalled, delayed and cut connections`, async () => {
    const run = await ChaosRun.start(library, {
      store,
      seed: SEED,
      nodes: rounds(3, 2),
      clientsEach: rounds(4, 2),
      print: printLine,
    });
    try {
      for (let i = 0; i < count; i += 1) await run.round();
      await run.thefts(THEFTS);
      await run.finish();
      const { findings } = run;
      printLine(`chaos on ${store}: ${JSON.stringify(findings.counts)}`);
      expect(findings.summary()).toEqual({
        'healthy session ended': 0,
        'ended session accepted': 0,
        'failure without an event': 0,
        'theft not noticed': 0,
        'unexpected answer': 0,
      });
    } finally {
      await run.stop();
    }
  });
});
