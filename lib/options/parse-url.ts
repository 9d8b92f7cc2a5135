/**
 * The URL of a text, `undefined` where it is none. Not by `URL.canParse`: once optimised, that of Node 20
 * says no to good URLs with letters beyond ASCII.
 */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
