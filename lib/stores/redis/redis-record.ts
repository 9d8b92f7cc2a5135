import type {
  NewSessionRecord,
  SessionChange,
  SessionRecord,
} from '../../options/session-store.js';

type Attributes = Readonly<Record<string, unknown>>;

/** Each attribute is a field of its own, so that changes of different ones never meet. */
const ATTRIBUTE = 'a:';

/** Fields and values, alternately, of a session that begins. */
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

/** Data as its two fields hold it, empty where there is none. */
export function dataFields(data: SessionChange['data']): {
  data: string;
  loadedAt: string;
} {
  return data
    ? { data: JSON.stringify(data.value), loadedAt: String(data.loadedAt) }
    : { data: '', loadedAt: '' };
}

/** Fields and their new values, alternately; the empty text, which is no JSON, removes one. */
export function changedFields(attributes: Attributes = {}): string[] {
  return Object.entries(attributes).flatMap(([name, value]) => [
    attributeField(name),
    value === null ? '' : JSON.stringify(value),
  ]);
}

/** What a script returns of a record: the time, and its fields with their values alternately. */
export type RecordReply = readonly [now: unknown, fields: readonly unknown[]];

/** A record from what a script returned of it; clients give texts, numbers or Buffers. */
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
  };
}

/** JSON spells every name in characters that a client sends unchanged. */
function attributeField(name: string): string {
  return ATTRIBUTE + JSON.stringify(name);
}
