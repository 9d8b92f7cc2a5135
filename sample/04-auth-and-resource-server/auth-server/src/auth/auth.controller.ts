import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { Public, SessionService } from 'nestjs-session-jwt';
import type { SessionRequest, SessionResponse } from 'nestjs-session-jwt';
import { UsersService } from '../users/users.service.js';

/** Public: whoever comes here has no session token, or one that has expired. */
@Public()
@Controller('auth')
export class AuthController {
  constructor(
    private readonly sessions: SessionService,
    private readonly users: UsersService,
  ) {}

  /** What `generate` gives is safe to return. With bearer tokens its JSON holds them: the client keeps them. */
  @Post('login')
  @HttpCode(200)
  async login(
    @Body('user') userId: string,
    @Res({ passthrough: true }) response: SessionResponse,
  ) {
    const user = await this.users.authenticate(userId);
    return this.sessions.generate(user.id, { response });
  }

  /** Finds the token in the field `refreshToken` of the body. */
  @Post('refresh')
  @HttpCode(200)
  refresh(
    @Req() request: SessionRequest,
    @Res({ passthrough: true }) response: SessionResponse,
  ) {
    return this.sessions.refresh(request, { response });
  }

  /** Ends the session of either token: works when the session token has expired, and twice. */
  @Post('logout')
  @HttpCode(204)
  async logout(
    @Req() request: SessionRequest,
    @Res({ passthrough: true }) response: SessionResponse,
  ): Promise<void> {
    await this.sessions.revoke(request, { response });
  }
}
