import { AMBIGUOUS_TOKEN } from '../ports/transport.js';

const SPACE = 32;
const TAB = 9;
const SEMICOLON = 59;
const EQUALS = 61;

/**
 * Returns the raw value of a cookie, byte for byte, without parsing the other cookies. Names are compared
 * exactly. Two cookies of the name are ambiguous: their order proves nothing (RFC 6265bis, section 4.2.2).
 */
export function readCookie(
  header: string,
  name: string,
): string | typeof AMBIGUOUS_TOKEN | undefined {
  const start = findValue(header, name, 0);
  if (start === -1) {
    return undefined;
  }
  return findValue(header, name, start) === -1
    ? valueAt(header, start)
    : AMBIGUOUS_TOKEN;
}

/** Returns the raw values of all cookies of a name, in the order in which they were sent. */
export function readCookies(header: string, name: string): string[] {
  const values: string[] = [];
  let start = findValue(header, name, 0);
  while (start !== -1) {
    values.push(valueAt(header, start));
    start = findValue(header, name, start);
  }
  return values;
}

/** Returns where the value of the next cookie of a name begins, behind its `=`, or -1. */
function findValue(header: string, name: string, from: number): number {
  let at = header.indexOf(name, from);
  for (; at !== -1; at = header.indexOf(name, at + name.length)) {
    let before = at - 1;
    while (before >= 0 && isBlank(header.charCodeAt(before))) before -= 1;
    if (before >= 0 && header.charCodeAt(before) !== SEMICOLON) continue;

    let after = at + name.length;
    while (isBlank(header.charCodeAt(after))) after += 1;
    if (header.charCodeAt(after) === EQUALS) return after + 1;
  }
  return -1;
}

function valueAt(header: string, from: number): string {
  let start = from;
  let end = header.indexOf(';', start);
  if (end === -1) end = header.length;
  while (start < end && isBlank(header.charCodeAt(start))) start += 1;
  while (end > start && isBlank(header.charCodeAt(end - 1))) end -= 1;
  return header.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
