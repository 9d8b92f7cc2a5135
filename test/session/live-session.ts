import type { SessionIssuing } from '../../lib/nest/session-runtime.js';
import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import type { Transport } from '../../lib/ports/transport.js';
import type { LoadContext } from '../../lib/session/model/session-data-loader.js';
import type { SessionOutcome } from '../../lib/session/model/session-outcome.js';
import { signedTokenOf } from '../../lib/session/model/verified-session.js';
import {
  verifiedSession,
  type VerifiedSession,
} from '../../lib/session/model/verified-session.js';
import type { TestSessionClock } from '../../lib/testing/index.js';
import type { SessionClaims } from '../../lib/tokens/session-claims.js';
import { openRuntime, type OpenedRuntime } from './session-runtime.js';

/** A loader that counts its calls; the data is the number of the call, unless a test says otherwise. */
export class CountingLoader {
  readonly contexts: LoadContext[] = [];
  answer: (call: number, context: LoadContext) => unknown = (call) => ({
    call,
  });

  get calls(): number {
    return this.contexts.length;
  }

  readonly load = (_params: unknown, context: LoadContext): any => {
    this.contexts.push(context);
    return this.answer(this.calls, context);
  };
}

/** How a request brings its session. */
export interface Bringing {
  readonly session?: VerifiedSession;
  /** `false` where the head of the response is out already. */
  readonly canDeliver?: boolean;
  readonly carriers?: readonly Transport[];
  readonly isPassive?: boolean;
}

/** A runtime and one session of it, as a request brings it that carries its first token. */
export interface LiveSession {
  readonly runtime: OpenedRuntime;
  readonly clock: TestSessionClock;
  readonly loader: CountingLoader;
  readonly issuer: SessionIssuing['issuer'];
  readonly reload: SessionIssuing['reload'];
  readonly session: VerifiedSession;
  /** The same session in another token. */
  token(changes: Partial<SessionClaims>): VerifiedSession;
  bringUpToDate(bringing?: Bringing): SessionOutcome | Promise<SessionOutcome>;
  reloadNow(
    bringing?: Bringing,
  ): ReturnType<SessionIssuing['reload']['reloadNow']>;
  /** Changes attributes, by its first token or by another one. */
  update(
    attributes: Parameters<SessionIssuing['issuer']['update']>[1],
    by?: VerifiedSession,
  ): ReturnType<SessionIssuing['issuer']['update']>;
  /** The types of the events so far. */
  events(): string[];
}

/** @param other a node whose session this one knows by its token only */
export async function openSession(
  options: Partial<SessionJwtModuleOptions> = {},
  other?: LiveSession,
): Promise<LiveSession> {
  const loader = new CountingLoader();
  const runtime = await openRuntime(
    { transport: 'header', ...options },
    loader.load,
    other?.clock,
  );
  const { issuer, reload } = runtime.issuing!;
  const { clock, policy, transports, heard } = runtime;
  const claims =
    other?.session.claims ??
    (await issuer.generate('ada', {}, undefined)).session.claims;
  const session = verifiedSession(claims, policy);
  return {
    runtime,
    clock,
    loader,
    issuer,
    reload,
    session,
    token: (changes) => verifiedSession({ ...claims, ...changes }, policy),
    bringUpToDate: (bringing = {}) =>
      reload.bringUpToDate(
        bringing.session ?? session,
        bringing.canDeliver === false
          ? undefined
          : (bringing.carriers ?? transports.all),
        clock.nowSeconds(),
        bringing.isPassive ?? false,
      ),
    reloadNow: (bringing = {}) =>
      reload.reloadNow(
        bringing.session ?? session,
        bringing.carriers ?? transports.all,
        bringing.isPassive ?? false,
      ),
    update: (attributes, by = session) =>
      issuer.update(by, attributes, transports.all, undefined, false),
    events: () => heard.map(({ type }) => type),
  };
}

/** The session of an outcome that is one. */
export function sessionIn(outcome: SessionOutcome): VerifiedSession {
  if (outcome.kind !== 'authenticated') {
    throw new Error(`expected a session, got ${JSON.stringify(outcome)}`);
  }
  return outcome;
}

/** The session of an update or a reload that was not refused. */
export function sessionOf(
  answer: Awaited<ReturnType<LiveSession['update']>>,
): VerifiedSession {
  if ('refusal' in answer) {
    throw new Error(`expected a session, got ${answer.refusal}`);
  }
  return answer.session;
}

/** The token that an outcome delivers; `undefined` if the client keeps what it has. */
export function tokenIn(outcome: SessionOutcome): string | undefined {
  return signedTokenOf(sessionIn(outcome));
}
