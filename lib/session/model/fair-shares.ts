/** An item kept for an owner, linked to those added before and after it. */
export interface Kept {
  readonly owner: string;
  older: Kept | undefined;
  newer: Kept | undefined;
}

/** An owner, linked to others with the same number of items. */
interface Owner {
  readonly name: string;
  size: number;
  oldest: Kept | undefined;
  newest: Kept | undefined;
  before: Owner | undefined;
  after: Owner | undefined;
}

interface Owners {
  first: Owner | undefined;
  last: Owner | undefined;
}

/** Decides which owner makes room: the one with the most items, so that none can evict the items of others. */
export class FairShares<Item extends Kept> {
  readonly #owners = new Map<string, Owner>();
  readonly #bySize = new Map<number, Owners>();
  #largest = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(item: Item): void {
    const owner = this.#owners.get(item.owner) ?? this.#begin(item.owner);
    item.older = owner.newest;
    if (owner.newest) {
      owner.newest.newer = item;
    } else {
      owner.oldest = item;
    }
    owner.newest = item;
    this.#resize(owner, 1);
  }

  remove(item: Item): void {
    const owner = this.#owners.get(item.owner)!;
    if (item.older) {
      item.older.newer = item.newer;
    } else {
      owner.oldest = item.newer;
    }
    if (item.newer) {
      item.newer.older = item.older;
    } else {
      owner.newest = item.older;
    }
    this.#resize(owner, -1);
  }

  /** Returns the oldest item of the largest owner; of several, of the one that has been that large for longest. */
  first(): Item | undefined {
    return this.#bySize.get(this.#largest)?.first?.oldest as Item | undefined;
  }

  #begin(name: string): Owner {
    const owner: Owner = {
      name,
      size: 0,
      oldest: undefined,
      newest: undefined,
      before: undefined,
      after: undefined,
    };
    this.#owners.set(name, owner);
    return owner;
  }

  #resize(owner: Owner, change: 1 | -1): void {
    this.#size += change;
    if (owner.size > 0) this.#leave(owner);
    owner.size += change;
    if (owner.size > 0) {
      this.#join(owner);
    } else {
      this.#owners.delete(owner.name);
    }
    // The former largest size shrinks by one at most.
    this.#largest = this.#bySize.has(this.#largest + 1)
      ? this.#largest + 1
      : this.#bySize.has(this.#largest)
        ? this.#largest
        : Math.max(0, this.#largest - 1);
  }

  #join(owner: Owner): void {
    let owners = this.#bySize.get(owner.size);
    if (!owners) {
      owners = { first: undefined, last: undefined };
      this.#bySize.set(owner.size, owners);
    }
    owner.before = owners.last;
    owner.after = undefined;
    if (owners.last) {
      owners.last.after = owner;
    } else {
      owners.first = owner;
    }
    owners.last = owner;
  }

  #leave({ size, before, after }: Owner): void {
    const owners = this.#bySize.get(size)!;
    if (before) {
      before.after = after;
    } else {
      owners.first = after;
    }
    if (after) {
      after.before = before;
    } else {
      owners.last = before;
    }
    if (!owners.first) this.#bySize.delete(size);
  }
}
