import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { Observable, Subscriber } from 'rxjs';
import type { Refusal } from '../../errors/refusal.js';
import type { SessionErrorCode } from '../../errors/session-error.js';
import type { SessionClaims } from '../../tokens/session-claims.js';
import type { OfSession, SessionEvent } from './session-event.js';
import { GuardedObservable, type ReportFault } from './guarded-observable.js';

type OwnPart<Event> = Event extends OfSession
  ? Omit<Event, keyof OfSession>
  : never;

/** An event that concerns no single session. */
type GeneralEvent<Event> = Event extends OfSession ? never : Omit<Event, 'at'>;

/**
 * Returns the key that names the sessions of an application in events: the same for each of its nodes, for services that
 * only verify, and whichever keys sign at the time. A secret would give a session another name once it is rotated. The
 * key need not be secret: session ids have 256 random bits, which no name reveals.
 */
export function nameKeyOf(issuer: string, audience: string): Buffer {
  const application = JSON.stringify(['session-name', issuer, audience]);
  return createHash('sha256').update(application).digest();
}

/** Source of `SessionService.events$`. */
export class SessionEvents {
  readonly stream: Observable<SessionEvent>;
  /** Each with the types that it receives; `undefined`: all. */
  readonly #subscribers = new Map<
    Subscriber<SessionEvent>,
    ReadonlySet<SessionEvent['type']> | undefined
  >();
  readonly #now: () => number;
  readonly #report: ReportFault;
  #nameKey: Buffer = randomBytes(32);

  /** @param report receives what listeners throw; what it throws itself is ignored */
  constructor(now: () => number, report: ReportFault = () => undefined) {
    this.#now = now;
    this.#report = (fault, error) => {
      try {
        report(fault, error);
      } catch {
        // The application's logger failed as well: no request may suffer from that.
      }
    };
    this.stream = this.ofTypes(undefined);
  }

  /** Returns the events of some types; others are not created for it. */
  ofTypes(
    types: ReadonlySet<SessionEvent['type']> | undefined,
  ): Observable<SessionEvent> {
    return new GuardedObservable(this.#report, (subscriber) => {
      this.#subscribers.set(subscriber, types);
      return () => this.#subscribers.delete(subscriber);
    });
  }

  /** Names sessions with this key, so that all nodes that have it use the same names. The first key is random. */
  nameWith(key: Buffer): void {
    this.#nameKey = key;
  }

  ofSession(
    claims: Pick<SessionClaims, 'sid' | 'sub'>,
    event: OwnPart<SessionEvent>,
  ): void {
    if (this.#isHeard(event.type)) {
      this.#emit({
        ...event,
        at: this.#date(),
        session: this.nameOf(claims.sid),
        subject: claims.sub,
      });
    }
  }

  storeFailed(operation: string, error: unknown): void {
    this.tell({ type: 'storeFailed', operation, error });
  }

  keysFailed(error: unknown): void {
    this.tell({ type: 'keysFailed', error });
  }

  clockSkewed(aheadSeconds: number): void {
    this.tell({ type: 'clockSkewed', aheadSeconds });
  }

  allEnded(subject: string, count: number): void {
    this.tell({ type: 'allEnded', subject, count });
  }

  rejected(code: SessionErrorCode, reason: Refusal): void {
    this.tell({ type: 'rejected', code, reason });
  }

  nameOf(sid: string): string {
    return createHmac('sha256', this.#nameKey)
      .update(sid)
      .digest('base64url')
      .slice(0, 16);
  }

  complete(): void {
    for (const subscriber of Array.from(this.#subscribers.keys())) {
      this.#guard(() => subscriber.complete());
    }
  }

  tell(event: GeneralEvent<SessionEvent>): void {
    if (this.#isHeard(event.type)) {
      this.#emit({ ...event, at: this.#date() });
    }
  }

  #emit(event: SessionEvent): void {
    Object.freeze(event);
    // A copy: an operator such as `retry` resubscribes during an event, and must not receive it twice.
    for (const [subscriber, types] of Array.from(this.#subscribers)) {
      if (!types || types.has(event.type)) {
        this.#guard(() => subscriber.next(event));
      }
    }
  }

  /** Reports what rxjs throws: it rethrows a finalizer's error to the code that completes or unsubscribes. */
  #guard(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#report('operator', error);
    }
  }

  #isHeard(type: SessionEvent['type']): boolean {
    for (const types of this.#subscribers.values()) {
      if (!types || types.has(type)) {
        return true;
      }
    }
    return false;
  }

  #date(): Date {
    return new Date(this.#now() * 1000);
  }
}
