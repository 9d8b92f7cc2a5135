import type { RotationVerdict } from '../../ports/session-store.js';
import { recoveryTable } from './recovery-table.js';

/** A refresh token that is presented to the record of its session, and the verdict. Times are in seconds. */
export interface RotationRow {
  readonly title: string;
  /** How often the record was rotated: the generation of its current token. */
  readonly rotations: number;
  /** From the beginning of the session to its rotations, which all happen in one moment. Default: 0. */
  readonly rotatedAfter?: number;
  /** From the rotations to the first use of the current token. Default: it is not used. */
  readonly usedAfter?: number;
  /** Whether the generation before the current one was recovered. Default: false. */
  readonly isAfterRecovery?: boolean;
  /** From the rotations to the presentation. Default: 0. */
  readonly presentedAfter?: number;
  readonly generation: number;
  /** The generation whose secret is presented; `'foreign'` is that of another chain. Default: `generation`. */
  readonly secretOf?: number | 'foreign';
  /** Default: 30. */
  readonly grace?: number;
  /** Default: 1,000, from the last rotation. */
  readonly idle?: number;
  /** Default: 5,000. */
  readonly absolute?: number;
  /** The absolute lifetime as configured when the token is presented. Default: `absolute`. */
  readonly absoluteThen?: number;
  readonly verdict: Exclude<RotationVerdict, 'unknown' | 'lost'>;
  /** The verdict of a store without `confirmUse`. Default: `verdict`, but `reused` instead of `recovered`. */
  readonly verdictWithoutUse?: RotationRow['verdict'];
}

/** The verdicts of `decideRotation` and of every store. */
export const rotationTable: readonly RotationRow[] = [
  ...recoveryTable,
  { title: 'the first token', rotations: 0, generation: 0, verdict: 'rotated' },
  {
    title: 'the current token',
    rotations: 3,
    generation: 3,
    verdict: 'rotated',
  },
  {
    title: 'the current token long after the grace period',
    rotations: 3,
    presentedAfter: 900,
    generation: 3,
    verdict: 'rotated',
  },
  {
    title: 'the current token a second before the idle end',
    rotations: 1,
    presentedAfter: 999,
    generation: 1,
    verdict: 'rotated',
  },
  {
    title: 'the current token a second before the absolute end',
    rotations: 1,
    rotatedAfter: 900,
    presentedAfter: 499,
    generation: 1,
    absolute: 1_400,
    verdict: 'rotated',
  },
  {
    title: 'the first token of a chain of ten',
    rotations: 10,
    generation: 0,
    verdict: 'reused',
  },
  {
    title: 'the current generation of another chain',
    rotations: 2,
    generation: 2,
    secretOf: 'foreign',
    verdict: 'reused',
  },
  {
    title: 'the first generation of another chain',
    rotations: 0,
    generation: 0,
    secretOf: 'foreign',
    verdict: 'reused',
  },
  {
    title: 'the current generation with the secret of its parent',
    rotations: 2,
    generation: 2,
    secretOf: 1,
    verdict: 'reused',
  },
  {
    title: 'the previous generation of another chain',
    rotations: 2,
    generation: 1,
    secretOf: 'foreign',
    verdict: 'reused',
  },
  {
    title: 'the previous generation with the current secret',
    rotations: 2,
    generation: 1,
    secretOf: 2,
    verdict: 'reused',
  },
  {
    title: 'an older generation with the secret of the parent',
    rotations: 3,
    generation: 1,
    secretOf: 2,
    verdict: 'reused',
  },
  {
    title: 'a token one generation ahead',
    rotations: 2,
    generation: 3,
    verdict: 'rolled-forward',
  },
  {
    title: 'a token far ahead',
    rotations: 0,
    generation: 11,
    verdict: 'rolled-forward',
  },
  {
    title: 'a token ahead, whatever its secret',
    rotations: 1,
    generation: 2,
    secretOf: 'foreign',
    verdict: 'rolled-forward',
  },
  {
    title: 'the current token at the idle end',
    rotations: 1,
    presentedAfter: 1_000,
    generation: 1,
    verdict: 'expired',
  },
  {
    title: 'the current token at the absolute end',
    rotations: 1,
    rotatedAfter: 900,
    presentedAfter: 500,
    generation: 1,
    absolute: 1_400,
    verdict: 'expired',
  },
  {
    title: 'the current token at a shortened absolute end',
    rotations: 1,
    rotatedAfter: 400,
    presentedAfter: 100,
    generation: 1,
    absoluteThen: 500,
    verdict: 'expired',
  },
  {
    title: 'the current token a second before a shortened absolute end',
    rotations: 1,
    rotatedAfter: 400,
    presentedAfter: 99,
    generation: 1,
    absoluteThen: 500,
    verdict: 'rotated',
  },
  {
    title:
      'the current token at the absolute end of the record, despite a lengthened lifetime',
    rotations: 1,
    rotatedAfter: 900,
    presentedAfter: 500,
    generation: 1,
    absolute: 1_400,
    absoluteThen: 9_000,
    verdict: 'expired',
  },
  {
    title: 'an older token after the end, no longer a theft',
    rotations: 2,
    presentedAfter: 1_000,
    generation: 0,
    verdict: 'expired',
  },
  {
    title: 'a token ahead after the end',
    rotations: 2,
    presentedAfter: 1_000,
    generation: 5,
    verdict: 'expired',
  },
];
