import assert from 'node:assert/strict';
import { assertSameJson, assertSameRecord } from './assertions.js';
import {
  type AddStoreTest,
  assertAlive,
  begin,
  beginChain,
  present,
  readAlive,
} from './scenario.js';

/** Names that a record, an object or a database may use for another purpose. */
const HOSTILE_NAMES: readonly string[] = [
  '',
  ' ',
  '0',
  '__proto__',
  'constructor',
  'toString',
  'id',
  'subject',
  'params',
  'attributes',
  'revision',
  'metadata',
  'data',
  'hash',
  'generation',
  'createdAt',
  'expiresAt',
  'a:b',
  'a.b',
  'a\0b',
  '"',
  '{}',
  'é',
  'e\u0301',
  '👩‍👩‍👧‍👦',
  'x'.repeat(300),
];

/** Tests that attributes of any name are merged in one step. */
export function attributeTests(test: AddStoreTest): void {
  test('sets and replaces attributes, removes them by null, and raises the revision with each change', async ({
    store,
    another,
  }) => {
    const { id, subject } = await begin(store, {
      attributes: { theme: 'dark', basket: { apples: 1, pears: 2 } },
    });
    const first = await store.update(id, subject, {
      attributes: { theme: 'light', basket: { apples: 2 }, language: 'de' },
    });
    assert.equal(first?.revision, 1);
    assertSameJson(first.attributes, {
      theme: 'light',
      basket: { apples: 2 },
      language: 'de',
    });
    const second = await another.update(id, subject, {
      attributes: { theme: null, unknown: null, none: { none: null } },
    });
    assert.equal(second?.revision, 2);
    const attributes = {
      basket: { apples: 2 },
      language: 'de',
      none: { none: null },
    };
    assertSameJson(second.attributes, attributes);
    const third = await store.update(id, subject, { attributes: {} });
    assert.equal(third?.revision, 3);
    assertSameJson(third.attributes, attributes);
    assertSameRecord(await another.read(id, subject), third);
  });

  test('removes all attributes', async ({ store }) => {
    const begun = await begin(store, { attributes: { a: 1, b: 2 } });
    await store.update(begun.id, begun.subject, {
      attributes: { a: null, b: null },
    });
    assertSameJson((await readAlive(store, begun)).attributes, {});
  });

  test('keeps all of 50 concurrent changes to different attributes', async ({
    store,
    another,
  }) => {
    const begun = await begin(store, { attributes: { kept: true } });
    const names = Array.from({ length: 50 }, (_, i) => `attribute ${i}`);
    const updated = await Promise.all(
      names.map((name, i) =>
        (i % 2 ? store : another).update(begun.id, begun.subject, {
          attributes: { [name]: i },
        }),
      ),
    );
    const { attributes, revision } = await readAlive(store, begun);
    assertSameJson(attributes, {
      kept: true,
      ...Object.fromEntries(names.map((name, i) => [name, i])),
    });
    assert.equal(revision, 50);
    assert.deepStrictEqual(
      updated.map((each) => each?.revision ?? 0).toSorted((a, b) => a - b),
      names.map((_, i) => i + 1),
    );
  });

  for (const name of HOSTILE_NAMES) {
    test(`accepts any name of an attribute: ${titleOf(name)}`, async ({
      store,
    }) => {
      const kept = { params: [1], data: { value: 'data', loadedAt: 1 } };
      const chain = await beginChain(store, 0, {
        ...kept,
        attributes: Object.fromEntries([[name, 'begun']]),
      });
      const { id, subject } = chain;
      const begun = await readAlive(store, chain);
      assertSameJson(Object.entries(begun.attributes), [[name, 'begun']]);
      const changed = await store.update(id, subject, {
        attributes: Object.fromEntries([[name, { to: 'this' }]]),
      });
      assertAlive(changed);
      assertSameJson(Object.entries(changed.attributes), [
        [name, { to: 'this' }],
      ]);
      const removed = await store.update(id, subject, {
        attributes: Object.fromEntries([[name, null]]),
      });
      assertAlive(removed);
      assertSameRecord(removed, {
        ...begun,
        attributes: removed.attributes,
        revision: 2,
        lastSeenAt: removed.lastSeenAt,
      });
      assertSameJson(removed.attributes, {});
      const setAnew = await store.update(id, subject, {
        attributes: Object.fromEntries([[name, { to: 'that' }]]),
      });
      assertAlive(setAnew);
      assertSameJson(Object.entries(setAnew.attributes), [
        [name, { to: 'that' }],
      ]);
      assert.equal(await present(store, chain, 0), 'rotated');
    });
  }
}

function titleOf(name: string): string {
  const escaped = JSON.stringify(name.slice(0, 20)).replace(
    /[^ -~]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return name.length > 20 ? `${escaped} and more` : escaped;
}
