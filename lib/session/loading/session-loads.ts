import type { SessionClock } from '../../ports/clock.js';
import type { ResolvedCacheOptions } from '../../options/resolved-options.js';
import { freezeWithin, MAXIMUM_DEPTH } from '../../tokens/claims-profile.js';
import type { SessionClaims } from '../../tokens/session-claims.js';
import { BoundedMap } from '../model/bounded-map.js';
import { endOfSessionUsedAt, type ClockPolicy } from '../model/freshness.js';
import {
  heapSizeOf,
  RecentShapes,
  type KnownShapes,
} from '../model/heap-size.js';
import {
  LoaderAnswers,
  type LoaderAnswersParts,
  type NotLoaded,
} from './loader-answers.js';
import type { SessionEvents } from '../model/session-events.js';
import type { EarlyLoad, SessionMemory } from '../model/session-memory.js';
import type { SessionRecords } from '../records/session-records.js';
import type { SignedSession } from '../model/signed-session.js';

/** Loaded data, and the tokens signed with it: every request gets the same one. */
export interface LoadedResult {
  readonly lat: number;
  readonly data: unknown;
  /** The bytes of the data on the heap. */
  readonly bytes: number;
  readonly signed: Map<string, SignedSession>;
  /** The last early load at the end of this one. */
  readonly since: EarlyLoad | undefined;
}

export type LoadResult =
  { readonly kind: 'loaded'; readonly result: LoadedResult } | NotLoaded;

export interface SessionLoadsParts extends LoaderAnswersParts {
  readonly records: SessionRecords | undefined;
  readonly memory: SessionMemory;
  readonly events: SessionEvents;
  readonly clock: SessionClock;
  readonly policy: ClockPolicy;
  readonly cache: ResolvedCacheOptions;
}

/** A load in flight. */
interface Flight {
  /** The newest of the waiting tokens. */
  claims: SessionClaims;
  /** Whether the application requested it: data loaded before must not be used any more. */
  isDemanded: boolean;
  /** Whether every request that waits for it is passive. */
  isPassive: boolean;
  result: Promise<LoadResult>;
}

/** Reloads session data, with at most one load in flight per session, and caches the result. */
export class SessionLoads {
  /** The loader's answers. */
  readonly answers: LoaderAnswers;
  readonly #parts: SessionLoadsParts;
  readonly #flights = new Map<string, Flight>();
  readonly #results: BoundedMap<string, LoadedResult>;
  readonly #shapes = new RecentShapes();

  constructor(parts: SessionLoadsParts) {
    this.#parts = parts;
    this.answers = new LoaderAnswers(parts);
    const { cache, memory, failures } = parts;
    this.#results = new BoundedMap(cache.maxTokens, cache.maxBytes, (result) =>
      sizeOf(result, this.#shapes),
    );
    memory.whenEnded((sid) => {
      this.discard(sid);
      failures.forget(sid);
    });
  }

  /** Returns the last result, unless another early load has replaced it. */
  resultOf(sid: string): LoadedResult | undefined {
    const result = this.#results.get(sid);
    const load = this.#parts.memory.loadOf(sid);
    return load === undefined || result?.since === load ? result : undefined;
  }

  /** Counts the tokens signed with a result since it was cached. */
  measure(sid: string, result: LoadedResult): void {
    if (this.#results.get(sid) === result) {
      this.#results.set(sid, result);
    }
  }

  /** Drops an unusable result, so that the data is loaded again. */
  discard(sid: string): void {
    this.#results.delete(sid);
  }

  /**
   * Joins the load of a session in flight, or starts one. Never rejects.
   *
   * @param sign signs the first token with the loaded data; a token that is too large fails the load
   * @param isPassive whether it does not count as user activity; one active request makes the load move the idle end
   */
  load(
    claims: SessionClaims,
    sign: (result: LoadedResult) => void,
    isPassive: boolean,
  ): Promise<LoadResult> {
    return this.#join(claims, sign, isPassive).result;
  }

  /**
   * Starts a load after this call: one in flight may have read outdated data. Tokens with older data are due from then
   * on, in this process and on each node that reads the record.
   */
  async loadAnew(
    claims: SessionClaims,
    sign: (result: LoadedResult) => void,
    isPassive: boolean,
  ): Promise<LoadResult> {
    await this.#flights.get(claims.sid)?.result;
    const flight = this.#join(claims, sign, isPassive);
    flight.isDemanded = true;
    return flight.result;
  }

  #join(
    claims: SessionClaims,
    sign: (result: LoadedResult) => void,
    isPassive: boolean,
  ): Flight {
    const { sid } = claims;
    const known = this.#flights.get(sid);
    if (known) {
      known.claims = newerOf(known.claims, claims);
      known.isPassive &&= isPassive;
      return known;
    }
    const flight = { claims, isDemanded: false, isPassive } as Flight;
    this.#flights.set(sid, flight);
    flight.result = this.#fly(flight, sign);
    return flight;
  }

  async #fly(
    flight: Flight,
    sign: (result: LoadedResult) => void,
  ): Promise<LoadResult> {
    const { claims } = flight;
    try {
      return await this.#loaded(flight, sign);
    } catch (error) {
      return { kind: 'failed', error: this.#parts.failures.add(claims, error) };
    } finally {
      this.#flights.delete(claims.sid);
    }
  }

  async #loaded(
    flight: Flight,
    sign: (result: LoadedResult) => void,
  ): Promise<LoadResult> {
    const { memory, clock, policy, records, failures, events } = this.#parts;
    const { sid } = flight.claims;
    if (records?.missing.has(sid)) {
      return { kind: 'rejected', refusal: 'unknown' };
    }
    const early = memory.loadOf(sid);
    const begunAt = Math.max(clock.nowSeconds(), early?.lat ?? 0);
    const outcome = await this.answers.ask(
      this.#newest(flight.claims),
      'reload',
    );
    if (outcome.kind !== 'loaded') {
      return outcome;
    }
    const data = compact(outcome.data);
    const { claims, isDemanded, isPassive } = flight;
    // Never before the token's time, which may come from a node whose clock is ahead.
    const lat = Math.max(begunAt, claims.lat);
    if (!records) {
      const { rev, attrs } = this.#newest(claims);
      if (isDemanded) memory.reload(sid, { rev: rev + 1, attrs }, lat);
    } else if (!(await records.reloaded(claims, { lat, data }, flight))) {
      return { kind: 'rejected', refusal: 'unknown' };
    }
    const since = memory.loadOf(sid);
    if (!isDemanded && since !== early) {
      // Another node has loaded it on demand meanwhile: this data may be outdated.
      return this.#loaded(flight, sign);
    }
    const bytes = heapSizeOf(data, this.#shapes);
    const signed = new Map<string, SignedSession>();
    const result: LoadedResult = { lat, data, bytes, signed, since };
    if (!memory.endOf(sid)) {
      if (!isPassive && policy.accessSeconds === undefined) {
        memory.extend(sid, endOfSessionUsedAt(lat, claims, policy));
      }
      sign(result);
      failures.forget(sid);
      this.#results.set(sid, result);
      events.ofSession(claims, { type: 'reloaded' });
    }
    return { kind: 'loaded', result };
  }

  /** Returns claims with the newest attributes that this process knows. */
  #newest(claims: SessionClaims): SessionClaims {
    const revision = this.#parts.memory.newerThan(claims.sid, claims.rev);
    return revision ? { ...claims, ...revision } : claims;
  }
}

function newerOf(one: SessionClaims, other: SessionClaims): SessionClaims {
  return other.rev > one.rev || (other.rev === one.rev && other.lat > one.lat)
    ? other
    : one;
}

/** The bytes of a result apart from its data and tokens, and of each token apart from its text: measured. */
const BYTES_PER_RESULT = 500;
const BYTES_PER_VARIANT = 2_400;

function sizeOf(result: LoadedResult, shapes: KnownShapes): number {
  let bytes = BYTES_PER_RESULT + result.bytes;
  for (const { session, token } of result.signed.values()) {
    const { params, attrs } = session.claims;
    // The token, and the line that delivers it to the client.
    bytes += BYTES_PER_VARIANT + 2 * token.length;
    bytes += heapSizeOf(params, shapes) + heapSizeOf(attrs, shapes);
  }
  return bytes;
}

/**
 * Returns data as a token returns it: objects made by `JSON.parse` take a third of the room, and are as fast to read.
 */
function compact(data: unknown): unknown {
  const copy = { data: JSON.parse(JSON.stringify(data ?? null)) as unknown };
  freezeWithin(copy, MAXIMUM_DEPTH);
  return data === undefined ? undefined : copy.data;
}
