import type { SessionClock } from '../clock.js';
import type { SessionError } from '../errors/session-error.js';
import type { ResolvedCacheOptions } from '../options/resolved-options.js';
import type { LoadContext } from './session-data-loader.js';
import type {
  SessionClaims,
  SessionContent,
  TokenClaims,
} from '../tokens/session-claims.js';
import { BoundedMap } from './bounded-map.js';
import { endOfSessionUsedAt, type ClockPolicy } from './freshness.js';
import type { LoadFailures } from './load-failures.js';
import type { LoaderCalls } from './loader-calls.js';
import { sessionContext, type SessionInContext } from './session-context.js';
import type { SessionEnds } from './session-ends.js';
import type { SessionEvents } from './session-events.js';
import type { SessionMemory } from './session-memory.js';
import type { SessionRecords } from './session-records.js';
import type { SignedSession } from './token-issuer.js';

/** Data that was loaded, and the tokens that were signed with it: every request is offered the same one. */
export interface LoadedResult {
  readonly lat: number;
  readonly data: unknown;
  readonly bytes: number;
  readonly signed: Map<string, SignedSession>;
}

/** Why there is no data: the session is over, or the data source or the store is down. */
export type NotLoaded =
  | {
      readonly kind: 'rejected';
      readonly refusal: 'ended' | 'params' | 'unknown';
    }
  | { readonly kind: 'failed'; readonly error: SessionError };

export type LoadResult =
  { readonly kind: 'loaded'; readonly result: LoadedResult } | NotLoaded;

export interface SessionLoadsParts {
  /** `undefined` where the params are the data, so that there is nothing to load. */
  readonly calls: LoaderCalls | undefined;
  readonly records: SessionRecords | undefined;
  readonly memory: SessionMemory;
  readonly ends: SessionEnds;
  readonly failures: LoadFailures;
  readonly events: SessionEvents;
  readonly clock: SessionClock;
  readonly policy: ClockPolicy;
  readonly cache: ResolvedCacheOptions;
}

/** A load that is under way. */
interface Flight {
  readonly load: Promise<LoadResult>;
  /** Whether no request that waits for it is activity of the user. */
  isPassive: boolean;
}

/** Loads the data of sessions again, once at a time for each, and remembers what came of it. */
export class SessionLoads {
  readonly #parts: SessionLoadsParts;
  readonly #flights = new Map<string, Flight>();
  readonly #exchanges = new Map<string, ReturnType<SessionLoads['ask']>>();
  readonly #results: BoundedMap<string, LoadedResult>;

  constructor(parts: SessionLoadsParts) {
    this.#parts = parts;
    const { cache, memory, failures } = parts;
    this.#results = new BoundedMap(
      cache.maxTokens,
      cache.maxBytes,
      (result) => result.bytes,
    );
    memory.whenEnded((sid) => {
      this.discard(sid);
      failures.forget(sid);
    });
  }

  resultOf(sid: string): LoadedResult | undefined {
    return this.#results.get(sid);
  }

  /** Drops a result that cannot be used, so that the data is loaded again. */
  discard(sid: string): void {
    this.#results.delete(sid);
  }

  /**
   * The one load of a session that is under way, or a new one. Never rejects.
   *
   * @param sign signs the first token with what was loaded; that it does not fit is a failure of the load
   * @param isPassive whether it is for no activity of the user; one request that is makes the load move the idle end
   */
  load(
    claims: SessionClaims,
    sign: (result: LoadedResult) => void,
    isPassive: boolean,
  ): Promise<LoadResult> {
    const { sid } = claims;
    const known = this.#flights.get(sid);
    if (known) {
      known.isPassive &&= isPassive;
      return known.load;
    }
    const flight: Flight = {
      load: this.#fly(claims, sign, () => flight.isPassive),
      isPassive,
    };
    this.#flights.set(sid, flight);
    return flight.load;
  }

  /** A load that began after this call: one under way may have read what was true before. */
  async loadAnew(
    claims: SessionClaims,
    sign: (result: LoadedResult) => void,
    isPassive: boolean,
  ): Promise<LoadResult> {
    await this.#flights.get(claims.sid)?.load;
    return this.load(claims, sign, isPassive);
  }

  /** Asks the loader; a session that it says is over is ended. */
  async ask(
    session: SessionInContext & { readonly params: unknown },
    reason: LoadContext['reason'],
  ): Promise<{ readonly kind: 'loaded'; readonly data: unknown } | NotLoaded> {
    const { calls, ends, failures } = this.#parts;
    if (!calls) {
      return { kind: 'loaded', data: undefined };
    }
    const outcome = await calls.call(session.params, {
      ...sessionContext(session),
      reason,
    });
    switch (outcome.kind) {
      case 'loaded':
        return outcome;
      case 'ended':
        // That a store cannot be told is reported by itself, and changes nothing here.
        await ends
          .end(session, 'loader', outcome.error.message)
          .catch(() => false);
        return { kind: 'rejected', refusal: 'ended' };
      case 'params-refused':
        return { kind: 'rejected', refusal: 'params' };
      case 'failed':
        return { kind: 'failed', error: failures.add(session, outcome.error) };
    }
  }

  /** As {@link ask}, for an exchange: those of one refresh token that come together have one load. */
  askForExchange(
    claims: TokenClaims,
    content: Pick<SessionContent, 'params' | 'attrs' | 'rev'>,
  ): ReturnType<SessionLoads['ask']> {
    const key = `${claims.sid} ${claims.jti} ${content.rev}`;
    let load = this.#exchanges.get(key);
    if (!load) {
      load = this.ask({ ...claims, ...content }, 'refresh').finally(() =>
        this.#exchanges.delete(key),
      );
      this.#exchanges.set(key, load);
    }
    return load;
  }

  async #fly(
    claims: SessionClaims,
    sign: (result: LoadedResult) => void,
    isPassive: () => boolean,
  ): Promise<LoadResult> {
    try {
      return await this.#loaded(claims, sign, isPassive);
    } catch (error) {
      return { kind: 'failed', error: this.#parts.failures.add(claims, error) };
    } finally {
      this.#flights.delete(claims.sid);
    }
  }

  async #loaded(
    claims: SessionClaims,
    sign: (result: LoadedResult) => void,
    isPassive: () => boolean,
  ): Promise<LoadResult> {
    const { memory, clock, policy, records, failures, events } = this.#parts;
    const { sid } = claims;
    // Never before the token's own, which may come from a node whose clock is ahead.
    const lat = Math.max(clock.nowSeconds(), claims.lat);
    const attrs = memory.newerThan(sid, claims.rev)?.attrs ?? claims.attrs;
    const outcome = await this.ask({ ...claims, attrs }, 'reload');
    if (outcome.kind !== 'loaded') {
      return outcome;
    }
    const { data } = outcome;
    const passive = isPassive();
    if (records && !(await records.reloaded(claims, { lat, data }, passive))) {
      return { kind: 'rejected', refusal: 'unknown' };
    }
    const bytes = 1024 + 3 * (JSON.stringify(data)?.length ?? 0);
    const result: LoadedResult = { lat, data, bytes, signed: new Map() };
    if (!memory.endOf(sid)) {
      if (!passive && policy.accessSeconds === undefined) {
        memory.extend(sid, endOfSessionUsedAt(lat, claims, policy));
      }
      sign(result);
      failures.forget(sid);
      this.#results.set(sid, result);
      events.ofSession(claims, { type: 'reloaded' });
    }
    return { kind: 'loaded', result };
  }
}
