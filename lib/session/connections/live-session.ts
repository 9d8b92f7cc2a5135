import type { VerifiedSession } from '../model/verified-session.js';
import type { ConnectionEnd, Liveness } from './connection-times.js';
import type { SessionOutcome } from '../model/session-outcome.js';

/** What lives only as long as a session: a connection, a stream, a job. */
export interface Dependent {
  /** Called once, when the session ends. Must not throw. */
  end(reason: ConnectionEnd): void;
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
  /** Not before this does it end without a check. Activity moves it later. */
  endsAt = 0;
  /** The check that is running. */
  flight: Promise<SessionOutcome> | undefined;
  isQueued = false;
  /** Set when it has ended. */
  ended: ConnectionEnd | undefined;

  constructor(verified: VerifiedSession, now: number) {
    this.verified = verified;
    this.confirmedAt = verified.claims.lat;
    this.checkedAt = now;
  }
}
