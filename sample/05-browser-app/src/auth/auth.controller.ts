import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { Public, SessionService } from 'nestjs-session-jwt';
import type { SessionResponse } from 'nestjs-session-jwt';
import { UsersService } from '../users/users.service.js';
import { nameOfBrowser } from './name-of-browser.js';

/** Signing in. The ready-made routes do the rest: `/session/refresh`, `/session/logout`, `/session/devices`. */
@Controller()
export class AuthController {
  constructor(
    private readonly sessions: SessionService,
    private readonly users: UsersService,
  ) {}

  @Public()
  @Post('login')
  @HttpCode(200)
  async login(
    @Body('user') userId: string,
    @Req() request: { headers: { 'user-agent'?: string } },
    @Res({ passthrough: true }) response: SessionResponse,
  ) {
    const user = await this.users.authenticate(userId);
    const userAgent = nameOfBrowser(request.headers['user-agent']);
    return this.sessions.generate(user.id, {
      response,
      metadata: { userAgent },
    });
  }
}
