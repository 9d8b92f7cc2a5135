import type { TokenClaims } from '../../tokens/session-claims.js';
import type { End } from '../model/end-marks.js';
import type { ClockPolicy } from '../model/freshness.js';
import type { EndableClaims } from '../model/session-memory.js';
import {
  RevocationJournal,
  type RevocationJournalParts,
} from './revocation-journal.js';
import type { Doubt, DoubtedClaims } from './revocation-standing.js';
import { nextCutOff, RevocationTimes } from './revocation-times.js';
import { realmOf, type Revocation } from './revocation.js';

export interface SessionRevocationsParts extends Omit<
  RevocationJournalParts,
  'realm' | 'times'
> {
  readonly issuer: string;
  readonly audience: string;
  readonly policy: ClockPolicy;
}

/** A session to end on every node: its name, and when it began if that is known. */
type RevokedClaims = Pick<TokenClaims, 'sid' | 'sub'> &
  Partial<Pick<TokenClaims, 'oiat' | 'abs'>>;

type BegunClaims = Pick<TokenClaims, 'sub' | 'oiat'>;

/** Ends sessions on every node, by a log that all of them follow. */
export class SessionRevocations {
  readonly journal: RevocationJournal;
  readonly #times: RevocationTimes;
  /** Sessions that began here after a cut-off of the same second, and thus in the future. */
  readonly #begunAhead = new Map<string, BegunClaims>();

  constructor(parts: SessionRevocationsParts) {
    const { options, policy, issuer, audience, isRecorded } = parts;
    this.#times = new RevocationTimes(
      policy,
      isRecorded,
      options.maxLagSeconds,
    );
    this.journal = new RevocationJournal({
      ...parts,
      realm: realmOf(issuer, audience),
      times: this.#times,
    });
  }

  /** `undefined` once the log has been read, or could not be; until then a promise that never rejects. */
  ready(): Promise<void> | undefined {
    return this.journal.ready();
  }

  /** Notes that the store has confirmed a session. */
  noteConfirmed(sid: string): void {
    this.journal.standing.noteConfirmed(sid);
  }

  /** Returns how a session ended, if a revocation ends it. For every request. */
  endOf(claims: EndableClaims): End | undefined {
    return this.journal.live.endOf(claims);
  }

  /** Returns what to do with a session if its revocation may be missing. For every request. */
  doubtOf(claims: DoubtedClaims): Doubt | undefined {
    return this.journal.standing.doubtOf(claims);
  }

  /** Returns when a session begins that is created now: after every revocation confirmed before, by the log's clock. */
  async beginningOf(sub: string): Promise<number> {
    const { journal } = this;
    // A cut-off of this second may be unknown here. None ends what begins in the next one.
    if (!(await journal.caughtUp())) await journal.nextSecond();
    return Math.max(journal.now, journal.live.cutOffOf(sub) + 1);
  }

  /** Notes that a session was created. */
  noteBegun({ sid, sub, oiat }: EndableClaims): void {
    const { now } = this.journal;
    if (oiat <= now) return;
    for (const [each, { oiat: begunAt }] of this.#begunAhead) {
      if (begunAt <= now) this.#begunAhead.delete(each);
    }
    this.#begunAhead.set(sid, { sub, oiat });
  }

  /**
   * Ends a session on every node. If its subject has too many of them, so do the sessions that began before it; if its
   * beginning is unknown, all sessions that exist.
   *
   * @param makesWay whether it ends for a session that begins now
   * @throws {SessionError} `STORE_UNAVAILABLE`; it is tried again in the background
   */
  revoke(claims: RevokedClaims, how: End, makesWay = false): Promise<void> {
    return this.journal.append([this.#revocationOf(claims, how, makesWay)]);
  }

  /** Returns the time of a cut-off of a subject that is asked for now. */
  async cutOffOf(sub: string): Promise<number> {
    const { journal } = this;
    const calledAt = journal.now;
    await journal.caughtUp();
    return nextCutOff(journal.live.cutOffOf(sub), calledAt);
  }

  /**
   * Ends the sessions of a subject that began at a time or before, except one.
   *
   * @throws {SessionError} `STORE_UNAVAILABLE`; it is tried again in the background, for those that began before
   */
  async revokeSubject(
    sub: string,
    except: string | undefined,
    at: number,
  ): Promise<void> {
    await this.#cutOff(
      at,
      (time) => ({
        kind: 'subject',
        sub,
        at: time,
        until: this.#times.endOfCutOff(time),
        ...(except !== undefined && { except }),
      }),
      this.#begunAfter(at, (each) => each.sub === sub, except),
    );
  }

  /**
   * Ends all sessions that began before.
   *
   * @throws {SessionError} `STORE_UNAVAILABLE`; it is tried again in the background, except for this second
   */
  async revokeEverything(): Promise<void> {
    const { journal } = this;
    const calledAt = journal.now;
    await journal.caughtUp();
    const at = nextCutOff(journal.live.everything?.at ?? 0, calledAt);
    await this.#cutOff(
      at,
      (time) => ({
        kind: 'everything',
        at: time,
        until: this.#times.endOfEverything(time),
      }),
      this.#begunAfter(at, () => true),
    );
  }

  /**
   * Appends a cut-off. Only one that is confirmed ends sessions of the same second: other nodes know it then, and let later
   * sessions begin a second later.
   */
  async #cutOff(
    at: number,
    cutOffAt: (time: number) => Revocation,
    begunAfter: readonly Revocation[],
  ): Promise<void> {
    const { journal } = this;
    try {
      await journal.appendOnce([cutOffAt(at), ...begunAfter]);
    } catch (error) {
      journal.append([cutOffAt(at - 1), ...begunAfter]).catch(() => undefined);
      throw error;
    }
  }

  #revocationOf(claims: RevokedClaims, how: End, makesWay = false): Revocation {
    const { sid, sub, oiat = Infinity } = claims;
    const { now, live } = this.journal;
    const until = this.#times.endOfSession(claims, now);
    const at = Math.min(oiat, makesWay ? now - 1 : now);
    return live.isCrowded(sub)
      ? { kind: 'subject', sub, at, until: this.#times.endOfCutOff(at) }
      : { kind: 'session', sid, sub, at, until, how };
  }

  /** Returns revocations by id of the sessions that began after a cut-off. */
  #begunAfter(
    at: number,
    isMeant: (claims: BegunClaims) => boolean,
    except?: string,
  ): Revocation[] {
    return [...this.#begunAhead]
      .filter(
        ([sid, each]) => each.oiat > at && sid !== except && isMeant(each),
      )
      .map(([sid, each]) => this.#revocationOf({ sid, ...each }, 'ended'));
  }
}
