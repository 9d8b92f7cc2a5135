import type { ConnectionEnd } from '../../session/connections/connection-times.js';
import type {
  Dependent,
  LiveSession,
} from '../../session/connections/live-session.js';
import {
  createActiveSession,
  type AnySession,
} from '../../session/model/active-session.js';
import type { SessionOutcome } from '../../session/model/session-outcome.js';
import {
  authenticationOf,
  proofKeyOf,
  withAuthentication,
} from '../../session/model/authentication.js';
import {
  verifiedSession,
  type VerifiedSession,
} from '../../session/model/verified-session.js';
import type { AuthenticationClaims } from '../../tokens/session-claims.js';
import { attachTo } from '../exchange/raw-exchange.js';
import { expandedData } from '../expanded-data.js';
import type { SessionRuntime } from '../session-runtime.js';
import { closeClient, whenClosed, type ClientSocket } from './client-socket.js';
import type { FoundConnection } from './graphql-request.js';
import { judgeHandshake, type OpenedHandshake } from './judge-handshake.js';

/** How many messages may wait for the verdict on their connection. */
const MAXIMUM_WAITING = 16;
const CLOSED: SessionOutcome = {
  kind: 'rejected',
  refusal: 'missing',
  dispatch: undefined,
};

/** The connections of each session module, by what stands for a connection. */
const opened = new WeakMap<SessionRuntime, WeakMap<object, Connection>>();

/** Returns a connection that is known, by what stands for it. */
export function knownConnection(
  runtime: SessionRuntime,
  key: object,
): Connection | undefined {
  return opened.get(runtime)?.get(key);
}

/** Returns the connection that a client has; `undefined` if only `SessionConnections.open` could know its handshake. */
export function connectionOf(
  runtime: SessionRuntime,
  found: FoundConnection,
): Connection | undefined {
  const known = knownConnection(runtime, found.key);
  const { handshake, sent } = found;
  if (known || !handshake) {
    return known;
  }
  const { key, client } = found;
  const connection = new Connection(runtime, key, client, { handshake, sent });
  const connections = opened.get(runtime) ?? new WeakMap<object, Connection>();
  opened.set(runtime, connections.set(key, connection));
  return connection;
}

/** A connection of a client, which outlives the request that opened it, but not its session. */
export class Connection implements Dependent {
  readonly #runtime: SessionRuntime;
  readonly #key: object;
  readonly #client: ClientSocket;
  /** `undefined` once it is decided on: a connection may stay for days. */
  #handshake: OpenedHandshake | undefined;
  #verdict: Promise<SessionOutcome> | undefined;
  #live: LiveSession | undefined;
  #waiting = 0;
  /** Whether we have closed it. */
  #isOver = false;
  #isGone = false;
  #shown:
    { of: VerifiedSession; session: AnySession; turn: number } | undefined;
  /** An expansion that is running. */
  #showing: { of: VerifiedSession; done: Promise<SessionOutcome> } | undefined;
  #turns = 0;
  /** How its handshake says that the user proved who they are. Other connections of the session may know better. */
  #proof: AuthenticationClaims | undefined;
  /** Whether it stays open without a session. */
  isOptional = false;

  constructor(
    runtime: SessionRuntime,
    key: object,
    client: ClientSocket,
    handshake: OpenedHandshake,
  ) {
    this.#runtime = runtime;
    this.#key = key;
    this.#client = client;
    this.#handshake = handshake;
    whenClosed(client, () => {
      this.#isGone = true;
      this.#release();
    });
  }

  /** The session as it is now. */
  get session(): AnySession | undefined {
    return this.#isOver ? undefined : this.#shown?.session;
  }

  /** The session of the messages that were admitted last: those in flight keep it when the connection ends. */
  get lastSession(): AnySession | undefined {
    return this.#shown?.session;
  }

  /** Whether its handshake had a session: then the connection ends with it, and not by the refusal of a message. */
  get hadSession(): boolean {
    return this.#live !== undefined;
  }

  /** Decides on the handshake, once; an outage is no decision. */
  open(): Promise<SessionOutcome> {
    this.#verdict ??= this.#judge().then(
      (outcome) => {
        if (outcome.kind === 'unavailable') this.#verdict = undefined;
        else this.#handshake = undefined;
        return outcome;
      },
      (defect: unknown) => {
        this.#verdict = undefined;
        throw defect;
      },
    );
    return this.#verdict;
  }

  /**
   * Decides on a message or an operation: by the session as it is now. Waits for the verdict on the handshake.
   *
   * @param asksStore whether the store must confirm that the session is alive
   */
  admit(
    isPassive: boolean,
    asksStore: boolean,
  ): SessionOutcome | Promise<SessionOutcome> {
    if (this.#isOver) {
      return CLOSED;
    }
    if (this.#live) {
      const { live } = this.#runtime;
      return this.#show(live.admit(this.#live, isPassive, asksStore));
    }
    if (this.#waiting >= MAXIMUM_WAITING) {
      this.end('uncertain');
      return CLOSED;
    }
    this.#waiting += 1;
    return this.open()
      .then((outcome) =>
        this.#live ? this.admit(isPassive, asksStore) : outcome,
      )
      .finally(() => (this.#waiting -= 1));
  }

  /** Shows the session where `@Session()` of any copy of the package finds it. */
  attach(): void {
    attachTo(this.#key, this.session);
  }

  /** Expands new data now, so that `sessionOf` returns it before the next message. */
  changed(): void {
    const shown = this.#live && this.#show(this.#live.verified);
    // The next message meets the same error.
    if (shown instanceof Promise) shown.catch(() => undefined);
  }

  /** Closes the connection: its session has ended, or it has none. */
  end(reason: ConnectionEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#release();
    if (!this.#isGone) closeClient(this.#client, reason);
  }

  #release(): void {
    if (this.#live) this.#runtime.live.remove(this.#live, this);
  }

  async #judge(): Promise<SessionOutcome> {
    const outcome = await judgeHandshake(this.#runtime, this.#handshake!);
    if (this.#isOver || outcome.kind !== 'authenticated') {
      return this.#isOver ? CLOSED : outcome;
    }
    this.#proof = authenticationOf(outcome.claims);
    const shown = await this.#show(outcome);
    // What ended meanwhile closes the connection here.
    this.#live = this.#runtime.live.add(outcome, this);
    // Its last messages still count.
    if (this.#isGone) this.#release();
    return this.#isOver ? CLOSED : shown;
  }

  /** Makes the session that handlers see, once for each state of it. */
  #show(
    outcome: SessionOutcome | Promise<SessionOutcome>,
  ): SessionOutcome | Promise<SessionOutcome> {
    if (outcome instanceof Promise) {
      return outcome.then((settled) => this.#show(settled));
    }
    if (outcome.kind !== 'authenticated' || this.#shown?.of === outcome) {
      return outcome;
    }
    if (this.#showing?.of === outcome) {
      return this.#showing.done;
    }
    const turn = (this.#turns += 1);
    const data = expandedData(this.#runtime, outcome, undefined);
    if (!(data instanceof Promise)) {
      return this.#showWith(outcome, data, turn);
    }
    const done = data
      .then((expanded: unknown) => this.#showWith(outcome, expanded, turn))
      .finally(() => {
        if (this.#showing?.done === done) this.#showing = undefined;
      });
    this.#showing = { of: outcome, done };
    return done;
  }

  #showWith(of: VerifiedSession, data: unknown, turn: number): VerifiedSession {
    // A slow expansion must not undo one that began later.
    if (turn > (this.#shown?.turn ?? 0)) {
      const session = createActiveSession(this.#runtime, this.#own(of), data);
      this.#shown = { of, session, turn };
    }
    return of;
  }

  /** Returns a session, which all of its connections share, with the proof of this one. */
  #own(shared: VerifiedSession): VerifiedSession {
    const { claims } = shared;
    const proof = this.#proof;
    return !proof || proofKeyOf(proof) === proofKeyOf(claims)
      ? shared
      : verifiedSession(
          withAuthentication(claims, proof),
          this.#runtime.policy,
        );
  }
}
