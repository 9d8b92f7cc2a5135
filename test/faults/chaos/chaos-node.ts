/**
 * A process of its own that runs an application with the library. Sends its port when it is ready, every event of its
 * sessions as it happens, and an answer to every message.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Module,
  Post,
  Res,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  CheckRevocation,
  Public,
  Session,
  SessionClock,
  SessionDataLoader,
  SessionJwtModule,
  SessionService,
  type ActiveSession,
  type SessionEvent,
} from '../../../lib/index.js';
import type { PostgresRevocationLog } from '../../../lib/stores/postgres/index.js';
import { FullMemory } from './full-memory.js';
import { openServers, type StoreSettings } from './open-store.js';

/** What a node is given when it starts. */
export interface ChaosNodeSettings {
  readonly secret: string;
  readonly store: StoreSettings;
  readonly storeTimeout: string;
  /** Whether the nodes share a revocation log, on the servers of their store. */
  readonly hasLog: boolean;
  readonly accessSeconds: number;
  readonly intervalSeconds: number;
  readonly graceSeconds: number;
  readonly idleSeconds: number;
  /** How far the clocks of the application and of the store are ahead of those of the machine. */
  readonly aheadMilliseconds: number;
}

export type LoaderMood = 'well' | 'slow' | 'failing';

/** What a node is asked; it answers when it has done so, and after all events until then. */
export interface ChaosNodeRequest {
  readonly aheadMilliseconds?: number;
  readonly loader?: LoaderMood;
  /** Whether it fills what it remembers of sessions. */
  readonly fills?: boolean;
  /** Whether it collects its garbage first. */
  readonly collects?: boolean;
}

/** What a node sends. */
export type ChaosNodeMessage =
  | { readonly kind: 'ready'; readonly port: number }
  | {
      readonly kind: 'done';
      /** Bytes in use. */
      readonly heap: number;
    }
  | {
      readonly kind: 'event';
      readonly event: SentEvent;
      /** The operation of a client in whose request it happened, if in one. */
      readonly operation: string | undefined;
    };

/** An event as a message has it. */
export interface SentEvent {
  readonly type: SessionEvent['type'];
  readonly session?: string;
  readonly subject?: string;
  readonly reason?: string;
  readonly operation?: string;
  readonly code?: string;
  readonly error?: string;
}

// Before anything else: its parent may be gone before it is ready.
process.on('disconnect', () => process.exit());
// The cluster client of ioredis 6 follows an ASK with a command whose promise nobody holds: it rejects when the connection
// is cut, and would end the process.
process.on('unhandledRejection', (error: Error) => {
  if (error.message !== 'Connection is closed.') throw error;
});

const settings = JSON.parse(process.argv[2]!) as ChaosNodeSettings;
const memory = new FullMemory();
const operations = new AsyncLocalStorage<string | undefined>();
let aheadMilliseconds = settings.aheadMilliseconds;
let mood: LoaderMood = 'well';

class MovedClock extends SessionClock {
  override nowSeconds(): number {
    return Math.floor((Date.now() + aheadMilliseconds) / 1000);
  }
}

class UserLoader extends SessionDataLoader<string, object> {
  override async load(id: string): Promise<object> {
    if (mood === 'failing') throw new Error('the users cannot be read');
    if (mood === 'slow') {
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    return { id };
  }
}

@Controller()
class AccountController {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Post('sign-in')
  @HttpCode(200)
  signIn(
    @Body() body: { subject: string; transport: 'cookie' | 'header' },
    @Res({ passthrough: true }) response: object,
  ) {
    const { subject, transport } = body;
    return this.sessions.generate(subject, { response, transport });
  }

  @Get('me')
  me(@Session('data') data: unknown) {
    return data;
  }

  @Get('checked')
  @CheckRevocation()
  checked(@Session('data') data: unknown) {
    return data;
  }

  @Post('reload')
  @HttpCode(200)
  async reload(@Session() session: ActiveSession) {
    await this.sessions.reload(session);
  }

  @Post('sign-out-everywhere')
  @HttpCode(200)
  @CheckRevocation()
  signOutEverywhere(@Session() session: ActiveSession) {
    return this.sessions.revokeAll(session.subject);
  }

  /** Whether the store answers for each of these subjects. */
  @Public()
  @Post('ready')
  @HttpCode(200)
  async ready(@Body() { subjects }: { subjects: string[] }) {
    for (const subject of subjects) await this.sessions.list(subject);
  }
}

const { store, log } = await openServers(
  settings.store,
  () => aheadMilliseconds,
);
if (settings.hasLog && 'ensureSchema' in log) {
  await (log as PostgresRevocationLog).ensureSchema();
}

@Module({
  imports: [
    SessionJwtModule.forRoot({
      secret: settings.secret,
      transport: ['cookie', 'header'],
      refreshToken: {
        accessLifetime: settings.accessSeconds,
        grace: settings.graceSeconds,
      },
      dataRefreshInterval: settings.intervalSeconds,
      lifetime: { idle: settings.idleSeconds, absolute: '30d' },
      storeTimeout: settings.storeTimeout,
      store,
      ...(settings.hasLog && { revocations: log }),
      dataLoader: UserLoader,
      // So small that they are full within minutes: then the slope of the heap is that of a leak.
      cache: { maxTokens: 100 },
      routes: { path: 'session' },
    }),
  ],
  controllers: [AccountController],
})
class AppModule {}

const module = await Test.createTestingModule({ imports: [AppModule] })
  .overrideProvider(SessionClock)
  .useValue(new MovedClock())
  .compile();
const app = module.createNestApplication({ logger: false });
app.use((request: IncomingMessage, _: ServerResponse, next: () => void) =>
  operations.run(String(request.headers['x-operation']), next),
);
app.get(SessionService).events$.subscribe((event) => {
  send({ kind: 'event', event: sent(event), operation: operations.getStore() });
});
process.on('message', (request: ChaosNodeRequest) => {
  aheadMilliseconds = request.aheadMilliseconds ?? aheadMilliseconds;
  mood = request.loader ?? mood;
  if (request.fills) memory.fill();
  if (request.collects) globalThis.gc?.();
  send({ kind: 'done', heap: process.memoryUsage().heapUsed });
});
await app.listen(0, '127.0.0.1');
send({ kind: 'ready', port: app.getHttpServer().address().port });

function send(message: ChaosNodeMessage): void {
  process.send!(message);
}

function sent(event: SessionEvent): SentEvent {
  const { error, ...rest } = event as SessionEvent & { error?: unknown };
  return {
    ...(rest as SentEvent),
    ...(error !== undefined && {
      error: error instanceof Error ? error.message : typeof error,
    }),
  };
}
