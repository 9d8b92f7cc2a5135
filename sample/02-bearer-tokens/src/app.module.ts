import { Module } from '@nestjs/common';
import { MemorySessionStore, SessionJwtModule } from 'nestjs-session-jwt';
import { AuthModule } from './auth/auth.module.js';
import { readSessionSecret } from './session/session-secret.js';
import { accessLifetime, grace } from './session/session-times.js';
import { UserSessionLoader } from './session/user-session-loader.js';
import { UsersModule } from './users/users.module.js';

@Module({
  imports: [
    SessionJwtModule.forRootAsync({
      imports: [UsersModule],
      dataLoader: UserSessionLoader,
      useFactory: () => ({
        secret: readSessionSecret(),
        issuer: 'sample-bearer-tokens',
        transport: 'header',
        refreshToken: { accessLifetime: accessLifetime(), grace: grace() },
        // Without a store all of this works too, but nobody notices that a refresh token was copied.
        store: new MemorySessionStore(),
      }),
    }),
    AuthModule,
  ],
})
export class AppModule {}
