import type { Goal } from '../report/markdown.mjs';

/** Fields of the shots of a load, one value a round. */
export type Shots = Record<string, readonly number[]>;
export type Loads = Record<string, Shots>;

export interface HttpResult {
  /** By adapter, comparison and mode. */
  adapters: Record<string, Record<string, Record<string, Loads>>>;
  experiments?: Record<string, { loads: Loads; signMicroseconds?: number }>;
}

export function goalsOf(result: HttpResult): (Goal & { figure: number })[];
export function sharesOfBare(
  comparisons: Record<string, Record<string, Loads>>,
): Map<string, number>;
