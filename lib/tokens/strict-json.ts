const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/**
 * Parses JSON text. Returns `undefined` for text that is not UTF-8 (RFC 8725, section 3.7) or not JSON, for a member
 * name that is used twice (escaped spellings included), and for a member `__proto__`.
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(UTF8.decode(bytes));
    // If a name is used twice, the value has only its last member.
    return membersOf(value) === membersIn(bytes) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Counts the members of the objects in a value; `NaN` if one is named `__proto__`. */
function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) {
    return 0;
  }
  let members = 0;
  if (Array.isArray(value)) {
    for (const element of value) {
      members += membersOf(element);
    }
    return members;
  }
  for (const name in value) {
    const member = (value as Record<string, unknown>)[name];
    members += name === '__proto__' ? NaN : 1;
    members += membersOf(member);
  }
  return members;
}

/** Counts the members that valid JSON text spells out: each has a colon outside of strings. */
function membersIn(bytes: Uint8Array): number {
  let members = 0;
  let isInString = false;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      isInString = !isInString;
    } else if (isInString) {
      if (byte === BACKSLASH) i += 1;
    } else if (byte === COLON) {
      members += 1;
    }
  }
  return members;
}
