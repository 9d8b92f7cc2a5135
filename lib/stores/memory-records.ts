import type { MemoryEntry } from './memory-entry.js';

/** Records that are looked at to find some that have expired, at each sign-in. */
const SWEPT_PER_CREATE = 16;

/** Records by subject and id. One that was found expired is gone for good, whatever the clock says later. */
export class MemoryRecords {
  readonly #subjects = new Map<string, Map<string, MemoryEntry>>();
  #sweeper = this.#every();

  /** How many there are; one that has expired counts until it is asked for or swept. */
  get size(): number {
    let size = 0;
    for (const sessions of this.#subjects.values()) size += sessions.size;
    return size;
  }

  find(id: string, subject: string, now: number): MemoryEntry | undefined {
    const entry = this.at(id, subject);
    return entry && !this.#removeExpired(entry, now) ? entry : undefined;
  }

  /** As {@link find}, even if it has expired. */
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

  /** Removes those that have expired among the next few. */
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

  /** Removes every expired record; how many these were. */
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
