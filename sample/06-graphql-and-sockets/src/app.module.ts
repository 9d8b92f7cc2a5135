import { Module } from '@nestjs/common';
import type { MiddlewareConsumer, NestModule } from '@nestjs/common';
import { MemorySessionStore, SessionJwtModule } from 'nestjs-session-jwt';
import { AdminResolver } from './admin/admin.resolver.js';
import { AuthResolver } from './auth/auth.resolver.js';
import { ChatService } from './chat/chat.service.js';
import { IoChatGateway } from './chat/io-chat.gateway.js';
import { WsChatGateway } from './chat/ws-chat.gateway.js';
import { graphQLModule } from './graphql-module.js';
import { OrdersResolver } from './orders/orders.resolver.js';
import { OrdersService } from './orders/orders.service.js';
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
      routes: true,
      useFactory: () => ({
        secret: readSessionSecret(),
        issuer: 'sample-graphql-and-sockets',
        store: new MemorySessionStore(),
        // The page of a user whom an admin signs out cannot reconnect, on any node. The default is the next reload.
        revocationCheck: 'always',
        dataRefreshInterval: settings.reloadSeconds,
        refreshToken: {},
        csrf: {
          origin: {
            // The chat listens on another port, to which the page is another origin.
            trustedOrigins: [`http://localhost:${settings.port}`],
          },
        },
      }),
    }),
    graphQLModule(),
    UsersModule,
  ],
  controllers: [PageController],
  providers: [
    AuthResolver,
    AdminResolver,
    OrdersResolver,
    OrdersService,
    ChatService,
    settings.sockets === 'ws' ? WsChatGateway : IoChatGateway,
  ],
})
export class AppModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(securityHeaders).forRoutes('{*path}');
  }
}
