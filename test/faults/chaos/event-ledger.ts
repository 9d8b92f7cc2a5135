import type { SentEvent } from './chaos-node.js';
import type { KnownSession } from './known-session.js';
import type { NodeProcess } from './node-process.js';

/** Events that say that something could not be done. */
const TROUBLE: readonly SentEvent['type'][] = [
  'storeFailed',
  'revocationsFailed',
  'loaderFailed',
  'keysFailed',
];
/** Events that say that one session has ended. */
const ENDS: readonly SentEvent['type'][] = ['ended', 'refreshReused'];

/** How long a session backs off after three loads that failed, and a second for the round. */
const PAUSE_MILLISECONDS = 5_000;

/** What the nodes have reported of themselves. */
export class EventLedger {
  readonly #nameOfOperation = new Map<string, string>();
  readonly #endedNames = new Set<string>();
  readonly #alarmedNames = new Set<string>();
  readonly #endedOperations = new Set<string>();
  readonly #troubleRounds = new Map<NodeProcess, number>();
  readonly #troubleTimes = new Map<NodeProcess, number>();
  readonly #troubleInstants = new Map<NodeProcess, number>();
  #alarms: SentEvent[] = [];
  readonly counts = new Map<string, number>();

  hear(
    node: NodeProcess,
    event: SentEvent,
    operation: string | undefined,
    round: number,
    now: number,
  ): void {
    this.counts.set(event.type, (this.counts.get(event.type) ?? 0) + 1);
    if (TROUBLE.includes(event.type)) {
      this.#troubleRounds.set(node, round);
      this.#troubleTimes.set(node, now);
      this.#troubleInstants.set(node, performance.now());
    }
    if (event.type === 'created' && operation !== undefined) {
      this.#nameOfOperation.set(operation, event.session!);
    }
    if (ENDS.includes(event.type)) this.#endedNames.add(event.session!);
    if (event.type === 'refreshReused') {
      this.#alarms.push(event);
      this.#alarmedNames.add(event.session!);
    }
    if (event.type === 'allEnded' && operation !== undefined) {
      this.#endedOperations.add(operation);
    }
  }

  /** What events call a session, once the event of its sign-in has arrived. */
  nameOf(session: KnownSession): string | undefined {
    session.eventName ??= this.#nameOfOperation.get(session.signInOperation);
    return session.eventName;
  }

  hasEnded(session: KnownSession): boolean {
    const name = this.nameOf(session);
    return name !== undefined && this.#endedNames.has(name);
  }

  /** Whether its theft was reported. */
  hasAlarm(session: KnownSession): boolean {
    const name = this.nameOf(session);
    return name !== undefined && this.#alarmedNames.has(name);
  }

  /** Whether a request that ended all sessions of a user has reported it. */
  hasEndedAll(operation: string): boolean {
    return this.#endedOperations.has(operation);
  }

  /**
   * Whether a node has reported a trouble of which an outage may be left: in this round, in the one before, or while a
   * session backs off, which is answered with the error that was reported.
   */
  hadTrouble(node: NodeProcess, round: number): boolean {
    const instant = this.#troubleInstants.get(node) ?? -Infinity;
    return (
      (this.#troubleRounds.get(node) ?? -Infinity) >= round - 1 ||
      performance.now() - instant < PAUSE_MILLISECONDS
    );
  }

  /** When a node reported its latest trouble, in seconds of the application. */
  latestTrouble(node: NodeProcess): number {
    return this.#troubleTimes.get(node) ?? -Infinity;
  }

  /** The alarms since this was asked last. */
  takeAlarms(): SentEvent[] {
    return this.#alarms.splice(0);
  }
}
