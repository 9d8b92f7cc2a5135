const CHECK_PAUSE = 1_000;
const RENEWAL_PAUSE = 86_400_000;

/**
 * Notices that all records are gone (a flush, a volume that was lost): beside them lies a mark that every process
 * keeps, and whoever has known it and finds it missing sets it again and is the one to tell. On a cluster the mark
 * stands for the node that holds it.
 */
export class RecordLoss {
  readonly #keepMark: () => Promise<boolean>;
  readonly #now: () => number;
  #isKnown = false;
  #isLost = false;
  #nextCheck = -Infinity;
  #nextRenewal = -Infinity;

  /**
   * @param keepMark sets or prolongs the mark, and tells whether it was missing
   * @param now milliseconds of a clock that never goes back
   */
  constructor(
    keepMark: () => Promise<boolean>,
    now: () => number = () => performance.now(),
  ) {
    this.#keepMark = keepMark;
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
    const wasMissing = await this.#keepMark();
    this.#isLost ||= wasMissing && this.#isKnown;
    this.#isKnown = true;
  }
}
