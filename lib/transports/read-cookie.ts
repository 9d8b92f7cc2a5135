import { AMBIGUOUS_TOKEN } from '../options/transport.js';

const SPACE = 32;
const TAB = 9;
const SEMICOLON = 59;
const EQUALS = 61;

/**
 * The raw value of a cookie, byte for byte, found without parsing the other cookies. Names are compared
 * exactly. Two cookies of the name are ambiguous: their order proves nothing (RFC 6265bis, section 4.2.2).
 */
export function readCookie(
  header: string,
  name: string,
): string | typeof AMBIGUOUS_TOKEN | undefined {
  let found: string | undefined;
  let at = header.indexOf(name);
  for (; at !== -1; at = header.indexOf(name, at + name.length)) {
    let before = at - 1;
    while (before >= 0 && isBlank(header.charCodeAt(before))) before -= 1;
    if (before >= 0 && header.charCodeAt(before) !== SEMICOLON) continue;

    let after = at + name.length;
    while (isBlank(header.charCodeAt(after))) after += 1;
    if (header.charCodeAt(after) !== EQUALS) continue;

    let start = after + 1;
    let end = header.indexOf(';', start);
    if (end === -1) end = header.length;
    while (start < end && isBlank(header.charCodeAt(start))) start += 1;
    while (end > start && isBlank(header.charCodeAt(end - 1))) end -= 1;

    if (found !== undefined) return AMBIGUOUS_TOKEN;
    found = header.slice(start, end);
  }
  return found;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
