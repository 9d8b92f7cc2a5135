import { randomInt } from 'node:crypto';
import { pause } from '../../deadline.js';
import { randomId } from '../model/random-id.js';
import type { RevocationAppends } from './revocation-appends.js';
import type { RevocationFeed } from './revocation-feed.js';
import type { ProofOfLife } from './revocation.js';

export interface ProofsOfLifeParts {
  readonly feed: RevocationFeed;
  readonly appends: RevocationAppends;
  readonly timeoutSeconds: number;
  /** Returns the entry of a proof. */
  readonly write: (id: string) => string;
}

const ID_BYTES = 9;
const ATTEMPTS = 5;
/** Milliseconds. */
const LONGEST_PAUSE = 10;

/** Writes proofs of life, and waits for them where every earlier entry must be known. */
export class ProofsOfLife {
  readonly #parts: ProofsOfLifeParts;
  #last = '';
  #flight: Promise<boolean> | undefined;
  #next: Promise<boolean> | undefined;

  constructor(parts: ProofsOfLifeParts) {
    this.#parts = parts;
  }

  /** Whether a proof is on its way. */
  get isUnderWay(): boolean {
    return this.#flight !== undefined;
  }

  /** Notes that a proof has arrived. */
  note({ id }: ProofOfLife): void {
    this.#last = id;
  }

  /** Resolves with `true` when every entry confirmed before is known; with `false` if the log cannot tell in time. */
  caughtUp(): Promise<boolean> {
    // A proof that is on its way may precede an entry that the caller has seen confirmed.
    this.#next ??= (this.#flight ?? Promise.resolve(true)).then(() => {
      this.#next = undefined;
      this.#flight = this.#prove().finally(() => {
        this.#flight = undefined;
      });
      return this.#flight;
    });
    return this.#next;
  }

  /** @param attempts how often another proof is written if it is unclear whether this one was passed */
  async #prove(attempts = ATTEMPTS): Promise<boolean> {
    const { feed, appends, timeoutSeconds, write } = this.#parts;
    const id = randomId(ID_BYTES);
    let time: Date;
    try {
      time = await appends.prove(write(id));
    } catch {
      // Reported already. A node without proofs is behind soon, and says so.
      return false;
    }
    // A later proof may have replaced it. One of the same millisecond may be earlier or later.
    const isPassed = (): boolean =>
      this.#last === id || feed.asOf > time.getTime();
    const isInTime = await feed.until(
      () => isPassed() || feed.asOf === time.getTime(),
      timeoutSeconds * 1000,
    );
    if (!isInTime || isPassed() || attempts === 1) {
      return isPassed();
    }
    // Nodes that try again spread out.
    await pause(randomInt(LONGEST_PAUSE));
    return this.#prove(attempts - 1);
  }
}
