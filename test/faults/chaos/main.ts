/** `npm run test:chaos -- --minutes 10 --store redis --seed 1`: runs as long as asked, and fails if it finds a fault. */
import { parseArgs } from 'node:util';
import { compilePrograms } from '../processes.js';
import { CHAOS_STORES, type ChaosStoreName } from './chaos-store.js';
import { ChaosRun } from './chaos-run.js';
import { FINDINGS } from './findings.js';
import { slopeOf, type HeapReading } from './heap-slopes.js';

const { values: given } = parseArgs({
  options: {
    store: { type: 'string', default: 'redis' },
    minutes: { type: 'string', default: '1' },
    /** Instead of minutes. */
    rounds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    nodes: { type: 'string', default: '3' },
    /** Of each user. */
    clients: { type: 'string', default: '4' },
    /** After the rounds. */
    thefts: { type: 'string', default: '20' },
    /** No bad connections and no lost answers: only what happens to the servers of the store, in every round. */
    'only-servers': { type: 'boolean', default: false },
    /** With a revocation log on the servers of the store. */
    log: { type: 'boolean', default: false },
    /** Ends at the first finding. */
    first: { type: 'boolean', default: false },
  },
});
const names = Object.keys(CHAOS_STORES);
if (!names.includes(given.store)) {
  throw new Error(`--store: expected ${names.join(' | ')}, got ${given.store}`);
}

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const library = compilePrograms();
process.on('exit', () => library.remove());
let run: ChaosRun | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.resolve(run?.stop()).finally(() => process.exit(1));
  });
}

run = await ChaosRun.start(library, {
  store: given.store as ChaosStoreName,
  seed: Number(given.seed),
  nodes: Number(given.nodes),
  clientsEach: Number(given.clients),
  onlyServers: given['only-servers'],
  hasLog: given.log,
  print,
});
const { findings, ledger } = run;
const began = performance.now();
const minutes = (): number => (performance.now() - began) / 60_000;
/** What each node held, so far. */
const heaps: HeapReading[][] = [];
const readHeaps = async (): Promise<string> => {
  const bytes = await run.heaps();
  for (const [i, each] of bytes.entries()) {
    (heaps[i] ??= []).push({ minutes: minutes(), bytes: each });
  }
  return `heaps ${inMegabytes(bytes)}`;
};
const inMegabytes = (bytes: readonly number[]): string =>
  `${bytes.map((each) => (each / 2 ** 20).toFixed(2)).join(', ')} MB`;
const progress = (): string =>
  `${minutes().toFixed(1)} min ${JSON.stringify(findings.counts)} ${JSON.stringify(findings.summary())}`;
const isDone = (): boolean =>
  given.rounds === undefined
    ? minutes() >= Number(given.minutes)
    : findings.counts.rounds >= Number(given.rounds);
while (!isDone() && !(given.first && findings.all.length > 0)) {
  await run.round();
  if (findings.counts.rounds % 10 === 0) {
    // By then, everything that remembers something has done so at least once.
    if (findings.counts.rounds <= 20) await run.fillMemories();
    print(`${progress()} ${await readHeaps()}`);
  }
}
await run.thefts(Number(given.thefts));
await run.finish();
print(`${given.store}, seed ${given.seed}: ${progress()}`);
print(`at the end: ${await readHeaps()}`);
print(
  `slope of the second half: ${inMegabytes(heaps.map(slopeOf))} per minute`,
);
print(`events: ${JSON.stringify(Object.fromEntries(ledger.counts))}`);
await run.stop();
process.exit(FINDINGS.some((kind) => findings.numberOf(kind) > 0) ? 1 : 0);
