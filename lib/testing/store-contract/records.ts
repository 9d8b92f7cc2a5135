import assert from 'node:assert/strict';
import {
  assertSameJson,
  assertSameRecord,
  assertSecondsLater,
} from './assertions.js';
import {
  begin,
  beginChain,
  idsOf,
  LIFETIME,
  newRecord,
  readAlive,
  type AddStoreTest,
} from './scenario.js';

const HOSTILE_VALUES: Readonly<Record<string, unknown>> = {
  null: null,
  false: false,
  zero: 0,
  'an empty string': '',
  'an empty object': {},
  'an empty array': [],
  'nested empty objects and arrays': { a: {}, b: [], c: [{}, []] },
  'arrays with null': [null, [null], { a: null }],
  'an object that looks like an array': { 1: 'a', 2: 'b', length: 2 },
  'the largest and the smallest numbers': [
    Number.MAX_VALUE,
    -Number.MAX_VALUE,
    Number.MIN_VALUE,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    1e21,
    1e-7,
  ],
  'numbers that fewer decimals would change': [
    0.1 + 0.2,
    1 / 3,
    123_456.000_000_1,
    2 ** 53 + 2,
    2 ** 70,
  ],
  'strings that contain numbers': ['1e3', '007', '9007199254740993'],
  'NUL and other control characters': [
    '\0',
    'a\0b',
    { 'c\0d': '\x01\x1f\x7f' },
  ],
  'lone surrogates': ['\ud800', 'a\udc00b', { '\udfff': 1 }],
  'characters beyond the basic plane': [
    '👩‍👩‍👧‍👦',
    '𝒳',
    '\u{10ffff}',
    '\u2028\u2029\ufeff',
  ],
  'one text in two Unicode normalisations': ['\u00e9', 'e\u0301'],
  'quotes, backslashes and escapes': [
    '"\'`\\',
    '\\u0000',
    '\r\n\t',
    '$1',
    '%s',
    '{0}',
  ],
  'database code': ["'); DROP TABLE sessions; --", 'KEYS[1]', '*3\r\n$3\r\n'],
  markup: '</script><!-- &amp;',
  'members named like those of every object': JSON.parse(
    '{"__proto__":{"a":1},"constructor":"b","toString":null,"hasOwnProperty":0,"":"c"}',
  ),
  'members named like those of records': {
    id: 'a',
    subject: 'b',
    revision: 99,
    expiresAt: 0,
    hash: 'c',
    generation: -1,
  },
  '30 levels of nesting': nested(30),
  '8,000 bytes': 'x'.repeat(8_000),
  'a thousand members': Object.fromEntries(
    Array.from({ length: 1_000 }, (_, i) => [`member ${i}`, i]),
  ),
};

/** Tests that a store returns what it was given. */
export function recordTests(test: AddStoreTest): void {
  test('returns everything that a session was created with, from every instance', async ({
    store,
    another,
  }) => {
    const begun = await begin(store, {
      params: { userId: 7 },
      attributes: { theme: 'dark', basket: [1, 2] },
      metadata: { ip: '::1', userAgent: 'Firefox', label: 'Laptop' },
      data: { value: { roles: ['admin'] }, loadedAt: 1_893_456_000 },
      refreshHash: 'a hash',
    });
    const record = await readAlive(another, begun);
    assert.equal(record.id, begun.id);
    assert.equal(record.subject, begun.subject);
    assertSameJson(record.params, begun.params);
    assertSameJson(record.attributes, begun.attributes);
    assertSameJson(record.metadata, begun.metadata);
    assertSameJson(record.data, begun.data);
    assert.equal(record.revision, 0);
    assert.deepStrictEqual(record.lastSeenAt, record.createdAt);
    assertSecondsLater(
      record.expiresAt,
      record.createdAt,
      LIFETIME.idleSeconds,
    );
    assertSecondsLater(record.asOf, record.createdAt, 0);
    const [listed] = await another.list(begun.subject);
    const again = await store.read(begun.id, begun.subject);
    for (const each of [listed, again]) {
      assertSameRecord(each, record);
    }
  });

  test('adds nothing to a session that was created with little', async ({
    store,
  }) => {
    const begun = await begin(store);
    const record = await readAlive(store, begun);
    assertSameJson(record.metadata, {});
    assertSameJson(record.attributes, {});
    assert.equal(record.data, undefined);
    assert.ok(
      !JSON.stringify(record).includes('"data"'),
      'expected a record without a member `data`',
    );
  });

  for (const [what, value] of Object.entries(HOSTILE_VALUES)) {
    test(`returns params, data and attributes unchanged: ${what}`, async ({
      store,
      another,
    }) => {
      const data = { value, loadedAt: 1 };
      const begun = await begin(store, {
        params: value,
        data,
        ...(value !== null && { attributes: { value } }),
      });
      const record = await readAlive(another, begun);
      assertSameJson(record.params, value);
      assertSameJson(record.data, data);
      assertSameJson(record.attributes, begun.attributes);
      assertSameRecord((await store.list(begun.subject))[0], record);

      const changed = await another.update(begun.id, begun.subject, {
        data: { value: [value], loadedAt: 2 },
        attributes: { later: { value } },
      });
      const attributes = { ...begun.attributes, later: { value } };
      assertSameJson(changed?.data, { value: [value], loadedAt: 2 });
      assertSameJson(changed?.attributes, attributes);
      assertSameRecord(await readAlive(store, begun), changed);
    });
  }

  test('returns metadata of any text unchanged', async ({ store }) => {
    const metadata = {
      ip: '',
      userAgent: 'a\0b\ud800"\'\\{}\r\n',
      label: '👩‍👩‍👧‍👦 '.repeat(20),
    };
    const begun = await begin(store, { metadata });
    assertSameJson((await readAlive(store, begun)).metadata, metadata);
  });

  test('returns everything unchanged after rotations', async ({ store }) => {
    const kept = {
      params: [{}],
      attributes: { theme: 'dark' },
      metadata: { label: 'Laptop' },
      data: { value: [], loadedAt: 5 },
    };
    const chain = await beginChain(store, 3, kept);
    const { params, attributes, metadata, data, revision } = await readAlive(
      store,
      chain,
    );
    assertSameJson({ params, attributes, metadata, data }, kept);
    assert.equal(revision, 0);
  });

  test('creates 200 sessions concurrently', async ({ store, another }) => {
    const records = Array.from({ length: 200 }, (_, i) =>
      newRecord({ params: i }),
    );
    await Promise.all(
      records.map((record, i) => (i % 2 ? store : another).create(record)),
    );
    for (const record of records) {
      assert.equal((await readAlive(store, record)).params, record.params);
      assert.deepStrictEqual(await idsOf(store, record.subject), [record.id]);
    }
  });
}

function nested(levels: number): unknown {
  return levels === 0 ? [] : { nested: [nested(levels - 2)] };
}
