import { runInThisContext } from 'node:vm';

/** The process itself: Jest gives specs a copy, on which nothing ever happens. */
const realProcess = runInThisContext('process') as NodeJS.Process;

/** Counts what nobody caught, while a spec runs. */
export class UnhandledErrors {
  readonly seen: unknown[] = [];
  readonly #note = (error: unknown): void => {
    this.seen.push(error);
  };

  start(): void {
    realProcess.on('unhandledRejection', this.#note);
    realProcess.on('uncaughtExceptionMonitor', this.#note);
  }

  /** What was seen until now; promises that were just rejected count. */
  async settled(): Promise<readonly unknown[]> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.seen;
  }

  stop(): void {
    realProcess.off('unhandledRejection', this.#note);
    realProcess.off('uncaughtExceptionMonitor', this.#note);
  }
}
