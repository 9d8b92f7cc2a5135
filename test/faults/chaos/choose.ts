import type { Random } from '../../support/random.js';

/** One of several, each as often as its weight says. */
export function choose<T>(
  choices: readonly (readonly [T, number])[],
  random: Random,
): T {
  const total = choices.reduce((sum, [, weight]) => sum + weight, 0);
  let left = random() * total;
  for (const [choice, weight] of choices) {
    left -= weight;
    if (left < 0) return choice;
  }
  return choices.at(-1)![0];
}

/** One of several, all equally often. */
export function oneOf<T>(choices: readonly T[], random: Random): T {
  return choices[Math.floor(random() * choices.length)]!;
}

/** A whole number of a range, both ends included. */
export function between(low: number, high: number, random: Random): number {
  return low + Math.floor(random() * (high - low + 1));
}
