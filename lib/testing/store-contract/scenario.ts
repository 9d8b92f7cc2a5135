import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type {
  BindVerdict,
  CreateOptions,
  NewSessionRecord,
  PresentedRefresh,
  RotationVerdict,
  SessionLifetime,
  SessionRecord,
  SessionStore,
} from '../../ports/session-store.js';
import {
  childOf,
  firstLink,
  hashOf,
  type RefreshLink,
} from '../../session/model/refresh-chain.js';
import type { AddTest } from '../contract-suite.js';
import type { SessionStoreFixture } from './fixture.js';
import type { StoreTrace } from './store-trace.js';

/** What a test of a store works with: a fixture with defaults applied. */
export interface StoreBench {
  readonly store: SessionStore;
  readonly another: SessionStore;
  readonly advance: (seconds: number) => Promise<void>;
  readonly dump: () => Promise<string>;
}

/** One test of a store. */
export type StoreTestBody = (bench: StoreBench) => Promise<void>;

/** Methods that a store may lack. */
export type StoreAbility = 'bind' | 'confirm' | 'confirmUse' | 'now';

/** Adds one test of a store to the suite. */
export type AddStoreTest = AddTest<StoreBench, StoreAbility>;

/** The lifetime of sessions in these tests, unless a test sets another. */
export const LIFETIME: SessionLifetime = {
  idleSeconds: 1_000,
  absoluteSeconds: 5_000,
};

/** The grace period in these tests, unless a test sets another. */
export const GRACE_SECONDS = 30;

/** Returns what one test works with, and traces its calls. */
export function benchOf(
  fixture: SessionStoreFixture,
  trace: StoreTrace,
): StoreBench {
  const store = trace.watch(fixture.store, 'store');
  return {
    store,
    another: fixture.another ? trace.watch(fixture.another, 'another') : store,
    advance: (seconds) =>
      trace.call('advance', [seconds], async () => fixture.advance(seconds)),
    dump: () => trace.call('dump', [], async () => fixture.dump()),
  };
}

/** Returns an id in the form of the library. */
export function newId(): string {
  return randomBytes(32).toString('base64url');
}

/** Returns a subject that no other test uses. */
export function newSubject(): string {
  return `user-${randomBytes(12).toString('base64url')}`;
}

/** Returns the record of a session that is not created yet. */
export function newRecord(
  changes: Partial<NewSessionRecord> = {},
): NewSessionRecord {
  return {
    id: newId(),
    subject: newSubject(),
    params: 'params',
    attributes: {},
    metadata: {},
    lifetime: LIFETIME,
    ...changes,
  };
}

/** Creates a session. Fails if the store refuses it. */
export async function begin(
  store: SessionStore,
  changes: Partial<NewSessionRecord> = {},
  options?: CreateOptions,
): Promise<NewSessionRecord> {
  const record = newRecord(changes);
  const { kind } = await store.create(record, options);
  assert.equal(kind, 'created');
  return record;
}

/** Creates sessions of one subject, each a second after the previous one. */
export async function beginInTurn(
  { store, advance }: StoreBench,
  subject: string,
  count: number,
): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) {
    ids.push((await begin(store, { subject })).id);
    await advance(1);
  }
  return ids;
}

/** A session with refresh tokens, each derived from the previous one. */
export interface ChainedSession {
  readonly id: string;
  readonly subject: string;
  readonly first: RefreshLink;
}

/** Creates a session with a refresh token and rotates it this many times. */
export async function beginChain(
  store: SessionStore,
  rotations = 0,
  changes: Partial<NewSessionRecord> = {},
): Promise<ChainedSession> {
  const first = firstLink();
  const refreshHash = hashOf(first);
  const { id, subject } = await begin(store, { refreshHash, ...changes });
  const chain = { id, subject, first };
  for (let generation = 0; generation < rotations; generation += 1) {
    assert.equal(await present(store, chain, generation), 'rotated');
  }
  return chain;
}

/** Returns the refresh token of a generation. */
export function linkAt(
  { id, first }: ChainedSession,
  generation: number,
): RefreshLink {
  let link = first;
  while (link.gen < generation) {
    link = childOf(link, id);
  }
  return link;
}

/** Returns a refresh token as the library presents it to a store. */
export function presented(
  link: RefreshLink,
  id: string,
  changes: Partial<PresentedRefresh> = {},
): PresentedRefresh {
  return {
    generation: link.gen,
    secretHash: hashOf(link),
    nextHash: hashOf(childOf(link, id)),
    graceSeconds: GRACE_SECONDS,
    lifetime: LIFETIME,
    ...changes,
  };
}

/** Presents the refresh token of a generation to the store. */
export function present(
  store: SessionStore,
  chain: ChainedSession,
  generation: number,
  changes: Partial<PresentedRefresh> = {},
): Promise<RotationVerdict> {
  const { id, subject } = chain;
  const link = linkAt(chain, generation);
  return store.rotate(id, subject, presented(link, id, changes));
}

/** Uses a token of a generation, if the store notes uses. */
export async function use(
  store: SessionStore,
  { id, subject }: ChainedSession,
  generation: number,
): Promise<void> {
  await store.confirmUse?.(id, subject, generation);
}

/** The key of a device, as the library writes it. */
export const DEVICE_KEY =
  '{"crv":"P-256","kty":"EC","x":"WKn-ZIGevcwGIyyrzFoZNBdaq9_TsqzGl96oc0CWuis","y":"y77t-RvAHRKTsSGdIYUfweuOvwrvDD-Q3Hv5J0fSKbE"}';

/** Binds a session of a store that supports it. */
export function bind(
  store: SessionStore,
  { id, subject }: { readonly id: string; readonly subject: string },
  key = DEVICE_KEY,
): Promise<BindVerdict> {
  return store.bind!(id, subject, key);
}

/** Returns the record of a session. Fails if the session has ended. */
export async function readAlive(
  store: SessionStore,
  { id, subject }: { id: string; subject: string },
): Promise<SessionRecord> {
  const record = await store.read(id, subject);
  assertAlive(record);
  return record;
}

/** Fails if a store reports that a session has ended. */
export function assertAlive(
  record: SessionRecord | null | undefined,
): asserts record is SessionRecord {
  const got = record === null ? 'null' : 'undefined';
  assert.ok(
    record,
    `expected the record of a session that has not ended, got ${got}`,
  );
}

/** Returns the ids of the sessions of a subject, sorted. */
export async function idsOf(
  store: SessionStore,
  subject: string,
): Promise<string[]> {
  return (await store.list(subject)).map(({ id }) => id).toSorted();
}

/**
 * Runs a test that stops a second short of a boundary, up to three times: on a slow machine, the running clock of a
 * store may pass the boundary. A faulty store fails every time.
 */
export function nearBoundary(body: StoreTestBody): StoreTestBody {
  return async (bench) => {
    for (let triesLeft = 2; ; triesLeft -= 1) {
      try {
        return await body(bench);
      } catch (error) {
        if (triesLeft === 0) {
          throw error;
        }
      }
    }
  };
}
