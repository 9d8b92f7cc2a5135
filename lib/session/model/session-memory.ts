import type {
  AuthenticationClaims,
  SessionClaims,
} from '../../tokens/session-claims.js';
import { proofKeyOf } from './authentication.js';
import { BoundedMap } from './bounded-map.js';
import { EndMarks, type End } from './end-marks.js';

/** The attributes of a session as last set by `update`, or as they were at the last reload on demand. */
export interface AttributeRevision {
  readonly rev: number;
  readonly attrs: Readonly<Record<string, unknown>>;
}

/** An early load, which replaced data that tokens still contain. */
export interface EarlyLoad {
  readonly lat: number;
  /** The revision from which tokens of the same second contain the loaded data. */
  readonly rev: number;
}

interface Newest {
  readonly revision: AttributeRevision;
  readonly load: EarlyLoad | undefined;
}

type TokenAge = Pick<SessionClaims, 'sid' | 'rev' | 'lat'>;

/** The claims by which the end of a session is found. */
export type EndableClaims = Pick<SessionClaims, 'sid' | 'sub' | 'oiat'>;

/** What other processes have ended. */
export interface RemoteEnds {
  endOf(claims: EndableClaims): End | undefined;
}

interface Proof {
  readonly claims: AuthenticationClaims;
  /** Until when responses may be prepared that overlap with the one that delivers it. Seconds since the Unix epoch. */
  readonly until: number;
}

/**
 * How long a response may overlap with one that delivers a newer proof of who the user is, in seconds. After that, a
 * client that presents an older proof has not received the newer one, or is another client with a copy: it gets its
 * tokens again, with the proof that it has.
 */
const OVERLAP_SECONDS = 60;
const PROVED_SESSIONS = 10_000;
const UPDATED_SESSIONS = 10_000;
const REFRESHED_SESSIONS = 10_000;
const EXTENDED_SESSIONS = 10_000;

/**
 * Remembers what this process knows of sessions, so that slower requests cannot undo it. Bounded. Without a store or a
 * revocation log, other processes know nothing of it.
 */
export class SessionMemory {
  readonly #ended: EndMarks;
  readonly #remote: RemoteEnds | undefined;
  readonly #newest = new BoundedMap<string, Newest>(UPDATED_SESSIONS);

  readonly #generations = new BoundedMap<string, number>(REFRESHED_SESSIONS);
  readonly #idleEnds = new BoundedMap<string, number>(EXTENDED_SESSIONS);
  readonly #proofs = new BoundedMap<string, Proof>(PROVED_SESSIONS);
  readonly #listeners: ((sid: string) => void)[] = [];

  constructor(ended = new EndMarks(), remote?: RemoteEnds) {
    this.#ended = ended;
    this.#remote = remote;
  }

  /** Registers what to do when a session ends: others that remember something of it must forget it. */
  whenEnded(forget: (sid: string) => void): void {
    this.#listeners.push(forget);
  }

  /**
   * Notes the end of a session.
   *
   * @param sub the subject of the session
   * @param until when its last token expires at the latest
   */
  end(sid: string, how: End = 'ended', sub = sid, until = Infinity): void {
    this.#ended.set({ sid, sub, how, until });
    this.forget(sid);
  }

  /** Forgets a session that has ended here or elsewhere. */
  forget(sid: string): void {
    this.#newest.delete(sid);
    this.#generations.delete(sid);
    this.#idleEnds.delete(sid);
    this.#proofs.delete(sid);
    for (const forget of this.#listeners) {
      forget(sid);
    }
  }

  /** Returns how a session ended, here or elsewhere, if this process knows that it did. For every request. */
  endOf(claims: EndableClaims): End | undefined {
    return this.#ended.of(claims.sid) ?? this.#remote?.endOf(claims);
  }

  /** Returns how a session ended in this process, if it did. */
  endHere(sid: string): End | undefined {
    return this.#ended.of(sid);
  }

  /** Notes that the store has ended a session as well: it accepts no token after `until`, whatever its `exp`. */
  endReachedStore(sid: string, until: number): void {
    this.#ended.shorten(sid, until);
  }

  update(sid: string, revision: AttributeRevision): void {
    const known = this.#newest.get(sid);
    if (revision.rev > (known?.revision.rev ?? -1)) {
      this.#newest.set(sid, { revision, load: known?.load });
    }
  }

  /**
   * Notes an early load, so that tokens with older data are due.
   *
   * @param revision the attributes at that time; tokens of a lower revision were issued before the load
   */
  reload(sid: string, revision: AttributeRevision, loadedAt: number): void {
    const known = this.#newest.get(sid);
    const lat = Math.max(loadedAt, known?.load?.lat ?? 0);
    this.#newest.set(sid, {
      revision:
        known && known.revision.rev > revision.rev ? known.revision : revision,
      load: { lat, rev: revision.rev },
    });
  }

  /** Returns the last early load that this process knows of. */
  loadOf(sid: string): EarlyLoad | undefined {
    return this.#newest.get(sid)?.load;
  }

  /** Whether this process knows of newer attributes or a newer load. One lookup, for every request. */
  isOutdated({ sid, rev, lat }: TokenAge): boolean {
    const known = this.#newest.get(sid);
    return (
      known !== undefined &&
      (known.revision.rev > rev ||
        (known.load !== undefined && known.load.lat > lat))
    );
  }

  /** Whether an early load has replaced the data of a token. */
  hasReplaced(token: TokenAge): boolean {
    const load = this.loadOf(token.sid);
    return load !== undefined && isReplacedBy(load, token);
  }

  /**
   * Returns the load time for the next token with the data of this one. Data that an early load has replaced counts as
   * loaded before, whatever revision that token gets.
   */
  loadTimeOf(token: TokenAge): number {
    const load = this.loadOf(token.sid);
    return load && isReplacedBy(load, token)
      ? Math.min(token.lat, load.lat - 1)
      : token.lat;
  }

  /** Returns attributes newer than revision `rev`, if this process knows of any. */
  newerThan(sid: string, rev: number): AttributeRevision | undefined {
    const known = this.#newest.get(sid)?.revision;
    return known !== undefined && known.rev > rev ? known : undefined;
  }

  /**
   * Notes that a refresh token of this generation was issued.
   *
   * @param isProven whether the device has proved itself: then this one counts, even if a copy has been exchanged more
   *   often before the session was bound
   */
  refresh(sid: string, generation: number, isProven = false): void {
    const known = isProven ? 0 : (this.#generations.get(sid) ?? 0);
    this.#generations.set(sid, Math.max(generation, known));
  }

  /** Notes an idle end of a session, unless a later one is known. */
  extend(sid: string, end: number): void {
    if (end > this.idleEndOf(sid)) {
      this.#idleEnds.set(sid, end);
    }
  }

  /** Returns the latest idle end that this process knows of; `0` if only the tokens of the session contain one. */
  idleEndOf(sid: string): number {
    return this.#idleEnds.get(sid) ?? 0;
  }

  /** Notes that the user of a session proved again who they are, unless a later proof is known. */
  prove(sid: string, claims: AuthenticationClaims, now: number): void {
    const known = this.#proofs.get(sid)?.claims.auth_time ?? 0;
    if (claims.auth_time >= known) {
      this.#proofs.set(sid, { claims, until: now + OVERLAP_SECONDS });
    }
  }

  /** Whether tokens prepared for a slower response have an older proof of who the user is than the client now has. */
  isOvertaken(
    claims: Pick<SessionClaims, 'sid'> & AuthenticationClaims,
    preparedAt: number,
  ): boolean {
    const proof = this.#proofs.get(claims.sid);
    return (
      proof !== undefined &&
      preparedAt <= proof.until &&
      claims.auth_time <= proof.claims.auth_time &&
      proofKeyOf(claims) !== proofKeyOf(proof.claims)
    );
  }

  /**
   * Whether tokens of this session may still be sent: it has not ended, and no newer ones were issued meanwhile that a
   * slow response would overwrite. A refresh token known only to the store is sent with old attributes as well, since
   * nothing else can replace it.
   *
   * @param attrs the attributes in a refresh token without a generation: newer ones replace it, a reload does not
   */
  isCurrent(
    session: EndableClaims & Pick<SessionClaims, 'rev'>,
    generation?: number,
    attrs?: AttributeRevision['attrs'],
  ): boolean {
    const { sid, rev } = session;
    if (this.endOf(session) !== undefined) {
      return false;
    }
    if (generation !== undefined) {
      return generation >= (this.#generations.get(sid) ?? 0);
    }
    const newer = this.newerThan(sid, rev);
    return newer === undefined || newer.attrs === attrs;
  }
}

/** Whether a load came after the data of a token was loaded. */
export function isReplacedBy(
  load: EarlyLoad,
  { lat, rev }: Pick<TokenAge, 'lat' | 'rev'>,
): boolean {
  return lat < load.lat || (lat === load.lat && rev < load.rev);
}
