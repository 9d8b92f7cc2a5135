import { PAGE, type LogPage } from '../follow-log.js';
import { fromKey } from './session-row.js';

/** What the statement `read` returns. Times are microseconds since the Unix epoch. */
export interface RevocationRow {
  readonly can_write: boolean;
  /** Null, like what follows, if the row of the state is missing. */
  readonly generation: string | null;
  readonly last_number: string | null;
  readonly last_at: string | null;
  readonly trimmed: string | null;
  readonly at: string | null;
  readonly proof: string | null;
  readonly proof_number: string | null;
  /** The time of the last entry that the follower received, if the table still contains it. */
  readonly read_at: string | null;
  /** JSON: number, time and text of the entries after that one. */
  readonly entries: string | null;
}

type EntryRow = readonly [number: number, at: number, entry: string];

/** What a follower received until a position. */
export interface ReadUntil {
  readonly generation: string;
  /** Number and time of the last entry. The time identifies it: a restored backup may use the same number again. */
  readonly number: number;
  readonly entryAt: number;
  /** The time of the log. */
  readonly at: number;
  readonly proof: number;
}

/** Returns what a position contains, or `undefined` if it is not one of this log. */
export function readUntil(position: string | undefined): ReadUntil | undefined {
  const [generation, ...numbers] = (position ?? '').split(' ');
  const [number, entryAt, at, proof] = numbers.map(Number);
  return numbers.length === 4 &&
    numbers.every((text) => /^\d{1,16}$/.test(text))
    ? {
        generation: generation!,
        number: number!,
        entryAt: entryAt!,
        at: at!,
        proof: proof!,
      }
    : undefined;
}

/** Decides what a follower receives that has read until a position. */
export function revocationPage(
  position: string | undefined,
  row: RevocationRow,
): LogPage | 'lost' {
  const from = readUntil(position);
  const generation = row.generation ?? '';
  const trimmed = Number(row.trimmed);
  const final = { number: Number(row.last_number), at: Number(row.last_at) };
  if (from ? !contains(row, from) : position !== undefined) {
    return 'lost';
  }

  const rows = JSON.parse(row.entries ?? '[]') as EntryRow[];
  const texts = rows.map(([, , entry]) => fromKey(entry));
  let { number, entryAt } = from ?? { number: 0, entryAt: 0 };
  let hasGap = false;
  for (const [next, at] of rows) {
    hasGap ||= next > number + 1 && next - 1 > trimmed;
    number = next;
    entryAt = at;
  }
  if (rows.length >= PAGE) {
    const proof = from?.proof ?? 0;
    const next = positionOf({
      generation,
      number,
      entryAt,
      at: entryAt,
      proof,
    });
    const asOf = dateOf(entryAt);
    return { entries: texts, position: next, asOf, hasGap, isFull: true };
  }
  if (final.number > number) {
    hasGap ||= final.number > trimmed;
    number = final.number;
    entryAt = final.at;
  }
  const proof = Number(row.proof_number);
  if (row.proof !== null && proof !== from?.proof) {
    texts.push(fromKey(row.proof));
  }
  const at = Math.max(entryAt, Number(row.at));
  return {
    entries: texts,
    position: positionOf({ generation, number, entryAt, at, proof }),
    asOf: at > 0 ? dateOf(at) : undefined,
    hasGap,
    isFull: false,
  };
}

/** Returns whether the log contains what a follower has received, or contained it until its retention had ended. */
function contains(row: RevocationRow, from: ReadUntil): boolean {
  const { generation, number, entryAt, at } = from;
  if (generation === '' && number === 0) {
    return true;
  }
  const isLast =
    Number(row.last_number) === number && Number(row.last_at) === entryAt;
  return (
    (generation === '' || row.generation === generation) &&
    Number(row.at) >= at &&
    (number === 0 ||
      (row.read_at === null
        ? isLast || number <= Number(row.trimmed)
        : Number(row.read_at) === entryAt))
  );
}

function positionOf({
  generation,
  number,
  entryAt,
  at,
  proof,
}: ReadUntil): string {
  return [generation, number, entryAt, at, proof].join(' ');
}

function dateOf(microseconds: number): Date {
  return new Date(Math.floor(microseconds / 1000));
}
