import { Module } from '@nestjs/common';
import type { MiddlewareConsumer, NestModule } from '@nestjs/common';
import { MemorySessionStore, SessionJwtModule } from 'nestjs-session-jwt';
import { AuthController } from './auth/auth.controller.js';
import { CountsController } from './demo/counts.controller.js';
import { Counts } from './demo/counts.js';
import { NotesController } from './notes/notes.controller.js';
import { NotesGateway } from './notes/notes.gateway.js';
import { NotesService } from './notes/notes.service.js';
import { PageController } from './pages/page.controller.js';
import { PlainController } from './pages/plain.controller.js';
import { securityHeaders } from './pages/security-headers.js';
import { readSessionSecret } from './session/session-secret.js';
import { UserSessionLoader } from './session/user-session-loader.js';
import { settings } from './settings.js';
import { UsersModule } from './users/users.module.js';

@Module({
  imports: [
    SessionJwtModule.forRootAsync({
      imports: [UsersModule],
      dataLoader: UserSessionLoader,
      routes: true,
      useFactory: () => ({
        secret: readSessionSecret(),
        issuer: 'sample-browser-app',
        store: new MemorySessionStore(),
        revocationCheck: 'always',
        refreshToken: { accessLifetime: settings.accessLifetimeSeconds },
        // The origin check is also on by default. Without protection it trusts the attackers.
        csrf: settings.isProtected
          ? { token: { header: 'X-XSRF-TOKEN', cookie: 'XSRF-TOKEN' } }
          : { origin: { trustedOrigins: settings.attackers } },
      }),
    }),
    UsersModule,
  ],
  controllers: [
    PageController,
    PlainController,
    AuthController,
    NotesController,
    CountsController,
  ],
  providers: [NotesService, NotesGateway, Counts],
})
export class AppModule implements NestModule {
  constructor(private readonly counts: Counts) {}

  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(securityHeaders, this.counts.watch).forRoutes('{*path}');
  }
}
