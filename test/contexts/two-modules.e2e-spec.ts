import { on } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { IncomingMessage } from 'node:http';
import {
  Module,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { ApolloDriver } from '@nestjs/apollo';
import { GraphQLModule, Query, Resolver, Subscription } from '@nestjs/graphql';
import { MercuriusDriver } from '@nestjs/mercurius';
import { WsAdapter } from '@nestjs/platform-ws';
import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import {
  ActiveSession,
  Session,
  SessionConnections,
  SessionGuard,
  SessionJwtModule,
  SessionService,
} from '../../lib/index.js';
import { until } from '../support/asynchrony.js';
import { ORIGIN } from '../support/browser.js';
import { boot, closeBooted, type BootedApp } from '../support/nest-app.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { closeClients, connect } from './gateway-client.js';
import { Feed, GRAPHQL_PLATFORMS } from './graphql-app.js';
import { GraphQLSocket } from './graphql-client.js';

const HOST = new URL(ORIGIN).host;

/** Lets other messages of the connection in between the guard and the handler. */
class Slow implements NestInterceptor {
  async intercept(_context: ExecutionContext, next: CallHandler) {
    for (let i = 0; i < 3; i += 1) await nextTurn();
    return next.handle();
  }
}

const seen: string[] = [];

function gatewayOf(event: string) {
  @UseGuards(SessionGuard)
  @UseInterceptors(Slow)
  @WebSocketGateway({ path: '/chat' })
  class Gateway {
    constructor(
      readonly connections: SessionConnections,
      readonly sessions: SessionService,
    ) {}

    async handleConnection(client: object, request: IncomingMessage) {
      await this.connections.open(client, request);
    }

    @SubscribeMessage(event)
    say(@Session() session: ActiveSession, @MessageBody() text: string) {
      seen.push(`${event} by ${session.subject}`);
      return { event: 'answer', data: `${event}: ${text}` };
    }
  }
  // Nest 11 takes the parameters of handlers from the first class of a name.
  Object.defineProperty(Gateway, 'name', { value: `${event}Gateway` });
  return Gateway;
}

function resolverOf(name: string) {
  @UseGuards(SessionGuard)
  @UseInterceptors(Slow)
  @Resolver()
  class FeatureResolver {
    constructor(readonly sessions: SessionService) {}

    @Query(() => String, { name })
    query(@Session('subject') subject: string) {
      return subject;
    }

    @Subscription(() => String, { name: `${name}Texts` })
    async *texts(@Session() session: ActiveSession) {
      for await (const [text] of on(Feed.events, 'text')) {
        yield { [`${name}Texts`]: `${session.subject} ${String(text)}` };
      }
    }
  }
  return FeatureResolver;
}

const UserResolver = resolverOf('user');
const AdminResolver = resolverOf('admin');

const UserGateway = gatewayOf('user');
const AdminGateway = gatewayOf('admin');

function moduleOf(name: string, secret: string, provider: any) {
  @Module({
    imports: [
      SessionJwtModule.forRoot({
        secret,
        issuer: name,
        cookie: { name: `__Host-${name}` },
        dataLoader: false,
        guard: false,
        global: false,
        requestProperty: false,
      }),
    ],
    providers: [provider],
  })
  class Feature {}
  return Feature;
}

describe('a connection of two session modules', () => {
  let app: BootedApp;

  beforeAll(async () => {
    app = await boot(
      {
        imports: [
          moduleOf('user', SECRET, UserGateway),
          moduleOf('admin', OTHER_SECRET, AdminGateway),
        ],
      },
      { configure: (nest) => nest.useWebSocketAdapter(new WsAdapter(nest)) },
    );
  });

  afterEach(closeClients);
  afterAll(closeBooted);

  const signIn = async (gateway: typeof UserGateway, subject: string) => {
    const { sessions } = app.get(gateway);
    return sessions.generate(subject);
  };
  const open = (user: string, admin: string) =>
    connect('ws', app.port, {
      headers: {
        cookie: `__Host-user=${user}; __Host-admin=${admin}`,
        origin: ORIGIN,
      },
    });

  it('shows each handler the session of its own module, however messages interleave', async () => {
    const user = await signIn(UserGateway, 'ada');
    const admin = await signIn(AdminGateway, 'root');
    const client = open(user.token, admin.token);
    await client.opened;
    seen.length = 0;
    for (let i = 0; i < 50; i += 1) {
      client.send('user', 'x');
      client.send('admin', 'x');
    }
    await client.ask('user');
    while (seen.length < 101) await nextTurn();
    expect(new Set(seen)).toEqual(new Set(['user by ada', 'admin by root']));
  });

  it('ends with either session', async () => {
    for (const gateway of [UserGateway, AdminGateway]) {
      const user = await signIn(UserGateway, 'ada');
      const admin = await signIn(AdminGateway, 'root');
      const client = open(user.token, admin.token);
      expect(await client.ask('user')).toBe('user: user');
      const { session } = gateway === UserGateway ? user : admin;
      await app.get(gateway).sessions.revoke(session);
      expect(await client.closed).toBe(4401);
    }
  });

  it('is closed if one of them is missing', async () => {
    const user = await signIn(UserGateway, 'ada');
    seen.length = 0;
    const client = open(user.token, '');
    expect(await client.ask('admin')).toEqual({ closed: 4401 });
    expect(seen).toEqual([]);
  });
});

describe.each(GRAPHQL_PLATFORMS)(
  'a GraphQL socket of two session modules, with %s on %s',
  (driver, adapter) => {
    let app: BootedApp;

    beforeAll(async () => {
      const imports = [
        moduleOf('user', SECRET, UserResolver),
        moduleOf('admin', OTHER_SECRET, AdminResolver),
        GraphQLModule.forRoot(
          driver === 'apollo'
            ? {
                driver: ApolloDriver,
                autoSchemaFile: true,
                graphiql: false,
                subscriptions: { 'graphql-ws': true },
              }
            : {
                driver: MercuriusDriver,
                autoSchemaFile: true,
                subscription: { fullWsTransport: true },
              },
        ),
      ];
      app = await boot({ imports }, { adapter });
    });

    const sockets: GraphQLSocket[] = [];
    afterEach(() =>
      Promise.all(sockets.splice(0).map((socket) => socket.close())),
    );
    afterAll(closeBooted);

    const signIn = (resolver: typeof UserResolver, subject: string) =>
      app.get(resolver).sessions.generate(subject);

    function open(user: string, admin?: string): GraphQLSocket {
      const cookies = [
        `__Host-user=${user}`,
        ...(admin ? [`__Host-admin=${admin}`] : []),
      ];
      const socket = new GraphQLSocket(app.port, {
        headers: { cookie: cookies.join('; '), origin: ORIGIN, host: HOST },
      });
      sockets.push(socket);
      return socket;
    }

    it('shows each resolver the session of its own module, however operations interleave', async () => {
      const user = await signIn(UserResolver, 'ada');
      const admin = await signIn(AdminResolver, 'root');
      const socket = open(user.token, admin.token);
      const answers = await Promise.all(
        Array.from({ length: 30 }, (_, i) =>
          socket.ask(i % 2 ? '{ user }' : '{ admin }'),
        ),
      );
      expect(answers).toEqual(answers.map((_, i) => (i % 2 ? 'ada' : 'root')));
      expect(await socket.ask('{ user admin }')).toBe('ada root');
      // A subscription that is closed listens until the next event.
      const others = Feed.events.listenerCount('text');
      const texts = ['user', 'admin'].map((name) =>
        socket.subscribe(`subscription { ${name}Texts }`),
      );
      await until(
        () => Feed.events.listenerCount('text') === others + 2,
        'both subscriptions run',
      );
      Feed.publish('hello');
      expect(await Promise.all(texts.map(({ first }) => first))).toEqual([
        'ada hello',
        'root hello',
      ]);
    });

    it('ends with either session', async () => {
      for (const resolver of [UserResolver, AdminResolver]) {
        const user = await signIn(UserResolver, 'ada');
        const admin = await signIn(AdminResolver, 'root');
        const socket = open(user.token, admin.token);
        expect(await socket.ask('{ user admin }')).toBe('ada root');
        const { session } = resolver === UserResolver ? user : admin;
        await app.get(resolver).sessions.revoke(session);
        expect(await socket.closed).toBe(4401);
      }
    });

    it('refuses only the operations whose session is missing', async () => {
      const user = await signIn(UserResolver, 'ada');
      const socket = open(user.token);
      expect(await socket.ask('{ user }')).toBe('ada');
      expect(await socket.ask('{ admin }')).toBe(
        'UNAUTHENTICATED SESSION_REQUIRED',
      );
      expect(await socket.ask('{ user }')).toBe('ada');
    });
  },
);
