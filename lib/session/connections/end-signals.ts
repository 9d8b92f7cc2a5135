import { setMaxListeners } from 'node:events';
import { refusalError } from '../../errors/refusal.js';
import type { VerifiedSession } from '../model/verified-session.js';
import type { Dependent, LiveSession } from './live-session.js';
import type { LiveSessions } from './live-sessions.js';
import { isAwaited, whenUsed } from './signal-use.js';

/** Gives out one signal for each session, which is aborted when the session ends. */
export class EndSignals {
  readonly #live: LiveSessions;
  readonly #signals = new WeakMap<LiveSession, EndSignal>();

  constructor(live: LiveSessions) {
    this.#live = live;
  }

  of(verified: VerifiedSession): AbortSignal {
    const known = this.#live.of(verified.claims.sid);
    const shared = known && this.#signals.get(known)?.signal;
    if (shared) {
      return shared;
    }
    const controller = new AbortController();
    const { signal } = controller;
    const dependent = new EndSignal(controller);
    this.#signals.set(this.#live.add(verified, dependent), dependent);
    return signal;
  }
}

/** Keeps each controller for as long as its signal is used. */
const controllers = new WeakMap<AbortSignal, AbortController>();

/**
 * A signal with as long a life as what uses it: held while something waits for it, and otherwise only by those who may
 * still do so.
 */
class EndSignal implements Dependent {
  readonly #weak: WeakRef<AbortSignal>;
  /** Keeps the signal alive. */
  held: AbortSignal | undefined;

  constructor(controller: AbortController) {
    const { signal } = controller;
    controllers.set(signal, controller);
    this.#weak = new WeakRef(signal);
    this.held = signal;
    // Each stream of the session listens.
    setMaxListeners(0, signal);
    whenUsed(signal, () => {
      this.held = this.#weak.deref();
    });
  }

  get signal(): AbortSignal | undefined {
    return this.#weak.deref();
  }

  isInUse(): boolean {
    const { signal } = this;
    this.held = signal && isAwaited(signal) ? signal : undefined;
    return signal !== undefined;
  }

  end(): void {
    const { signal } = this;
    if (signal) controllers.get(signal)?.abort(refusalError('ended'));
    this.held = undefined;
  }
}
