import assert from 'node:assert/strict';
import type { SessionRecord } from '../../options/session-store.js';
import { assertAlive, idsOf, type StoreBench } from './scenario.js';

/** Fails unless the session has ended, whichever way one asks. */
export async function assertEnded(
  { store, another }: StoreBench,
  { id, subject }: { id: string; subject: string },
): Promise<void> {
  for (const each of [store, another]) {
    assert.equal(await each.read(id, subject), undefined);
    const listed = await idsOf(each, subject);
    assert.ok(!listed.includes(id), `expected list() without ${id}`);
    assert.equal(await each.update(id, subject, {}), undefined);
    assert.equal(await each.end(id, subject), false);
  }
}

/** Equal as JSON values: a store may give objects of any prototype. */
export function assertSameJson(actual: unknown, expected: unknown): void {
  assert.deepStrictEqual(asJson(actual), asJson(expected));
}

/** Equal but for when the store told of it. */
export function assertSameRecord(
  actual: SessionRecord | undefined,
  expected: SessionRecord | undefined,
): void {
  assertAlive(actual);
  assertAlive(expected);
  const { asOf } = expected;
  assert.deepStrictEqual({ ...actual, asOf }, { ...expected, asOf });
}

/** Equal to the second, since a store may count in whole ones. */
export function assertSecondsLater(
  later: Date,
  earlier: Date,
  seconds: number,
): void {
  const actual = (later.getTime() - earlier.getTime()) / 1000;
  assert.ok(
    Math.abs(actual - seconds) < 1.001,
    `expected ${seconds} s between ${earlier.toISOString()} and ${later.toISOString()}, got ${actual} s`,
  );
}

/** Fails unless the store holds a text, or does not hold it. */
export function assertHeld(
  dump: string,
  text: string,
  isHeld: boolean,
  what = JSON.stringify(text),
): void {
  assert.ok(
    dump.includes(text) === isHeld,
    `expected dump() ${isHeld ? 'with' : 'without'} ${what}`,
  );
}

function asJson(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
