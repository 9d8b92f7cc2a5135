import type { RequestFacts } from '../../ports/request-facts.js';
import {
  headersOfRaw,
  rawRequestOf,
  type SessionRequest,
} from '../exchange/raw-exchange.js';

/** What a client sent over its connection in place of headers, which browsers cannot set on a handshake. */
export interface SentCredentials {
  /** `connectionParams` of graphql-ws, `auth` of socket.io: anything. */
  readonly params: unknown;
  /** The member that holds a bare token, apart from one named like the header. */
  readonly tokenMember?: string;
}

interface HeaderNames {
  /** In lower case. */
  readonly name: string;
  readonly scheme: string;
}

/**
 * Returns the facts of a handshake. Headers are read as the client sent them: Mercurius copies `connectionParams`
 * over them later, so that a page of another site could name itself `Sec-Fetch-Site: same-origin`.
 *
 * It counts as a WebSocket handshake however it came: the long polling of socket.io begins with an ordinary GET, which
 * no origin check covers.
 */
export function handshakeFacts(
  handshake: SessionRequest & Pick<RequestFacts, 'rawHeaders' | 'url'>,
  sent: SentCredentials | undefined,
  header: HeaderNames,
): RequestFacts {
  const raw = rawRequestOf(handshake);
  const given = [...(raw.rawHeaders ?? pairsOf(headersOfRaw(raw)))];
  const tokens = sentTokens(sent, header);
  const rawHeaders =
    tokens.length === 0 ? given : withTokens(given, tokens, header);
  return {
    method: 'GET',
    url: raw.url,
    headers: { ...headersOf(rawHeaders), upgrade: 'websocket' },
    rawHeaders,
  };
}

/** Returns the values of the header that a client sent in its place. */
function sentTokens(
  sent: SentCredentials | undefined,
  header: HeaderNames,
): string[] {
  const { params, tokenMember } = sent ?? {};
  if (typeof params !== 'object' || params === null) {
    return [];
  }
  return Object.entries(params).flatMap(
    ([member, value]: [string, unknown]) => {
      if (typeof value !== 'string') return [];
      const spelled = valueOf(value, header);
      if (member.toLowerCase() === header.name) return spelled ?? [];
      return member === tokenMember
        ? (spelled ?? `${header.scheme} ${value}`)
        : [];
    },
  );
}

/**
 * Adds tokens to the headers of a handshake. Other credentials in the same header, such as those of a proxy, make way;
 * several tokens make the header ambiguous, which is refused.
 */
function withTokens(
  rawHeaders: readonly string[],
  tokens: readonly string[],
  header: HeaderNames,
): string[] {
  const values = new Set(tokens);
  const others: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name, value] = rawHeaders.slice(i, i + 2) as [string, string];
    if (name.toLowerCase() !== header.name) others.push(name, value);
    else values.add(valueOf(value, header) ?? '');
  }
  values.delete('');
  return [...others, ...[...values].flatMap((value) => [header.name, value])];
}

/** Returns a value with its scheme in the usual case; `undefined` if it has another scheme or none. */
function valueOf(value: string, { scheme }: HeaderNames): string | undefined {
  if (scheme === '') {
    return value;
  }
  const start = `${scheme} `;
  return value.slice(0, start.length).toLowerCase() === start.toLowerCase()
    ? start + value.slice(start.length)
    : undefined;
}

function headersOf(rawHeaders: readonly string[]): RequestFacts['headers'] {
  const headers: Record<string, string> = Object.create(null) as Record<
    string,
    string
  >;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    const value = rawHeaders[i + 1]!;
    const known = headers[name];
    headers[name] =
      known === undefined
        ? value
        : `${known}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  return headers;
}

function pairsOf(headers: RequestFacts['headers']): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().flatMap((each) => [name, each]),
  );
}
