import { headerOf, type RequestFacts } from '../request-facts.js';
import {
  belongsTo,
  isActiveSession,
  originOf,
  type ActiveSession,
} from '../session/active-session.js';
import type { Dispatch } from '../session/dispatch.js';
import { requireFree } from '../session/request-property.js';
import type { SessionOutcome } from '../session/session-outcome.js';
import {
  headersOfRaw,
  isPlainHttp,
  isReply,
  isRequest,
  isResponse,
  preventStoringOf,
  putSessionOn,
  rawRequestOf,
  rawResponseOf,
  sessionOn,
  setHeaderOf,
  type FrameworkRequest,
  type FrameworkResponse,
  type RawRequest,
} from './raw-exchange.js';
import { ResponseHead } from './response-head.js';

/** The session module whose verdict counts: its runtime. */
interface Judge {
  readonly options: { readonly requestProperty: string | undefined };
}

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
  /** The method that the request had then. */
  judgedMethod: string | undefined;
  /** Whether that verdict took the request for no activity of the user. */
  isPassive = false;
  /** What `expand` made of which data of which session. */
  expansion:
    | { readonly sid: string; readonly of: unknown; readonly value: unknown }
    | undefined;
  readonly #raw: RawRequest;
  #request: FrameworkRequest;
  #headers!: RequestFacts['headers'];
  #judge: Judge | undefined;
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

  /** What Express leaves behind where it mounts middleware at a path. */
  get originalUrl(): string | undefined {
    return this.#raw.originalUrl;
  }

  get headers(): RequestFacts['headers'] {
    return this.#headers;
  }

  get rawHeaders(): RequestFacts['rawHeaders'] {
    return this.#raw.rawHeaders;
  }

  get body(): unknown {
    return this.#request['body'];
  }

  /** @param judge whose verdict is asked for: what another session module found on this request is forgotten */
  static of(request: object, response?: object, judge?: Judge): Exchange {
    const raw: RawRequest & { [EXCHANGE]?: Exchange } = rawRequestOf(request);
    const exchange = (raw[EXCHANGE] ??= new Exchange(
      request as FrameworkRequest,
      raw,
    ));
    exchange.#headers = headersOfRaw(raw);
    // Middleware on Fastify sees node's own objects first, handlers see the framework's.
    if (request !== raw) {
      exchange.#request = request as FrameworkRequest;
    }
    if (judge) {
      exchange.#turnTo(judge);
    }
    const isReplied = exchange.#response && isReply(exchange.#response);
    if (!isReplied && isResponse(response)) exchange.#response = response;
    return exchange;
  }

  static ofResponse(response: object | undefined): Exchange | undefined {
    const { req, request } = (response ?? {}) as Record<string, unknown>;
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

  /** The session that the module whose verdict counts has attached. */
  get session(): ActiveSession<any, any, any> | undefined {
    const session = sessionOn(this.#raw);
    return this.#judge && belongsTo(session, this.#judge) ? session : undefined;
  }

  /**
   * Refuses, before anything is issued, to go on where other code holds the property of the request.
   *
   * @throws {SessionError} `REQUEST_PROPERTY_TAKEN`
   */
  requirePlace({ options: { requestProperty } }: Judge): void {
    if (this.#response) requireFree(this.#request, requestProperty);
  }

  /**
   * Makes a session known to handlers, or that there is none.
   *
   * @throws {SessionError} `REQUEST_PROPERTY_TAKEN`
   */
  attach(
    session: ActiveSession<any, any, any> | undefined,
    judge: Judge,
  ): void {
    this.#turnTo(judge);
    const { requestProperty } = judge.options;
    if (requestProperty !== undefined) {
      if (session) {
        this.requirePlace(judge);
        this.#request[requestProperty] = session;
      } else if (isActiveSession(this.#request[requestProperty])) {
        this.#request[requestProperty] = undefined;
      }
    }
    if (sessionOn(this.#raw) !== session) {
      putSessionOn(this.#raw, session);
    }
  }

  /** Takes back the session of one module; the next caller gets a new verdict. */
  detach(judge: Judge): void {
    if (belongsTo(sessionOn(this.#raw), judge)) {
      putSessionOn(this.#raw, undefined);
    }
    if (judge === this.#judge) {
      this.#forget();
    }
    const { requestProperty } = judge.options;
    if (
      requestProperty !== undefined &&
      belongsTo(this.#request[requestProperty], judge)
    ) {
      this.#request[requestProperty] = undefined;
    }
  }

  /** Forgets what another session module found on this request. */
  #turnTo(judge: Judge): void {
    if (judge !== this.#judge) {
      this.#judge = judge;
      this.#forget();
    }
  }

  #forget(): void {
    this.outcome = undefined;
    this.hasAskedStore = false;
    this.judgedMethod = undefined;
    this.isPassive = false;
    this.expansion = undefined;
  }

  /** Whether there is a response that can still bring something to the client. */
  get canDeliver(): boolean {
    const response = this.#response && rawResponseOf(this.#response);
    return (
      response !== undefined && !response.headersSent && !response.destroyed
    );
  }

  /** Whether the response will bring this to the client. */
  deliver(dispatch: Dispatch): boolean {
    return this.canDeliver && this.#headOfResponse()!.put(dispatch);
  }

  /** Whether tokens of this exchange can go over the wire in the clear. */
  get isPlainHttp(): boolean {
    return isPlainHttp(this.#raw, headerOf(this, 'x-forwarded-proto'));
  }

  /** Tells caches on which request headers the answer depends. */
  varyBy(fields: string): void {
    this.#headOfResponse()?.keepInVary(fields);
  }

  /** Sets a header so that it arrives however the handler answers: by the framework or by node's response. */
  setHeader(name: string, value: string): void {
    setHeaderOf(this.#response, name, value);
  }

  /** Keeps the response out of every cache, unless the handler decides otherwise after this. */
  preventStoring(): void {
    preventStoringOf(this.#response);
  }

  /** Sets the headers of a refusal, and keeps it out of every cache. */
  refuseWith(headers: Iterable<readonly [name: string, value: string]>): void {
    this.preventStoring();
    for (const [name, value] of headers) this.setHeader(name, value);
  }

  #headOfResponse(): ResponseHead | undefined {
    const response = this.#response && rawResponseOf(this.#response);
    if (response && this.#head?.response !== response) {
      this.#head = new ResponseHead(response);
    }
    return this.#head;
  }
}
