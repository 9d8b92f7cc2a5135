import type { JwksOptions } from './key-options.js';
import { OptionReader } from './option-reader.js';

const PATH = {
  pattern: /^(?!\.{1,2}(?:\/|$))[\w.-]+(?:\/(?!\.{1,2}(?:\/|$))[\w.-]+)*$/,
  expected: "a path without a leading slash, such as '.well-known/jwks.json'",
};
const FIVE_MINUTES = 300;
const DAY = 86_400;

/** Where public keys are published, and for how long clients may cache them. */
export interface ResolvedJwksOptions {
  readonly path: string;
  readonly maxAgeSeconds: number;
}

/**
 * Resolves how public keys are published; `undefined` if they are not. Faults are reported with those of the other
 * options.
 */
export function resolveJwks(value: boolean | JwksOptions | undefined): {
  readonly jwks: ResolvedJwksOptions | undefined;
  readonly faults: readonly string[];
} {
  if (value === undefined || value === false) {
    return { jwks: undefined, faults: [] };
  }
  const reader = new OptionReader();
  const options =
    value === true ? {} : reader.group('jwks', value, ['path', 'maxAge']);
  return {
    faults: reader.faults,
    jwks: {
      path: reader.text(
        'jwks.path',
        options['path'],
        '.well-known/jwks.json',
        PATH,
      ),
      maxAgeSeconds: reader.seconds(
        'jwks.maxAge',
        options['maxAge'],
        FIVE_MINUTES,
        { min: 1, max: DAY, whole: true },
      ),
    },
  };
}
