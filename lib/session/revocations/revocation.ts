import { createHash } from 'node:crypto';
import { isSubject } from '../../tokens/claims-profile.js';
import type { End } from '../model/end-marks.js';

/** What ends sessions on every node. All times are whole seconds since the Unix epoch, by the clock of the log. */
export type Revocation = SessionRevoked | SubjectRevoked | EverythingRevoked;

interface Lasting {
  /** Up to which beginning it ends sessions. */
  readonly at: number;
  /** From here on, no token that it ends is accepted anyway. */
  readonly until: number;
}

/** One session. If it becomes a cut-off, because its subject has too many, that reaches to `at`. */
export interface SessionRevoked extends Lasting {
  readonly kind: 'session';
  readonly sid: string;
  readonly sub: string;
  readonly how: End;
}

/** The sessions of a subject that began at `at` or before, except one. */
export interface SubjectRevoked extends Lasting {
  readonly kind: 'subject';
  readonly sub: string;
  readonly except?: string;
}

/** All sessions that began at `at` or before. */
export interface EverythingRevoked extends Lasting {
  readonly kind: 'everything';
}

/** Shows followers that they miss nothing. */
export interface ProofOfLife {
  readonly kind: 'proof';
  /** Names this proof. */
  readonly id: string;
  /** How long the log keeps entries, in seconds. */
  readonly retentionSeconds: number;
  /**
   * The last {@link EverythingRevoked}. It outlives the retention, since with a store that ends when every token has
   * met the store, whose records live on.
   */
  readonly everything?: Pick<EverythingRevoked, 'at' | 'until'>;
}

/**
 * An entry that this version cannot read. The node does not know what it ends, and is behind until then.
 */
export interface UnreadableEntry {
  readonly kind: 'unreadable';
  /** `undefined` if even that cannot be read. */
  readonly until: number | undefined;
}

/** What an entry of the log says; `undefined` for one of another application. */
export type ReadEntry = Revocation | ProofOfLife | UnreadableEntry | undefined;

const VERSION = 1;
const REALM_LENGTH = 16;
const LONGEST_ENTRY = 4_096;

/** Returns what distinguishes the entries of this application from others in the same log. */
export function realmOf(issuer: string, audience: string): string {
  return createHash('sha256')
    .update(JSON.stringify([issuer, audience]))
    .digest('base64url')
    .slice(0, REALM_LENGTH);
}

/** Returns an entry for the log. Its version, realm and end stay where they are in every version of this format. */
export function writeEntry(
  realm: string,
  entry: Revocation | ProofOfLife,
): string {
  return JSON.stringify({ v: VERSION, realm, ...entry });
}

/** Reads an entry. A writer of the log can end sessions, but can do nothing else. */
export function readEntry(realm: string, text: unknown): ReadEntry {
  const entry = parse(text);
  if (!entry) {
    return { kind: 'unreadable', until: undefined };
  }
  if (typeof entry['realm'] === 'string' && entry['realm'] !== realm) {
    return undefined;
  }
  return entry['v'] === VERSION && entry['realm'] === realm && isKnown(entry)
    ? (entry as unknown as Revocation | ProofOfLife)
    : {
        kind: 'unreadable',
        until: isTime(entry['until']) ? entry['until'] : undefined,
      };
}

function parse(text: unknown): Record<string, unknown> | undefined {
  if (typeof text !== 'string' || text.length > LONGEST_ENTRY) {
    return undefined;
  }
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function isKnown(entry: Record<string, unknown>): boolean {
  switch (entry['kind']) {
    case 'session':
      return (
        isLasting(entry) &&
        isSubject(entry['sub']) &&
        isText(entry['sid']) &&
        (entry['how'] === 'ended' || entry['how'] === 'replaced')
      );
    case 'subject':
      return (
        isLasting(entry) &&
        isSubject(entry['sub']) &&
        (entry['except'] === undefined || typeof entry['except'] === 'string')
      );
    case 'everything':
      return isLasting(entry);
    case 'proof':
      return (
        isText(entry['id']) &&
        isTime(entry['retentionSeconds']) &&
        (entry['everything'] === undefined || isLasting(entry['everything']))
      );
    default:
      return false;
  }
}

function isLasting(value: unknown): boolean {
  const { at, until } = (value ?? {}) as Record<string, unknown>;
  return isTime(at) && isTime(until);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
