import type { IncomingMessage } from 'node:http';
import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import type {
  OnGatewayConnection,
  OnGatewayDisconnect,
} from '@nestjs/websockets';
import {
  ActiveSession,
  Public,
  SessionClock,
  SessionService,
} from 'nestjs-session-jwt';
import { Subscription } from 'rxjs';
import type { WebSocket } from 'ws';
import { NotesService } from './notes.service.js';

interface Member {
  readonly session: ActiveSession;
  readonly request: IncomingMessage;
}

/** What a page does about it is to ask for its session, which refreshes it, and to connect again. */
const SIGN_IN = 4401;
const TRY_AGAIN = 1013;

/** Pushes notes to all pages of their user, and tells them when the list of devices has changed. */
@Public()
@WebSocketGateway({ path: '/live' })
export class NotesGateway
  implements
    OnGatewayConnection,
    OnGatewayDisconnect,
    OnModuleInit,
    OnModuleDestroy
{
  private readonly members = new Map<WebSocket, Member>();
  private readonly subscription = new Subscription();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly sessions: SessionService,
    private readonly notes: NotesService,
    private readonly clock: SessionClock,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => this.closeExpired(), 1000).unref();
    this.subscription.add(
      this.notes.changes$.subscribe((user) => this.sendNotes(user)),
    );
    this.subscription.add(
      this.sessions.events$.subscribe((event) => {
        if (event.type === 'created') this.send(event.subject, { devices: {} });
        if (event.type === 'ended' || event.type === 'allEnded') {
          void this.judgeAgain(event.subject);
        }
      }),
    );
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
    this.subscription.unsubscribe();
  }

  /** A page of another origin gets `null` here, whatever cookies its handshake has brought. */
  async handleConnection(
    client: WebSocket,
    request: IncomingMessage,
  ): Promise<void> {
    const session = await this.judge(client, request);
    if (session && client.readyState === client.OPEN) {
      this.members.set(client, { session, request });
      client.send(JSON.stringify({ notes: this.notes.of(session.subject) }));
    }
  }

  handleDisconnect(client: WebSocket): void {
    this.members.delete(client);
  }

  private async judge(
    client: WebSocket,
    request: IncomingMessage,
  ): Promise<ActiveSession | null> {
    try {
      const session = await this.sessions.authenticate(request);
      if (!session) this.end(client, SIGN_IN, 'sign in');
      return session;
    } catch {
      this.end(client, TRY_AGAIN, 'try again later');
      return null;
    }
  }

  /** A connection outlives what it was opened with. */
  private closeExpired(): void {
    const now = this.clock.nowSeconds() * 1000;
    for (const [client, { session }] of this.members) {
      if (session.expiresAt.getTime() <= now) {
        this.end(client, SIGN_IN, 'expired');
      }
    }
  }

  /** One of these sessions has ended; the others hear that the list of devices is another one. */
  private async judgeAgain(user: string): Promise<void> {
    await Promise.all(
      this.membersOf(user).map(([client, { request }]) =>
        this.judge(client, request),
      ),
    );
    this.send(user, { devices: {} });
  }

  private sendNotes(user: string): void {
    this.send(user, { notes: this.notes.of(user) });
  }

  private send(user: string, message: object): void {
    this.closeExpired();
    for (const [client] of this.membersOf(user)) {
      client.send(JSON.stringify(message));
    }
  }

  private end(client: WebSocket, code: number, reason: string): void {
    this.members.delete(client);
    client.close(code, reason);
  }

  private membersOf(user: string): [WebSocket, Member][] {
    return [...this.members].filter(
      ([, { session }]) => session.subject === user,
    );
  }
}
