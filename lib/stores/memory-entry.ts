import type {
  NewSessionRecord,
  PresentedRefresh,
  SessionChange,
  SessionLifetime,
  SessionRecord,
  StoredData,
} from '../ports/session-store.js';
import { mergeAttributes } from './merge-attributes.js';

/** A record as the memory store holds it. Times are in milliseconds since the Unix epoch. */
export type MemoryEntry = Omit<
  SessionRecord,
  'data' | 'deviceKey' | 'createdAt' | 'lastSeenAt' | 'expiresAt' | 'asOf'
> & {
  data: StoredData | undefined;
  deviceKey: string | undefined;
  createdAt: number;
  lastSeenAt: number;
  expiresAt: number;
  generation: number;
  hash: string | undefined;
  previousHash: string | undefined;
  rotatedAt: number;
  usedAt: number | null;
  recovered: number | undefined;
};

/** Returns the entry of a session that begins now. */
export function newEntry(record: NewSessionRecord, now: number): MemoryEntry {
  const { id, subject, params, attributes, metadata, data } = record;
  return {
    id,
    subject,
    params,
    attributes,
    revision: 0,
    metadata,
    data,
    deviceKey: undefined,
    createdAt: now,
    lastSeenAt: now,
    expiresAt: endOf(now, now, record.lifetime),
    generation: 0,
    hash: record.refreshHash,
    previousHash: undefined,
    rotatedAt: now,
    usedAt: null,
    recovered: undefined,
  };
}

/** Returns when a session that is used now ends. */
export function endOf(
  now: number,
  createdAt: number,
  lifetime: SessionLifetime,
): number {
  const { idleSeconds, absoluteSeconds } = lifetime;
  return Math.min(now + idleSeconds * 1000, createdAt + absoluteSeconds * 1000);
}

/** Makes the child of a refresh token the current one. */
export function moveOn(
  entry: MemoryEntry,
  presented: PresentedRefresh,
  now: number,
): void {
  entry.generation = presented.generation + 1;
  entry.hash = presented.nextHash;
  entry.previousHash = presented.secretHash;
  entry.rotatedAt = now;
  entry.usedAt = null;
  if (!presented.isPassive) {
    entry.lastSeenAt = now;
    entry.expiresAt = endOf(now, entry.createdAt, presented.lifetime);
  }
}

/** Returns an entry after a change. */
export function changedEntry(
  entry: MemoryEntry,
  { attributes, data, extend, isPassive }: SessionChange,
  now: number,
): MemoryEntry {
  return {
    ...entry,
    ...(!isPassive && { lastSeenAt: now }),
    ...(attributes && {
      attributes: mergeAttributes(entry.attributes, attributes),
      revision: entry.revision + 1,
    }),
    ...(data &&
      !(entry.data && entry.data.loadedAt > data.loadedAt) && { data }),
    ...(extend && { expiresAt: endOf(now, entry.createdAt, extend) }),
  };
}

/** Returns whether one entry precedes the other in a list: it ends later. */
export function isListedBefore(one: MemoryEntry, other: MemoryEntry): boolean {
  return one.expiresAt === other.expiresAt
    ? one.id > other.id
    : one.expiresAt > other.expiresAt;
}

/** Notes the first use of the current generation. */
export function noteUse(
  entry: MemoryEntry,
  generation: number | undefined,
  now: number,
): void {
  if (entry.generation === generation) entry.usedAt ??= now;
}

/** Returns what callers see of an entry. */
export function recordOf(entry: MemoryEntry, now: number): SessionRecord {
  const { id, subject, params, attributes, revision, metadata } = entry;
  const { data, deviceKey } = entry;
  return {
    id,
    subject,
    params,
    attributes,
    revision,
    metadata,
    createdAt: new Date(entry.createdAt),
    lastSeenAt: new Date(entry.lastSeenAt),
    expiresAt: new Date(entry.expiresAt),
    asOf: new Date(now),
    ...(data && { data }),
    ...(deviceKey !== undefined && { deviceKey }),
  };
}
