import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import {
  ActiveSession,
  Public,
  Session,
  SessionClock,
  SessionService,
} from 'nestjs-session-jwt';
import type { SessionRequest, SessionResponse } from 'nestjs-session-jwt';
import { Revocations } from '../session/revocations.js';
import { UsersService } from '../users/users.service.js';

@Controller()
export class AuthController {
  constructor(
    private readonly sessions: SessionService,
    private readonly users: UsersService,
    private readonly clock: SessionClock,
    private readonly revocations: Revocations,
  ) {}

  @Public()
  @Post('login')
  async login(
    @Body('user') userId: string,
    @Res({ passthrough: true }) response: SessionResponse,
  ) {
    const user = await this.users.authenticate(userId);
    return this.sessions.generate(user.id, { response });
  }

  /** Public: signing out works with an expired session too, and twice. */
  @Public()
  @Post('logout')
  @HttpCode(204)
  async logout(
    @Req() request: SessionRequest,
    @Res({ passthrough: true }) response: SessionResponse,
  ): Promise<void> {
    await this.sessions.revoke(request, { response });
  }

  /**
   * Ends this session at once, and every other one of this user as well with a revocation log. Without one, those end at
   * their next reload: see the loader.
   */
  @Post('logout-everywhere')
  @HttpCode(204)
  async logoutEverywhere(@Session() session: ActiveSession): Promise<void> {
    const now = new Date(this.clock.nowSeconds() * 1000);
    await this.users.endSessionsBefore(session.data.id, now);
    await this.sessions.revoke(session);
    if (this.revocations.log) {
      await this.sessions.revokeAll(session.subject);
    }
  }
}
