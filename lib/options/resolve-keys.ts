import { createPublicKey, type KeyObject } from 'node:crypto';
import { kindOf, type OptionReader } from './option-reader.js';
import {
  adviceOnKey,
  HOW_TO_GET_A_PUBLIC_KEY,
  howToMakeAKey,
  KEY_ALGORITHMS,
  readKeyInput,
  statedOtherwise,
  weaknessOfKey,
} from './read-key.js';
import type { ResolvedKey } from './resolved-options.js';

const STATES = ['next', 'active', 'retiring'] as const;

/** Resolves the key pairs of an application that signs with one of them, or only verifies. */
export function resolveKeys(
  reader: OptionReader,
  value: unknown,
  isVerifyOnly: boolean,
): ResolvedKey[] {
  if (value !== undefined && !Array.isArray(value)) {
    reader.fault('keys', `expected an array, got ${kindOf(value)}`);
    return [];
  }
  const inputs: readonly unknown[] = value ?? [];
  if (inputs.length === 0) {
    reader.fault(
      'keys',
      `expected at least one key; ${howToMakeAKey('ES256')}`,
    );
    return [];
  }
  const faults = reader.faults.length;
  const keys: ResolvedKey[] = [];
  for (const [i, input] of inputs.entries()) {
    const key = resolveKey(reader, `keys[${i}]`, input, isVerifyOnly);
    if (
      key &&
      keys.some((other) => isSameKey(key.publicKey, other.publicKey))
    ) {
      reader.fault(
        `keys[${i}]`,
        'is given twice; use each key with one algorithm',
      );
    } else if (key) {
      keys.push(key);
    }
  }
  const active = keys.filter(({ state }) => state === 'active').length;
  // Faults of single keys are reported first.
  if (!isVerifyOnly && active !== 1 && reader.faults.length === faults) {
    reader.fault(
      'keys',
      `expected exactly one active key to sign with, got ${active}; set state of the others to 'next' or 'retiring'`,
    );
  }
  return keys;
}

function resolveKey(
  reader: OptionReader,
  path: string,
  input: unknown,
  isVerifyOnly: boolean,
): ResolvedKey | undefined {
  const options = reader.group(path, input ?? null, [
    'algorithm',
    'privateKey',
    'publicKey',
    'state',
    'until',
  ]);
  const faults = reader.faults.length;
  const algorithm = chosen(
    reader,
    `${path}.algorithm`,
    options['algorithm'],
    KEY_ALGORITHMS,
  );
  const howToMake = {
    private: howToMakeAKey(algorithm),
    public: HOW_TO_GET_A_PUBLIC_KEY,
  };
  const read = (kind: 'private' | 'public'): KeyObject | undefined =>
    readKeyOption(
      reader,
      `${path}.${kind}Key`,
      options[`${kind}Key`],
      kind,
      howToMake[kind],
    );
  const privateKey = read('private');
  const given = read('public');
  const state = chosen(
    reader,
    `${path}.state`,
    options['state'],
    STATES,
    options['privateKey'] === undefined ? 'retiring' : 'active',
  );
  const { until } = options;
  if (until !== undefined && !isInstant(until)) {
    reader.fault(
      `${path}.until`,
      `expected a valid Date, got ${kindOf(until)}`,
    );
  } else if (until !== undefined && state !== 'retiring') {
    reader.fault(`${path}.until`, "needs state: 'retiring'");
  }
  if (isVerifyOnly && options['privateKey'] !== undefined) {
    reader.fault(
      `${path}.privateKey`,
      'has no place in a service with verifyOnly, which checks with public keys; remove it',
    );
  } else if (
    !isVerifyOnly &&
    options['privateKey'] === undefined &&
    (state === 'active' || options['publicKey'] === undefined)
  ) {
    reader.fault(`${path}.privateKey`, `is not set; ${howToMake.private}`);
  }
  const publicKey = given ?? (privateKey && publicOf(privateKey));
  if (!publicKey || reader.faults.length > faults) {
    if (reader.faults.length === faults) {
      reader.fault(`${path}.publicKey`, `is not set; ${howToMake.public}`);
    }
    return undefined;
  }
  const weakness =
    statedOtherwise(options['privateKey'], algorithm) ??
    statedOtherwise(options['publicKey'], algorithm) ??
    weaknessOfKey(publicKey, algorithm);
  if (weakness) {
    reader.fault(path, `${weakness}; ${howToMake.private}`);
    return undefined;
  }
  if (privateKey && !isSameKey(publicOf(privateKey), publicKey)) {
    reader.fault(`${path}.publicKey`, 'does not match the private key');
  }
  const advice = adviceOnKey(publicKey);
  if (advice) reader.warn(path, advice);
  return {
    algorithm,
    publicKey,
    privateKey,
    state,
    endsAt: isInstant(until) ? Math.floor(until.getTime() / 1000) : Infinity,
  };
}

/** Works like `OptionReader.oneOf`, but never prints the value: it may be a misplaced key. */
function chosen<const Choice extends string>(
  reader: OptionReader,
  path: string,
  value: unknown,
  choices: readonly [Choice, ...Choice[]],
  byDefault?: Choice,
): Choice {
  if (choices.includes(value as Choice)) {
    return value as Choice;
  }
  if (value !== undefined) {
    const names = choices.map((each) => `'${each}'`).join(' or ');
    reader.fault(path, `expected ${names}`);
  } else if (byDefault === undefined) {
    reader.fault(path, 'is not set');
  }
  return byDefault ?? choices[0];
}

function readKeyOption(
  reader: OptionReader,
  path: string,
  input: unknown,
  kind: 'private' | 'public',
  howToMake: string,
): KeyObject | undefined {
  if (input === undefined) {
    return undefined;
  }
  const read =
    input === '' || input === null
      ? { fault: 'is not set' }
      : readKeyInput(input, kind);
  if ('key' in read) {
    return read.key;
  }
  reader.fault(path, `${read.fault}; ${howToMake}`);
  return undefined;
}

function publicOf(privateKey: KeyObject): KeyObject {
  return createPublicKey(privateKey);
}

/** Compares keys without `equals`: for keys of two types, that of Node 20 makes the next import of a PEM fail. */
function isSameKey(one: KeyObject, other: KeyObject): boolean {
  const form = { type: 'spki', format: 'der' } as const;
  return one.export(form).equals(other.export(form));
}

function isInstant(value: unknown): value is Date {
  return value instanceof Date && !Number.isNaN(value.getTime());
}
