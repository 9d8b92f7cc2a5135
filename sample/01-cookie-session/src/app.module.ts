import { Module } from '@nestjs/common';
import { SessionJwtModule } from 'nestjs-session-jwt';
import { AuthModule } from './auth/auth.module.js';
import { EventsModule } from './events/events.module.js';
import { PageController } from './page.controller.js';
import { Revocations } from './session/revocations.js';
import { RevocationsModule } from './session/revocations.module.js';
import { readSessionSecret } from './session/session-secret.js';
import {
  DATA_REFRESH_INTERVAL_SECONDS,
  MAX_STALE_SECONDS,
} from './session/session-times.js';
import { UserSessionLoader } from './session/user-session-loader.js';
import { UsersModule } from './users/users.module.js';

@Module({
  imports: [
    SessionJwtModule.forRootAsync({
      imports: [UsersModule, RevocationsModule],
      inject: [Revocations],
      dataLoader: UserSessionLoader,
      useFactory: ({ log }: Revocations) => ({
        secret: readSessionSecret(),
        issuer: 'sample-cookie-session',
        dataRefreshInterval: DATA_REFRESH_INTERVAL_SECONDS,
        loader: { timeout: 1, maxStale: MAX_STALE_SECONDS },
        ...(log && { revocations: log }),
      }),
    }),
    UsersModule,
    AuthModule,
    EventsModule,
  ],
  controllers: [PageController],
})
export class AppModule {}
