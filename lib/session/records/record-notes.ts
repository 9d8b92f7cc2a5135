import type { SessionClock } from '../../ports/clock.js';
import type { SessionRecord } from '../../ports/session-store.js';
import type {
  NamedSession,
  SessionClaims,
  TokenClaims,
} from '../../tokens/session-claims.js';
import { ClockSkew } from './clock-skew.js';
import {
  absoluteEndOf,
  idleEndOf,
  type ClockPolicy,
} from '../model/freshness.js';
import { MissingRecords, type MissingRecordsParts } from './missing-records.js';
import { revisionOf } from './record-claims.js';
import type { SessionEvents } from '../model/session-events.js';
import { isReplacedBy, type SessionMemory } from '../model/session-memory.js';

export interface RecordNotesParts extends MissingRecordsParts {
  readonly memory: SessionMemory;
  readonly policy: ClockPolicy;
  readonly clock: SessionClock;
  readonly events: SessionEvents;
  /** Whether the store holds the contents of sessions, so that tokens only refer to it. */
  readonly keepsData: boolean;
}

/** Notes what this process learns from the records that it reads. */
export class RecordNotes {
  readonly #parts: RecordNotesParts;
  readonly #skew: ClockSkew;
  /** Sessions that the store is currently not queried for. */
  readonly missing: MissingRecords;

  constructor(parts: RecordNotesParts) {
    this.#parts = parts;
    this.#skew = new ClockSkew(parts);
    this.missing = new MissingRecords(parts);
  }

  /** Notes the clock of the store. */
  time(asOf: Date): void {
    this.#skew.note(asOf);
  }

  /** Notes what the store answered for the session of a valid token: its time, or that the record is missing. */
  async found(
    claims: NamedSession,
    record: SessionRecord | undefined,
  ): Promise<SessionRecord | undefined> {
    if (record) {
      this.time(record.asOf);
    } else {
      await this.missing.note(claims);
    }
    return record;
  }

  /** Notes the idle end of a record, if it is later than that of a token. */
  end(
    claims: TokenClaims & Pick<SessionClaims, 'rexp'>,
    { expiresAt }: SessionRecord,
  ): void {
    const { policy, memory } = this.#parts;
    const end = Math.floor(expiresAt.getTime() / 1000);
    if (end > (idleEndOf(claims, policy) ?? Infinity)) {
      memory.extend(claims.sid, Math.min(end, absoluteEndOf(claims, policy)));
    }
  }

  /**
   * Whether a node has replaced the data of a token early. This process remembers it from then on.
   *
   * @param rev the highest revision that the record can have had then
   */
  hasReplaced(
    claims: SessionClaims,
    record: SessionRecord,
    rev = record.revision,
  ): boolean {
    const { keepsData, memory } = this.#parts;
    const { data } = record;
    if (
      keepsData ||
      !data ||
      !isReplacedBy({ lat: data.loadedAt, rev }, claims)
    ) {
      return false;
    }
    const known = memory.loadOf(claims.sid);
    if (!known || isReplacedBy({ lat: data.loadedAt, rev }, known)) {
      const revision = { ...revisionOf(record), rev };
      memory.reload(claims.sid, revision, data.loadedAt);
    }
    return true;
  }
}
