import { Controller, Get } from '@nestjs/common';
import { Session } from 'nestjs-session-jwt';
import type { UserData } from '../session/user-session-loader.js';

@Controller('me')
export class MeController {
  @Get()
  me(@Session('data') user: UserData): UserData {
    return user;
  }
}
