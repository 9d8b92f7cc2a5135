import { Body, Controller, Get, Post, Res } from '@nestjs/common';
import { Public, Session, SessionService } from 'nestjs-session-jwt';

@Controller()
export class AccountController {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Post('login')
  login(
    @Body() body: { user: string },
    @Res({ passthrough: true }) response: object,
  ) {
    return this.sessions.generate(body.user, { response });
  }

  @Get('me')
  me(@Session('data') user: object) {
    return user;
  }
}
