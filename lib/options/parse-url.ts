/**
 * Parses a URL; `undefined` if it is invalid. Does not use `URL.canParse`: once optimised, that of Node 20 rejects
 * valid URLs with non-ASCII letters.
 */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
