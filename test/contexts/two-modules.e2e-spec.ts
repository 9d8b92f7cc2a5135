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
import { ORIGIN } from '../support/browser.js';
import { boot, closeBooted, type BootedApp } from '../support/nest-app.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { closeClients, connect } from './gateway-client.js';

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

const UserGateway = gatewayOf('user');
const AdminGateway = gatewayOf('admin');

function moduleOf(name: string, secret: string, gateway: any) {
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
    providers: [gateway],
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
