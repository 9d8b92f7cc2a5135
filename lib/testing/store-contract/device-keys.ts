import assert from 'node:assert/strict';
import {
  beginChain,
  bind,
  present,
  readAlive,
  type AddStoreTest,
} from './scenario.js';

const HOSTILE_KEYS: Readonly<Record<string, string>> = {
  'with quotes and backslashes': '"\'`\\"\\u0000\\\'; --',
  'with NUL and other control characters': '\0a\0\x01\r\n\t\x7f',
  'with emoji': '👩‍👩‍👧‍👦\u{10ffff}\ufeff',
  'with surrounding whitespace': '  a\t',
  'of 1,024 bytes': 'k'.repeat(1_024),
  'of 341 three-byte characters': '語'.repeat(341),
  'that looks like a value of another type': 'null',
  'that is a number': '007',
};

/** Pairs of keys that a careless store confuses. */
const NEIGHBOURS: Readonly<Record<string, readonly [string, string]>> = {
  'in two Unicode normalisations': ['\u00e9', 'e\u0301'],
  'in different case': ['a', 'A'],
  'that differ in a trailing space': ['a', 'a '],
  'that differ after a NUL': ['a\0b', 'a\0c'],
  'that differ in the last of 1,024 bytes': [
    'k'.repeat(1_024),
    `${'k'.repeat(1_023)}l`,
  ],
  'that are equal numbers': ['1', '1.0'],
};

/** Tests that a store keeps a device key to the last character, and compares all of it. */
export function deviceKeyTests(test: AddStoreTest): void {
  for (const [what, key] of Object.entries(HOSTILE_KEYS)) {
    test(`binds to a key ${what}`, async ({ store, another }) => {
      const chain = await beginChain(store);
      assert.equal(await bind(store, chain, key), 'bound');
      assert.equal((await readAlive(another, chain)).deviceKey, key);
      assert.equal(await bind(another, chain, key), 'bound');
      const proof = { deviceKey: key };
      assert.equal(await present(another, chain, 0, proof), 'rotated');
      assert.equal((await readAlive(store, chain)).deviceKey, key);
    });
  }

  for (const [what, [key, other]] of Object.entries(NEIGHBOURS)) {
    test(`distinguishes two keys ${what}`, async ({ store }) => {
      const chain = await beginChain(store);
      assert.equal(await bind(store, chain, key), 'bound');
      const proof = { deviceKey: other };
      assert.equal(await present(store, chain, 0, proof), 'unproven');
      assert.equal(await bind(store, chain, other), 'conflict');
    });
  }
}
