import type {
  ExpandedSessionData,
  SessionAttributes,
  SessionData,
  SessionParams,
} from './session-types.js';

/** The session that the data is for. */
export interface SessionContext<TAttributes = SessionAttributes> {
  readonly sessionId: string;
  readonly subject: string;
  /** The time of the sign-in. Reloads do not change it. */
  readonly issuedAt: Date;
  readonly attributes: Readonly<TAttributes>;
  /**
   * Whether the sign-in was before an instant, in whole seconds: the test behind "log out everywhere". A sign-in in the
   * same second as the instant survives. Returns `false` without an instant (`null`).
   */
  issuedBefore(instant: Date | null | undefined): boolean;
}

/** What a call of the loader receives. */
export interface LoadContext<
  TAttributes = SessionAttributes,
> extends SessionContext<TAttributes> {
  readonly reason: 'generate' | 'reload' | 'refresh';
  /** Aborted when the call exceeds `loader.timeout`; a later result is ignored. */
  readonly signal: AbortSignal;
}

/**
 * Loads the data of a session. Extend it and pass the class to the module as `dataLoader`, or provide it with this
 * class as the token in a module that the session module imports.
 */
export abstract class SessionDataLoader<
  TParams = SessionParams,
  TData = SessionData,
> {
  /**
   * Returns the data of a session, as plain JSON values.
   *
   * `null`, a `SessionEndedError`, or an `HttpException` with status 401, 403, 404 or 410 ends the session. Any other
   * error, and a call that exceeds `loader.timeout`, means that the data source is unavailable: the old data is used
   * for at most `loader.maxStale`, then requests get 503. Users stay signed in.
   *
   * @param params what `generate` received, as a frozen JSON copy
   */
  abstract load(
    params: TParams,
    context: LoadContext,
  ): Promise<TData | null | undefined> | TData | null | undefined;

  /**
   * Whether the params of a token are (still) what {@link load} expects. Return `false` after a deployment that changed
   * their type: the session is refused with 401 instead of crashing the loader. Called before each reload and refresh.
   */
  accepts?(params: unknown): boolean;

  /**
   * Enriches the data for one request. Handlers see the result as `data`; it is never stored in a token. Runs once per
   * request. If it fails, the request fails (500); the session never ends.
   */
  expand?(
    data: TData,
    context: SessionContext,
  ): Promise<ExpandedSessionData> | ExpandedSessionData;
}
