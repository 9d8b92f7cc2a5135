import { UseGuards } from '@nestjs/common';
import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import type { OnGatewayConnection, WsResponse } from '@nestjs/websockets';
import { Session, SessionConnections, SessionGuard } from 'nestjs-session-jwt';
import type { Server, Socket } from 'socket.io';
import type { UserData } from '../session/user-session-loader.js';
import { settings } from '../settings.js';
import { ChatService, REFUSED } from './chat.service.js';

const MEMBERS = 'members';

/** The chat over socket.io. */
@UseGuards(SessionGuard) // Nest 11 runs no global guards for gateways
@WebSocketGateway(settings.chatPort, {
  path: '/chat',
  transports: ['websocket'],
  maxHttpBufferSize: 10_000,
  serveClient: false,
})
export class IoChatGateway implements OnGatewayConnection {
  @WebSocketServer()
  private readonly server!: Server;

  constructor(
    private readonly connections: SessionConnections,
    private readonly chat: ChatService,
  ) {}

  /** A client receives nothing before its session is known. When the session ends, it is disconnected. */
  async handleConnection(client: Socket): Promise<void> {
    const session = await this.connections.open(client);
    if (session && client.connected) {
      await client.join(MEMBERS);
      client.emit('recent', this.chat.recent());
    }
  }

  @SubscribeMessage('say')
  say(
    @Session('data') user: UserData,
    @MessageBody() text: unknown,
  ): WsResponse<string> | undefined {
    const message = this.chat.add(user, text);
    if (!message) return REFUSED;
    this.server.to(MEMBERS).emit('said', message);
    return undefined;
  }
}
