import { Module } from '@nestjs/common';
import type { MiddlewareConsumer, NestModule } from '@nestjs/common';
import { MemorySessionStore, SessionJwtModule } from 'nestjs-session-jwt';
import { AccountController } from './account/account.controller.js';
import { AuthController } from './account/auth.controller.js';
import { DemoLog } from './demo/demo-log.js';
import { DemoController } from './demo/demo.controller.js';
import { Thief } from './demo/thief.js';
import { PageController } from './pages/page.controller.js';
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
      routes: true, // browsers bind and refresh their sessions there
      useFactory: () => ({
        secret: readSessionSecret(),
        issuer: 'sample-stolen-cookie',
        store: new MemorySessionStore(),
        refreshToken: { accessLifetime: settings.accessLifetimeSeconds },
        deviceBinding: settings.isBinding,
      }),
    }),
    UsersModule,
  ],
  controllers: [
    PageController,
    AuthController,
    AccountController,
    DemoController,
  ],
  providers: [DemoLog, Thief],
})
export class AppModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(securityHeaders).forRoutes('{*path}');
  }
}
