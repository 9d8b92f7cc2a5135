/**
 * A process of its own that serves sessions over HTTP, as one of several nodes that share a revocation log. Sends its
 * port when it is ready, and a message for each revocation that it has heard of.
 */
import { Body, Controller, Get, HttpCode, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { Pool, type PoolConfig } from 'pg';
import {
  Public,
  Session,
  SessionJwtModule,
  SessionService,
  type RevocationLog,
  type SessionStore,
} from '../../lib/index.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import {
  PostgresRevocationLog,
  PostgresSessionStore,
} from '../../lib/stores/postgres/index.js';
import {
  RedisRevocationLog,
  RedisSessionStore,
} from '../../lib/stores/redis/index.js';

/** What a node is told when it starts. */
export interface RevocationNodeSettings {
  readonly secret: string;
  readonly redis?: { readonly port: number; readonly prefix: string };
  readonly postgres?: PoolConfig;
  readonly hasStore: boolean;
  readonly revocationCheck?: 'reload' | 'always';
  /** `false` to compare with an application that has none. */
  readonly hasLog: boolean;
  readonly maxLag: string;
}

/** What a node has heard of. */
export interface HeardRevocation {
  readonly kind: 'session' | 'subject' | 'everything';
  readonly sid?: string;
  readonly sub?: string;
  /** Microseconds of the clock that all processes of a machine share. */
  readonly at: number;
}

const settings = JSON.parse(process.argv[2]!) as RevocationNodeSettings;

@Controller()
class AccountController {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Post('sign-in')
  signIn(@Body() { subject }: { subject: string }) {
    return this.sessions.generate(subject);
  }

  @Get('me')
  me(@Session('subject') subject: string) {
    return subject;
  }

  @Public()
  @Post('revoke')
  @HttpCode(200)
  async revoke(@Body() named: { id: string; subject: string }) {
    await this.sessions.revoke(named);
  }

  @Public()
  @Post('revoke-all')
  @HttpCode(200)
  async revokeAll(@Body() { subject }: { subject: string }) {
    await this.sessions.revokeAll(subject);
  }

  @Public()
  @Post('revoke-everything')
  @HttpCode(200)
  async revokeEverything() {
    await this.sessions.revokeEverything();
  }
}

const { store, log } = openParts();

@Module({
  imports: [
    SessionJwtModule.forRoot({
      secret: settings.secret,
      transport: 'header',
      dataLoader: false,
      storeTimeout: '20s',
      ...(settings.hasStore && {
        store,
        revocationCheck: settings.revocationCheck ?? 'reload',
      }),
      ...(settings.hasLog && {
        revocations: { log, maxLag: settings.maxLag },
      }),
    }),
  ],
  controllers: [AccountController],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['fatal'] });
await app.listen(0, '127.0.0.1');
// A client that a busy machine stopped for a while may send on a connection that the server closes as idle.
app.getHttpServer().keepAliveTimeout = 0;
const { revocations } = app.get<SessionRuntime>(SESSION_RUNTIME);
await revocations?.ready();
revocations?.journal.whenRevoked((revocation) => {
  process.send!({
    ...revocation,
    at: Number(process.hrtime.bigint() / 1000n),
  });
});
process.on('disconnect', () => process.exit());
process.send!({ port: app.getHttpServer().address().port });

function openParts(): { store: SessionStore; log: RevocationLog } {
  const { redis, postgres } = settings;
  if (redis) {
    const { port, prefix } = redis;
    const client = new Redis(port, '127.0.0.1');
    return {
      store: new RedisSessionStore({ client, prefix }),
      log: new RedisRevocationLog({ client, prefix }),
    };
  }
  const pool = new Pool(postgres);
  return {
    store: new PostgresSessionStore({ pool }),
    log: new PostgresRevocationLog({ pool }),
  };
}
