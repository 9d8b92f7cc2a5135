import type { IncomingMessage } from 'node:http';
import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import type {
  OnGatewayConnection,
  OnGatewayDisconnect,
} from '@nestjs/websockets';
import { SessionConnections, SessionService } from 'nestjs-session-jwt';
import { Subscription } from 'rxjs';
import type { WebSocket } from 'ws';
import { NotesService } from './notes.service.js';

/** Pushes notes to all pages of their user, and tells them when the list of devices has changed. */
@WebSocketGateway({ path: '/live' })
export class NotesGateway
  implements
    OnGatewayConnection,
    OnGatewayDisconnect,
    OnModuleInit,
    OnModuleDestroy
{
  private readonly clients = new Set<WebSocket>();
  private readonly subscription = new Subscription();

  constructor(
    private readonly connections: SessionConnections,
    private readonly sessions: SessionService,
    private readonly notes: NotesService,
  ) {}

  onModuleInit(): void {
    this.subscription.add(
      this.notes.changes$.subscribe((user) => this.sendNotes(user)),
    );
    this.subscription.add(
      this.sessions.events$.subscribe((event) => {
        if (['created', 'ended', 'allEnded'].includes(event.type)) {
          this.send((event as { subject: string }).subject, { devices: {} });
        }
      }),
    );
  }

  onModuleDestroy(): void {
    this.subscription.unsubscribe();
  }

  /** A page of another origin loses its connection here, whatever cookies its handshake has brought. */
  async handleConnection(
    client: WebSocket,
    request: IncomingMessage,
  ): Promise<void> {
    const session = await this.connections.open(client, request);
    if (session) {
      this.clients.add(client);
      client.send(JSON.stringify({ notes: this.notes.of(session.subject) }));
    }
  }

  handleDisconnect(client: WebSocket): void {
    this.clients.delete(client);
  }

  private sendNotes(user: string): void {
    this.send(user, { notes: this.notes.of(user) });
  }

  /** A connection whose session has ended is closed, and belongs to no user. */
  private send(user: string, message: object): void {
    for (const client of this.clients) {
      if (this.connections.sessionOf(client)?.subject === user) {
        client.send(JSON.stringify(message));
      }
    }
  }
}
