import type { SessionClock } from '../clock.js';
import { SessionError } from '../errors/session-error.js';
import type { ResolvedCacheOptions } from '../options/resolved-options.js';
import type { SessionClaims } from '../tokens/session-claims.js';
import { BoundedMap } from './bounded-map.js';
import type { LoaderCalls } from './loader-calls.js';
import { sessionContext } from './session-context.js';
import type { SessionEvents } from './session-events.js';
import type { SessionMemory } from './session-memory.js';
import type { SignedSession } from './token-issuer.js';

/** Data that was loaded, and the tokens that were signed with it: every request is offered the same one. */
export interface LoadedResult {
  readonly lat: number;
  readonly data: unknown;
  readonly bytes: number;
  readonly signed: Map<string, SignedSession>;
}

export type LoadResult =
  | { readonly kind: 'loaded'; readonly result: LoadedResult }
  | { readonly kind: 'rejected'; readonly refusal: 'ended' | 'params' }
  | { readonly kind: 'failed'; readonly error: SessionError };

interface Failure {
  readonly count: number;
  readonly retryAt: number;
  readonly error: SessionError;
}

const LONGEST_BACK_OFF_SECONDS = 30;
const LONGEST_RETRY_AFTER_SECONDS = 5;
const FAILING_SESSIONS = 10_000;

/** Loads the data of sessions again, once at a time for each, and remembers what came of it. */
export class SessionLoads {
  readonly #calls: LoaderCalls | undefined;
  readonly #memory: SessionMemory;
  readonly #events: SessionEvents;
  readonly #clock: SessionClock;
  readonly #flights = new Map<string, Promise<LoadResult>>();
  readonly #results: BoundedMap<string, LoadedResult>;
  readonly #failures = new BoundedMap<string, Failure>(FAILING_SESSIONS);

  /** @param calls `undefined` where the params are the data, so that there is nothing to load */
  constructor(
    calls: LoaderCalls | undefined,
    memory: SessionMemory,
    events: SessionEvents,
    clock: SessionClock,
    cache: ResolvedCacheOptions,
  ) {
    this.#calls = calls;
    this.#memory = memory;
    this.#events = events;
    this.#clock = clock;
    this.#results = new BoundedMap(
      cache.maxTokens,
      cache.maxBytes,
      (result) => result.bytes,
    );
  }

  resultOf(sid: string): LoadedResult | undefined {
    return this.#results.get(sid);
  }

  /** Why a session is not to be loaded now, if that is so: its last load failed a moment ago. */
  recentFailureOf(sid: string, now: number): SessionError | undefined {
    const failure = this.#failures.get(sid);
    return failure && now < failure.retryAt ? failure.error : undefined;
  }

  /**
   * The one load of a session that is under way, or a new one. Never rejects.
   *
   * @param sign signs the first token with what was loaded; that it does not fit is a failure of the load
   */
  load(
    claims: SessionClaims,
    sign: (result: LoadedResult) => void,
  ): Promise<LoadResult> {
    const { sid } = claims;
    let flight = this.#flights.get(sid);
    if (!flight) {
      flight = this.#fly(claims, sign).finally(() => this.#flights.delete(sid));
      this.#flights.set(sid, flight);
    }
    return flight;
  }

  /** A load that began after this call: one under way may have read what was true before. */
  async loadAnew(
    claims: SessionClaims,
    sign: (result: LoadedResult) => void,
  ): Promise<LoadResult> {
    await this.#flights.get(claims.sid);
    return this.load(claims, sign);
  }

  /** Drops a result that cannot be used, so that the data is loaded again. */
  discard(sid: string): void {
    this.#results.delete(sid);
  }

  /** Drops what was loaded for a session that is over. */
  forget(sid: string): void {
    this.#results.delete(sid);
    this.#failures.delete(sid);
  }

  /** Remembers a failure, so that a sick data source is not asked at every request. */
  failed(claims: SessionClaims, thrown: unknown): SessionError {
    const { sid } = claims;
    const reason =
      thrown instanceof SessionError
        ? thrown
        : new SessionError(
            'LOADER_UNAVAILABLE',
            'the session token could not be issued',
            { cause: thrown },
          );
    const now = this.#clock.nowSeconds();
    const count = (this.#failures.get(sid)?.count ?? 0) + 1;
    const pause = Math.min(2 ** (count - 1), LONGEST_BACK_OFF_SECONDS);
    const error = new SessionError(reason.code, reason.message, {
      cause: reason.cause,
      retryAfterSeconds: Math.min(pause, LONGEST_RETRY_AFTER_SECONDS),
    });
    this.#failures.set(sid, { count, retryAt: now + pause, error });
    this.#events.ofSession(claims, {
      type: 'loaderFailed',
      code: reason.code,
      error: reason.cause ?? reason,
    });
    return error;
  }

  async #fly(
    claims: SessionClaims,
    sign: (result: LoadedResult) => void,
  ): Promise<LoadResult> {
    const { sid } = claims;
    // Never before the token's own, which may come from a node whose clock is ahead.
    const lat = Math.max(this.#clock.nowSeconds(), claims.lat);
    if (!this.#calls) {
      return this.#loaded(claims, lat, undefined, sign);
    }
    const attrs =
      this.#memory.newerThan(sid, claims.rev)?.attrs ?? claims.attrs;
    const outcome = await this.#calls.call(claims.params, {
      ...sessionContext({ ...claims, attrs }),
      reason: 'reload',
    });
    switch (outcome.kind) {
      case 'loaded':
        return this.#loaded(claims, lat, outcome.data, sign);
      case 'ended':
        if (!this.#memory.endOf(sid)) {
          this.#memory.end(sid);
          this.#events.ofSession(claims, {
            type: 'ended',
            reason: 'loader',
            detail: outcome.error.message,
            reach: 'process',
          });
        }
        this.forget(sid);
        return { kind: 'rejected', refusal: 'ended' };
      case 'params-refused':
        return { kind: 'rejected', refusal: 'params' };
      case 'failed':
        return { kind: 'failed', error: this.failed(claims, outcome.error) };
    }
  }

  #loaded(
    claims: SessionClaims,
    lat: number,
    data: unknown,
    sign: (result: LoadedResult) => void,
  ): LoadResult {
    const bytes = 1024 + 3 * (JSON.stringify(data)?.length ?? 0);
    const result: LoadedResult = { lat, data, bytes, signed: new Map() };
    if (!this.#memory.endOf(claims.sid)) {
      try {
        sign(result);
      } catch (error) {
        return { kind: 'failed', error: this.failed(claims, error) };
      }
      this.#failures.delete(claims.sid);
      this.#results.set(claims.sid, result);
      this.#events.ofSession(claims, { type: 'reloaded' });
    }
    return { kind: 'loaded', result };
  }
}
