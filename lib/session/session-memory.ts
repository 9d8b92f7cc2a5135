import { BoundedMap } from './bounded-map.js';

/** The attributes of a session as `update` last set them in this process. */
export interface AttributeRevision {
  readonly rev: number;
  readonly attrs: Readonly<Record<string, unknown>>;
}

const ENDED_SESSIONS = 100_000;
const UPDATED_SESSIONS = 10_000;
const REFRESHED_SESSIONS = 10_000;
const EXTENDED_SESSIONS = 10_000;

/**
 * What this process remembers of sessions so that slower requests cannot undo it. Bounded; without a store
 * other processes know nothing of it.
 */
export class SessionMemory {
  readonly #ended = new BoundedMap<string, 'ended' | 'replaced'>(
    ENDED_SESSIONS,
  );
  readonly #revisions = new BoundedMap<string, AttributeRevision>(
    UPDATED_SESSIONS,
  );

  readonly #generations = new BoundedMap<string, number>(REFRESHED_SESSIONS);
  readonly #idleEnds = new BoundedMap<string, number>(EXTENDED_SESSIONS);
  readonly #listeners: ((sid: string) => void)[] = [];

  /** Others that remember something of sessions, and must forget it when one ends. */
  whenEnded(forget: (sid: string) => void): void {
    this.#listeners.push(forget);
  }

  end(sid: string, how: 'ended' | 'replaced' = 'ended'): void {
    this.#ended.set(sid, how);
    this.#revisions.delete(sid);
    this.#generations.delete(sid);
    this.#idleEnds.delete(sid);
    for (const forget of this.#listeners) {
      forget(sid);
    }
  }

  /** How a session ended in this process, if it did. */
  endOf(sid: string): 'ended' | 'replaced' | undefined {
    return this.#ended.get(sid);
  }

  update(sid: string, revision: AttributeRevision): void {
    if (revision.rev > (this.#revisions.get(sid)?.rev ?? -1)) {
      this.#revisions.set(sid, revision);
    }
  }

  /** Attributes newer than revision `rev`, if this process knows of any. */
  newerThan(sid: string, rev: number): AttributeRevision | undefined {
    const known = this.#revisions.get(sid);
    return known !== undefined && known.rev > rev ? known : undefined;
  }

  /** Notes that a refresh token of this generation was issued. */
  refresh(sid: string, generation: number): void {
    this.#generations.set(
      sid,
      Math.max(generation, this.#generations.get(sid) ?? 0),
    );
  }

  /** Notes an idle end of a session; an earlier one than is known changes nothing. */
  extend(sid: string, end: number): void {
    if (end > this.idleEndOf(sid)) {
      this.#idleEnds.set(sid, end);
    }
  }

  /** The latest idle end that this process knows of; `0` where only the tokens of the session say one. */
  idleEndOf(sid: string): number {
    return this.#idleEnds.get(sid) ?? 0;
  }

  /**
   * Whether tokens of this session may still go out: it has not ended, and no newer ones were issued
   * meanwhile that a slow response would overwrite. A refresh token that only the store knows goes out with
   * old attributes too, since nothing else can replace it.
   */
  isCurrent(sid: string, rev: number, generation?: number): boolean {
    if (this.endOf(sid) !== undefined) {
      return false;
    }
    return generation === undefined
      ? this.newerThan(sid, rev) === undefined
      : generation >= (this.#generations.get(sid) ?? 0);
  }
}
