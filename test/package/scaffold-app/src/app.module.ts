import { Module } from '@nestjs/common';
import { SessionJwtModule } from 'nestjs-session-jwt';
import { AccountController } from './account.controller.js';
import { AppController } from './app.controller.js';
import { AppService } from './app.service.js';
import { UserSessionLoader } from './user-session-loader.js';

@Module({
  imports: [
    SessionJwtModule.forRootAsync({
      dataLoader: UserSessionLoader,
      useFactory: () => ({ secret: process.env['SESSION_SECRET']! }),
    }),
  ],
  controllers: [AppController, AccountController],
  providers: [AppService],
})
export class AppModule {}
