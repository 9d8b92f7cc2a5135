/** What transports and CSRF checks know about a request. Node's own requests satisfy it as they are. */
export interface RequestFacts {
  readonly method?: string | undefined;
  /** The method that was sent, if middleware has replaced it. */
  readonly wireMethod?: string | undefined;
  /** Path and query, as received. */
  readonly url?: string | undefined;
  /** The same, before a router removed its part of the path. */
  readonly originalUrl?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Alternating names and values, as received: the only place where a repeated header is still visible. */
  readonly rawHeaders?: readonly string[] | undefined;
  /** What the framework's parser returned, if it has run: anything that a client can send. */
  readonly body?: unknown;
}

/**
 * Returns the value of a header that must not be repeated; `undefined` if it is absent. Joins repeated values, so
 * that they are never taken for absent and never equal the expected value.
 *
 * @param name in lower case
 */
export function headerOf(
  facts: RequestFacts,
  name: string,
): string | undefined {
  const value = facts.headers[name];
  return Array.isArray(value)
    ? value.join(name === 'cookie' ? '; ' : ', ')
    : value;
}

/**
 * Returns the values of a header, one for each time that it was sent. Node keeps the first `Authorization` and
 * silently drops the others.
 *
 * @param name in lower case
 */
export function headerLines(
  facts: RequestFacts,
  name: string,
): readonly string[] {
  const value = headerOf(facts, name);
  if (value === undefined || countHeader(facts, name) < 2) {
    return value === undefined ? [] : [value];
  }
  const raw = facts.rawHeaders ?? [];
  return raw.filter(
    (_value, i) => i % 2 === 1 && raw[i - 1]!.toLowerCase() === name,
  );
}

/**
 * Returns whether a client marks a request as no activity of its user: `Session-Passive: ?1`, a boolean of RFC 9651
 * (section 3.3.6). It can only shorten the client's own session, so any client may send it.
 */
export function saysPassive({ headers }: RequestFacts): boolean {
  return headers['session-passive'] === '?1';
}

/** Counts how often a header was sent. */
export function countHeader(facts: RequestFacts, name: string): number {
  const raw = facts.rawHeaders ?? [];
  let count = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const candidate = raw[i]!;
    if (candidate.length === name.length && candidate.toLowerCase() === name) {
      count += 1;
    }
  }
  return count;
}

/** Returns the text in a field of a parsed body; `undefined` for anything else. */
export function bodyField(
  { body }: RequestFacts,
  name: string,
): string | undefined {
  const value =
    typeof body === 'object' && body !== null && Object.hasOwn(body, name)
      ? (body as Record<string, unknown>)[name]
      : undefined;
  return typeof value === 'string' ? value : undefined;
}
