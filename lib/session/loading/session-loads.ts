import type { SessionClock } from '../../ports/clock.js';
import type { ResolvedCacheOptions } from '../../options/resolved-options.js';
import { freezeWithin, MAXIMUM_DEPTH } from '../../tokens/claims-profile.js';
import type { SessionClaims } from '../../tokens/session-claims.js';
import { BoundedMap } from '../model/bounded-map.js';
import { endOfSessionUsedAt, type ClockPolicy } from '../model/freshness.js';
import { RecentShapes } from '../model/heap-size.js';
import { LoadedResult } from './loaded-result.js';
import {
  LoaderAnswers,
  type LoaderAnswersParts,
  type NotLoaded,
} from './loader-answers.js';
import type { SessionEvents } from '../model/session-events.js';
import type { SessionMemory } from '../model/session-memory.js';
import type { SessionRecords } from '../records/session-records.js';

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
    this.#results = new BoundedMap(
      cache.maxTokens,
      cache.maxBytes,
      ({ bytes }) => bytes,
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
    const result = new LoadedResult({
      lat,
      data,
      since,
      shapes: this.#shapes,
      whenGrown: (grown) => this.#measure(sid, grown),
    });
    if (!memory.endOf(claims)) {
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

  #measure(sid: string, result: LoadedResult): void {
    if (this.#results.get(sid) === result) {
      this.#results.set(sid, result);
    }
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

/**
 * Returns data as a token returns it: objects made by `JSON.parse` take a third of the room, and are as fast to read.
 */
function compact(data: unknown): unknown {
  const copy = { data: JSON.parse(JSON.stringify(data ?? null)) as unknown };
  freezeWithin(copy, MAXIMUM_DEPTH);
  return data === undefined ? undefined : copy.data;
}
