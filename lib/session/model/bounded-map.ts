/** An entry, linked to the one used after it and the one used before. */
interface Entry<K, V> {
  readonly key: K;
  readonly value: V;
  readonly bytes: number;
  newer: Entry<K, V> | undefined;
  older: Entry<K, V> | undefined;
}

/** A map that evicts its least recently used entries. Bounded by entries and by bytes. */
export class BoundedMap<K, V> {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #sizeOf: (value: V) => number;
  readonly #entries = new Map<K, Entry<K, V>>();
  #newest: Entry<K, V> | undefined;
  #oldest: Entry<K, V> | undefined;
  #bytes = 0;

  /**
   * @param maxEntries `0` keeps nothing
   * @param maxBytes a larger value is not kept
   * @param sizeOf returns the bytes of a value; called once each time that it is set
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
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry && entry !== this.#newest) {
      this.#unlink(entry);
      this.#link(entry);
    }
    return entry?.value;
  }

  set(key: K, value: V): void {
    this.delete(key);
    const bytes = this.#sizeOf(value);
    if (this.#maxEntries === 0 || bytes > this.#maxBytes) {
      return;
    }
    while (
      this.#entries.size >= this.#maxEntries ||
      this.#bytes + bytes > this.#maxBytes
    ) {
      this.delete(this.#oldest!.key);
    }
    const entry: Entry<K, V> = {
      key,
      value,
      bytes,
      newer: undefined,
      older: undefined,
    };
    this.#entries.set(key, entry);
    this.#bytes += bytes;
    this.#link(entry);
  }

  delete(key: K): void {
    const entry = this.#entries.get(key);
    if (entry) {
      this.#entries.delete(key);
      this.#bytes -= entry.bytes;
      this.#unlink(entry);
    }
  }

  #link(entry: Entry<K, V>): void {
    entry.older = this.#newest;
    entry.newer = undefined;
    if (this.#newest) {
      this.#newest.newer = entry;
    } else {
      this.#oldest = entry;
    }
    this.#newest = entry;
  }

  #unlink({ newer, older }: Entry<K, V>): void {
    if (newer) {
      newer.older = older;
    } else {
      this.#newest = older;
    }
    if (older) {
      older.newer = newer;
    } else {
      this.#oldest = newer;
    }
  }
}
