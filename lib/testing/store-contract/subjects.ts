import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { assertEnded } from './assertions.js';
import {
  begin,
  beginChain,
  idsOf,
  newId,
  newSubject,
  present,
  readAlive,
  type AddStoreTest,
} from './scenario.js';

/** Well-formed strings, each with a random part, since fixtures may share a server. */
export const HOSTILE_SUBJECTS: Readonly<Record<string, () => string>> = {
  'of one character': () =>
    String.fromCharCode(0x4e00 + (randomBytes(2).readUInt16BE() % 20_000)),
  'of 255 characters': () => newSubject().padEnd(255, 'x'),
  'of 255 three-byte characters': () => newSubject().padEnd(255, '語'),
  'with NUL': () => `\0${newSubject()}\0`,
  'with line breaks': () => `a\r\n${newSubject()}\n`,
  'with surrounding whitespace': () => `  ${newSubject()}\t`,
  'with colons': () => `:${newSubject()}:*`,
  'with braces': () => `{${newSubject()}}{}`,
  'with halves of a hash tag': () => `}${newSubject()}{`,
  'with quotes and backslashes': () => `'"\`\\${newSubject()}'; --`,
  'with emoji': () => `👩‍👩‍👧‍👦${newSubject()}\u{10ffff}`,
  'with wildcards': () => `*?[a-z]%_${newSubject()}`,
  'named like a member of every object': () => `__proto__${newSubject()}`,
};

/** Pairs of subjects that a careless store confuses. */
const NEIGHBOURS: Readonly<
  Record<string, (subject: string) => [string, string]>
> = {
  'in two Unicode normalisations': (subject) => [
    `${subject}\u00e9`,
    `${subject}e\u0301`,
  ],
  'in different case': (subject) => [`${subject}a`, `${subject}A`],
  'that differ in a trailing space': (subject) => [subject, `${subject} `],
  'that differ in a trailing NUL': (subject) => [subject, `${subject}\0`],
  'that differ after a NUL': (subject) => [`${subject}\0a`, `${subject}\0b`],
  'of which one is a prefix of the other': (subject) => [
    subject,
    `${subject}:a`,
  ],
  'with the same hash tag': (subject) => [`{${subject}}a`, `{${subject}}b`],
  'of which one is a wildcard for the other': (subject) => [
    `${subject}a`,
    `${subject}*`,
  ],
};

/** Tests that only its own subject reaches a session. */
export function subjectTests(test: AddStoreTest): void {
  for (const [what, makeSubject] of Object.entries(HOSTILE_SUBJECTS)) {
    test(`accepts a subject ${what}`, async (bench) => {
      const { store, another } = bench;
      const subject = makeSubject();
      const chain = await beginChain(store, 0, { subject });
      const { id } = chain;
      assert.equal((await readAlive(another, chain)).subject, subject);
      assert.deepStrictEqual(await idsOf(another, subject), [id]);
      assert.equal(await present(another, chain, 0), 'rotated');
      const updated = await another.update(id, subject, {
        attributes: { a: 1 },
      });
      assert.equal(updated?.subject, subject);
      assert.equal(await another.end(id, subject), true);
      await assertEnded(bench, chain);
    });
  }

  for (const [what, makeSubjects] of Object.entries(NEIGHBOURS)) {
    test(`separates two subjects ${what}`, async ({ store, another }) => {
      const [one, other] = makeSubjects(newSubject());
      const ofOne = await begin(store, { subject: one, params: 1 });
      const ofOther = await begin(another, { subject: other, params: 2 });
      assert.deepStrictEqual(await idsOf(store, one), [ofOne.id]);
      assert.deepStrictEqual(await idsOf(store, other), [ofOther.id]);
      assert.equal(await store.read(ofOne.id, other), undefined);
      assert.equal(await store.endAll(one), 1);
      assert.equal((await readAlive(another, ofOther)).params, 2);
    });
  }

  test('finds no session under another subject, with or without sessions', async ({
    store,
  }) => {
    const chain = await beginChain(store);
    const { id } = chain;
    const neighbour = await begin(store);
    for (const subject of [neighbour.subject, newSubject()]) {
      const stranger = { ...chain, subject };
      assert.equal(await store.read(id, subject), undefined);
      assert.equal(await store.read(id, subject, 'seen'), undefined);
      assert.equal(
        await store.update(id, subject, { attributes: { a: 1 } }),
        undefined,
      );
      assert.equal(await present(store, stranger, 0), 'unknown');
      assert.equal(await store.end(id, subject), false);
      assert.equal(await store.read(id, subject), undefined);
    }
    await begin(
      store,
      { subject: neighbour.subject },
      { replaces: id, limit: { max: 9, policy: 'end-oldest' } },
    );
    assert.equal(await store.endAll(neighbour.subject, id), undefined);
    assert.equal(await store.endAll(neighbour.subject), 2);
    const { revision } = await readAlive(store, chain);
    assert.equal(revision, 0);
    assert.equal(await present(store, chain, 0), 'rotated');
  });

  test('separates the sessions of one subject', async ({ store }) => {
    const { subject, id } = await begin(store, { params: 1 });
    const other = await begin(store, { subject, params: 2 });
    await store.update(id, subject, { attributes: { a: 1 } });
    const untouched = await readAlive(store, other);
    assert.equal(untouched.params, 2);
    assert.deepStrictEqual(Object.keys(untouched.attributes), []);
    assert.equal(await store.end(id, subject), true);
    assert.deepStrictEqual(await idsOf(store, subject), [other.id]);
  });

  test('finds no session under an id that was never issued', async ({
    store,
  }) => {
    const { subject } = await begin(store);
    for (const id of [newId(), '', '*', '__proto__', 'constructor']) {
      assert.equal(await store.read(id, subject), undefined);
      assert.equal(await store.update(id, subject, {}), undefined);
      assert.equal(await store.end(id, subject), false);
    }
    assert.equal((await store.list(subject)).length, 1);
    assert.deepStrictEqual(await store.list(newSubject()), []);
  });
}
