import { Logger } from '@nestjs/common';
import type { SessionClock } from '../clock.js';

const PAUSE_SECONDS = 60;

/** Logs each cause at most once a minute, with how often it was left out meanwhile. */
export class RareLogger {
  readonly #logger = new Logger('SessionJwtModule');
  readonly #causes = new Map<string, { until: number; omitted: number }>();
  readonly #clock: SessionClock;

  constructor(clock: SessionClock) {
    this.#clock = clock;
  }

  /** @param cause from a fixed set of names, so that the memory of this logger is bounded */
  log(level: 'warn' | 'error', cause: string, message: string): void {
    const now = this.#clock.nowSeconds();
    const known = this.#causes.get(cause);
    if (known && now < known.until) {
      known.omitted += 1;
      return;
    }
    this.#causes.set(cause, { until: now + PAUSE_SECONDS, omitted: 0 });
    const omitted = known?.omitted
      ? ` (and ${known.omitted} more times since the last line)`
      : '';
    this.#logger[level](`${message}${omitted}`);
  }

  /** Logs a cause once in the life of the process. */
  once(level: 'warn' | 'error', cause: string, message: string): void {
    if (!this.#causes.has(cause)) {
      this.#causes.set(cause, { until: Infinity, omitted: 0 });
      this.#logger[level](message);
    }
  }
}

/** What begins like a token of ours, whole or cut off: JSON in base64url. */
const TOKENS = /eyJ[\w-]{8,}(?:\.[\w-]*)*/g;

/** One line for a log of what may hold anything: quoted, without control characters or tokens, and short. */
export function quoteError(error: unknown): string {
  const text = textOf(error).slice(0, 300).replace(TOKENS, '[token]');
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029]/g, '?');
}

function textOf(error: unknown): string {
  try {
    return error instanceof Error
      ? `${error.name}: ${error.message}`
      : typeof error;
  } catch {
    return 'an error that cannot be printed';
  }
}
