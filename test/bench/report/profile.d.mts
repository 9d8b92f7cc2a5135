import type { Profiler } from 'node:inspector';

type Node = Pick<Profiler.ProfileNode, 'id' | 'children'> & {
  callFrame: Pick<
    Profiler.ProfileNode['callFrame'],
    'functionName' | 'url' | 'lineNumber'
  >;
};

/** Shares, 0 to 1, of the time in which a process was busy; by name, the largest first. */
export interface ProfileSummary {
  owners: Record<string, number>;
  ours: number;
  oursWithCalls: number;
  functions: Record<string, number>;
}

export function summarizeProfile(profile: {
  nodes: Node[];
  samples: number[];
  timeDeltas: number[];
}): ProfileSummary;
export function toProfileReport(
  profiles: Record<string, ProfileSummary>,
): string;
