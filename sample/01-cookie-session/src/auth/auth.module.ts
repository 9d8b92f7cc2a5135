import { Module } from '@nestjs/common';
import { RevocationsModule } from '../session/revocations.module.js';
import { UsersModule } from '../users/users.module.js';
import { AuthController } from './auth.controller.js';
import { MeController } from './me.controller.js';

@Module({
  imports: [UsersModule, RevocationsModule],
  controllers: [AuthController, MeController],
})
export class AuthModule {}
