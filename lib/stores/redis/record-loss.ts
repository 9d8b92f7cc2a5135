const CHECK_PAUSE = 1_000;
const RENEWAL_PAUSE = 86_400_000;

/** A mark beside the records, which is gone when they are. */
export interface RecordMark {
  /** Prolongs the mark, or sets it anew where it is missing. Returns its random value. */
  keep(): Promise<string>;
  /** Whether the caller is the first of all processes to report that the mark of this value is gone. */
  claim(value: string): Promise<boolean>;
}

/**
 * Notices that all records are gone (a flush, a volume that was lost): beside them lies a mark with a random value, and a
 * process that finds another value than it knew knows of the loss, whichever process has set the new mark. One of them
 * tells. On a cluster the mark stands for the node that holds it.
 */
export class RecordLoss {
  readonly #mark: RecordMark;
  readonly #now: () => number;
  #known: string | undefined;
  #isLost = false;
  #nextCheck = -Infinity;
  #nextRenewal = -Infinity;

  /** @param now milliseconds of a clock that never goes back */
  constructor(mark: RecordMark, now: () => number = () => performance.now()) {
    this.#mark = mark;
    this.#now = now;
  }

  /** Sets the mark at the first use of the store, and prolongs it once a day; nothing waits for it. */
  keepWatch(): void {
    const now = this.#now();
    if (now < this.#nextRenewal) {
      return;
    }
    this.#nextRenewal = now + RENEWAL_PAUSE;
    this.#check().catch(() => {
      this.#nextRenewal = this.#now() + CHECK_PAUSE;
    });
  }

  /** Asked when a record is missing, looks at most once a second, and tells each loss once. */
  async isLost(): Promise<boolean> {
    const now = this.#now();
    if (now >= this.#nextCheck) {
      this.#nextCheck = now + CHECK_PAUSE;
      await this.#check();
    }
    const isLost = this.#isLost;
    this.#isLost = false;
    return isLost;
  }

  async #check(): Promise<void> {
    const value = await this.#mark.keep();
    const known = this.#known;
    // Known only when the claim is settled: one that fails is repeated at the next check.
    if (known !== undefined && value !== known) {
      const isFirst = await this.#mark.claim(known);
      this.#isLost ||= isFirst;
    }
    this.#known = value;
  }
}
