import assert from 'node:assert/strict';
import type {
  RotationVerdict,
  SessionRecord,
} from '../../ports/session-store.js';
import { assertAlive, idsOf, type StoreBench } from './scenario.js';

/** Fails unless the session has ended according to every method. */
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

/** Compares JSON values: a store may return objects of any prototype. */
export function assertSameJson(actual: unknown, expected: unknown): void {
  assert.deepStrictEqual(asJson(actual), asJson(expected));
}

/** Compares two records, except for the time at which the store returned them. */
export function assertSameRecord(
  actual: SessionRecord | undefined,
  expected: SessionRecord | undefined,
): void {
  assertAlive(actual);
  assertAlive(expected);
  const { asOf } = expected;
  assert.deepStrictEqual({ ...actual, asOf }, { ...expected, asOf });
}

/** Compares to the second, since a store may count in whole seconds. */
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

/** Fails unless the answer to one of several racing calls is one of these. */
export function assertOneOf(
  answer: unknown,
  expected: readonly RotationVerdict[],
): void {
  assert.ok(
    expected.some((each) => each === answer),
    `expected '${expected.join("' or '")}', got '${String(answer)}'`,
  );
}

/** Fails unless the store contains a text, or does not contain it. */
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
