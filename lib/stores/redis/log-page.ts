import { PAGE, type LogPage } from '../follow-log.js';

/** What `READ_LOG` returns. */
export type LogReply = readonly [
  tail: string,
  found: number,
  entries: readonly StreamEntry[],
  proof: readonly StreamEntry[],
  cutoff: string,
];

/** Its fields are `e` and `p`, in this order, and others. */
export type StreamEntry = readonly [id: string, fields: readonly string[]];

/** The ids of the last entry and of the last proof that a follower received. */
export interface ReadIds {
  readonly entry: string;
  readonly proof: string;
}

/** Precedes every id. */
const NONE = '0-0';
const POSITION = /^(\d{1,16}-\d{1,16}) (\d{1,16}-\d{1,16})$/;

/** Returns the ids in a position, or `undefined` if it is not one of this log. */
export function readIds(position: string | undefined): ReadIds | undefined {
  const [, entry, proof] = POSITION.exec(position ?? '') ?? [];
  return entry !== undefined && proof !== undefined
    ? { entry, proof }
    : undefined;
}

/** Decides what a follower receives that has read until a position. */
export function logPage(
  position: string | undefined,
  [tail, found, entries, [proof], cutoff]: LogReply,
): LogPage | 'lost' {
  const from = readIds(position);
  const isKept = (id: string): boolean =>
    id !== NONE && timeOf(id) >= Number(cutoff);
  if (from) {
    const isContained =
      found > 0 ||
      tail === from.entry ||
      (entries[0] !== undefined && previousOf(entries[0]) === from.entry) ||
      !isKept(from.entry);
    if (!isContained || isBefore(proof?.[0] ?? NONE, from.proof)) {
      return 'lost';
    }
  } else if (position !== undefined) {
    return 'lost';
  }

  let last = from?.entry ?? NONE;
  let hasGap = false;
  const expectLast = (id: string): void => {
    hasGap ||= isBefore(last, id) && isKept(id);
  };
  const texts: string[] = [];
  for (const entry of entries) {
    expectLast(previousOf(entry));
    texts.push(textOf(entry));
    last = entry[0];
  }
  const seenProof = from?.proof ?? NONE;
  if (entries.length >= PAGE) {
    const asOf = new Date(timeOf(last));
    const next = positionAfter(last, seenProof);
    return { entries: texts, position: next, asOf, hasGap, isFull: true };
  }
  if (proof && proof[0] !== seenProof) {
    expectLast(previousOf(proof));
    texts.push(textOf(proof));
  }
  expectLast(tail);
  const [proofId] = proof ?? [NONE];
  const time = Math.max(timeOf(tail), timeOf(proofId));
  return {
    entries: texts,
    position: positionAfter(tail, proofId),
    asOf: time > 0 ? new Date(time) : undefined,
    hasGap,
    isFull: false,
  };
}

function positionAfter(entry: string, proof: string): string {
  return `${entry} ${proof}`;
}

function textOf([, fields]: StreamEntry): string {
  return fields[1]!;
}

function previousOf([, fields]: StreamEntry): string {
  return fields[3]!;
}

/** Returns the time of the log in an id, in milliseconds. */
function timeOf(id: string): number {
  return Number(id.split('-')[0]);
}

function isBefore(one: string, other: string): boolean {
  const [oneTime = 0, oneNumber = 0] = one.split('-').map(Number);
  const [otherTime = 0, otherNumber = 0] = other.split('-').map(Number);
  return (
    oneTime < otherTime || (oneTime === otherTime && oneNumber < otherNumber)
  );
}
