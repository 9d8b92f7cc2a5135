/** A value as a test title shows it. */
export function titleOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(
        value.length > 40 ? `${value.slice(0, 40)}…` : value,
      ).replace(
        /[^\x20-\x7e…]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
    case 'bigint':
      return `${value}n`;
    case 'symbol':
    case 'function':
      return `a ${typeof value}`;
    case 'object':
      return value === null || Array.isArray(value)
        ? JSON.stringify(value)
        : value instanceof RegExp
          ? String(value)
          : `a ${value.constructor?.name ?? 'null-prototype object'}`;
    default:
      return String(value);
  }
}

/** Rows for `it.each`: how the value is called, and the value. */
export function rows<T>(values: readonly T[]): [title: string, value: T][] {
  return values.map((value) => [titleOf(value), value]);
}
