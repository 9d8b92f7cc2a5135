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

/** Returns whether a host is this machine, where browsers keep Secure cookies over plain HTTP too. */
export function isThisMachine(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127(?:\.\d{1,3}){3}$/.test(hostname)
  );
}
