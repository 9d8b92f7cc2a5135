import fc from 'fast-check';
import { mergeAttributes } from '../../../lib/stores/merge-attributes.js';
import type { PostgresSessionStore } from '../../../lib/stores/postgres/index.js';
import { anyCharacter } from '../../support/any-character.js';
import { rounds } from '../../support/effort.js';
import {
  sharedPostgres,
  type PostgresServer,
} from '../../support/postgres-server.js';
import { newRecord, newStore } from './postgres-fixtures.js';

/** What databases and parsers stumble over. */
const text = fc.string({
  unit: fc.oneof(
    anyCharacter,
    fc.constantFrom(
      '\0',
      '\ud800',
      '\udfff',
      '\\',
      '\\u0000',
      '"',
      "'",
      '\ufeff',
      '{',
      '$1',
    ),
  ),
  maxLength: 8,
});
const name = fc.oneof(
  text,
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    '',
    'a',
    'b',
    'NULL',
    '{}',
  ),
);
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(
      null,
      true,
      false,
      1e308,
      5e-324,
      0.1,
      2 ** 53,
      1.2345678901234567e19,
    ),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(name, tie('json'), { maxKeys: 3 }),
  ),
}));
const attributes = fc.dictionary(name, json, { maxKeys: 4 });

/** The value as JSON carries it: no -0, no objects without a prototype. */
function throughJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** With names and all, in an order of its own: `toEqual` does not look at a member named `__proto__`. */
function entriesOf(value: object): [string, string][] {
  return Object.entries(value)
    .map(([key, member]): [string, string] => [key, JSON.stringify(member)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

let server: PostgresServer;
let store: PostgresSessionStore;

beforeAll(async () => {
  server = await sharedPostgres();
  ({ store } = await newStore(server));
});

afterAll(() => server.stop());

describe('JSON in Postgres', () => {
  it('comes back as it was, whatever its strings, names and numbers', async () => {
    await fc.assert(
      fc.asyncProperty(
        json,
        json,
        attributes,
        text,
        text,
        async (params, value, attrs, label, subject) => {
          const record = newRecord({
            params,
            attributes: attrs,
            metadata: { label },
            data: { value, loadedAt: 1 },
            subject,
          });
          await store.create(record);
          const read = (await store.read(record.id, subject))!;
          expect(JSON.stringify(read.params)).toBe(JSON.stringify(params));
          expect(JSON.stringify(read.data?.value)).toBe(JSON.stringify(value));
          expect(read.metadata).toEqual({ label });
          expect(read.subject).toBe(subject);
          expect(entriesOf(read.attributes)).toEqual(
            entriesOf(throughJson(attrs)),
          );
          expect((await store.list(subject)).map(({ id }) => id)).toContain(
            record.id,
          );
        },
      ),
      { numRuns: rounds(500, 60) },
    );
  });

  it('attributes are merged and removed as in memory', async () => {
    const change = fc.dictionary(name, fc.option(json, { freq: 2 }), {
      maxKeys: 4,
    });
    await fc.assert(
      fc.asyncProperty(
        attributes,
        fc.array(change, { minLength: 1, maxLength: 4 }),
        async (first, changes) => {
          const { id, subject, ...record } = newRecord({ attributes: first });
          await store.create({ id, subject, ...record });
          let expected = throughJson(first) as Readonly<
            Record<string, unknown>
          >;
          for (const [i, each] of changes.entries()) {
            expected = mergeAttributes(expected, throughJson(each));
            const read = await store.update(id, subject, { attributes: each });
            // A null that was there from the beginning stays until it is set.
            expect(
              entriesOf(read!.attributes).filter(([, v]) => v !== 'null'),
            ).toEqual(entriesOf(expected));
            expect(read!.revision).toBe(i + 1);
          }
        },
      ),
      { numRuns: rounds(300, 40) },
    );
  });

  it('subjects that differ only in what UTF-8 cannot express are different', async () => {
    for (const subject of [
      '\ud800',
      '\udfff',
      '\ufffd',
      '\\ud800',
      '\0',
      '\\u0000',
      '',
    ]) {
      const record = newRecord({ subject: `one of them ${subject}` });
      await store.create(record);
      const listed = await store.list(record.subject);
      expect(listed.map(({ id }) => id)).toEqual([record.id]);
      expect(await store.end(record.id, `${record.subject}x`)).toBe(false);
    }
  });
});
