import type { Profiler } from 'node:inspector';

type Node = Pick<Profiler.ProfileNode, 'id' | 'children'> & {
  callFrame: Pick<
    Profiler.ProfileNode['callFrame'],
    'functionName' | 'url' | 'lineNumber'
  >;
};

export function toProfileReport(profile: {
  nodes: Node[];
  samples: number[];
  timeDeltas: number[];
}): string;
