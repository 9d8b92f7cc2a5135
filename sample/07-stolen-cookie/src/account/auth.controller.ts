import { Body, Controller, HttpCode, Post, Res } from '@nestjs/common';
import {
  ActiveSession,
  Public,
  Session,
  SessionService,
} from 'nestjs-session-jwt';
import type { SessionResponse } from 'nestjs-session-jwt';
import { UsersService } from '../users/users.service.js';

/** The ready-made routes do the rest: a browser binds its session at `/session/device`, and refreshes it below. */
@Controller()
export class AuthController {
  constructor(
    private readonly sessions: SessionService,
    private readonly users: UsersService,
  ) {}

  /** The response offers the browser to bind the session. */
  @Public()
  @Post('login')
  @HttpCode(204)
  async login(
    @Body('password') password: unknown,
    @Res({ passthrough: true }) response: SessionResponse,
  ): Promise<void> {
    const { id } = this.users.authenticate(password);
    await this.sessions.generate(id, {
      response,
      authentication: { amr: ['pwd'] },
    });
  }

  /** Where `onReauthenticate` of the page sends the password. */
  @Post('password')
  @HttpCode(204)
  async prove(
    @Session() session: ActiveSession,
    @Body('password') password: unknown,
  ): Promise<void> {
    this.users.authenticate(password);
    await this.sessions.reauthenticated(session, { amr: ['pwd'] });
  }
}
