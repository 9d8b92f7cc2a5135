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
import type { VerifiedSession } from '../../session/model/verified-session.js';
import { attachTo, type SessionRequest } from '../exchange/raw-exchange.js';
import { expandedData } from '../expanded-data.js';
import type { SessionRuntime } from '../session-runtime.js';
import { closeClient, whenClosed } from './client-socket.js';
import type { FoundConnection } from './graphql-request.js';
import { judgeHandshake } from './judge-handshake.js';

/** How many messages may wait for the verdict on their connection. */
const MAXIMUM_WAITING = 16;
const CLOSED: SessionOutcome = {
  kind: 'rejected',
  refusal: 'missing',
  dispatch: undefined,
};

type KnownConnection = FoundConnection & {
  readonly handshake: SessionRequest;
};

/** The connections of each session module, by what stands for a connection. */
const opened = new WeakMap<SessionRuntime, WeakMap<object, Connection>>();

function connectionsOf(runtime: SessionRuntime): WeakMap<object, Connection> {
  let connections = opened.get(runtime);
  if (!connections) {
    connections = new WeakMap();
    opened.set(runtime, connections);
  }
  return connections;
}

/** Returns the connection that a client has; `undefined` if only `SessionConnections.open` could know its handshake. */
export function connectionOf(
  runtime: SessionRuntime,
  found: FoundConnection,
): Connection | undefined {
  const connections = connectionsOf(runtime);
  const known = connections.get(found.key);
  const { handshake } = found;
  if (known || !handshake) {
    return known;
  }
  const connection = new Connection(runtime, { ...found, handshake });
  connections.set(found.key, connection);
  return connection;
}

/** A connection of a client, which outlives the request that opened it, but not its session. */
export class Connection implements Dependent {
  readonly #runtime: SessionRuntime;
  readonly #found: KnownConnection;
  #verdict: Promise<SessionOutcome> | undefined;
  #live: LiveSession | undefined;
  #waiting = 0;
  /** Whether we have closed it. */
  #isOver = false;
  #isGone = false;
  #shown: { of: VerifiedSession; session: AnySession } | undefined;

  constructor(runtime: SessionRuntime, found: KnownConnection) {
    this.#runtime = runtime;
    this.#found = found;
    whenClosed(found.client, () => {
      this.#isGone = true;
      this.#release();
    });
  }

  /** The session as it is now. */
  get session(): AnySession | undefined {
    return this.#isOver ? undefined : this.#shown?.session;
  }

  /** Decides on the handshake, once; an outage is no decision. */
  open(): Promise<SessionOutcome> {
    this.#verdict ??= this.#judge().then((outcome) => {
      if (outcome.kind === 'unavailable') this.#verdict = undefined;
      return outcome;
    });
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
      this.close('uncertain');
      return CLOSED;
    }
    this.#waiting += 1;
    return this.open()
      .then((outcome) =>
        this.#live ? this.admit(isPassive, asksStore) : outcome,
      )
      .finally(() => (this.#waiting -= 1));
  }

  /** Shows a session to `@Session()`. */
  attach(session: AnySession | undefined): void {
    attachTo(this.#found.key, session);
  }

  /** Closes the connection, because its session has ended. */
  end(reason: ConnectionEnd): void {
    this.close(reason);
  }

  close(reason: ConnectionEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.attach(undefined);
    this.#release();
    if (!this.#isGone) closeClient(this.#found.client, reason);
  }

  #release(): void {
    if (this.#live) this.#runtime.live.remove(this.#live, this);
  }

  async #judge(): Promise<SessionOutcome> {
    const { handshake, sent } = this.#found;
    const outcome = await judgeHandshake(this.#runtime, handshake, sent);
    if (this.#isOver || outcome.kind !== 'authenticated') {
      return this.#isOver ? CLOSED : outcome;
    }
    this.#live = this.#runtime.live.add(outcome, this);
    // Its last messages still count.
    if (this.#isGone) this.#release();
    return this.#show(outcome);
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
    const data = expandedData(this.#runtime, outcome, undefined);
    if (data instanceof Promise) {
      return data.then((expanded: unknown) =>
        this.#showWith(outcome, expanded),
      );
    }
    return this.#showWith(outcome, data);
  }

  #showWith(of: VerifiedSession, data: unknown): VerifiedSession {
    const session = createActiveSession(this.#runtime, of, data);
    this.#shown = { of, session };
    return of;
  }
}
