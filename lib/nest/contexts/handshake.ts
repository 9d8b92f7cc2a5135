import type { IncomingMessage } from 'node:http';
import type { RequestFacts } from '../../ports/request-facts.js';

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

type Handshake = Pick<IncomingMessage, 'headers'> &
  Partial<Pick<IncomingMessage, 'rawHeaders' | 'url'>>;

/**
 * Returns the facts of a handshake. Headers are read as the client sent them: Mercurius copies `connectionParams`
 * over them later, so that a page of another site could name itself `Sec-Fetch-Site: same-origin`.
 *
 * It counts as a WebSocket handshake however it came: the long polling of socket.io begins with an ordinary GET, which
 * no origin check covers.
 */
export function handshakeFacts(
  handshake: Handshake,
  sent: SentCredentials | undefined,
  header: HeaderNames,
): RequestFacts {
  const rawHeaders = [...(handshake.rawHeaders ?? pairsOf(handshake.headers))];
  const token = sent && sentHeader(sent, header);
  // A second one with other content makes the header ambiguous, which is refused.
  if (token !== undefined && !hasHeader(rawHeaders, header.name, token)) {
    rawHeaders.push(header.name, token);
  }
  return {
    method: 'GET',
    url: handshake.url,
    headers: { ...headersOf(rawHeaders), upgrade: 'websocket' },
    rawHeaders,
  };
}

function sentHeader(
  { params, tokenMember }: SentCredentials,
  { name, scheme }: HeaderNames,
): string | undefined {
  if (typeof params !== 'object' || params === null) {
    return undefined;
  }
  for (const [member, value] of Object.entries(params)) {
    if (typeof value !== 'string') continue;
    if (member.toLowerCase() === name) return value;
    if (member === tokenMember) {
      const isWhole =
        scheme === '' ||
        value.toLowerCase().startsWith(`${scheme.toLowerCase()} `);
      return isWhole ? value : `${scheme} ${value}`;
    }
  }
  return undefined;
}

function hasHeader(
  rawHeaders: readonly string[],
  name: string,
  value: string,
): boolean {
  return rawHeaders.some(
    (text, i) =>
      i % 2 === 1 &&
      text === value &&
      rawHeaders[i - 1]!.toLowerCase() === name,
  );
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

function pairsOf(headers: Handshake['headers']): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().flatMap((each) => [name, each]),
  );
}
