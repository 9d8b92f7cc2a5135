import { Logger } from '@nestjs/common';
import type { MonotonicTime } from '../clock.js';

const PAUSE_SECONDS = 60;

export type LogLevel = 'warn' | 'error';

interface Cause {
  readonly level: LogLevel;
  /** No line before that. */
  until: number;
  /** What was left out since the last line, the last of it apart. */
  omitted: number;
  /** The last that was left out. */
  pending:
    { readonly message: string; readonly kind: string | undefined } | undefined;
  /** How many of those left out were of each kind. */
  readonly kinds: Map<string, number>;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Logs each cause at most once a minute, and counts what it leaves out: the next line says the count, at the end of the
 * minute if nothing else comes, and at the latest at {@link close}.
 */
export class RareLogger {
  readonly #logger = new Logger('SessionJwtModule');
  readonly #causes = new Map<string, Cause>();
  readonly #once = new Set<string>();
  readonly #time: MonotonicTime;
  #isClosed = false;

  constructor(time: MonotonicTime) {
    this.#time = time;
  }

  /**
   * @param cause from a fixed set of names, so that the memory of this logger is bounded
   * @param kind likewise; the counts of a cause are given for each of its kinds
   */
  log(level: LogLevel, cause: string, message: string, kind?: string): void {
    const known = this.#causes.get(cause);
    if (this.#isClosed || !known || this.#time() >= known.until) {
      const state = known ?? this.#begin(level, cause);
      this.#omit(state);
      this.#write(state, message);
      return;
    }
    this.#omit(known);
    known.pending = { message, kind };
    known.timer ??= this.#flushLater(known);
  }

  /** Logs each time. */
  always(level: LogLevel, message: string): void {
    this.#logger[level](message);
  }

  /** Logs a cause once in the life of the process. */
  once(level: LogLevel, cause: string, message: string): void {
    if (!this.#once.has(cause)) {
      this.#once.add(cause);
      this.#logger[level](message);
    }
  }

  /** Writes the counts that are still due. From then on nothing is left out. */
  close(): void {
    this.#isClosed = true;
    for (const state of this.#causes.values()) {
      this.#flush(state);
    }
  }

  #begin(level: LogLevel, cause: string): Cause {
    const state: Cause = {
      level,
      until: 0,
      omitted: 0,
      pending: undefined,
      kinds: new Map(),
      timer: undefined,
    };
    this.#causes.set(cause, state);
    return state;
  }

  /** Counts what was pending among the omitted: something newer takes its place. */
  #omit(state: Cause): void {
    const { pending, kinds } = state;
    if (pending) {
      state.omitted += 1;
      state.pending = undefined;
      if (pending.kind !== undefined) {
        kinds.set(pending.kind, (kinds.get(pending.kind) ?? 0) + 1);
      }
    }
  }

  #flushLater(state: Cause): NodeJS.Timeout {
    // In a test the clock may stand still while timers go on.
    const seconds = Math.max(1, state.until - this.#time());
    const timer = setTimeout(() => {
      const isDue = this.#time() >= state.until;
      state.timer = isDue ? undefined : this.#flushLater(state);
      if (isDue) this.#flush(state);
    }, seconds * 1000);
    timer.unref?.();
    return timer;
  }

  #flush(state: Cause): void {
    const { pending } = state;
    if (!pending) {
      return;
    }
    state.pending = undefined;
    try {
      this.#write(state, pending.message);
    } catch {
      // The log of the application fails: a timer has nobody to tell.
    }
  }

  #write(state: Cause, message: string): void {
    const { level, omitted, kinds, timer } = state;
    clearTimeout(timer);
    const counts = Array.from(kinds, ([kind, count]) => `${count} ${kind}`);
    const details = counts.length > 0 ? `: ${counts.join(', ')}` : '';
    state.timer = undefined;
    state.until = this.#time() + PAUSE_SECONDS;
    state.omitted = 0;
    kinds.clear();
    this.#logger[level](
      omitted > 0
        ? `${message} (and ${omitted} more times since the last line${details})`
        : message,
    );
  }
}

/** What begins like a token of ours, whole or cut off: JSON in base64url. */
const TOKENS = /eyJ[\w-]{8,}(?:\.[\w-]*)*/g;
/** Line ends and controls that JSON leaves as they are, and characters that make a terminal show something else. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** One line for a log of what may hold anything: quoted, without control characters or tokens, and short. */
export function quoteError(error: unknown): string {
  return quoteText(textOf(error));
}

/** As {@link quoteError}, for a text. */
export function quoteText(text: string): string {
  return JSON.stringify(text.slice(0, 300).replace(TOKENS, '[token]')).replace(
    UNPRINTABLE,
    '?',
  );
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
