import type { SessionClock } from '../clock.js';
import type { SessionError } from '../errors/session-error.js';
import type { ResolvedCacheOptions } from '../options/resolved-options.js';
import type { LoadContext } from './session-data-loader.js';
import { freezeWithin, MAXIMUM_DEPTH } from '../tokens/claims-profile.js';
import type { SessionClaims } from '../tokens/session-claims.js';
import { BoundedMap } from './bounded-map.js';
import { heapSizeOf, RecentShapes, type KnownShapes } from './heap-size.js';
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
  readonly cache: ResolvedCacheOptions;
}

/** Loads the data of sessions again, once at a time for each, and remembers what came of it. */
export class SessionLoads {
  readonly #parts: SessionLoadsParts;
  readonly #flights = new Map<string, Promise<LoadResult>>();
  readonly #results: BoundedMap<string, LoadedResult>;

  constructor(parts: SessionLoadsParts) {
    this.#parts = parts;
    const { cache, memory, failures } = parts;
    const shapes = new RecentShapes();
    this.#results = new BoundedMap(cache.maxTokens, cache.maxBytes, (result) =>
      sizeOf(result, shapes),
    );
    memory.whenEnded((sid) => {
      this.discard(sid);
      failures.forget(sid);
    });
  }

  resultOf(sid: string): LoadedResult | undefined {
    return this.#results.get(sid);
  }

  /** Counts the tokens that were signed with a result since it was remembered. */
  measure(sid: string, result: LoadedResult): void {
    if (this.#results.get(sid) === result) {
      this.#results.set(sid, result);
    }
  }

  /** Drops a result that cannot be used, so that the data is loaded again. */
  discard(sid: string): void {
    this.#results.delete(sid);
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
      flight = this.#fly(claims, sign);
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

  async #fly(
    claims: SessionClaims,
    sign: (result: LoadedResult) => void,
  ): Promise<LoadResult> {
    try {
      return await this.#loaded(claims, sign);
    } catch (error) {
      return { kind: 'failed', error: this.#parts.failures.add(claims, error) };
    } finally {
      this.#flights.delete(claims.sid);
    }
  }

  async #loaded(
    claims: SessionClaims,
    sign: (result: LoadedResult) => void,
  ): Promise<LoadResult> {
    const { memory, clock, records, failures, events } = this.#parts;
    const { sid } = claims;
    // Never before the token's own, which may come from a node whose clock is ahead.
    const lat = Math.max(clock.nowSeconds(), claims.lat);
    const attrs = memory.newerThan(sid, claims.rev)?.attrs ?? claims.attrs;
    const outcome = await this.ask({ ...claims, attrs }, 'reload');
    if (outcome.kind !== 'loaded') {
      return outcome;
    }
    const data = compact(outcome.data);
    if (records && !(await records.reloaded(claims, { lat, data }))) {
      return { kind: 'rejected', refusal: 'unknown' };
    }
    const result: LoadedResult = { lat, data, signed: new Map() };
    if (!memory.endOf(sid)) {
      sign(result);
      failures.forget(sid);
      this.#results.set(sid, result);
      events.ofSession(claims, { type: 'reloaded' });
    }
    return { kind: 'loaded', result };
  }
}

/** What a result takes besides its data and tokens, and what each of its tokens does besides its text: measured. */
const BYTES_PER_RESULT = 500;
const BYTES_PER_VARIANT = 1_000;

function sizeOf({ data, signed }: LoadedResult, shapes: KnownShapes): number {
  let bytes = BYTES_PER_RESULT + heapSizeOf(data, shapes);
  for (const { session, token } of signed.values()) {
    const { params, attrs } = session.claims;
    // The token, and the line that brings it to the client.
    bytes += BYTES_PER_VARIANT + 2 * token.length;
    bytes += heapSizeOf(params, shapes) + heapSizeOf(attrs, shapes);
  }
  return bytes;
}

/** Data as a token gives it back: made by `JSON.parse`, objects take a third of the room, and are as fast to read. */
function compact(data: unknown): unknown {
  const copy = { data: JSON.parse(JSON.stringify(data ?? null)) as unknown };
  freezeWithin(copy, MAXIMUM_DEPTH);
  return data === undefined ? undefined : copy.data;
}
