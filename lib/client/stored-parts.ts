import type { SessionTokens } from './session-client-options.js';

/** Characters of a part. Expo SecureStore takes values of up to 2,048 bytes. */
const PART_LENGTH = 2_000;
/** Tokens that need more parts do not fit into the headers of a request either. */
export const MAX_PARTS = 5;

const FORMAT = /^1\.([01])\.([1-5])\.(\w+)\.(.*)$/;

/** Two places for the parts after the first one: the first part names the place that is in use. */
export type Place = 0 | 1;

/** Returns tokens as text of printable ASCII characters: one character is one byte. */
export function textOf({ token, refreshToken }: SessionTokens): string {
  return JSON.stringify([token, refreshToken]).replace(
    /[^ -~]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Splits a text into values that a storage can hold; `undefined` if it is too long. */
export function splitText(text: string, place: Place): string[] | undefined {
  const [first, ...others] = text.match(
    new RegExp(`.{1,${PART_LENGTH}}`, 'g'),
  )!;
  const count = others.length + 1;
  return count > MAX_PARTS
    ? undefined
    : [`1.${place}.${count}.${checksum(text)}.${first}`, ...others];
}

/** Returns where the parts after a first one are; `undefined` for anything that is no first part. */
export function layoutOf(
  first: unknown,
): { readonly place: Place; readonly count: number } | undefined {
  const [, place, count] = FORMAT.exec(String(first)) ?? [];
  return count === undefined
    ? undefined
    : { place: Number(place) as Place, count: Number(count) };
}

/** Joins parts to the tokens; `undefined` unless all of them come from one write of these tokens. */
export function tokensOf(parts: readonly unknown[]): SessionTokens | undefined {
  const [, , count, sum, first] = FORMAT.exec(String(parts[0])) ?? [];
  const text = [first, ...parts.slice(1)].join('');
  if (Number(count) !== parts.length || checksum(text) !== sum) {
    return undefined;
  }
  try {
    const [token, refreshToken] = JSON.parse(text) as unknown[];
    return typeof token === 'string' && token !== ''
      ? { token, ...(typeof refreshToken === 'string' && { refreshToken }) }
      : undefined;
  } catch {
    return undefined;
  }
}

/** FNV-1a: recognises parts of different writes, and is no protection against forgery. */
function checksum(text: string): string {
  let sum = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193);
  }
  return (sum >>> 0).toString(36);
}
