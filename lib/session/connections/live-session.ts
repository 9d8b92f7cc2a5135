import type { SessionOutcome } from '../model/session-outcome.js';
import type { VerifiedSession } from '../model/verified-session.js';
import type { ConnectionEnd, Liveness } from './connection-times.js';

/** What lives only as long as a session: a connection, a stream, a job. */
export interface Dependent {
  /** Called once, when the session ends. */
  end(reason: ConnectionEnd): void;
  /** Called when the session has new data or attributes. */
  changed?(): void;
  /** Whether anything still waits for the end. Asked at each check. */
  isInUse?(): boolean;
}

/** A session with dependents, as this process knows it. One for all of its connections. */
export class LiveSession {
  readonly dependents = new Set<Dependent>();
  /** With the newest data. */
  verified: VerifiedSession;
  usedAt: Liveness['usedAt'];
  confirmedAt: number;
  checkedAt: number;
  /** When activity last moved its idle end. */
  extendedAt: number;
  /** Not before this does it end without a check. Activity moves it later. */
  endsAt = 0;
  /** The check that is running. */
  flight: Promise<SessionOutcome> | undefined;
  /** Whether the store may have ended it, so that nothing may act on it before a check. */
  isInDoubt = false;
  /** Set when it has ended. */
  ended: ConnectionEnd | undefined;

  constructor(verified: VerifiedSession, now: number) {
    this.verified = verified;
    this.confirmedAt = verified.claims.lat;
    this.extendedAt = verified.claims.iat;
    this.checkedAt = now;
  }

  /** Refuses it, if it has ended. */
  refused(): SessionOutcome {
    return {
      kind: 'rejected',
      refusal: this.ended === 'ended' ? 'ended' : 'expired',
      dispatch: undefined,
    };
  }
}

/** Whether one state of a session is newer than another: it has later data, or newer attributes. */
export function isNewer(
  { claims: a }: VerifiedSession,
  { claims: b }: VerifiedSession,
): boolean {
  return a.lat > b.lat || (a.lat === b.lat && a.rev > b.rev);
}
