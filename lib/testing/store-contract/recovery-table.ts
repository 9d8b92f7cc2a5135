import type { RotationRow } from './rotation-table.js';

/** Parents of the current token that come back: within the grace period, or after a lost response. */
export const recoveryTable: readonly RotationRow[] = [
  {
    title: 'the parent, presented immediately',
    rotations: 1,
    generation: 0,
    verdict: 'repeated',
  },
  {
    title: 'the parent a second before the end of the grace period',
    rotations: 3,
    rotatedAfter: 100,
    presentedAfter: 29,
    generation: 2,
    verdict: 'repeated',
  },
  {
    title: 'the parent at the end of the grace period, with its child in use',
    rotations: 3,
    rotatedAfter: 100,
    usedAfter: 0,
    presentedAfter: 30,
    generation: 2,
    verdict: 'reused',
  },
  {
    title:
      'the parent a second before the end of a grace period that began with the first use of its child',
    rotations: 3,
    usedAfter: 600,
    presentedAfter: 629,
    generation: 2,
    verdict: 'repeated',
    verdictWithoutUse: 'reused',
  },
  {
    title:
      'the parent at the end of a grace period that began with the first use of its child',
    rotations: 3,
    usedAfter: 600,
    presentedAfter: 630,
    generation: 2,
    verdict: 'reused',
  },
  {
    title: 'the parent at the end of the grace period, with its child unused',
    rotations: 3,
    rotatedAfter: 100,
    presentedAfter: 30,
    generation: 2,
    verdict: 'recovered',
  },
  {
    title: 'the parent a second before the idle end, with its child unused',
    rotations: 1,
    presentedAfter: 999,
    generation: 0,
    verdict: 'recovered',
  },
  {
    title:
      'a recovered parent at the end of the grace period, with its child unused as well',
    rotations: 2,
    isAfterRecovery: true,
    presentedAfter: 30,
    generation: 1,
    verdict: 'reused',
  },
  {
    title: 'a recovered parent within the grace period',
    rotations: 2,
    isAfterRecovery: true,
    presentedAfter: 29,
    generation: 1,
    verdict: 'repeated',
  },
  {
    title: 'the grandparent, with its descendants unused',
    rotations: 2,
    presentedAfter: 500,
    generation: 0,
    verdict: 'reused',
  },
  {
    title:
      'the previous generation of another chain, long after an unused rotation',
    rotations: 2,
    presentedAfter: 500,
    generation: 1,
    secretOf: 'foreign',
    verdict: 'reused',
  },
  {
    title: 'the parent within a longer grace period',
    rotations: 1,
    presentedAfter: 299,
    generation: 0,
    grace: 300,
    verdict: 'repeated',
  },
  {
    title:
      'the parent, presented immediately without a grace period, with its child in use',
    rotations: 1,
    usedAfter: 0,
    generation: 0,
    grace: 0,
    verdict: 'reused',
  },
  {
    title: 'the grandparent, presented immediately',
    rotations: 2,
    generation: 0,
    verdict: 'reused',
  },
  {
    title: 'the parent at the idle end, within the grace period',
    rotations: 1,
    presentedAfter: 100,
    generation: 0,
    grace: 300,
    idle: 100,
    verdict: 'expired',
  },
];
