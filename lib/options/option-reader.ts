import { readDurationSeconds } from './durations.js';

/** Reads the options of users, and collects every fault instead of stopping at the first. */
export class OptionReader {
  readonly faults: string[] = [];
  readonly warnings: string[] = [];

  /** Reports an invalid option. Never pass a value that may be a secret. */
  fault(path: string, expected: string, got?: unknown): void {
    this.faults.push(
      got === undefined
        ? `${path}: ${expected}`
        : `${path}: ${expected}, got ${describeValue(got)}`,
    );
  }

  /** Reports an option that works but should be changed. */
  warn(path: string, advice: string): void {
    this.warnings.push(`${path}: ${advice}`);
  }

  /** Returns the members of a group of options; unknown names are faults. */
  group(
    path: string,
    value: unknown,
    names: readonly string[],
    hints: Readonly<Record<string, string>> = {},
  ): Record<string, unknown> {
    if (value === undefined) {
      return {};
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      // The value may be a secret, returned in place of the options.
      this.fault(path, `expected an object, got ${kindOf(value)}`);
      return {};
    }
    for (const name of Object.keys(value)) {
      if (!names.includes(name)) {
        const full = path === 'options' ? name : `${path}.${name}`;
        this.fault(
          full,
          Object.hasOwn(hints, name)
            ? hints[name]!
            : `unknown option (known here: ${names.join(', ')})`,
        );
      }
    }
    return value as Record<string, unknown>;
  }

  seconds(
    path: string,
    value: unknown,
    fallback: number,
    range: { min: number; max: number; whole: boolean },
  ): number {
    if (value === undefined) {
      return fallback;
    }
    const seconds = readDurationSeconds(value);
    if (
      seconds === undefined ||
      seconds < range.min ||
      seconds > range.max ||
      (range.whole && !Number.isInteger(seconds))
    ) {
      const kind = range.whole ? 'whole seconds' : 'seconds';
      this.fault(
        path,
        `expected ${kind} from ${range.min} to ${range.max}, as a number or as a string with a unit ('15m')`,
        value,
      );
      return fallback;
    }
    return seconds;
  }

  integer(
    path: string,
    value: unknown,
    fallback: number,
    range: { min: number; max: number },
  ): number {
    if (value === undefined) {
      return fallback;
    }
    if (
      !Number.isInteger(value) ||
      (value as number) < range.min ||
      (value as number) > range.max
    ) {
      this.fault(
        path,
        `expected an integer from ${range.min} to ${range.max}`,
        value,
      );
      return fallback;
    }
    return value as number;
  }

  boolean(path: string, value: unknown, fallback: boolean): boolean {
    if (value === undefined || typeof value === 'boolean') {
      return value ?? fallback;
    }
    this.fault(path, 'expected true or false', value);
    return fallback;
  }

  list(path: string, value: unknown): readonly unknown[] {
    if (value === undefined || Array.isArray(value)) {
      return value ?? [];
    }
    this.fault(path, 'expected an array', value);
    return [];
  }

  oneOf<const Choice extends string>(
    path: string,
    value: unknown,
    fallback: Choice,
    choices: readonly Choice[],
  ): Choice {
    if (value === undefined) {
      return fallback;
    }
    if (choices.includes(value as Choice)) {
      return value as Choice;
    }
    this.fault(
      path,
      `expected ${choices.map((choice) => `'${choice}'`).join(' or ')}`,
      value,
    );
    return fallback;
  }

  text(
    path: string,
    value: unknown,
    fallback: string,
    rule: { pattern: RegExp; expected: string },
  ): string {
    if (value === undefined) {
      return fallback;
    }
    if (typeof value === 'string' && rule.pattern.test(value)) {
      return value;
    }
    this.fault(path, `expected ${rule.expected}`, value);
    return fallback;
  }
}

function describeValue(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  }
  if (typeof value === 'object' && value !== null) {
    return Array.isArray(value)
      ? 'an array'
      : `an object (${value.constructor?.name ?? 'no prototype'})`;
  }
  return typeof value === 'function' ? 'a function' : String(value);
}

/** Names the kind of a value, for messages that must not print the value because it may be a secret. */
export function kindOf(value: unknown): string {
  return value === null
    ? 'null'
    : Array.isArray(value)
      ? 'an array'
      : typeof value;
}
