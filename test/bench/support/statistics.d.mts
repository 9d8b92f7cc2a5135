export interface Spread {
  median: number;
  min: number;
  max: number;
}

type Compare = (value: number, base: number) => number;

export function median(values: readonly number[]): number;
export function spread(values: readonly number[]): Spread;
export function compareRounds(
  values: readonly number[],
  base: readonly number[],
  compare: Compare,
): Spread;
export const ratio: Compare;
export const difference: Compare;
export function interleave<Item>(
  items: readonly Item[],
  rounds: number,
  measure: (item: Item, round: number) => Promise<void>,
): Promise<void>;
