import { inspect } from 'node:util';
import type { LoggerService } from '@nestjs/common';

export interface LogLine {
  level: 'log' | 'error' | 'warn' | 'debug' | 'verbose' | 'fatal';
  /** Everything that was logged, as a console would print it. */
  text: string;
}

/** A logger for Nest that keeps every line of every level. */
export class CapturedLogs implements LoggerService {
  readonly lines: LogLine[] = [];

  log(...what: unknown[]): void {
    this.#add('log', what);
  }

  error(...what: unknown[]): void {
    this.#add('error', what);
  }

  warn(...what: unknown[]): void {
    this.#add('warn', what);
  }

  debug(...what: unknown[]): void {
    this.#add('debug', what);
  }

  verbose(...what: unknown[]): void {
    this.#add('verbose', what);
  }

  fatal(...what: unknown[]): void {
    this.#add('fatal', what);
  }

  /** The lines of some levels that contain a text. */
  matching(text: string, ...levels: LogLine['level'][]): string[] {
    return this.lines
      .filter(
        (line) =>
          line.text.includes(text) &&
          (levels.length === 0 || levels.includes(line.level)),
      )
      .map((line) => line.text);
  }

  #add(level: LogLine['level'], what: unknown[]): void {
    const text = what
      .filter((each) => each !== undefined)
      .map((each) =>
        typeof each === 'string' ? each : inspect(each, { depth: null }),
      )
      .join(' ');
    this.lines.push({ level, text });
  }
}
