import type { RotationRow } from './rotation-table.js';

/** Parents of the current token that come again: within the grace time, and when the answer was lost. */
export const recoveryTable: readonly RotationRow[] = [
  {
    title: 'the parent at once',
    rotations: 1,
    generation: 0,
    verdict: 'repeated',
  },
  {
    title: 'A-083: the parent a second before the grace time is over',
    rotations: 3,
    rotatedAfter: 100,
    presentedAfter: 29,
    generation: 2,
    verdict: 'repeated',
  },
  {
    title: 'A-083: the parent when the grace time is over and its child in use',
    rotations: 3,
    rotatedAfter: 100,
    usedAfter: 0,
    presentedAfter: 30,
    generation: 2,
    verdict: 'reused',
  },
  {
    title:
      'the parent a second before a grace time that began with the first use of its child',
    rotations: 3,
    usedAfter: 600,
    presentedAfter: 629,
    generation: 2,
    verdict: 'repeated',
    verdictWithoutUse: 'reused',
  },
  {
    title:
      'A-083: the parent when a grace time is over that began with the first use of its child',
    rotations: 3,
    usedAfter: 600,
    presentedAfter: 630,
    generation: 2,
    verdict: 'reused',
  },
  {
    title:
      'F-02: the parent when the grace time is over and nobody has used its child',
    rotations: 3,
    rotatedAfter: 100,
    presentedAfter: 30,
    generation: 2,
    verdict: 'recovered',
  },
  {
    title:
      'F-02: the parent a second before the idle end, of which nobody has used the child',
    rotations: 1,
    presentedAfter: 999,
    generation: 0,
    verdict: 'recovered',
  },
  {
    title:
      'F-03: the parent that was recovered itself, and nobody has used its child either',
    rotations: 2,
    isAfterRecovery: true,
    presentedAfter: 30,
    generation: 1,
    verdict: 'reused',
  },
  {
    title: 'the parent that was recovered itself, within the grace time',
    rotations: 2,
    isAfterRecovery: true,
    presentedAfter: 29,
    generation: 1,
    verdict: 'repeated',
  },
  {
    title: 'A-082: the grandparent when nobody has used anything since',
    rotations: 2,
    presentedAfter: 500,
    generation: 0,
    verdict: 'reused',
  },
  {
    title:
      'the generation before of another chain, of which nobody has used the child',
    rotations: 2,
    presentedAfter: 500,
    generation: 1,
    secretOf: 'foreign',
    verdict: 'reused',
  },
  {
    title: 'the parent within a longer grace time',
    rotations: 1,
    presentedAfter: 299,
    generation: 0,
    grace: 300,
    verdict: 'repeated',
  },
  {
    title: 'the parent at once, without a grace time, its child in use',
    rotations: 1,
    usedAfter: 0,
    generation: 0,
    grace: 0,
    verdict: 'reused',
  },
  {
    title: 'A-082: the grandparent at once',
    rotations: 2,
    generation: 0,
    verdict: 'reused',
  },
  {
    title: 'the parent at the idle end, within the grace time',
    rotations: 1,
    presentedAfter: 100,
    generation: 0,
    grace: 300,
    idle: 100,
    verdict: 'expired',
  },
];
