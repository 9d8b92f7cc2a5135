import { headerOf, type RequestFacts } from '../../ports/request-facts.js';
import {
  belongsTo,
  isActiveSession,
  originOf,
  type AnySession,
} from '../../session/model/active-session.js';
import type { Dispatch } from '../../session/model/dispatch.js';
import {
  freeProperty,
  requireFree,
  type Owner,
} from '../../session/request/request-property.js';
import type { SessionOutcome } from '../../session/model/session-outcome.js';
import {
  attachTo,
  headersOfRaw,
  HOLDER,
  isPlainHttp,
  isReply,
  isRequest,
  isResponse,
  keeperOf,
  OF_THIS_COPY,
  preventStoringOf,
  rawRequestOf,
  rawResponseOf,
  requestOf,
  refuseResponse,
  sessionOn,
  type FrameworkRequest,
  type FrameworkResponse,
  type Keeper,
  type RawRequest,
  type SessionHolder,
} from './raw-exchange.js';
import { responseIn } from '../contexts/graphql-request.js';
import { ResponseHead } from './response-head.js';
import { hookPrototypeOf } from './response-prototype.js';

/**
 * One request and its response, the same for Express and Fastify: the only place that touches either. Stored under a
 * symbol with Node's own request, so that nothing a client sends can stand in for it.
 */
export class Exchange implements RequestFacts, SessionHolder {
  attached: AnySession | undefined;
  /** The outcome for this request, so that a guard used twice checks once. */
  outcome: SessionOutcome | Promise<SessionOutcome> | undefined;
  /** Whether the store was queried for that outcome. */
  hasAskedStore = false;
  /** The method of the request at that time. */
  evaluatedMethod: string | undefined;
  /** Whether that outcome treated the request as passive: not as user activity. */
  isPassive = false;
  /** The result of `expand`, with the session and the data that it was made from. */
  expansion:
    | { readonly sid: string; readonly of: unknown; readonly value: unknown }
    | undefined;
  readonly #raw: RawRequest;
  #request: FrameworkRequest;
  #headers!: RequestFacts['headers'];
  #owner: Owner | undefined;
  #response: FrameworkResponse | undefined;
  #head: ResponseHead | undefined;

  private constructor(request: FrameworkRequest, raw: RawRequest) {
    this.#request = request;
    this.#raw = raw;
  }

  get method(): string | undefined {
    return this.#raw.method;
  }

  /** The original method, as kept by `method-override` and similar middleware. */
  get wireMethod(): string | undefined {
    return (this.#raw as { originalMethod?: string }).originalMethod;
  }

  get url(): string | undefined {
    return this.#raw.url;
  }

  /** The original URL, as Express keeps it for middleware mounted at a path. */
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

  /** With an `owner`, the module that decides, drops what another session module found on this request. */
  static of(request: object, response?: object, owner?: Owner): Exchange {
    const raw = rawRequestOf(request);
    const exchange = Exchange.#on(raw, request as FrameworkRequest);
    exchange.#headers = headersOfRaw(raw);
    // On Fastify, middleware sees Node's own objects first; handlers see the framework's.
    if (request !== raw) {
      exchange.#request = request as FrameworkRequest;
    }
    if (owner) exchange.#turnTo(owner);
    const isReplied = exchange.#response && isReply(exchange.#response);
    if (!isReplied && isResponse(response)) exchange.#response = response;
    return exchange;
  }

  static #on(raw: RawRequest, request: FrameworkRequest): Exchange {
    const keeper = keeperOf(raw);
    const known = Exchange.#in(keeper);
    if (known) return known;
    const place = keeper[HOLDER] ? OF_THIS_COPY : HOLDER;
    return (keeper[place] = new Exchange(request, raw));
  }

  static #headOf(this: void, request: object): ResponseHead | undefined {
    const exchange = Exchange.#in(keeperOf(request));
    return exchange && exchange.#head;
  }

  static #in(keeper: Keeper): Exchange | undefined {
    const holder = keeper[HOLDER];
    return holder && #raw in holder
      ? holder
      : (keeper[OF_THIS_COPY] as Exchange | undefined);
  }

  /** @param given a response, or the context value of a GraphQL operation, which contains one */
  static ofResponse(given: object | undefined): Exchange | undefined {
    const response = responseIn(given);
    const request = response && requestOf(response);
    return isRequest(request) ? Exchange.of(request, response) : undefined;
  }

  /** Returns the exchange that a session came with, or that of another response. */
  static ofSession(
    session: AnySession,
    response: object | undefined,
  ): Exchange | undefined {
    return response
      ? Exchange.ofResponse(response)
      : (originOf(session) as Exchange | undefined);
  }

  /** The session attached by the module that decides. */
  get session(): AnySession | undefined {
    const session = sessionOn(this.#raw);
    return this.#owner && belongsTo(session, this.#owner) ? session : undefined;
  }

  /**
   * Refuses to continue, before anything is issued, if other code holds the property of the request.
   *
   * @throws {SessionError} `REQUEST_PROPERTY_TAKEN`
   */
  requirePlace({ options: { requestProperty } }: Owner): void {
    if (this.#response) requireFree(this.#request, requestProperty);
  }

  /**
   * Attaches a session for handlers to read; `undefined` removes it.
   *
   * @throws {SessionError} `REQUEST_PROPERTY_TAKEN`
   */
  attach(session: AnySession | undefined, owner: Owner): void {
    this.#turnTo(owner);
    const { requestProperty } = owner.options;
    if (!session) {
      freeProperty(this.#request, requestProperty, isActiveSession);
    } else if (requestProperty !== undefined) {
      this.requirePlace(owner);
      this.#request[requestProperty] = session;
    }
    attachTo(this.#raw, session);
  }

  /** Removes the session of one module; the next caller gets a new outcome. */
  detach(owner: Owner): void {
    if (belongsTo(sessionOn(this.#raw), owner)) attachTo(this.#raw, undefined);
    if (owner === this.#owner) this.#forget();
    freeProperty(this.#request, owner.options.requestProperty, (session) =>
      belongsTo(session, owner),
    );
  }

  /** Drops what another session module found on this request. */
  #turnTo(owner: Owner): void {
    if (owner === this.#owner) return;
    this.#owner = owner;
    this.#forget();
  }

  #forget(): void {
    this.outcome = undefined;
    this.hasAskedStore = false;
    this.evaluatedMethod = undefined;
    this.isPassive = false;
    this.expansion = undefined;
  }

  /** Whether there is a response that can still deliver something to the client. */
  get canDeliver(): boolean {
    const response = this.#response && rawResponseOf(this.#response);
    return (
      response !== undefined && !response.headersSent && !response.destroyed
    );
  }

  /** Adds deliveries to the response. Returns whether they will reach the client. */
  deliver(dispatch: Dispatch): boolean {
    return this.canDeliver && this.#headOfResponse()!.put(dispatch);
  }

  /** Whether tokens of this exchange may travel unencrypted. */
  get isPlainHttp(): boolean {
    return isPlainHttp(this.#raw, headerOf(this, 'x-forwarded-proto'));
  }

  /** Lists request headers in `Vary`, for caches. */
  varyBy(fields: string): void {
    this.#headOfResponse()?.keepInVary(fields);
  }

  /** Keeps the response out of every cache, unless the handler later decides otherwise. */
  preventStoring(): void {
    preventStoringOf(this.#response);
  }

  /** Sets the headers of a refusal, and keeps it out of every cache. A response whose head was sent ends. */
  refuseWith(headers: Iterable<readonly [name: string, value: string]>): void {
    refuseResponse(this.#response, headers);
  }

  #headOfResponse(): ResponseHead | undefined {
    const response = this.#response && rawResponseOf(this.#response);
    if (response && this.#head?.response !== response) {
      const isHooked = hookPrototypeOf(response, this.#raw, Exchange.#headOf);
      this.#head = new ResponseHead(response, isHooked);
    }
    return this.#head;
  }
}
