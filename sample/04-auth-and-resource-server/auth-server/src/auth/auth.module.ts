import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { AuthController } from './auth.controller.js';
import { MeController } from './me.controller.js';

@Module({
  imports: [UsersModule],
  controllers: [AuthController, MeController],
})
export class AuthModule {}
