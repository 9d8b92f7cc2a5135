/**
 * Times functions against each other in one process, in time of the processor (garbage collection included), on
 * which other work on the machine weighs less than on that of the clock.
 */
import {
  compareRounds,
  difference,
  interleave,
  median,
  ratio,
} from '../support/statistics.mjs';

/** Long enough for the compiler to have done its work. */
const WARM_UP_MILLISECONDS = 300;

/** Results go here, so that no call can be left out as useless. */
let sink;

export class Timings {
  /** @param rounds nanoseconds a call for each round, by name */
  constructor(rounds) {
    this.rounds = rounds;
  }

  /** The median of a call, in microseconds. */
  microseconds(name) {
    return median(this.rounds[name]) / 1_000;
  }

  /** How many times longer than `base`, within the same rounds. */
  ratio(name, base) {
    return compareRounds(this.rounds[name], this.rounds[base], ratio).median;
  }

  /** How many microseconds longer than `base`, within the same rounds. */
  difference(name, base) {
    const { median: nanoseconds } = compareRounds(
      this.rounds[name],
      this.rounds[base],
      difference,
    );
    return nanoseconds / 1_000;
  }

  /** Rows of a table: name, microseconds, and how many times longer than the first. */
  rows(names = Object.keys(this.rounds)) {
    return names.map((name) => [
      name,
      this.microseconds(name).toFixed(2),
      this.ratio(name, names[0]).toFixed(2),
    ]);
  }
}

/**
 * Runs each function once a round for about so many milliseconds, after a warm-up.
 *
 * @param functions by name; each is given the number of the call, so that inputs can take turns
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

/** Milliseconds of the processor for so many calls. */
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
