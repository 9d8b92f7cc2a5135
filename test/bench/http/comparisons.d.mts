export interface Comparison {
  variants: { name: string; title: string }[];
  modes: string[];
  rounds: number;
  shots: number;
}

export function comparisonsFor(
  adapter: string,
  options?: { quick?: boolean; names?: string[]; rounds?: number },
): Record<string, Comparison>;
