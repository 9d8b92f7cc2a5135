import type { IncomingMessage } from 'node:http';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  Module,
  Post,
  Req,
  Res,
  Sse,
  UseGuards,
  type DynamicModule,
} from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { concat, from, of } from 'rxjs';
import type { WebSocket } from 'ws';
import {
  Public,
  Session,
  SessionConnections,
  SessionDataLoader,
  SessionGuard,
  SessionJwtModule,
  SessionService,
  type ActiveSession,
  type SessionJwtModuleOptions,
} from '../../../lib/index.js';
import { createGate } from '../../support/asynchrony.js';
import { SECRET } from '../../support/secrets.js';

/** What a test changes while the application runs. */
export class State {
  /** The data of every session, as bytes of JSON. */
  dataBytes = 20;
  /** Streams end when it opens. */
  gate = createGate();
  /** Whether answers are lost after the handler has run. */
  losesAnswers = false;
  handled = 0;
}

export class SizedLoader extends SessionDataLoader<string, object> {
  constructor(private readonly state: State) {
    super();
  }

  async load(): Promise<object> {
    const empty = JSON.stringify({ text: '' }).length;
    return { text: 'x'.repeat(this.state.dataBytes - empty) };
  }
}
Reflect.defineMetadata('design:paramtypes', [State], SizedLoader);

@Controller()
class ProxiedController {
  constructor(
    private readonly sessions: SessionService,
    @Inject(State) private readonly state: State,
  ) {}

  @Public()
  @Post('login')
  @HttpCode(200)
  login(
    @Body('user') user: string,
    @Res({ passthrough: true }) response: object,
  ) {
    return this.sessions.generate(user, { response });
  }

  @Get('me')
  me(@Session() { subject }: ActiveSession) {
    return { subject, handled: (this.state.handled += 1) };
  }

  @Get('lost')
  lost(@Req() { socket }: IncomingMessage) {
    return this.answerOrLose(socket);
  }

  @Post('lost')
  lostPost(@Req() { socket }: IncomingMessage) {
    return this.answerOrLose(socket);
  }

  @Public()
  @Get('ip')
  ip(@Req() { ip }: { ip: string }) {
    return { ip };
  }

  @Sse('events')
  events() {
    const end = from(this.state.gate.promise.then(() => ({ data: 'end' })));
    return concat(of({ data: 'first' }), end);
  }

  @Get('export')
  async export(@Res() response: import('node:http').ServerResponse) {
    response.write('first');
    await this.state.gate.promise;
    response.end('end');
  }

  private answerOrLose(socket: IncomingMessage['socket']) {
    this.state.handled += 1;
    if (this.state.losesAnswers) socket.destroy();
    return {};
  }
}

@WebSocketGateway({ path: '/live' })
@UseGuards(SessionGuard)
class LiveGateway {
  constructor(private readonly connections: SessionConnections) {}

  async handleConnection(client: WebSocket, handshake: IncomingMessage) {
    const session = await this.connections.open(client, handshake);
    if (session) client.send(session.subject);
  }
}

/** An application as it may stand behind a proxy. */
export function proxiedModule(
  state: State,
  session: Partial<SessionJwtModuleOptions>,
): DynamicModule {
  @Module({
    providers: [{ provide: State, useValue: state }],
    exports: [State],
  })
  class StateModule {}

  @Module({
    imports: [
      StateModule,
      SessionJwtModule.forRoot({
        secret: SECRET,
        dataLoader: SizedLoader,
        imports: [StateModule],
        routes: true,
        ...session,
      }),
    ],
    controllers: [ProxiedController],
    providers: [LiveGateway],
  })
  class ProxiedModule {}
  return { module: ProxiedModule };
}
