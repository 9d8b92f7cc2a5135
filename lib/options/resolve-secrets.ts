import type { KeyObject } from 'node:crypto';
import type { OptionReader } from './option-reader.js';
import { HOW_TO_MAKE_A_SECRET, readSecret } from './read-secret.js';

/** Reads one or several secrets as keys. */
export function resolveSecrets(
  reader: OptionReader,
  option: string,
  value: unknown,
): KeyObject[] {
  const inputs: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (inputs.length === 0) {
    reader.fault(option, `is not set; ${HOW_TO_MAKE_A_SECRET}`);
  }
  const keys: KeyObject[] = [];
  for (const [i, input] of inputs.entries()) {
    const path = Array.isArray(value) ? `${option}[${i}]` : option;
    const read = readSecret(input);
    if ('fault' in read) {
      reader.fault(path, `${read.fault}; ${HOW_TO_MAKE_A_SECRET}`);
    } else if (keys.some((key) => key.equals(read.key))) {
      reader.fault(path, 'is given twice');
    } else {
      keys.push(read.key);
    }
  }
  return keys;
}
