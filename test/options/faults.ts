import { SessionConfigError } from '../../lib/errors/session-config-error.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import type { ResolvedSessionJwtOptions } from '../../lib/options/resolved-options.js';
import { SECRET } from '../support/secrets.js';

/** Random, and the same in every run. */
export const THIRD_SECRET = 'Rw7nYb2KcVx9sQ0mTf4LzEj8HpUa6GdIo3XqZt1vNyB';

/** What is wrong with options as users write them; empty when they are good. */
export function faultsOf(input: unknown): readonly string[] {
  try {
    resolveOptions(input);
    return [];
  } catch (error) {
    if (error instanceof SessionConfigError) {
      return error.faults;
    }
    throw error;
  }
}

/** The paths of the faulty options, in the order of the message. */
export function faultyPathsOf(options: object): string[] {
  return faultsOf({ secret: SECRET, ...options }).map((fault) =>
    fault.slice(0, fault.indexOf(':')),
  );
}

export function resolve(options: object = {}): ResolvedSessionJwtOptions {
  return resolveOptions({ secret: SECRET, ...options });
}

/** `{ cookie: { name: value } }` for `cookie.name`. */
export function at(path: string, value: unknown): Record<string, unknown> {
  return path
    .split('.')
    .reduceRight<unknown>(
      (inner, name) => ({ [name]: inner }),
      value,
    ) as Record<string, unknown>;
}

/** Options with one more among them, in the group where it belongs. */
export function within(
  options: object,
  path: string,
  value: unknown,
): Record<string, unknown> {
  const [name = '', ...inner] = path.split('.');
  const known = (options as Record<string, unknown>)[name];
  const group = typeof known === 'object' && known !== null ? known : {};
  return {
    ...options,
    [name]: inner.length === 0 ? value : within(group, inner.join('.'), value),
  };
}

/** Every part of so many characters, for finding what must not be shown. */
export function piecesOf(text: string, length = 6): string[] {
  return Array.from({ length: Math.max(0, text.length - length + 1) }, (_, i) =>
    text.slice(i, i + length),
  );
}
