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

  /** @param maxEntries `0` remembers nothing */
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
    if (this.#maxEntries === 0) {
      return;
    }
    const replaced = this.#young.get(key);
    if (replaced !== undefined) {
      this.#youngBytes -= this.#sizeOf(replaced);
    }
    this.#old.delete(key);
    this.#young.set(key, value);
    this.#youngBytes += this.#sizeOf(value);
    if (
      this.#young.size * 2 >= this.#maxEntries ||
      this.#youngBytes * 2 >= this.#maxBytes
    ) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
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
