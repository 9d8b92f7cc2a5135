import type {
  ExpandedSessionData,
  SessionAttributes,
  SessionData,
  SessionParams,
} from './session-types.js';

/** The session that data is wanted for. */
export interface SessionContext<TAttributes = SessionAttributes> {
  readonly sessionId: string;
  readonly subject: string;
  /** The sign-in. No reload moves it. */
  readonly issuedAt: Date;
  readonly attributes: Readonly<TAttributes>;
  /**
   * Whether the sign-in was before an instant, in whole seconds: the test behind "log out everywhere". A
   * sign-in in the same second as the instant survives; no instant (`null`) is before none.
   */
  issuedBefore(instant: Date | null | undefined): boolean;
}

/** What a call of the loader is told. */
export interface LoadContext<
  TAttributes = SessionAttributes,
> extends SessionContext<TAttributes> {
  readonly reason: 'generate' | 'reload' | 'refresh';
  /** Aborted when the call passes `loader.timeout`; a result after that is ignored. */
  readonly signal: AbortSignal;
}

/**
 * Loads the data of a session. Extend it and hand the class to the module as `dataLoader`, or provide it
 * under this class as token in a module that the session module imports.
 */
export abstract class SessionDataLoader<
  TParams = SessionParams,
  TData = SessionData,
> {
  /**
   * The data of a session, as plain JSON values.
   *
   * `null`, a `SessionEndedError`, or an `HttpException` with status 401, 403, 404 or 410 ends the session.
   * Every other error, and a call that passes `loader.timeout`, means that the data source is down: the old
   * data is used for at most `loader.maxStale`, then requests get 503. Nobody is logged out by it.
   *
   * @param params what `generate` was given, as a frozen JSON copy
   */
  abstract load(
    params: TParams,
    context: LoadContext,
  ): Promise<TData | null | undefined> | TData | null | undefined;

  /**
   * Whether the params of a token are (still) what {@link load} expects: says no after a deploy that changed
   * their type, and the session is refused with 401 instead of crashing the loader. Asked before each reload.
   */
  accepts?(params: unknown): boolean;

  /**
   * Enriches the data for one request; the result is what handlers see as `data` and is never stored in a
   * token. Runs once per request. Its failure is a failure of the request (500), never a logout.
   */
  expand?(
    data: TData,
    context: SessionContext,
  ): Promise<ExpandedSessionData> | ExpandedSessionData;
}
