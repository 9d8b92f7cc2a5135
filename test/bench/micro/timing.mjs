/**
 * Compares functions in one process, by CPU time (including garbage collection), which other work on the machine
 * affects less than wall-clock time.
 */
import {
  compareRounds,
  difference,
  interleave,
  median,
  ratio,
} from '../support/statistics.mjs';

/** Long enough for the compiler to finish. */
const WARM_UP_MILLISECONDS = 300;

/** Keeps results, so that no call is optimized away. */
let sink;

export class Timings {
  /** @param rounds nanoseconds a call for each round, by name */
  constructor(rounds) {
    this.rounds = rounds;
  }

  /** Returns the median of a call, in microseconds. */
  microseconds(name) {
    return median(this.rounds[name]) / 1_000;
  }

  /** Returns how many times longer it takes than `base`, within the same rounds. */
  ratio(name, base) {
    return compareRounds(this.rounds[name], this.rounds[base], ratio).median;
  }

  /** Returns how many microseconds longer it takes than `base`, within the same rounds. */
  difference(name, base) {
    const { median: nanoseconds } = compareRounds(
      this.rounds[name],
      this.rounds[base],
      difference,
    );
    return nanoseconds / 1_000;
  }

  /** Returns rows of a table: name, microseconds, and the ratio to the first. */
  rows(names = Object.keys(this.rounds)) {
    return names.map((name) => [
      name,
      this.microseconds(name).toFixed(2),
      this.ratio(name, names[0]).toFixed(2),
    ]);
  }
}

/**
 * Runs each function once a round for about this many milliseconds, after a warm-up.
 *
 * @param functions by name; each receives the number of the call, so that inputs can alternate
 */
export async function timeAll(functions, { rounds, milliseconds }) {
  const contestants = [];
  for (const [name, call] of Object.entries(functions)) {
    contestants.push(await warmUp(name, call, milliseconds));
  }
  await interleave(contestants, rounds, async (contestant) => {
    const elapsed = await run(contestant, contestant.calls);
    contestant.times.push((elapsed / contestant.calls) * 1_000_000);
  });
  return new Timings(
    Object.fromEntries(contestants.map(({ name, times }) => [name, times])),
  );
}

async function warmUp(name, call, milliseconds) {
  const isAsync = call(0) instanceof Promise;
  const contestant = { name, call, isAsync, next: 1, calls: 16, times: [] };
  for (;;) {
    const elapsed = await run(contestant, contestant.calls);
    if (elapsed >= WARM_UP_MILLISECONDS) {
      const share = milliseconds / elapsed;
      contestant.calls = Math.max(1, Math.round(contestant.calls * share));
      return contestant;
    }
    contestant.calls *= 2;
  }
}

/** Returns the CPU milliseconds of this many calls. */
async function run(contestant, calls) {
  const { call, isAsync, next } = contestant;
  const end = next + calls;
  contestant.next = end;
  const start = process.cpuUsage();
  if (isAsync) {
    for (let i = next; i < end; i += 1) sink = await call(i);
  } else {
    for (let i = next; i < end; i += 1) sink = call(i);
  }
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}

/** Keeps the last result reachable. */
export function lastResult() {
  return sink;
}
