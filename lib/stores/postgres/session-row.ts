import type {
  NewSessionRecord,
  SessionRecord,
  StoredData,
  WriteDeadline,
} from '../../options/session-store.js';

/** A record as statements answer it: everything as text, so that no type parser of the pool changes it. */
export interface SessionRow {
  /** Null in the row of a statement that found no record. */
  readonly id: string | null;
  readonly params: string;
  readonly metadata: string;
  readonly attributes: string;
  readonly revision: string;
  readonly data: string | null;
  readonly data_loaded_at: string | null;
  /** Seconds since the Unix epoch, as the other times. */
  readonly created_at: string;
  readonly last_seen_at: string;
  readonly expires_at: string;
  readonly as_of: string;
}

/** What callers see of a row. */
export function recordOf(row: SessionRow, subject: string): SessionRecord {
  return {
    id: fromKey(row.id ?? ''),
    subject,
    params: JSON.parse(row.params),
    attributes: attributesOf(row.attributes),
    revision: Number(row.revision),
    metadata: JSON.parse(row.metadata) as SessionRecord['metadata'],
    createdAt: timeOf(row.created_at),
    lastSeenAt: timeOf(row.last_seen_at),
    expiresAt: timeOf(row.expires_at),
    asOf: timeOf(row.as_of),
    ...(row.data !== null && {
      data: {
        value: JSON.parse(row.data) as unknown,
        loadedAt: Number(row.data_loaded_at),
      },
    }),
  };
}

/**
 * A time that a statement answered, in whole milliseconds as far as they have passed. Its decimal point moves
 * in the text: from the year 2038 on a number of seconds does not hold every microsecond.
 */
export function timeOf(seconds: string): Date {
  const [whole = '', fraction = ''] = seconds.split('.');
  return new Date(Number(whole + fraction.padEnd(3, '0').slice(0, 3)));
}

/**
 * An id or a subject as a column holds it: a string may contain U+0000 and half a surrogate pair, `text` may
 * not. What is found in practice stays as it is.
 */
export function toKey(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** The id that a column holds. */
export function fromKey(key: string): string {
  return JSON.parse(`"${key}"`) as string;
}

/** Attributes as the column holds them: an object of JSON text by JSON text. */
function toAttributes(attributes: NewSessionRecord['attributes']): string {
  return JSON.stringify(
    Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [
        JSON.stringify(name),
        JSON.stringify(value),
      ]),
    ),
  );
}

/** The parameters of a change: the attributes to set, and the names of those to remove. */
export function toAttributeChange(
  attributes: NewSessionRecord['attributes'],
): [set: string, remove: string[]] {
  const entries = Object.entries(attributes);
  return [
    toAttributes(
      Object.fromEntries(entries.filter(([, value]) => value !== null)),
    ),
    entries
      .filter(([, value]) => value === null)
      .map(([name]) => JSON.stringify(name)),
  ];
}

function attributesOf(text: string): SessionRecord['attributes'] {
  const stored = JSON.parse(text) as Record<string, string>;
  return Object.freeze(
    Object.fromEntries(
      Object.entries(stored).map(([name, value]) => [
        JSON.parse(name) as string,
        JSON.parse(value) as unknown,
      ]),
    ),
  );
}

/** The parameters of a new record after the clock's; `replaced` are the ids that it takes the place of. */
export function toColumns(
  record: NewSessionRecord,
  replaced: readonly (string | undefined)[],
): unknown[] {
  return [
    toKey(record.subject),
    toKey(record.id),
    replaced.filter((id) => id !== undefined).map(toKey),
    JSON.stringify(record.params),
    JSON.stringify(record.metadata),
    toAttributes(record.attributes),
    ...toData(record.data),
    record.refreshHash,
    record.lifetime.idleSeconds,
    record.lifetime.absoluteSeconds,
  ];
}

/** The parameters of a deadline. */
export function toDeadline({
  notBefore,
  notAfter,
}: WriteDeadline): [from: string, until: string] {
  return [
    notBefore?.toISOString() ?? '-infinity',
    notAfter?.toISOString() ?? 'infinity',
  ];
}

/** The parameters of data, both null where there is none. */
export function toData(
  data: StoredData | undefined,
): [value: string | null, loadedAt: number | null] {
  return data ? [JSON.stringify(data.value), data.loadedAt] : [null, null];
}
