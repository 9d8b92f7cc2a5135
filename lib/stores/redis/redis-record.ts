import type {
  NewSessionRecord,
  SessionChange,
  SessionRecord,
} from '../../ports/session-store.js';

type Attributes = Readonly<Record<string, unknown>>;

/** Each attribute is a separate field, so that changes to different attributes never conflict. */
const ATTRIBUTE = 'a:';

/** Returns the fields and values of a new session, alternately. */
export function newFields(record: NewSessionRecord): string[] {
  const { params, metadata, data, refreshHash, attributes } = record;
  return [
    ['params', JSON.stringify(params)],
    ['metadata', JSON.stringify(metadata)],
    ...(data ? Object.entries(dataFields(data)) : []),
    ...(refreshHash === undefined ? [] : [['hash', refreshHash]]),
    ...Object.entries(attributes).map(([name, value]) => [
      attributeField(name),
      JSON.stringify(value),
    ]),
  ].flat();
}

/** Returns data as its two fields hold it, empty if there is none. */
export function dataFields(data: SessionChange['data']): {
  data: string;
  loadedAt: string;
} {
  return data
    ? { data: JSON.stringify(data.value), loadedAt: String(data.loadedAt) }
    : { data: '', loadedAt: '' };
}

/** Returns fields and their new values, alternately. An empty string, which is not JSON, removes a field. */
export function changedFields(attributes: Attributes = {}): string[] {
  return Object.entries(attributes).flatMap(([name, value]) => [
    attributeField(name),
    value === null ? '' : JSON.stringify(value),
  ]);
}

/** Returns a device key as its field holds it: JSON, so never empty. An empty string if there is none. */
export function deviceKeyField(key: string | undefined): string {
  return key === undefined ? '' : JSON.stringify(key);
}

/** What a script returns of a record: the time, and the fields and their values, alternately. */
export type RecordReply = readonly [now: unknown, fields: readonly unknown[]];

/** Builds a record from the reply of a script. Clients return strings, numbers or Buffers. */
export function recordOf(
  id: string,
  subject: string,
  [now, reply]: RecordReply,
): SessionRecord {
  const fields = new Map<string, string>();
  for (let i = 0; i < reply.length; i += 2) {
    fields.set(String(reply[i]), String(reply[i + 1]));
  }
  const json = (field: string): unknown => JSON.parse(fields.get(field) ?? '');
  const time = (field: string): Date => new Date(Number(fields.get(field)));
  return {
    id,
    subject,
    params: json('params'),
    attributes: Object.fromEntries(
      [...fields]
        .filter(([field]) => field.startsWith(ATTRIBUTE))
        .map(([field, value]) => [
          JSON.parse(field.slice(ATTRIBUTE.length)) as string,
          JSON.parse(value) as unknown,
        ]),
    ),
    revision: Number(fields.get('revision')),
    metadata: json('metadata') as SessionRecord['metadata'],
    createdAt: time('createdAt'),
    lastSeenAt: time('lastSeenAt'),
    expiresAt: time('expiresAt'),
    asOf: new Date(Number(now)),
    ...(fields.has('data') && {
      data: { value: json('data'), loadedAt: Number(fields.get('loadedAt')) },
    }),
    ...(fields.has('deviceKey') && { deviceKey: json('deviceKey') as string }),
  };
}

/** Writes a name as JSON, whose characters every client sends unchanged. */
function attributeField(name: string): string {
  return ATTRIBUTE + JSON.stringify(name);
}
