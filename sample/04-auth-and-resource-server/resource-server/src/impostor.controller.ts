import { Body, Controller, Post } from '@nestjs/common';
import { Public, SessionService } from 'nestjs-session-jwt';

/** What somebody would like to do who has broken into this server. There is nothing here to sign with. */
@Public()
@Controller('impostor')
export class ImpostorController {
  constructor(private readonly sessions: SessionService) {}

  @Post()
  impersonate(@Body('user') userId: string) {
    return this.sessions.generate(userId);
  }
}
