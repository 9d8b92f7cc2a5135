import type { IncomingMessage } from 'node:http';
import { UseGuards } from '@nestjs/common';
import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import type { OnGatewayConnection, WsResponse } from '@nestjs/websockets';
import { Session, SessionConnections, SessionGuard } from 'nestjs-session-jwt';
import type { Server, WebSocket } from 'ws';
import type { UserData } from '../session/user-session-loader.js';
import { settings } from '../settings.js';
import { ChatService, REFUSED } from './chat.service.js';

/** The chat over ws. */
@UseGuards(SessionGuard) // Nest 11 runs no global guards for gateways
@WebSocketGateway(settings.chatPort, { path: '/chat', maxPayload: 10_000 })
export class WsChatGateway implements OnGatewayConnection {
  @WebSocketServer()
  private readonly server!: Server;

  constructor(
    private readonly connections: SessionConnections,
    private readonly chat: ChatService,
  ) {}

  /** A client receives nothing before its session is known. When the session ends, it is closed with code 4401. */
  async handleConnection(
    client: WebSocket,
    request: IncomingMessage,
  ): Promise<void> {
    if (await this.connections.open(client, request)) {
      send(client, 'recent', this.chat.recent());
    }
  }

  @SubscribeMessage('say')
  say(
    @Session('data') user: UserData,
    @MessageBody() text: unknown,
  ): WsResponse<string> | undefined {
    const message = this.chat.add(user, text);
    if (!message) return REFUSED;
    for (const client of this.server.clients) {
      // Clients whose session is not known yet receive nothing.
      if (this.connections.sessionOf(client)) send(client, 'said', message);
    }
    return undefined;
  }
}

function send(client: WebSocket, event: string, data: unknown): void {
  client.send(JSON.stringify({ event, data }));
}
