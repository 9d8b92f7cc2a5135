import { Controller, Inject } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import {
  Context,
  Field,
  Int,
  Mutation,
  ObjectType,
  Query,
  ResolveField,
  Resolver,
} from '@nestjs/graphql';
import { RpcException } from '@nestjs/microservices';
import {
  SubscribeMessage,
  WebSocketGateway,
  type OnGatewayConnection,
} from '@nestjs/websockets';
import { WsAdapter } from '@nestjs/platform-ws';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import {
  RequireAuthentication,
  Session,
  SessionConfigError,
  SessionConnections,
  SessionGuard,
  SessionJwtModule,
  SessionService,
  type ActiveSession,
} from '../../lib/index.js';
import { ModuleGuard } from '../../lib/nest/authorization/module-guard.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import {
  connectTestClient,
  createTestSession,
  type TestClient,
} from '../../lib/testing/index.js';
import { boot, bootError, closeBooted } from '../support/nest-app.js';
import { SECRET } from '../support/secrets.js';
import { claimsIn } from '../support/session-claims.js';
import { valueOf } from '../support/set-cookie.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { GRAPHQL_PLATFORMS, graphQLModule } from './graphql-app.js';
import { GraphQLSocket, overHttp } from './graphql-client.js';

const REFUSED = {
  status: 401,
  message: 'Unauthorized',
  errorCode: 'REAUTHENTICATION_REQUIRED',
  max_age: 600,
  acr_values: 'gold',
};

const Gold = () => RequireAuthentication({ maxAge: '10m', acr: 'gold' });

@WebSocketGateway()
class PaymentGateway implements OnGatewayConnection {
  constructor(
    @Inject(SessionConnections)
    private readonly connections: SessionConnections,
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  async handleConnection(client: object, request?: any): Promise<void> {
    await this.connections.open(client, request);
  }

  @Gold()
  @SubscribeMessage('pay')
  pay(@Session() { acr }: ActiveSession) {
    return { event: 'answer', data: acr };
  }

  @RequireAuthentication({ maxAge: '30d' })
  @SubscribeMessage('prove')
  async prove(@Session() session: ActiveSession) {
    const error = await this.sessions
      .reauthenticated(session, { acr: 'gold' })
      .catch((thrown: unknown) => thrown);
    return { event: 'answer', data: (error as { code?: string }).code };
  }
}

const NAMES = ['answer', 'exception'];
/** What each client waits for: a message goes to the first that has asked for it. */
const awaited = new WeakMap<TestClient, Map<string, Promise<unknown>>>();

/** The next answer of a client, whatever it is called. */
async function ask(client: TestClient, event: string): Promise<unknown> {
  const pending = awaited.get(client) ?? new Map<string, Promise<unknown>>();
  awaited.set(client, pending);
  for (const name of NAMES) {
    if (pending.has(name)) continue;
    const next = client.next(name).finally(() => pending.delete(name));
    next.catch(() => undefined);
    pending.set(name, next);
  }
  client.send(event);
  return Promise.race(pending.values());
}

describe.each([
  ['ws', WsAdapter, { WebSocket }, true],
  ['ws', WsAdapter, { WebSocket }, false],
  ['socket.io', IoAdapter, { io }, true],
  ['socket.io', IoAdapter, { io }, false],
] as const)(
  '@RequireAuthentication() in a gateway with %s',
  (_name, Adapter, options, guard) => {
    let app: TestApp;
    beforeAll(async () => {
      app = await startTestApp('express', {
        extras: { guard },
        providers: [PaymentGateway],
        configure: (nest) => nest.useWebSocketAdapter(new Adapter(nest)),
      });
    });
    afterAll(() => app.close());

    const origin = () => `http://127.0.0.1:${app.port}`;

    it('refuses the message alone, and keeps for each connection the proof of its own handshake', async () => {
      const session = await createTestSession(app.app, 'ada');
      const connect = (cookie: string) =>
        connectTestClient(
          app.app,
          { headers: { cookie }, auth: { token: '' } },
          { ...options, headers: { origin: origin() } },
        );
      const before = await connect(session.cookie);
      expect(await ask(before, 'pay')).toEqual(REFUSED);
      app.clock.advance(1);
      // A request of the same session has given it a better proof.
      const raised = raisedCopy(app, session.cookie);
      const after = await connect(raised);
      expect(await ask(after, 'pay')).toBe('gold');
      expect(await ask(before, 'pay')).toEqual(REFUSED);
      // New data comes to all of its connections.
      app.clock.advance('1m');
      expect(await ask(after, 'prove')).toBe('SESSION_FOREIGN');
      expect(await ask(before, 'pay')).toEqual(REFUSED);
      expect(await ask(after, 'pay')).toBe('gold');
      app.clock.advance('20m');
      expect(await ask(after, 'pay')).toEqual(REFUSED);
      const first = await ask(before, 'pay');
      expect(first).toEqual(REFUSED);
      after.close();
      before.close();
    });
  },
);

/** The cookie of the same session after its user has proved again who they are. */
function raisedCopy(app: TestApp, cookie: string): string {
  const [name, token] = cookie.split('=');
  const { keys } = app.app.get<SessionRuntime>(SESSION_RUNTIME, {
    strict: false,
  });
  const now = app.clock.nowSeconds();
  const times = { auth_time: now, iat: now, lat: now };
  const raised = { ...claimsIn(token), ...times, acr: 'gold' };
  return `${name}=${keys.codec.sign(raised)}`;
}

@ObjectType()
class Account {
  @Field(() => Int, { nullable: true }) balance?: number;
}

@Resolver(() => Account)
class AccountResolver {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @Query(() => Account) account(): Account {
    return {};
  }
  @Gold() @Query(() => String) payments(
    @Session('acr') acr: string | undefined,
  ) {
    return acr;
  }
  @Gold() @ResolveField(() => Int, { nullable: true }) balance() {
    return 7;
  }
  @Mutation(() => String) async prove(
    @Session() session: ActiveSession,
    @Context() response: object,
  ) {
    const issued = await this.sessions.reauthenticated(session, {
      acr: 'gold',
      response,
    });
    return String(issued.delivered);
  }
}

describe.each(
  GRAPHQL_PLATFORMS.flatMap(([driver, adapter]) =>
    [true, false].map((guard) => ({ driver, adapter, guard })),
  ),
)(
  '@RequireAuthentication() with $driver on $adapter, guard: $guard',
  ({ driver, adapter, guard }) => {
    let app: TestApp;
    beforeAll(async () => {
      app = await startTestApp(adapter, {
        extras: { guard },
        imports: [graphQLModule(driver, { fieldGuards: true })],
        providers: [AccountResolver],
      });
    });
    afterAll(() => app.close());

    const headersOf = (cookie: string): Record<string, string> => ({
      host: `127.0.0.1:${app.port}`,
      origin: `http://127.0.0.1:${app.port}`,
      cookie,
    });

    async function errorsOf(cookie: string, query: string): Promise<any[]> {
      const response = await fetch(`http://127.0.0.1:${app.port}/graphql`, {
        method: 'POST',
        headers: { ...headersOf(cookie), 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      });
      expect(response.headers.getSetCookie()).toEqual([]);
      return ((await response.json()) as any).errors;
    }

    it('refuses fields with what a client needs to go on, until the user has proved who they are', async () => {
      const { cookie } = await createTestSession(app.app, 'ada');
      for (const query of ['{ payments }', '{ account { balance } }']) {
        const [{ extensions }] = await errorsOf(cookie, query);
        const { status: _status, ...reason } = REFUSED;
        expect(extensions.code).toBe('UNAUTHENTICATED');
        expect(extensions.originalError ?? extensions).toMatchObject({
          errorCode: reason.errorCode,
          max_age: 600,
          acr_values: 'gold',
        });
      }
      const socket = new GraphQLSocket(app.port, {
        headers: headersOf(cookie),
      });
      expect(await socket.ask('{ payments }')).toBe(
        'UNAUTHENTICATED REAUTHENTICATION_REQUIRED',
      );
      await socket.close();
      if (!guard) return;
      const proved = await overHttp(app.port, 'mutation { prove }', {
        headers: headersOf(cookie),
      });
      expect(proved.answer).toBe('true');
      const [line] = proved.setCookie;
      const raised = `${line!.slice(0, line!.indexOf('='))}=${valueOf(line)}`;
      const { answer } = await overHttp(
        app.port,
        '{ payments account { balance } }',
        { headers: headersOf(raised) },
      );
      expect(answer).toMatch(/^gold/);
    });
  },
);

it('stops the boot for a field whose guards GraphQL does not run', async () => {
  const error = await bootError({
    imports: [
      SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false }),
      graphQLModule('apollo', { fieldGuards: false }),
    ],
    providers: [AccountResolver],
  });
  expect(error).toBeInstanceOf(SessionConfigError);
  expect(String(error)).toContain(
    '@RequireAuthentication(): expected GraphQL to run the guards of fields, got AccountResolver.balance without them',
  );
});

describe('@RequireAuthentication() in a context that the application explains', () => {
  @Controller()
  class OrdersController {
    @Gold() cancel() {}
  }

  it('refuses with the exception of that context', async () => {
    const app = await boot({
      imports: [
        SessionJwtModule.forRoot({
          secret: SECRET,
          dataLoader: false,
          transport: 'header',
          guard: false,
          contexts: {
            rpc: (context) => ({
              request: { headers: context.switchToRpc().getContext() },
            }),
          },
        }),
      ],
      controllers: [OrdersController],
    });
    const [Guard] = Reflect.getMetadata(
      '__guards__',
      OrdersController.prototype.cancel,
    );
    const guard = new Guard(app.get(SESSION_RUNTIME), app.get(ModuleGuard));
    const activate = async (acr?: string): Promise<unknown> => {
      const session = await createTestSession(app.app, 'ada', {
        authentication: { ...(acr && { acr }) },
      });
      const context = new ExecutionContextHost(
        [{ from: 'the sender' }, { authorization: session.header }],
        OrdersController,
        OrdersController.prototype.cancel,
      );
      context.setType('rpc');
      return (async () => guard.canActivate(context))().catch(
        (error: unknown) => error,
      );
    };
    expect(await activate('gold')).toBe(true);
    const refused = await activate();
    expect(refused).toBeInstanceOf(RpcException);
    expect((refused as RpcException).getError()).toEqual(REFUSED);
    expect(app.get(SessionGuard)).toBeDefined();
    await closeBooted();
  });
});
