import {
  monotonicTimeOf,
  type MonotonicTime,
  type SessionClock,
} from '../ports/clock.js';
import { Deadline } from '../deadline.js';
import { SessionError } from '../errors/session-error.js';
import type {
  KeyMaterial,
  ResolvedKeyCacheOptions,
} from '../options/resolved-options.js';
import type { KeySet } from './key-set.js';

/** Pause before retrying a source that has not delivered any keys yet. */
const FIRST_LOAD_PAUSE_SECONDS = 1;

/** Loads keys from their source: a function of the application, or a JWKS. */
export type KeySource = (signal: AbortSignal) => Promise<KeyMaterial>;

/** The current keys of one purpose. */
export interface CurrentKeys {
  readonly current: KeySet;
  /** Returns `undefined` if the keys can be used immediately; otherwise settles when they can. Never rejects. */
  ready(): Promise<void> | undefined;
  /** Reloads the keys to find an unknown one; `undefined` if that would be futile. Never rejects. */
  learn(): Promise<void> | undefined;
}

export interface KeyRingParts {
  /** The keys that are known before the source has answered. */
  readonly fixed: KeyMaterial;
  /** `undefined` if the keys never change. */
  readonly source: KeySource | undefined;
  readonly clock: SessionClock;
  readonly cache: ResolvedKeyCacheOptions;
  /** Called each time the source fails. */
  readonly onFailure: (error: unknown) => void;
}

/** Whether the source of the keys answers. Times are seconds since the Unix epoch. */
export interface KeySourceStanding {
  /** Whether it has ever answered. */
  readonly isLoaded: boolean;
  /** Since when it answers. */
  readonly upSince: number | undefined;
  /** Since when it fails; `undefined` if it does not. */
  readonly failingSince: number | undefined;
  readonly lastFailure:
    { readonly error: unknown; readonly at: number } | undefined;
}

/** The keys of the application, which may change while it runs, and the key sets built from them. */
export class KeyRing {
  readonly #parts: KeyRingParts;
  readonly #slots: KeySlot[] = [];
  #material: KeyMaterial;
  /** Measures cool-downs and the age of the keys, whatever happens to the clock. */
  readonly #time: MonotonicTime;
  #outdatedAt: number;
  /** When the keys become outdated by the clock, which continues while the machine sleeps. */
  #outdatedByClockAt = Infinity;
  #learnAgainAt = -Infinity;
  #isLoaded: boolean;
  #upSince: number | undefined;
  #failingSince: number | undefined;
  #lastFailure: KeySourceStanding['lastFailure'];
  #flight: Promise<void> | undefined;

  constructor(parts: KeyRingParts) {
    this.#parts = parts;
    this.#time = monotonicTimeOf(parts.clock);
    this.#material = parts.fixed;
    this.#isLoaded = parts.source === undefined;
    this.#outdatedAt = this.#isLoaded ? Infinity : -Infinity;
  }

  /** All keys that are known now. */
  get material(): KeyMaterial {
    return this.#material;
  }

  /** Whether the source of the keys answers; `undefined` if the keys never change. */
  get standing(): KeySourceStanding | undefined {
    return this.#parts.source
      ? {
          isLoaded: this.#isLoaded,
          upSince: this.#upSince,
          failingSince: this.#failingSince,
          lastFailure: this.#lastFailure,
        }
      : undefined;
  }

  /** @param build builds the keys of one purpose from all keys */
  slot(build: (material: KeyMaterial, now: number) => KeySet): CurrentKeys {
    const slot = new KeySlot(this, this.#parts.clock, (now) =>
      build(this.#material, now),
    );
    this.#slots.push(slot);
    return slot;
  }

  ready(): Promise<void> | undefined {
    if (
      this.#outdatedAt === Infinity ||
      (this.#time() < this.#outdatedAt &&
        this.#parts.clock.nowSeconds() < this.#outdatedByClockAt)
    ) {
      return undefined;
    }
    const flight = this.#load().catch(() => undefined);
    // No request waits for a source that is known to be down.
    return this.#failingSince !== undefined && this.#isLoaded
      ? undefined
      : flight;
  }

  learn(): Promise<void> | undefined {
    const now = this.#time();
    if (!this.#parts.source || now < this.#learnAgainAt) {
      return this.#flight?.catch(() => undefined);
    }
    this.#learnAgainAt = now + this.#parts.cache.coolDownSeconds;
    return this.#load().catch(() => undefined);
  }

  /**
   * Reloads the keys now, whatever their age: a removed key is refused from then on.
   *
   * @throws {SessionError} `KEYS_UNAVAILABLE`
   */
  async reload(): Promise<void> {
    // A load in flight may have read outdated keys.
    await this.#flight?.catch(() => undefined);
    await this.#load();
  }

  #load(): Promise<void> {
    this.#flight ??= this.#ask().finally(() => {
      this.#flight = undefined;
    });
    return this.#flight;
  }

  async #ask(): Promise<void> {
    const { source, clock, cache, onFailure } = this.#parts;
    if (!source) {
      return;
    }
    const askedAt = this.#time();
    const askedByClockAt = clock.nowSeconds();
    try {
      this.#material = await withinSeconds(cache.timeoutSeconds, source);
    } catch (error) {
      const at = clock.nowSeconds();
      this.#failingSince ??= at;
      this.#upSince = undefined;
      this.#lastFailure = { error, at };
      this.#outdatedAt =
        this.#time() +
        (this.#isLoaded ? cache.coolDownSeconds : FIRST_LOAD_PAUSE_SECONDS);
      this.#outdatedByClockAt = Infinity;
      onFailure(error);
      throw new SessionError(
        'KEYS_UNAVAILABLE',
        'the keys of the session tokens could not be loaded',
        { cause: error, retryAfterSeconds: 1 },
      );
    }
    this.#isLoaded = true;
    this.#upSince ??= askedByClockAt;
    this.#failingSince = undefined;
    this.#outdatedAt = askedAt + cache.maxAgeSeconds;
    this.#outdatedByClockAt = askedByClockAt + cache.maxAgeSeconds;
    for (const slot of this.#slots) {
      slot.rebuild();
    }
  }
}

/** The keys of one purpose, rebuilt when the ring has new keys or when one of them ends. */
class KeySlot implements CurrentKeys {
  readonly #ring: KeyRing;
  readonly #clock: SessionClock;
  readonly #build: (now: number) => KeySet;
  #keys: KeySet;

  constructor(
    ring: KeyRing,
    clock: SessionClock,
    build: (now: number) => KeySet,
  ) {
    this.#ring = ring;
    this.#clock = clock;
    this.#build = build;
    this.#keys = build(clock.nowSeconds());
  }

  get current(): KeySet {
    if (
      this.#keys.validUntil < Infinity &&
      this.#clock.nowSeconds() >= this.#keys.validUntil
    ) {
      this.rebuild();
    }
    return this.#keys;
  }

  ready(): Promise<void> | undefined {
    return this.#ring.ready();
  }

  learn(): Promise<void> | undefined {
    return this.#ring.learn();
  }

  /** Keeps the same object for the same keys, so that tokens verified with them stay cached. */
  rebuild(): void {
    const keys = this.#build(this.#clock.nowSeconds());
    if (keys.fingerprint !== this.#keys.fingerprint) {
      this.#keys = keys;
    }
  }
}

async function withinSeconds<T>(
  seconds: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let deadline: Deadline | undefined;
  const passed = new Promise<never>((_, reject) => {
    deadline = new Deadline(seconds * 1000, () => {
      const error = new Error(`the keys took longer than ${seconds} s`);
      reject(error);
      controller.abort(error);
    });
  });
  try {
    return await Promise.race([work(controller.signal), passed]);
  } finally {
    deadline?.clear();
  }
}
