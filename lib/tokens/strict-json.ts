const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The value of JSON text, or `undefined`: not UTF-8 (RFC 8725, section 3.7), not JSON, a member name used
 * twice (escaped spellings included), or a member `__proto__`.
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  try {
    const text = UTF8.decode(bytes);
    const value: unknown = JSON.parse(text);
    return isCanonicalJson(value, text) || hasPlainMembers(text)
      ? value
      : undefined;
  } catch {
    return undefined;
  }
}

/** The form that `JSON.stringify` writes cannot repeat a name; checking for it is cheaper than a scan. */
function isCanonicalJson(value: unknown, text: string): boolean {
  return !text.includes('"__proto__"') && JSON.stringify(value) === text;
}

/** Whether no object of a valid JSON text repeats a member name or has one named `__proto__`. */
function hasPlainMembers(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let names: Set<string> | undefined;
  let expectsName = false;
  for (let i = 0; i < text.length; i += 1) {
    const character = text[i];
    if (character === '"') {
      const end = endOfString(text, i);
      if (names && expectsName) {
        const name = JSON.parse(text.slice(i, end)) as string;
        if (name === '__proto__' || names.has(name)) {
          return false;
        }
        names.add(name);
        expectsName = false;
      }
      i = end - 1;
    } else if (character === '{' || character === '[') {
      open.push(names);
      names = character === '{' ? new Set() : undefined;
      expectsName = true;
    } else if (character === '}' || character === ']') {
      names = open.pop();
    } else if (character === ',') {
      expectsName = true;
    }
  }
  return true;
}

function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') {
    i += text[i] === '\\' ? 2 : 1;
  }
  return i + 1;
}
