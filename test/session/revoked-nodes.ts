import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import {
  RevocationLog,
  type AppendOptions,
  type RevocationBatch,
} from '../../lib/ports/revocation-log.js';
import type { GenerateOptions } from '../../lib/session/generate-options.js';
import type { SessionDataLoader } from '../../lib/session/model/session-data-loader.js';
import type { SessionOutcome } from '../../lib/session/model/session-outcome.js';
import { MemoryRevocationLog } from '../../lib/stores/memory-revocation-log.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { turn } from '../support/asynchrony.js';
import { carrying, told } from './carried-tokens.js';
import {
  HANDLING,
  openRuntime,
  type OpenedRuntime,
} from './session-runtime.js';

/** The connection of one node to a log: it can be cut, and calls can fail. */
export class LogConnection extends RevocationLog {
  readonly #log: RevocationLog;
  readonly #held: (() => void)[] = [];
  #isCut = false;
  /** What the next calls of `append` reject with. */
  failure: Error | undefined;
  /** What batches are turned into before they arrive. */
  alter: (batch: RevocationBatch) => RevocationBatch = (batch) => batch;
  readonly appended: string[] = [];

  constructor(log: RevocationLog) {
    super();
    this.#log = log;
  }

  /** Nothing arrives any more, in either direction, and nobody hears of that. */
  cut(): void {
    this.#isCut = true;
  }

  /** What was held back arrives. */
  heal(): void {
    this.#isCut = false;
    for (const pass of this.#held.splice(0)) pass();
  }

  override async append(
    entries: readonly string[],
    options: AppendOptions,
  ): Promise<Date> {
    await this.#passed();
    if (this.failure) throw this.failure;
    if (!options.isProof) this.appended.push(...entries);
    return this.#log.append(entries, options);
  }

  override follow(
    from: string | undefined,
    listener: (batch: RevocationBatch) => void,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#log.follow(
      from,
      (batch) => {
        if (this.#isCut) this.#held.push(() => listener(this.alter(batch)));
        else listener(this.alter(batch));
      },
      signal,
    );
  }

  override useClock(): void {
    // The log has the clock of its own machine.
  }

  async #passed(): Promise<void> {
    if (this.#isCut) {
      await new Promise<void>((resolve) => this.#held.push(resolve));
    }
  }
}

/** One process of an application whose processes share a log. */
export interface Node extends OpenedRuntime {
  readonly connection: LogConnection;
  /** Signs a user in here. */
  signIn(subject?: string, options?: GenerateOptions): Promise<SignedIn>;
  /** What this node answers to a request with a token. */
  ask(cookie: string): Promise<unknown>;
  authenticate(cookie: string): Promise<SessionOutcome>;
  /** Takes part in `revokeAll` and the like. */
  revokeAll(subject?: string, except?: string): Promise<number>;
}

interface SignedIn {
  readonly token: string;
  readonly refreshToken: string | undefined;
  readonly sid: string;
  readonly oiat: number;
}

export interface NodesOptions extends Partial<SessionJwtModuleOptions> {
  readonly load?: SessionDataLoader<any, any>['load'];
  readonly maxLag?: number;
  readonly whenLagging?: 'ask-store' | 'refuse' | 'accept';
  readonly maxEntries?: number;
}

const opened: OpenedRuntime[] = [];

/** What nodes share, apart from a store. */
interface SharedLog {
  readonly clock: TestSessionClock;
  readonly log: MemoryRevocationLog;
}

/** Opens some nodes of one application. They share a clock, a log and, if it is given, a store. */
export async function openNodes(
  count: number,
  options: NodesOptions = {},
  shared: SharedLog = openLog(),
) {
  const { load, maxLag = 1, whenLagging, maxEntries, ...others } = options;
  const { clock, log } = shared;
  const nodes: Node[] = [];
  for (let i = 0; i < count; i += 1) {
    const connection = new LogConnection(log);
    const runtime = await openRuntime(
      {
        ...others,
        revocations: {
          log: connection,
          maxLag,
          ...(whenLagging && { whenLagging }),
          ...(maxEntries && { maxEntries }),
        },
      },
      load,
      clock,
    );
    opened.push(runtime);
    const reading = runtime.revocations!.ready();
    // One that only verifies hears of the time of the log when others write to it.
    if (!others.verifyOnly) await reading;
    nodes.push(nodeOf(runtime, connection));
  }
  return { nodes, clock, log };
}

function openLog(): SharedLog {
  const clock = new TestSessionClock();
  const log = new MemoryRevocationLog();
  log.useClock(clock);
  return { clock, log };
}

/** Shuts down every node that was opened. */
export async function closeNodes(): Promise<void> {
  for (const runtime of opened.splice(0)) await runtime.shutDown();
}

/** Lets what is on its way arrive. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await turn();
}

function nodeOf(runtime: OpenedRuntime, connection: LogConnection): Node {
  return {
    ...runtime,
    connection,
    async signIn(subject = 'ada', options = {}) {
      const signed = await runtime.issuing!.issuer.generate(
        subject,
        options,
        undefined,
      );
      const { sid, oiat } = signed.session.claims;
      const { token, refreshToken } = signed;
      return { token, refreshToken, sid, oiat };
    },
    async ask(cookie) {
      return told(await this.authenticate(cookie));
    },
    async authenticate(cookie) {
      return runtime.authenticator.authenticate(carrying({ cookie }), HANDLING);
    },
    revokeAll: (subject = 'ada', except) =>
      runtime.revocation.endAll(subject, except),
  };
}
