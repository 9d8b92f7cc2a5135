/** Counts what nobody caught, while a spec runs. */
export class UnhandledErrors {
  readonly seen: unknown[] = [];
  readonly #note = (error: unknown): void => {
    this.seen.push(error);
  };

  start(): void {
    process.on('unhandledRejection', this.#note);
    process.on('uncaughtExceptionMonitor', this.#note);
  }

  /** What was seen until now; promises that were just rejected count. */
  async settled(): Promise<readonly unknown[]> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.seen;
  }

  stop(): void {
    process.off('unhandledRejection', this.#note);
    process.off('uncaughtExceptionMonitor', this.#note);
  }
}
