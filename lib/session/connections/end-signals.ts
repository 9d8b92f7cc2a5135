import { getEventListeners, setMaxListeners } from 'node:events';
import { refusalError } from '../../errors/refusal.js';
import type { SessionClock } from '../../ports/clock.js';
import type { SessionMemory } from '../model/session-memory.js';
import { refusalOf } from '../model/session-standing.js';
import type { VerifiedSession } from '../model/verified-session.js';
import type { Dependent, LiveSession } from './live-session.js';
import type { LiveSessions } from './live-sessions.js';

/** Keeps each controller for as long as its signal is used. */
const controllers = new WeakMap<AbortSignal, AbortController>();

/** Gives out one signal for each session, which is aborted when the session ends. */
export class EndSignals {
  readonly #live: LiveSessions;
  readonly #memory: SessionMemory;
  readonly #clock: SessionClock;
  readonly #signals = new WeakMap<LiveSession, EndSignal>();

  constructor(parts: {
    live: LiveSessions;
    memory: SessionMemory;
    clock: SessionClock;
  }) {
    this.#live = parts.live;
    this.#memory = parts.memory;
    this.#clock = parts.clock;
  }

  of(verified: VerifiedSession): AbortSignal {
    const now = this.#clock.nowSeconds();
    if (refusalOf(verified, this.#memory, now)) {
      return AbortSignal.abort(refusalError('ended'));
    }
    const known = this.#live.of(verified.claims.sid);
    const shared = known && this.#signals.get(known)?.signal;
    if (shared) {
      return shared;
    }
    const controller = new AbortController();
    const { signal } = controller;
    // Each stream of the session listens.
    setMaxListeners(0, signal);
    controllers.set(signal, controller);
    const dependent = new EndSignal(signal);
    this.#signals.set(this.#live.add(verified, dependent), dependent);
    return signal;
  }
}

/**
 * A signal with as long a life as what uses it: held while something listens, and otherwise only by those who may still
 * ask it.
 */
class EndSignal implements Dependent {
  readonly #weak: WeakRef<AbortSignal>;
  /** Keeps the signal alive. */
  held: AbortSignal | undefined;

  constructor(signal: AbortSignal) {
    this.#weak = new WeakRef(signal);
    this.held = signal;
  }

  get signal(): AbortSignal | undefined {
    return this.#weak.deref();
  }

  isInUse(): boolean {
    const { signal } = this;
    this.held =
      signal && getEventListeners(signal, 'abort').length > 0
        ? signal
        : undefined;
    return signal !== undefined;
  }

  end(): void {
    const { signal } = this;
    if (signal) controllers.get(signal)?.abort(refusalError('ended'));
    this.held = undefined;
  }
}
