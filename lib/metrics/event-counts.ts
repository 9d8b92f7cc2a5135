import type { Subscription } from 'rxjs';
import type { SessionRuntime } from '../nest/session-runtime.js';
import type {
  SessionEndReach,
  SessionEndReason,
  SessionEvent,
} from '../session/model/session-event.js';

/** How many sessions a revocation concerns. */
export type RevocationScope = 'session' | 'subject' | 'everything';

interface Revocations {
  readonly scope: RevocationScope;
  readonly reason: SessionEndReason;
  readonly reach: SessionEndReach;
  count: number;
}

/** The events that are counted. All others are not created for it. */
const COUNTED: ReadonlySet<SessionEvent['type']> = new Set([
  'created',
  'refreshed',
  'recovered',
  'refreshReused',
  'ended',
  'allEnded',
  'everythingEnded',
]);

/** Counts events of sessions, from its creation on. */
export class EventCounts {
  created = 0;
  rotated = 0;
  recovered = 0;
  reused = 0;
  readonly #revocations = new Map<string, Revocations>();
  readonly #reach: SessionEndReach;
  readonly #subscription: Subscription;
  #repeatedOrRecovered = 0;

  constructor({ events, options }: SessionRuntime) {
    // Only a store or a log ends more than one session.
    this.#reach = options.revocations ? 'log' : 'store';
    this.#subscription = events
      .ofTypes(COUNTED)
      .subscribe((event) => this.#count(event));
  }

  /** Exchanges that returned the same tokens again within the grace period. */
  get repeated(): number {
    return this.#repeatedOrRecovered - this.recovered;
  }

  /** Revocations by their labels. */
  get revocations(): Iterable<Readonly<Revocations>> {
    return this.#revocations.values();
  }

  stop(): void {
    this.#subscription.unsubscribe();
  }

  #count(event: SessionEvent): void {
    switch (event.type) {
      case 'created':
        this.created += 1;
        break;
      case 'refreshed':
        // A recovery is a separate event, followed by a repeated refresh.
        if (event.repeated) this.#repeatedOrRecovered += 1;
        else this.rotated += 1;
        break;
      case 'recovered':
        this.recovered += 1;
        break;
      case 'refreshReused':
        this.reused += 1;
        break;
      case 'ended':
        this.#add('session', event.reason, event.reach);
        break;
      case 'allEnded':
        this.#add('subject', 'revoked', this.#reach);
        break;
      case 'everythingEnded':
        this.#add('everything', 'revoked', this.#reach);
        break;
      default:
        break;
    }
  }

  #add(
    scope: RevocationScope,
    reason: SessionEndReason,
    reach: SessionEndReach,
  ): void {
    const key = `${scope} ${reason} ${reach}`;
    const known = this.#revocations.get(key);
    if (known) known.count += 1;
    else this.#revocations.set(key, { scope, reason, reach, count: 1 });
  }
}
