/**
 * A map that forgets what was not used for longest, in two generations: a full young one becomes the old
 * one, and what the old one held unused is gone. Bounded by entries and by bytes; a read costs one lookup.
 */
export class BoundedMap<K, V> {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #sizeOf: (value: V) => number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();
  #youngBytes = 0;

  /**
   * @param maxEntries `0` remembers nothing
   * @param maxBytes a value larger than half of it is not remembered
   */
  constructor(
    maxEntries: number,
    maxBytes = Infinity,
    sizeOf: (value: V) => number = () => 0,
  ) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
    this.#sizeOf = sizeOf;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: K): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) {
      return value;
    }
    const old = this.#old.get(key);
    if (old !== undefined) {
      this.#old.delete(key);
      this.set(key, old);
    }
    return old;
  }

  set(key: K, value: V): void {
    this.delete(key);
    const bytes = this.#sizeOf(value);
    if (this.#maxEntries === 0 || bytes * 2 > this.#maxBytes) {
      return;
    }
    if (
      (this.#young.size + 1) * 2 > this.#maxEntries ||
      (this.#youngBytes + bytes) * 2 > this.#maxBytes
    ) {
      this.#old = this.#maxEntries > 1 ? this.#young : new Map<K, V>();
      this.#young = new Map<K, V>();
      this.#youngBytes = 0;
    }
    this.#young.set(key, value);
    this.#youngBytes += bytes;
  }

  delete(key: K): void {
    const value = this.#young.get(key);
    if (value !== undefined) {
      this.#youngBytes -= this.#sizeOf(value);
      this.#young.delete(key);
    }
    this.#old.delete(key);
  }
}
