import { IncomingMessage, type ServerResponse } from 'node:http';
import type { RequestFacts } from '../../ports/request-facts.js';
import {
  isActiveSession,
  type AnySession,
} from '../../session/model/active-session.js';
import { preventStoring } from './cache-headers.js';

/** A request of Express, Fastify or Node.js, or any object with headers. */
export interface SessionRequest {
  readonly headers: object;
}

/** A response of Express or Node.js, or a reply of Fastify. */
export type SessionResponse = object;

export interface FrameworkRequest {
  raw?: unknown;
  [property: string]: unknown;
}

interface FastifyReply {
  raw: ServerResponse;
  /** Also `true` once the handler has taken over the reply (`hijack`). */
  sent?: boolean;
  getHeader(name: string): number | string | string[] | undefined;
  getHeaders(): object;
  header(name: string, value: string): unknown;
  removeHeader(name: string): unknown;
}

export type FrameworkResponse = ServerResponse | FastifyReply;

/** Where `@Session()` finds the session of a request. */
export interface SessionHolder {
  attached: AnySession | undefined;
}

/** The only thing of a request that all copies of the package share: the exchange of the first one. */
export const HOLDER = Symbol.for('nestjs-session-jwt:holder:v1');

/** Where this copy of the package keeps its exchange if another copy came first. */
export const OF_THIS_COPY = Symbol('nestjs-session-jwt:exchange');

/** What keeps the exchanges of a request. */
export interface Keeper {
  [HOLDER]?: SessionHolder;
  [OF_THIS_COPY]?: SessionHolder;
}

/** Node's own request, or its substitute. */
export interface RawRequest extends Omit<RequestFacts, 'headers'> {
  readonly headers: RequestFacts['headers'] | Headers;
}

/** Returns Node's own request, which Fastify wraps; on Express it is the same object. */
export function rawRequestOf(request: object): RawRequest {
  const { raw } = request as FrameworkRequest;
  return (isRequest(raw) ? raw : request) as RawRequest;
}

/**
 * Returns where a request keeps what belongs to it: the list of headers that Node made for it alone. On the request
 * itself, each property costs Express 5 to 10 µs before Node 24, where a changed prototype leaves every object with
 * hidden classes that it shares with no other; a `WeakMap` costs more in garbage collections. Other objects keep it
 * themselves: they may share their list.
 */
export function keeperOf(request: object): Keeper {
  const isOfNode =
    request instanceof IncomingMessage && Array.isArray(request.rawHeaders);
  const keeper: object = isOfNode ? request.rawHeaders : request;
  return keeper;
}

/** Returns the session attached to a request by any module or copy of the package. */
export function sessionOn(request: object): AnySession | undefined {
  const session = keeperOf(rawRequestOf(request))[HOLDER]?.attached;
  return isActiveSession(session) ? session : undefined;
}

/** Attaches a session to Node's own request, or to what stands for a connection, where {@link sessionOn} finds it. */
export function attachTo(key: object, session: AnySession | undefined): void {
  (keeperOf(key)[HOLDER] ??= { attached: undefined }).attached = session;
}

/** Returns the headers of a request by lower-case name, converting those of a fetch `Request`. */
export function headersOfRaw({ headers }: RawRequest): RequestFacts['headers'] {
  return isFetchHeaders(headers)
    ? (Object.fromEntries(headers) as Record<string, string>)
    : headers;
}

/** Detects fetch headers of any implementation. A header named `get` would be a string. */
function isFetchHeaders(headers: RawRequest['headers']): headers is Headers {
  return (
    typeof headers.get === 'function' &&
    Object.prototype.toString.call(headers) === '[object Headers]'
  );
}

/** @param forwarded the schemes that proxies report: the first is the one that the client used */
export function isPlainHttp(raw: RawRequest, forwarded = ''): boolean {
  const { socket } = raw as Partial<IncomingMessage>;
  return (
    (socket as { encrypted?: boolean } | undefined)?.encrypted !== true &&
    !/^\s*https\s*(?:,|$)/i.test(forwarded)
  );
}

export function isRequest(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { headers?: unknown }).headers === 'object'
  );
}

/** Whether a value is a response of Node.js or a reply of Fastify. Other protocols pass neither. */
export function isResponse(value: unknown): value is FrameworkResponse {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof rawResponseOf(value as FrameworkResponse).writeHead === 'function'
  );
}

export function isReply(response: FrameworkResponse): response is FastifyReply {
  const { raw } = response as Partial<FastifyReply>;
  return typeof raw === 'object' && raw !== null;
}

export function rawResponseOf(response: FrameworkResponse): ServerResponse {
  return isReply(response) ? response.raw : response;
}

/** Returns the request that a response answers. */
export function requestOf(response: FrameworkResponse): unknown {
  const { req, request } = response as { req?: unknown; request?: unknown };
  return request ?? req;
}

/** Sets a header that arrives whether the handler answers through the framework or through Node's response. */
export function setHeaderOf(
  response: FrameworkResponse | undefined,
  name: string,
  value: string,
): void {
  if (!response || rawResponseOf(response).headersSent) {
    return;
  }
  if (isReply(response)) {
    response.header(name, value);
    response.raw.setHeader(name, value);
  } else {
    response.setHeader(name, value);
  }
}

/** Keeps a response out of every cache, unless the handler later decides otherwise. */
export function preventStoringOf(
  response: FrameworkResponse | undefined,
): void {
  if (!response || rawResponseOf(response).headersSent) {
    return;
  }
  preventStoring({
    names: () => Object.keys(response.getHeaders()),
    get: (name) => response.getHeader(name),
    set: (name, value) => setHeaderOf(response, name, value),
    remove: (name) => {
      response.removeHeader(name);
      // Before 5.12 Fastify removes only its own headers, not those of middleware.
      rawResponseOf(response).removeHeader(name);
    },
  });
}

/** Sets the headers of a refusal, and keeps it out of every cache. A response whose head was sent ends. */
export function refuseResponse(
  response: FrameworkResponse | undefined,
  headers: Iterable<readonly [name: string, value: string]>,
): void {
  if (!response || endAfterHead(response)) {
    return;
  }
  preventStoringOf(response);
  for (const [name, value] of headers) setHeaderOf(response, name, value);
}

/** Nest 11 treats a Fastify reply whose head was sent as unsent: its own filter would leave it open. */
function endAfterHead(response: FrameworkResponse): boolean {
  const raw = rawResponseOf(response);
  if (raw.headersSent) raw.end();
  return raw.headersSent;
}

/**
 * Ends a response that the framework can no longer answer, so that it does not hang: its head was sent (by a streaming
 * handler, for example), or the handler has taken over the Fastify reply.
 *
 * @returns `false` if the framework still answers
 */
export function endUnanswerable(
  response: FrameworkResponse,
  status: number,
  body: unknown,
): boolean {
  if (endAfterHead(response)) {
    return true;
  }
  if (isReply(response) && response.sent) {
    const { raw } = response;
    raw.writeHead(status, {
      'Content-Type': 'application/json; charset=utf-8',
    });
    raw.end(JSON.stringify(body));
    return true;
  }
  return false;
}
