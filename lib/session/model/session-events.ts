import { createHmac, randomBytes } from 'node:crypto';
import type { Observable, Subscriber } from 'rxjs';
import type { Refusal } from '../../errors/refusal.js';
import type { SessionErrorCode } from '../../errors/session-error.js';
import type { SessionClaims } from '../../tokens/session-claims.js';
import { GuardedObservable, type ReportFault } from './guarded-observable.js';

interface OfSession {
  readonly at: Date;
  /** Keyed hash of the session id: names a session in logs, but opens nothing. */
  readonly session: string;
  readonly subject: string;
}

/** Why a session ended. */
export type SessionEndReason =
  'revoked' | 'loader' | 'replaced' | 'limit' | 'reused';

/** What happens to sessions. No event carries a token, a secret, a cookie or a session id. */
export type SessionEvent =
  | (OfSession & { readonly type: 'created' })
  | (OfSession & { readonly type: 'reloaded' })
  | (OfSession & {
      readonly type: 'ended';
      /**
       * `revoked` by the application, ended by the `loader`, `replaced` by a new sign-in, ended to make room under
       * `maxSessions` (`limit`), or ended because a refresh token was `reused`.
       */
      readonly reason: SessionEndReason;
      /** The loader's explanation. */
      readonly detail?: string;
      /** Where the session has ended: everywhere (`store`), or only in this process. */
      readonly reach: 'process' | 'store';
    })
  | {
      readonly type: 'allEnded';
      readonly at: Date;
      readonly subject: string;
      /** The number of sessions ended. */
      readonly count: number;
    }
  | (OfSession & {
      readonly type: 'refreshed';
      /** A token exchanged a moment ago was presented again, and returned the same replacement. */
      readonly repeated: boolean;
    })
  | (OfSession & {
      /**
       * The response to a refresh was lost, and the client came back after `refreshToken.grace`. It received the same
       * tokens again, because they were unused.
       */
      readonly type: 'recovered';
    })
  | (OfSession & {
      /** A refresh token was presented again long after its exchange: someone has a copy. The session has ended. */
      readonly type: 'refreshReused';
    })
  | (OfSession & {
      /** The store has lost writes: the `rotation` of one session, or `everything`. Not treated as theft. */
      readonly type: 'storeRolledBack';
      readonly lost: 'rotation' | 'everything';
    })
  | {
      /** The clocks of this process and of the store differ by more than `clockTolerance`. Emitted once. */
      readonly type: 'clockSkewed';
      readonly at: Date;
      /** How far ahead this process is; negative if it is behind. */
      readonly aheadSeconds: number;
    }
  | {
      /** The function or the JWKS that provides the keys has failed. The keys stay unchanged. */
      readonly type: 'keysFailed';
      readonly at: Date;
      readonly error: unknown;
    }
  | {
      readonly type: 'storeFailed';
      readonly at: Date;
      readonly operation: string;
      readonly error: unknown;
    }
  | {
      /** The store answers again after a failure. */
      readonly type: 'storeRecovered';
      readonly at: Date;
      /** Seconds from the first noticed failure to the first answer, by a clock that never goes back. */
      readonly awaySeconds: number;
    }
  | {
      /** A sign-in was refused: the subject has as many sessions as `maxSessions` allows. */
      readonly type: 'limitReached';
      readonly at: Date;
      readonly subject: string;
      readonly max: number;
    }
  | (OfSession & {
      /** This process dropped the end of a session, to make room: a copied token may be accepted again. */
      readonly type: 'endEvicted';
      readonly how: 'ended' | 'replaced';
    })
  | (OfSession & {
      /** A new token could not be delivered: no response is known, or its head was already sent. */
      readonly type: 'undelivered';
    })
  | (OfSession & {
      readonly type: 'loaderFailed';
      /** `undefined` for a defect: the requests of the session get 500. */
      readonly code: SessionErrorCode | undefined;
      readonly error: unknown;
    })
  | {
      readonly type: 'rejected';
      readonly at: Date;
      readonly code: SessionErrorCode;
      /** Finer than the code; never sent to the client. */
      readonly reason: Refusal;
    };

type OwnPart<Event> = Event extends OfSession
  ? Omit<Event, keyof OfSession>
  : never;

/** An event that concerns no single session. */
type GeneralEvent<Event> = Event extends OfSession ? never : Omit<Event, 'at'>;

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
