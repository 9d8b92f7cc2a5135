const CHECK_PAUSE = 1_000;
const WRITE_PAUSE = 86_400_000;

/** A mark alongside the records, which is gone when they are. */
export interface RecordMark {
  /** Extends the life of the mark, or sets a new one if it is missing. Returns its random value. */
  keep(): Promise<string>;
  /** Returns whether the caller is the first of all processes to report that the mark with this value is gone. */
  claim(value: string): Promise<boolean>;
}

/**
 * Detects that all records are gone (a flush, a lost volume). A mark with a random value lies alongside the records. A
 * process that finds another value than before has detected the loss, whichever process set the new mark. One process
 * reports it. On a cluster, the mark stands for the node that holds it.
 */
export class RecordLoss {
  readonly #mark: RecordMark;
  readonly #now: () => number;
  #known: string | undefined;
  #isLost = false;
  #nextCheck = -Infinity;
  #nextWrite = -Infinity;

  /** @param now milliseconds of a clock that never goes back */
  constructor(mark: RecordMark, now: () => number = () => performance.now()) {
    this.#mark = mark;
    this.#now = now;
  }

  /** Sets the mark at the first use of the store and extends its life once a day, in the background. */
  keepWatch(): void {
    const now = this.#now();
    if (now < this.#nextWrite) {
      return;
    }
    this.#nextWrite = now + WRITE_PAUSE;
    this.#check().catch(() => {
      this.#nextWrite = this.#now() + CHECK_PAUSE;
    });
  }

  /**
   * Returns whether all records are gone. Called when a record is missing; checks at most once a second and reports each
   * loss once.
   */
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
    // Remembered only after the claim, so that a failed claim is repeated at the next check.
    if (known !== undefined && value !== known) {
      const isFirst = await this.#mark.claim(known);
      this.#isLost ||= isFirst;
    }
    this.#known = value;
  }
}
