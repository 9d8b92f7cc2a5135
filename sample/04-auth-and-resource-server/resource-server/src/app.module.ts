import { Module } from '@nestjs/common';
import { SessionJwtModule } from 'nestjs-session-jwt';
import { ImpostorController } from './impostor.controller.js';
import { NotesController } from './notes/notes.controller.js';

/** No secret, no private key, no user database: where the public keys are is all that it is told. */
@Module({
  imports: [
    SessionJwtModule.forRoot({
      verifyOnly: {
        jwksUri:
          process.env.JWKS_URI ?? 'http://localhost:3000/.well-known/jwks.json',
      },
      keyCache: { maxAge: process.env.KEY_MAX_AGE ?? '5m' },
      issuer: 'sample-auth-server',
      transport: 'header',
    }),
  ],
  controllers: [NotesController, ImpostorController],
})
export class AppModule {}
