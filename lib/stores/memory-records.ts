import type { MemoryEntry } from './memory-entry.js';

/** How many records each sign-in checks for expiry. */
const SWEPT_PER_CREATE = 16;

/** Holds records by subject and id. A record found expired is gone for good, whatever the clock says later. */
export class MemoryRecords {
  readonly #subjects = new Map<string, Map<string, MemoryEntry>>();
  #sweeper = this.#every();

  /** How many records there are. An expired record counts until it is looked up or swept. */
  get size(): number {
    let size = 0;
    for (const sessions of this.#subjects.values()) size += sessions.size;
    return size;
  }

  find(id: string, subject: string, now: number): MemoryEntry | undefined {
    const entry = this.at(id, subject);
    return entry && !this.#removeExpired(entry, now) ? entry : undefined;
  }

  /** As {@link find}, but returns an expired record too. */
  at(id: string, subject: string): MemoryEntry | undefined {
    return this.#subjects.get(subject)?.get(id);
  }

  ofSubject(subject: string, now: number): MemoryEntry[] {
    const entries = [...(this.#subjects.get(subject)?.values() ?? [])];
    return entries.filter((entry) => !this.#removeExpired(entry, now));
  }

  put(entry: MemoryEntry): void {
    const { id, subject } = entry;
    const sessions =
      this.#subjects.get(subject) ?? new Map<string, MemoryEntry>();
    this.#subjects.set(subject, sessions);
    sessions.set(id, entry);
  }

  remove(id: string, subject: string): void {
    const sessions = this.#subjects.get(subject);
    sessions?.delete(id);
    if (sessions?.size === 0) {
      this.#subjects.delete(subject);
    }
  }

  /** Removes the expired records among the next few. */
  sweepSome(now: number): void {
    for (let i = 0; i < SWEPT_PER_CREATE; i += 1) {
      const { done, value } = this.#sweeper.next();
      if (done) {
        this.#sweeper = this.#every();
        return;
      }
      this.#removeExpired(value, now);
    }
  }

  /** Removes every expired record and returns how many there were. */
  sweep(now: number): number {
    let removed = 0;
    for (const entry of this.#every()) {
      removed += Number(this.#removeExpired(entry, now));
    }
    return removed;
  }

  #removeExpired(
    { id, subject, expiresAt }: MemoryEntry,
    now: number,
  ): boolean {
    if (now < expiresAt) {
      return false;
    }
    this.remove(id, subject);
    return true;
  }

  *#every(): Generator<MemoryEntry, undefined> {
    for (const sessions of this.#subjects.values()) {
      yield* sessions.values();
    }
    return undefined;
  }
}
