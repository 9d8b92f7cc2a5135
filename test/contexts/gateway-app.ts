import type { IncomingMessage } from 'node:http';
import {
  Injectable,
  UseGuards,
  type INestApplication,
  type Type,
} from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  type OnGatewayConnection,
} from '@nestjs/websockets';
import type { Server } from 'socket.io';
import {
  ActiveSession,
  CheckRevocation,
  OptionalSession,
  Passive,
  Public,
  Session,
  SessionConnections,
  SessionGuard,
} from '../../lib/index.js';
import { NEST } from '../support/nest-version.js';
import {
  startTestApp,
  type AdapterName,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';

/** How clients reach a gateway: `ws`, and socket.io over a WebSocket or by long polling. */
export type Sockets = 'ws' | 'io' | 'polling';

/** What has reached the handlers. */
export const Handled = {
  messages: [] as string[],
  /** Clients, in the order of their connections. */
  clients: [] as object[],

  reset(): void {
    Handled.messages = [];
    Handled.clients = [];
  },
};

export interface GatewayOptions extends TestAppOptions {
  /** How connections are opened: `none` leaves that to their first message. */
  open?: 'required' | 'optional' | 'none';
}

@Injectable()
export class ChatHandlers {
  constructor(readonly connections: SessionConnections) {}

  say(session: ActiveSession, text: string) {
    return this.note(text, session.subject);
  }

  confirmed(session: ActiveSession, text: string) {
    return this.note(text, session.subject);
  }

  polled(session: ActiveSession, text: string) {
    return this.note(text, session.subject);
  }

  role(session: ActiveSession) {
    return this.note('role', (session.data as { role: string }).role);
  }

  optional(session: ActiveSession | undefined, text: string) {
    return this.note(text, session?.subject ?? 'nobody');
  }

  open(session: ActiveSession | undefined, text: string) {
    return this.note(text, session?.subject ?? 'anyone');
  }

  who(client: object) {
    return this.note('who', this.connections.sessionOf(client)?.subject);
  }

  private note(text: string, answer: unknown) {
    Handled.messages.push(text);
    return { event: 'answer', data: String(answer) };
  }
}

/** Nest 11 runs no guards of the application for gateways. */
const GUARDS = NEST < 12 ? [SessionGuard] : [];

/** A chat with one handler for each decorator. */
export function chatGateway(
  sockets: Sockets,
  open: GatewayOptions['open'] = 'required',
  path = 'chat',
): Type<ChatHandlers & OnGatewayConnection> {
  @UseGuards(...GUARDS)
  @WebSocketGateway(
    sockets === 'ws' ? { path: `/${path}` } : { namespace: path },
  )
  class ChatGateway extends ChatHandlers implements OnGatewayConnection {
    handleConnection(client: object, request?: IncomingMessage) {
      Handled.clients.push(client);
      if (open === 'none') return undefined;
      return this.connections.open(
        client,
        sockets === 'ws' ? request : undefined,
        { optional: open === 'optional' },
      );
    }

    @SubscribeMessage('say')
    override say(
      @Session() session: ActiveSession,
      @MessageBody() text: string,
    ) {
      return super.say(session, text);
    }

    @CheckRevocation()
    @SubscribeMessage('confirmed')
    override confirmed(
      @Session() session: ActiveSession,
      @MessageBody() text: string,
    ) {
      return super.confirmed(session, text);
    }

    @Passive()
    @SubscribeMessage('polled')
    override polled(
      @Session() session: ActiveSession,
      @MessageBody() text: string,
    ) {
      return super.polled(session, text);
    }

    @SubscribeMessage('role')
    override role(@Session() session: ActiveSession) {
      return super.role(session);
    }

    @OptionalSession()
    @SubscribeMessage('optional')
    override optional(
      @Session() session: ActiveSession | undefined,
      @MessageBody() text: string,
    ) {
      return super.optional(session, text);
    }

    @Public()
    @SubscribeMessage('open')
    override open(
      @Session() session: ActiveSession | undefined,
      @MessageBody() text: string,
    ) {
      return super.open(session, text);
    }

    @Public()
    @SubscribeMessage('who')
    override who(@ConnectedSocket() client: object) {
      return super.who(client);
    }
  }
  return ChatGateway;
}

/** Waits 5 s instead of 30 for the last poll of clients that have gone: the process stays until then. */
class ImpatientIoAdapter extends IoAdapter {
  override createIOServer(port: number, options?: object) {
    const server: Server = super.createIOServer(port, options as never);
    server.engine.on('connection', ({ transport }: any) => {
      transport.closeTimeout = 5_000;
    });
    return server;
  }
}

export function socketAdapter(app: INestApplication, sockets: Sockets) {
  return sockets === 'ws' ? new WsAdapter(app) : new ImpatientIoAdapter(app);
}

/** An application with a chat. */
export function startGatewayApp(
  adapter: AdapterName,
  sockets: Sockets,
  { open, providers = [], ...options }: GatewayOptions = {},
): Promise<TestApp> {
  Handled.reset();
  return startTestApp(adapter, {
    ...options,
    providers: [chatGateway(sockets, open), ...providers],
    configure: (app) => {
      app.useWebSocketAdapter(socketAdapter(app, sockets));
      options.configure?.(app);
    },
  });
}
