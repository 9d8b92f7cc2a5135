import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { Public, SessionService } from 'nestjs-session-jwt';
import type { SessionRequest, SessionResponse } from 'nestjs-session-jwt';
import { describeDevice } from '../devices/describe-device.js';
import type { ClientRequest } from '../devices/describe-device.js';
import { UsersService } from '../users/users.service.js';

@Public()
@Controller()
export class AuthController {
  constructor(
    private readonly sessions: SessionService,
    private readonly users: UsersService,
  ) {}

  @Post('login')
  async login(
    @Body('user') userId: string,
    @Body('label') label: unknown,
    @Req() request: ClientRequest,
    @Res({ passthrough: true }) response: SessionResponse,
  ) {
    const user = await this.users.authenticate(userId);
    return this.sessions.generate(user.id, {
      response,
      metadata: describeDevice(request, label),
    });
  }

  @Post('logout')
  @HttpCode(204)
  async logout(
    @Req() request: SessionRequest,
    @Res({ passthrough: true }) response: SessionResponse,
  ): Promise<void> {
    await this.sessions.revoke(request, { response });
  }
}
