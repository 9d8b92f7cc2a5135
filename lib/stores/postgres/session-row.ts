import type {
  NewSessionRecord,
  SessionRecord,
  StoredData,
  WriteDeadline,
} from '../../ports/session-store.js';

/** A record as statements return it: everything as text, so that no type parser of the pool changes it. */
export interface SessionRow {
  /** Null if the statement found no record. */
  readonly id: string | null;
  readonly params: string;
  readonly metadata: string;
  readonly attributes: string;
  readonly revision: string;
  readonly data: string | null;
  readonly data_loaded_at: string | null;
  readonly device_key: string | null;
  /** Seconds since the Unix epoch, like the other times. */
  readonly created_at: string;
  readonly last_seen_at: string;
  readonly expires_at: string;
  readonly as_of: string;
}

/** Returns what callers see of a row. */
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
    ...(row.device_key !== null && { deviceKey: fromKey(row.device_key) }),
  };
}

/**
 * Returns the time in a row, rounded down to whole milliseconds. Moves the decimal point in the text, because from the
 * year 2038 on a number of seconds does not hold every microsecond.
 */
export function timeOf(seconds: string): Date {
  const [whole = '', fraction = ''] = seconds.split('.');
  return new Date(Number(whole + fraction.padEnd(3, '0').slice(0, 3)));
}

/**
 * Returns an id, a subject or a device key as a column holds it: unlike a string, `text` must not contain U+0000 or half
 * a surrogate pair. Most values that occur in practice stay as they are.
 */
export function toKey(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** Returns the text that a column holds. */
export function fromKey(key: string): string {
  return JSON.parse(`"${key}"`) as string;
}

/** Returns attributes as the column holds them: an object whose names and values are JSON text. */
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

/** Returns the parameters of a change: the attributes to set, and the names of those to remove. */
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

/** Returns the parameters of a new record, after that of the clock. `replaced` contains the ids that it replaces. */
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

/** Returns the parameters of a deadline. */
export function toDeadline({
  notBefore,
  notAfter,
}: WriteDeadline): [from: string, until: string] {
  return [
    notBefore?.toISOString() ?? '-infinity',
    notAfter?.toISOString() ?? 'infinity',
  ];
}

/** Returns the parameters of data, both null if there is none. */
export function toData(
  data: StoredData | undefined,
): [value: string | null, loadedAt: number | null] {
  return data ? [JSON.stringify(data.value), data.loadedAt] : [null, null];
}
