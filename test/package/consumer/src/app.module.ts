import {
  Body,
  Controller,
  Get,
  HttpCode,
  Injectable,
  Module,
  Post,
  Req,
  Res,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import {
  type LoadContext,
  Public,
  Session,
  SessionDataLoader,
  SessionEndedError,
  SessionJwtModule,
  SessionService,
} from 'nestjs-session-jwt';
import { OperationsModule } from './operations.module.js';

export interface UserData {
  id: string;
  email: string;
}

declare module 'nestjs-session-jwt' {
  interface SessionTypes {
    params: string;
    data: UserData;
    attributes: { theme?: string };
  }
}

const USERS: Readonly<Record<string, UserData>> = {
  ada: { id: 'ada', email: 'ada@example.org' },
};

@Injectable()
export class UserSessionLoader extends SessionDataLoader<string, UserData> {
  override async load(userId: string, context: LoadContext): Promise<UserData> {
    const user = USERS[userId];
    if (user === undefined || context.issuedBefore(new Date(0))) {
      throw new SessionEndedError('no such user');
    }
    return user;
  }
}

@Controller()
export class AuthController {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Post('login')
  login(
    @Body('user') userId: string,
    @Res({ passthrough: true }) response: Response,
  ) {
    return this.sessions.generate(userId, { response });
  }

  @Public()
  @Post('logout')
  @HttpCode(204)
  async logout(
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    await this.sessions.revoke(request, { response });
  }

  @Get('me')
  me(@Session('data') user: UserData): UserData {
    return user;
  }
}

@Module({
  imports: [
    SessionJwtModule.forRootAsync({
      dataLoader: UserSessionLoader,
      useFactory: () => ({ secret: process.env['SESSION_SECRET'] ?? '' }),
    }),
    OperationsModule,
  ],
  controllers: [AuthController],
})
export class AppModule {}
