/** What transports and CSRF checks know of a request. Node's own requests satisfy it as they are. */
export interface RequestFacts {
  readonly method?: string | undefined;
  /** The method that was sent, where middleware put another one into its place. */
  readonly wireMethod?: string | undefined;
  /** Path and query, as received. */
  readonly url?: string | undefined;
  /** The same before a router took its own part of the path away. */
  readonly originalUrl?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Names and values in turn, as received: the only place where a repeated header is still visible. */
  readonly rawHeaders?: readonly string[] | undefined;
  /** As the framework's parser left it, if it ran already: anything a client can send. */
  readonly body?: unknown;
}

/**
 * The value of a header that must not be repeated; `undefined` when it is absent. A repeated one is joined,
 * so that it is never taken for absent and never equals what is expected.
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
 * The values of a header, one for each time that it was sent. Node keeps the first `Authorization` and drops the
 * others in silence.
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
 * Whether a client says that a request is no activity of its user: `Session-Passive: ?1`, a boolean of RFC 9651
 * (section 3.3.6). It shortens the client's own session at most, so any client may say it.
 */
export function saysPassive({ headers }: RequestFacts): boolean {
  return headers['session-passive'] === '?1';
}

/** How often a header was sent. */
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

/** The text in a field of a parsed body; `undefined` for anything else. */
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
