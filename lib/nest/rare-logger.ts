import { Logger } from '@nestjs/common';
import type { MonotonicTime } from '../ports/clock.js';

const PAUSE_SECONDS = 60;

export type LogLevel = 'warn' | 'error';

interface Cause {
  readonly level: LogLevel;
  /** No line is logged before this time. */
  until: number;
  /** The number of messages omitted since the last line, except the pending one. */
  omitted: number;
  /** The last omitted message. */
  pending:
    { readonly message: string; readonly kind: string | undefined } | undefined;
  /** The number of omitted messages of each kind. */
  readonly kinds: Map<string, number>;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Logs each cause at most once a minute, and counts what it omits. The next line states the count: at the end of the
 * minute if nothing else is logged, and at the latest at {@link close}.
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
   * @param cause one of a fixed set of names, so that memory stays bounded
   * @param kind likewise; omitted messages are counted per kind
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

  /** Logs every time. */
  always(level: LogLevel, message: string): void {
    this.#logger[level](message);
  }

  /** Logs a cause once per process. */
  once(level: LogLevel, cause: string, message: string): void {
    if (!this.#once.has(cause)) {
      this.#once.add(cause);
      this.#logger[level](message);
    }
  }

  /** Logs the counts that are still due. From then on, nothing is omitted. */
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

  /** Counts the pending message as omitted: a newer one takes its place. */
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
    // In a test the clock may stand still while timers run.
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
      // The application's logger failed, and a timer has no caller to report to.
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
        ? `${message} (${omitted} more since the last line${details})`
        : message,
    );
  }
}

/** The start of one of our tokens, complete or truncated: JSON in base64url. */
const TOKENS = /eyJ[\w-]{8,}(?:\.[\w-]*)*/g;
/**
 * Line separators and control characters that JSON does not escape, and characters that alter what a terminal shows.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Formats any error as one short log line: quoted, without control characters or tokens. */
export function quoteError(error: unknown): string {
  return quoteText(textOf(error));
}

/** Works like {@link quoteError}, for a text. */
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
    return 'an unprintable error';
  }
}
