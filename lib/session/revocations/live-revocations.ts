import type { End } from '../model/end-marks.js';
import type { EndableClaims } from '../model/session-memory.js';
import type { Revocation, SessionRevoked } from './revocation.js';

/** A cut-off: ends what began at `at` or before, except one session. */
interface CutOff {
  readonly at: number;
  until: number;
  readonly except: string | undefined;
}

/**
 * The cut-offs of a subject: the latest, and the latest of those that spare another session or none. A session ended by
 * any cut-off is ended by one of these two.
 */
interface CutOffs {
  latest: CutOff;
  other: CutOff | undefined;
}

/** What may be removed at the end of a span of time. */
interface Expiring {
  /** Pairs of session and subject, one after the other. */
  readonly sessions: string[];
  readonly subjects: string[];
}

/** More live entries of one subject become a cut-off, so that no account fills the memory. */
const MOST_OF_A_SUBJECT = 100;
/** Seconds of a span whose entries are removed together. */
const SPAN = 64;
/** How many entries one sweep removes: requests wait meanwhile. */
const MOST_AT_ONCE = 5_000;

/** Whether an entry ended more than before. `full`: there was no room for it. */
export type AddVerdict = 'added' | 'known' | 'full';

/**
 * The revocations that may still meet a token. Asked for every request: at most three lookups, however many there are.
 */
export class LiveRevocations {
  readonly #maxEntries: number;
  /** The subject of each session: a revocation that names another subject does not end it. */
  readonly #sessions = new Map<string, string>();
  /** Further subjects that were named for a session. */
  readonly #otherOwners = new Map<string, Set<string>>();
  readonly #replaced = new Set<string>();
  readonly #subjects = new Map<string, CutOffs>();
  /** How many sessions of each subject are entries. */
  readonly #counts = new Map<string, number>();
  readonly #spans = new Map<number, Expiring>();
  #everything: Pick<CutOff, 'at' | 'until'> | undefined;

  /** @param maxEntries further entries are refused */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** How many entries are kept. */
  get size(): number {
    return this.#sessions.size + this.#subjects.size;
  }

  /** The last cut-off of all sessions. */
  get everything(): Pick<CutOff, 'at' | 'until'> | undefined {
    return this.#everything;
  }

  /** Returns how a session ended, if an entry ends it. */
  endOf({ sid, sub, oiat }: EndableClaims): End | undefined {
    if (this.#everything && oiat <= this.#everything.at) {
      return 'ended';
    }
    if (this.#sessions.size > 0 && this.#isRevoked(sid, sub)) {
      return this.#replaced.has(sid) ? 'replaced' : 'ended';
    }
    const cutOffs =
      this.#subjects.size > 0 ? this.#subjects.get(sub) : undefined;
    return cutOffs && isCutOff(sid, oiat, cutOffs) ? 'ended' : undefined;
  }

  /** Returns the latest sign-in that a cut-off ends. The next session of the subject begins after it. */
  cutOffOf(sub: string): number {
    return Math.max(
      this.#everything?.at ?? 0,
      this.#subjects.get(sub)?.latest.at ?? 0,
    );
  }

  /** Whether further sessions of a subject can only be ended together with all earlier ones. */
  isCrowded(sub: string): boolean {
    return (this.#counts.get(sub) ?? 0) >= MOST_OF_A_SUBJECT;
  }

  add(revocation: Revocation): AddVerdict {
    switch (revocation.kind) {
      case 'everything':
        return this.#cutAllOff(revocation);
      case 'subject':
        return this.#cutOff(revocation.sub, {
          at: revocation.at,
          until: revocation.until,
          except: revocation.except,
        });
      case 'session':
        return this.#addSession(revocation);
    }
  }

  /** Removes entries that no token can meet any more, a part of them if there are many. */
  sweep(now: number): void {
    let rest = MOST_AT_ONCE;
    for (const [span, { sessions, subjects }] of this.#spans) {
      if (now < (span + 1) * SPAN) continue;
      while (rest > 0 && sessions.length > 0) {
        rest -= 1;
        this.#removeSession(sessions.pop()!, sessions.pop()!);
      }
      while (rest > 0 && subjects.length > 0) {
        rest -= 1;
        this.#removeSubject(subjects.pop()!, now);
      }
      if (rest === 0) return;
      this.#spans.delete(span);
    }
    if (this.#everything && now >= this.#everything.until) {
      this.#everything = undefined;
    }
  }

  #addSession({ sid, sub, at, until, how }: SessionRevoked): AddVerdict {
    if (this.#isRevoked(sid, sub)) {
      return 'known';
    }
    if (this.isCrowded(sub)) {
      return this.#cutOff(sub, { at, until, except: undefined });
    }
    if (this.size >= this.#maxEntries) {
      return 'full';
    }
    const owner = this.#sessions.get(sid);
    if (owner === undefined) {
      this.#sessions.set(sid, sub);
      if (how === 'replaced') this.#replaced.add(sid);
    } else {
      const others = this.#otherOwners.get(sid) ?? new Set();
      this.#otherOwners.set(sid, others.add(sub));
    }
    this.#counts.set(sub, (this.#counts.get(sub) ?? 0) + 1);
    this.#spanOf(until).sessions.push(sub, sid);
    return 'added';
  }

  #isRevoked(sid: string, sub: string): boolean {
    const owner = this.#sessions.get(sid);
    return (
      owner !== undefined &&
      (owner === sub || this.#otherOwners.get(sid)?.has(sub) === true)
    );
  }

  #removeSession(sid: string, sub: string): void {
    this.#sessions.delete(sid);
    this.#otherOwners.delete(sid);
    this.#replaced.delete(sid);
    const count = this.#counts.get(sub)! - 1;
    if (count > 0) this.#counts.set(sub, count);
    else this.#counts.delete(sub);
  }

  #cutAllOff({ at, until }: Pick<CutOff, 'at' | 'until'>): AddVerdict {
    if (this.#everything && this.#everything.at >= at) {
      return 'known';
    }
    this.#everything = { at, until };
    return 'added';
  }

  #cutOff(sub: string, added: CutOff): AddVerdict {
    const known = this.#subjects.get(sub);
    if (known) {
      return combine(known, added) ? 'added' : 'known';
    }
    if (this.size >= this.#maxEntries) {
      return 'full';
    }
    this.#subjects.set(sub, { latest: added, other: undefined });
    this.#spanOf(added.until).subjects.push(sub);
    return 'added';
  }

  /** A later cut-off of the subject may have postponed its end. */
  #removeSubject(sub: string, now: number): void {
    const { until } = this.#subjects.get(sub)!.latest;
    if (now < until) this.#spanOf(until).subjects.push(sub);
    else this.#subjects.delete(sub);
  }

  #spanOf(until: number): Expiring {
    const span = Math.floor(until / SPAN);
    let expiring = this.#spans.get(span);
    if (!expiring) {
      expiring = { sessions: [], subjects: [] };
      this.#spans.set(span, expiring);
    }
    return expiring;
  }
}

function isCutOff(
  sid: string,
  oiat: number,
  { latest, other }: CutOffs,
): boolean {
  return sid === latest.except
    ? other !== undefined && oiat <= other.at
    : oiat <= latest.at;
}

/** Adds a cut-off. Returns whether that ends more than before. */
function combine(known: CutOffs, added: CutOff): boolean {
  const { latest, other } = known;
  const until = Math.max(latest.until, added.until);
  if (added.at > latest.at) {
    // The new one ends what the former one spared, unless both spare the same.
    if (added.except !== latest.except) known.other = latest;
    known.latest = { ...added, until };
    return true;
  }
  latest.until = until;
  if (added.except === latest.except || (other && other.at >= added.at)) {
    return false;
  }
  known.other = added;
  return true;
}
