import {
  Module,
  type INestApplicationContext,
  type Type,
} from '@nestjs/common';
import type { HttpException } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { Test } from '@nestjs/testing';
import {
  SessionClock,
  SessionGuard,
  SessionJwtModule,
  SessionService,
  type ActiveSession,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { CapturedLogs } from '../support/captured-logs.js';
import {
  cookiesOf,
  createExchange,
  type NodeExchange,
} from '../support/node-exchange.js';
import { SECRET } from '../support/secrets.js';
import { UserLoader, Users } from '../support/test-app.js';

/** What the guard made of a request. */
export interface Judged {
  readonly status: number;
  readonly session: ActiveSession | undefined;
  readonly role: string | undefined;
}

export interface NodeOptions extends Partial<SessionJwtModuleOptions> {
  clock?: TestSessionClock;
  /** What the loader makes of the data for one request. */
  expand?: (data: object) => object;
}

class OpenController {
  handle(): void {
    // Never runs: the guard reads its metadata.
  }
}

/** An application without a server: requests go to its guard as node and the frameworks would hand them over. */
export class ContextNode {
  readonly logs: CapturedLogs;

  constructor(
    readonly app: INestApplicationContext,
    readonly clock: TestSessionClock,
    readonly users: Users,
    logs: CapturedLogs,
  ) {
    this.logs = logs;
  }

  get sessions(): SessionService {
    return this.app.get(SessionService);
  }

  /** How often the loader was called since this was asked last, except for new sessions. */
  takeLoads(): number {
    return this.users.loads
      .splice(0)
      .filter(({ context }) => context.reason !== 'generate').length;
  }

  /** Sends a request through the guard. */
  async guard(
    { request, response }: { request: object; response: unknown },
    controller: Type = OpenController,
  ): Promise<Judged> {
    const context = new ExecutionContextHost(
      [request, response],
      controller,
      // oxlint-disable-next-line typescript/unbound-method -- only its metadata is read
      controller.prototype.handle,
    );
    const status = await Promise.resolve()
      .then(() => this.app.get(SessionGuard).canActivate(context))
      .then((isAdmitted) => (isAdmitted ? 200 : 403))
      .catch((error: HttpException) => error.getStatus());
    const { session } = request as { session?: ActiveSession };
    return { status, session, role: roleOf(session) };
  }

  /** A request of its own with some headers, and what came of it; its head is written. */
  async ask(
    headers: Record<string, string>,
    method = 'GET',
    controller?: Type,
  ): Promise<Judged & { readonly setCookie: string[] }> {
    const exchange = createExchange(headers, method);
    const judged = await this.guard(exchange, controller);
    return { ...judged, setCookie: cookiesOf(exchange) };
  }
}

export function roleOf(
  session: ActiveSession | null | undefined,
): string | undefined {
  return (session?.data as { role?: string } | undefined)?.role;
}

/** Headers with the tokens of a session in cookies; without the one that is not given. */
export function inCookies(session?: string, refresh?: string) {
  return {
    cookie: [
      ...(session === undefined ? [] : [`__Host-Http-session=${session}`]),
      ...(refresh === undefined
        ? []
        : [`__Host-Http-session-refresh=${refresh}`]),
    ].join('; '),
  };
}

/** The same exchange as handlers of Fastify see it. */
export function asFastify({ request, response }: NodeExchange) {
  const { headers, method, url } = request;
  const seen = { raw: request, headers, method, url };
  return {
    request: seen,
    response: {
      raw: response,
      request: seen,
      getHeader: (name: string) => response.getHeader(name),
      getHeaders: () => response.getHeaders(),
      removeHeader: (name: string) => response.removeHeader(name),
      header: (name: string, value: string) => response.setHeader(name, value),
    },
  };
}

const opened: INestApplicationContext[] = [];

/** Opens a node; it is closed after the test. */
export async function openNode(
  options: NodeOptions = {},
): Promise<ContextNode> {
  const { clock = new TestSessionClock(), expand, ...session } = options;
  const users = new Users();
  class Loader extends UserLoader {
    constructor() {
      super(users);
    }
  }
  if (expand) {
    Object.assign(Loader.prototype, { expand });
  }
  @Module({
    imports: [
      SessionJwtModule.forRoot({
        secret: SECRET,
        ...session,
        dataLoader: session.verifyOnly ? undefined : Loader,
      } as never),
    ],
  })
  class AppModule {}
  const logs = new CapturedLogs();
  const app = await Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(SessionClock)
    .useValue(clock)
    .setLogger(logs)
    .compile();
  await app.init();
  opened.push(app);
  return new ContextNode(app, clock, users, logs);
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()));
});
