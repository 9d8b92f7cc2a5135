import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestFacts } from '../request-facts.js';
import { originOf, type ActiveSession } from '../session/active-session.js';
import type { Dispatch } from '../session/dispatch.js';
import type { SessionOutcome } from '../session/session-outcome.js';
import { ResponseHead } from './response-head.js';

/** A request of Express or Fastify, or node's own; anything that has headers. */
export interface SessionRequest {
  readonly headers: object;
}

/** A response of Express, a reply of Fastify, or node's own. */
export type SessionResponse = object;

interface FrameworkRequest {
  raw?: unknown;
  [property: string]: unknown;
}

interface FastifyReply {
  raw: ServerResponse;
  getHeader(name: string): number | string | string[] | undefined;
  header(name: string, value: string): unknown;
}

type FrameworkResponse = ServerResponse | FastifyReply;

const EXCHANGE = Symbol('nestjs-session-jwt:exchange');

/**
 * One request and its response, the same for Express and Fastify: the only place that touches either. Kept
 * under a symbol on node's own request, so that nothing a client sends can stand in for it.
 */
export class Exchange implements RequestFacts {
  /** The verdict on this request, so that a guard used twice judges once. */
  outcome: SessionOutcome | Promise<SessionOutcome> | undefined;
  /** Whether that verdict is also the store's. */
  hasAskedStore = false;
  /** Whether that verdict took the request for no activity of the user. */
  isPassive = false;
  session: ActiveSession<any, any, any> | undefined;
  /** What `expand` made of which data of which session. */
  expansion:
    | { readonly sid: string; readonly of: unknown; readonly value: unknown }
    | undefined;
  readonly #raw: RawRequest;
  #request: FrameworkRequest;
  #judge: object | undefined;
  #response: FrameworkResponse | undefined;
  #head: ResponseHead | undefined;

  private constructor(request: FrameworkRequest, raw: RawRequest) {
    this.#request = request;
    this.#raw = raw;
  }

  get method(): string | undefined {
    return this.#raw.method;
  }

  /** What `method-override` and its like leave behind. */
  get wireMethod(): string | undefined {
    return (this.#raw as { originalMethod?: string }).originalMethod;
  }

  get url(): string | undefined {
    return this.#raw.url;
  }

  get headers(): RequestFacts['headers'] {
    return this.#raw.headers;
  }

  get rawHeaders(): RequestFacts['rawHeaders'] {
    return this.#raw.rawHeaders;
  }

  get body(): unknown {
    return this.#request['body'];
  }

  /**
   * @param judge whose verdict is asked for: what another session module found on this request is forgotten
   */
  static of(request: object, response?: object, judge?: object): Exchange {
    const raw = rawRequestOf(request);
    const exchange = (raw[EXCHANGE] ??= new Exchange(
      request as FrameworkRequest,
      raw,
    ));
    // Middleware on Fastify sees node's own objects first, handlers see the framework's.
    if (request !== raw) {
      exchange.#request = request as FrameworkRequest;
    }
    if (judge && judge !== exchange.#judge) {
      exchange.#judge = judge;
      exchange.session = undefined;
      exchange.outcome = undefined;
      exchange.hasAskedStore = false;
      exchange.isPassive = false;
      exchange.expansion = undefined;
    }
    if (response && !(exchange.#response && isReply(exchange.#response))) {
      exchange.#response = response as FrameworkResponse;
    }
    return exchange;
  }

  /** The exchange of a request that the guard has seen. */
  static known(request: object): Exchange | undefined {
    return rawRequestOf(request)[EXCHANGE];
  }

  /** The exchange of a response, which knows its request on both platforms. */
  static ofResponse(response: object): Exchange | undefined {
    const { req, request } = response as { req?: unknown; request?: unknown };
    const found = request ?? req;
    return isRequest(found) ? Exchange.of(found, response) : undefined;
  }

  /** The exchange that a session came with, or that of another response. */
  static ofSession(
    session: ActiveSession<any, any, any>,
    response: object | undefined,
  ): Exchange | undefined {
    return response
      ? Exchange.ofResponse(response)
      : (originOf(session) as Exchange | undefined);
  }

  /** Makes a session known to handlers, or that there is none. */
  attach(
    session: ActiveSession<any, any, any> | undefined,
    property: string | undefined,
  ): void {
    const isNews = session !== this.session;
    this.session = session;
    if (property !== undefined && (session || isNews)) {
      this.#request[property] = session;
    }
  }

  /** Takes the session back; whoever asks again gets a new verdict. */
  detach(property: string | undefined): void {
    this.session = undefined;
    this.outcome = undefined;
    this.hasAskedStore = false;
    this.isPassive = false;
    if (property !== undefined) {
      this.#request[property] = undefined;
    }
  }

  /** Whether the response will bring this to the client. */
  deliver(dispatch: Dispatch): boolean {
    return this.#headOfResponse()?.put(dispatch) ?? false;
  }

  /** Whether tokens of this exchange can go over the wire in the clear. */
  get isPlainHttp(): boolean {
    const { socket } = this.#raw as Partial<IncomingMessage>;
    return (
      (socket as { encrypted?: boolean } | undefined)?.encrypted !== true &&
      this.headers['x-forwarded-proto'] !== 'https'
    );
  }

  /** Tells caches on which request headers the answer depends. */
  varyBy(fields: string): void {
    this.#headOfResponse()?.keepInVary(fields);
  }

  /** Sets a header so that it arrives however the handler answers: by the framework or by node's response. */
  setHeader(name: string, value: string): void {
    const response = this.#response;
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

  #headOfResponse(): ResponseHead | undefined {
    const response = this.#response && rawResponseOf(this.#response);
    if (response && this.#head?.response !== response) {
      this.#head = new ResponseHead(response);
    }
    return this.#head;
  }
}

type RawRequest = RequestFacts & { [EXCHANGE]?: Exchange };

/** Node's own request behind that of Fastify; on Express they are the same. */
function rawRequestOf(request: object): RawRequest {
  const { raw } = request as FrameworkRequest;
  return (isRequest(raw) ? raw : request) as RawRequest;
}

function isRequest(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { headers?: unknown }).headers === 'object'
  );
}

function isReply(response: FrameworkResponse): response is FastifyReply {
  return typeof (response as Partial<FastifyReply>).raw === 'object';
}

function rawResponseOf(response: FrameworkResponse): ServerResponse {
  return isReply(response) ? response.raw : response;
}
