/** Headers for one kind of cache, which then ignores `Cache-Control` (RFC 9213, section 2.1). */
const TARGETED =
  /-cache-control$|^(?:surrogate-control|edge-control|x-accel-expires)$/i;

/** The headers of an unsent response, on any platform. */
export interface ResponseHeaders {
  names(): readonly string[];
  get(name: string): number | string | readonly string[] | undefined;
  set(name: string, value: string): void;
  remove(name: string): void;
}

/**
 * Keeps a response out of every cache, overriding earlier cache headers. `no-transform` stays: it permits no storing,
 * and without it compression would hold back an event stream.
 */
export function preventStoring(headers: ResponseHeaders): void {
  const given = String(headers.get('cache-control') ?? '').split(',');
  const isVerbatim = given.some(
    (directive) => directive.trim().toLowerCase() === 'no-transform',
  );
  headers.set(
    'Cache-Control',
    isVerbatim ? 'no-store, no-transform' : 'no-store',
  );
  for (const name of headers.names()) {
    if (TARGETED.test(name)) headers.remove(name);
  }
}
