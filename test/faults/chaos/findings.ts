import type { KnownSession } from './known-session.js';

export const FINDINGS = [
  'healthy session ended',
  'ended session accepted',
  'failure without an event',
  'theft not noticed',
  'unexpected answer',
] as const;

export type FindingKind = (typeof FINDINGS)[number];

/** Something that must not happen. */
export interface Finding {
  readonly kind: FindingKind;
  readonly text: string;
  readonly history: readonly string[];
}

export interface Counts {
  rounds: number;
  operations: number;
  lostAnswers: number;
  unavailable: number;
  signIns: number;
  refreshes: number;
  revocations: number;
  refusedAsAsked: number;
  expired: number;
  doubleLosses: number;
  lostByFailover: number;
  thefts: number;
}

/** What a run has counted and found. */
export class Findings {
  readonly all: Finding[] = [];
  readonly counts: Counts = {
    rounds: 0,
    operations: 0,
    lostAnswers: 0,
    unavailable: 0,
    signIns: 0,
    refreshes: 0,
    revocations: 0,
    refusedAsAsked: 0,
    expired: 0,
    doubleLosses: 0,
    lostByFailover: 0,
    thefts: 0,
  };

  constructor(readonly print: (line: string) => void) {}

  add(
    kind: FindingKind,
    text: string,
    session?: KnownSession,
    revocations: readonly string[] = [],
  ): void {
    const history = session
      ? [`history of ${session.label}:`, ...session.history]
      : [];
    if (revocations.length > 0) {
      history.push('latest revocations of its user:', ...revocations);
    }
    this.all.push({ kind, text, history });
    this.print([`! ${kind}: ${text}`, ...history].join('\n    '));
  }

  numberOf(kind: FindingKind): number {
    return this.all.filter((finding) => finding.kind === kind).length;
  }

  /** The figures as a test compares them. */
  summary(): Record<FindingKind, number> {
    return Object.fromEntries(
      FINDINGS.map((kind) => [kind, this.numberOf(kind)]),
    ) as Record<FindingKind, number>;
  }
}
