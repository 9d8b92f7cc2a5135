import type { EventLedger } from './event-ledger.js';
import type { Findings } from './findings.js';
import { KnownSession } from './known-session.js';
import type { MovedClock } from './moved-clock.js';
import type { NodeProcess } from './node-process.js';
import { Revocations, type Revocation } from './revocations.js';
import {
  BACK_OFF_SECONDS,
  MAX_STALE_SECONDS,
  ROUNDING_SECONDS,
  TIMING,
} from './timing.js';

/** One sending of a request, as its client saw it. */
export interface Attempt {
  readonly operation: string;
  readonly what: string;
  readonly node: NodeProcess;
  readonly sentTick: number;
  readonly sentAt: number;
  /** Whether the store said at that time that it may lose what it confirms. */
  readonly isLossy: boolean;
  /** When the session token expires that it carried; 0 without one. */
  readonly sessionEnd: number;
}

/** Knows, from what clients did and were answered, which session may live and which must be dead. */
export class Oracle {
  readonly #sessions = new Set<KnownSession>();
  readonly #revocations = new Revocations();
  #tick = 0;
  #labels = 0;
  /** What can only be judged when the events of the round have arrived. */
  #toReview: (() => void)[] = [];

  constructor(
    readonly findings: Findings,
    readonly ledger: EventLedger,
    readonly clock: MovedClock,
  ) {}

  /** The order of all sendings and answers. */
  tick(): number {
    this.#tick += 1;
    return this.#tick;
  }

  /** A sign-in was answered. */
  begin(
    { operation, sentTick }: Attempt,
    subject: string,
    kind: string,
    isLossy: boolean,
  ): KnownSession {
    this.#labels += 1;
    const session = new KnownSession(
      `session ${this.#labels} of ${subject} (${kind})`,
      subject,
      operation,
      this.tick(),
    );
    session.isLossy = isLossy;
    if (this.#revocations.mayHaveMet(session, sentTick)) {
      session.state = 'threatened';
    }
    this.#sessions.add(session);
    this.findings.counts.signIns += 1;
    return session;
  }

  /** A revocation is sent: the sessions that it covers may end from now on. */
  revoking(
    subject: string,
    { sentTick, what, node }: Attempt,
    covers: (session: KnownSession) => boolean,
  ): Revocation {
    const revocation = {
      subject,
      sentTick,
      covers,
      answeredTick: Infinity,
      text: `${this.clock.format()} ${what} at ${node.name}`,
    };
    this.#revocations.add(revocation);
    for (const session of this.#coveredBy(revocation)) {
      if (session.state === 'alive') session.state = 'threatened';
    }
    return revocation;
  }

  /** A revocation was answered. If it succeeded, it is final for all that began before it was sent. */
  revoked(
    revocation: Revocation,
    attempt: Attempt,
    result: string,
    reach: 'one' | 'all',
  ): void {
    const tick = this.tick();
    revocation.answeredTick = tick;
    revocation.text += `: ${result} at ${this.clock.format()}`;
    if (!result.startsWith('2')) return;
    this.findings.counts.revocations += 1;
    const at = this.clock.nowSeconds();
    const ended = this.#coveredBy(revocation).filter(
      ({ beganTick, state }) =>
        state === 'threatened' && beganTick < revocation.sentTick,
    );
    for (const session of ended) {
      session.state = 'ended';
      session.ended = { tick, at };
      session.note(`${this.clock.format()} revoked by ${attempt.operation}`);
    }
    // Where the idle time ended first, there was nothing left to end.
    const awaited = ended.filter(
      ({ idleEnd }) => at < idleEnd - ROUNDING_SECONDS,
    );
    this.#toReview.push(() => {
      const silent =
        reach === 'all'
          ? !this.ledger.hasEndedAll(attempt.operation)
          : awaited.some((session) => !this.ledger.hasEnded(session));
      if (silent) {
        this.findings.add(
          'failure without an event',
          `${attempt.what} at ${attempt.node.name} succeeded, and no node reported an end`,
          ended[0],
        );
      }
    });
  }

  /** A request of a session was accepted. */
  accepted(session: KnownSession, attempt: Attempt, isChecked: boolean): void {
    const { ended } = session;
    if (isChecked && !attempt.isLossy) session.isLossy = false;
    if (!ended || attempt.sentTick < ended.tick) return;
    const { node, sentAt, what } = attempt;
    const late = Math.round(sentAt - ended.at);
    const report = (bound: string): void =>
      this.findings.add(
        'ended session accepted',
        `${session.label}: ${what} at ${node.name} succeeded ${late} s after its revocation, ${bound}`,
        session,
      );
    if (isChecked) {
      report('though the store was asked');
    } else if (sentAt > attempt.sessionEnd + ROUNDING_SECONDS) {
      report('with a token that has expired');
    } else if (late > TIMING.intervalSeconds + ROUNDING_SECONDS) {
      this.#toReview.push(() => {
        const trouble = sentAt - this.ledger.latestTrouble(node);
        const isExcused =
          trouble < BACK_OFF_SECONDS + ROUNDING_SECONDS &&
          late < TIMING.intervalSeconds + MAX_STALE_SECONDS + ROUNDING_SECONDS;
        if (!isExcused) report('after the reload that had to notice it');
      });
    }
  }

  /** A request of a session got 401. */
  refused(session: KnownSession, { what, node }: Attempt): void {
    const { counts } = this.findings;
    const now = this.clock.nowSeconds();
    const { state } = session;
    this.#forget(session);
    if (state === 'gone') return;
    if (state !== 'alive') {
      counts.refusedAsAsked += 1;
    } else if (now > session.idleEnd - ROUNDING_SECONDS) {
      counts.expired += 1;
    } else if (session.isDoublyLost(now)) {
      counts.doubleLosses += 1;
    } else if (session.isLossy) {
      counts.lostByFailover += 1;
    } else {
      this.findings.add(
        'healthy session ended',
        `${session.label}: 401 to ${what} at ${node.name}`,
        session,
        this.#revocations.latestOf(session.subject),
      );
      this.#toReview.push(() => {
        if (!this.ledger.hasEnded(session)) {
          this.findings.add(
            'failure without an event',
            `${session.label} ended, and no node reported it`,
          );
        }
      });
    }
  }

  /** A request got 503. */
  unavailable({ what, node }: Attempt, round: number): void {
    this.findings.counts.unavailable += 1;
    this.#toReview.push(() => {
      if (!this.ledger.hadTrouble(node, round)) {
        this.findings.add(
          'failure without an event',
          `503 to ${what} at ${node.name}, and no event of a failure there`,
        );
      }
    });
  }

  /** Judges what needs events, when all events of the round have arrived. */
  review(): void {
    for (const judge of this.#toReview.splice(0)) judge();
    for (const { session: name } of this.ledger.takeAlarms()) {
      const session = [...this.#sessions].find(
        (each) => this.ledger.nameOf(each) === name,
      );
      if (session) this.#judgeAlarm(session);
    }
  }

  /** A session with a second user, whose alarm is right. */
  readonly robbed = new Set<KnownSession>();

  #judgeAlarm(session: KnownSession): void {
    const now = this.clock.nowSeconds();
    if (session.state === 'gone' || this.robbed.has(session)) return;
    this.#forget(session);
    if (session.isDoublyLost(now)) {
      this.findings.counts.doubleLosses += 1;
      return;
    }
    this.findings.add(
      'healthy session ended',
      `${session.label}: an alarm of theft, and there was no thief`,
      session,
    );
  }

  #coveredBy({ subject, covers }: Revocation): KnownSession[] {
    return [...this.#sessions].filter(
      (session) =>
        session.subject === subject &&
        session.state !== 'gone' &&
        covers(session),
    );
  }

  #forget(session: KnownSession): void {
    session.state = 'gone';
    this.#sessions.delete(session);
  }
}
