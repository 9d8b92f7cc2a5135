import { BoundedMap } from './bounded-map.js';

/** The attributes of a session as `update` last set them in this process. */
export interface AttributeRevision {
  readonly rev: number;
  readonly attrs: Readonly<Record<string, unknown>>;
}

const ENDED_SESSIONS = 100_000;
const UPDATED_SESSIONS = 10_000;

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

  end(sid: string, how: 'ended' | 'replaced' = 'ended'): void {
    this.#ended.set(sid, how);
    this.#revisions.delete(sid);
  }

  /** How a session ended in this process, if it did. */
  endOf(sid: string): 'ended' | 'replaced' | undefined {
    return this.#ended.get(sid);
  }

  update(sid: string, revision: AttributeRevision): void {
    this.#revisions.set(sid, revision);
  }

  /** Attributes newer than revision `rev`, if this process knows of any. */
  newerThan(sid: string, rev: number): AttributeRevision | undefined {
    const known = this.#revisions.get(sid);
    return known !== undefined && known.rev > rev ? known : undefined;
  }

  /** Whether a token of this session and revision may still go out. */
  isCurrent(sid: string, rev: number): boolean {
    return (
      this.endOf(sid) === undefined && this.newerThan(sid, rev) === undefined
    );
  }
}
