import type { ProfileSummary } from './profile.mjs';

/** Compares a figure with what it should be. */
export interface Goal {
  name: string;
  goal: string;
  figure: number | string;
  unit: string;
  met: boolean;
}

export interface Table {
  title: string;
  note?: string;
  columns: string[];
  rows: string[][];
}

export function toMarkdown(results: {
  machine: Record<string, string | number>;
  versions: Record<string, string>;
  settings: { command: string; seconds: number };
  goals: Goal[];
  tables: Table[];
  profiles?: Record<string, ProfileSummary>;
}): string;
