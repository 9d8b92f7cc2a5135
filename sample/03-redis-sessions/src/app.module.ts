import { Module } from '@nestjs/common';
import { SessionJwtModule } from 'nestjs-session-jwt';
import { AuthModule } from './auth/auth.module.js';
import { DevicesModule } from './devices/devices.module.js';
import { PageController } from './page.controller.js';
import { readSessionSecret } from './session/session-secret.js';
import { SessionStorage, STORE_TIMEOUT } from './session/session-storage.js';
import { StorageModule } from './session/storage.module.js';
import { UserSessionLoader } from './session/user-session-loader.js';
import { UsersModule } from './users/users.module.js';

@Module({
  imports: [
    SessionJwtModule.forRootAsync({
      imports: [StorageModule, UsersModule],
      inject: [SessionStorage],
      dataLoader: UserSessionLoader,
      useFactory: ({ store }: SessionStorage) => ({
        secret: readSessionSecret(),
        issuer: 'sample-redis-sessions',
        store,
        storeTimeout: STORE_TIMEOUT,
        // A session that was ended elsewhere is over at its next request, for one round trip to the store each.
        revocationCheck: 'always',
      }),
    }),
    AuthModule,
    DevicesModule,
  ],
  controllers: [PageController],
})
export class AppModule {}
