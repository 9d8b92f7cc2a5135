import {
  isRequest,
  isResponse,
  rawRequestOf,
  type FrameworkResponse,
  type SessionRequest,
  type SessionResponse,
} from '../exchange/raw-exchange.js';
import type { ClientSocket } from './client-socket.js';
import type { SentCredentials } from './handshake.js';

/** A request with its response, if that can be found: `response` delivers tokens. */
export interface FoundRequest {
  readonly request: SessionRequest;
  readonly response?: SessionResponse | undefined;
}

/** A connection over which a client sends many messages or operations. */
export interface FoundConnection {
  /** What stands for the connection: the same object each time. */
  readonly key: object;
  readonly client: ClientSocket;
  /** The request that opened it; `undefined` if only `SessionConnections.open` knows. */
  readonly handshake: SessionRequest | undefined;
  readonly sent: SentCredentials | undefined;
}

/** Where a reply of Fastify is kept for resolvers, whose Apollo contexts lack it. */
export const REPLY = Symbol('nestjs-session-jwt:reply');

/** Where a client of `ws` keeps its TCP connection, which nothing public names. */
const TCP = '_socket';

interface RawRequest {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly res?: unknown;
  readonly upgrade?: boolean;
  readonly socket?: ClientSocket;
  [REPLY]?: object;
}

type Context = Readonly<Record<string, unknown>>;

/**
 * Finds the request in the context value of a GraphQL operation: of Apollo or Mercurius, on Express or Fastify, over
 * HTTP or graphql-ws.
 *
 * @returns `undefined` for an operation that no request carries
 */
export function findInGraphQL(
  value: unknown,
): FoundRequest | FoundConnection | undefined {
  if (!isObject(value)) {
    return undefined;
  }
  // Apollo passes the context of graphql-ws where it passes the request otherwise.
  const overWs = [value['req'], value].find(isOverWs);
  if (overWs) {
    const { request, socket } = overWs.extra;
    return connection(request, overWs.connectionParams, () => socket);
  }
  const request = [value['req'], value['request']].find(isRequest) as
    SessionRequest | undefined;
  if (!request) {
    return undefined;
  }
  const raw = rawRequestOf(request) as unknown as RawRequest;
  const response = [
    value['res'],
    value['reply'],
    (request as { res?: unknown }).res,
    raw[REPLY],
  ].find(isResponse);
  return isUpgrade(raw, response)
    ? connection(
        raw,
        value['_connectionInit'] ?? value['connectionParams'],
        () => clientAt(value['app'], raw),
      )
    : { request, response };
}

/** Returns a response as it is, and that of a GraphQL operation from its context value. */
export function responseIn(given: unknown): FrameworkResponse | undefined {
  if (isResponse(given)) {
    return given;
  }
  const found = findInGraphQL(given);
  return found && 'request' in found && isResponse(found.response)
    ? found.response
    : undefined;
}

/**
 * Whether a request has become a connection, as Node's parser says. A client may send the header `Upgrade` with any
 * request; without that statement, only the missing response distinguishes them.
 */
function isUpgrade(raw: RawRequest, response: unknown): boolean {
  return raw.upgrade ?? (response === undefined && 'upgrade' in raw.headers);
}

function connection(
  request: object,
  params: unknown,
  findClient: () => ClientSocket | undefined,
): FoundConnection {
  const raw = rawRequestOf(request) as unknown as RawRequest;
  return {
    key: raw,
    // Looked for once, not for each operation.
    get client() {
      return findClient() ?? raw.socket!;
    },
    handshake: raw,
    sent: { params },
  };
}

/** Returns the client that an upgrade request has become: Mercurius's contexts contain only its server. */
function clientAt(
  app: unknown,
  { socket }: RawRequest,
): ClientSocket | undefined {
  const { websocketServer } = (app ?? {}) as {
    websocketServer?: {
      clients?: Iterable<ClientSocket & { readonly [TCP]?: unknown }>;
    };
  };
  for (const client of websocketServer?.clients ?? []) {
    if (client[TCP] === socket) return client;
  }
  return undefined;
}

interface OverWs {
  readonly extra: { readonly request: object; readonly socket: ClientSocket };
  readonly connectionParams?: unknown;
}

function isOverWs(value: unknown): value is OverWs {
  return (
    isObject(value) &&
    isObject(value['extra']) &&
    isRequest(value['extra']['request'])
  );
}

export function isObject(value: unknown): value is Context {
  return typeof value === 'object' && value !== null;
}
