import { Module } from '@nestjs/common';
import { MemorySessionStore, SessionJwtModule } from 'nestjs-session-jwt';
import { AuthModule } from './auth/auth.module.js';
import { KeyVault } from './keys/key-vault.js';
import { KeysModule } from './keys/keys.module.js';
import { readDerivedSecret } from './session/derived-secret.js';
import { accessLifetime, keyMaxAge } from './session/times.js';
import { UserSessionLoader } from './session/user-session-loader.js';
import { UsersModule } from './users/users.module.js';

@Module({
  imports: [
    SessionJwtModule.forRootAsync({
      imports: [KeysModule, UsersModule],
      inject: [KeyVault],
      dataLoader: UserSessionLoader,
      jwks: { maxAge: keyMaxAge() },
      useFactory: (vault: KeyVault) => ({
        // Sign session tokens; the resource server gets their public halves.
        keys: () => vault.read(),
        keyCache: { maxAge: keyMaxAge() },
        // Signs refresh tokens, which nobody but this server reads.
        derivedSecret: readDerivedSecret(),
        issuer: 'sample-auth-server',
        transport: 'header',
        refreshToken: { accessLifetime: accessLifetime() },
        store: new MemorySessionStore(),
      }),
    }),
    AuthModule,
  ],
})
export class AppModule {}
