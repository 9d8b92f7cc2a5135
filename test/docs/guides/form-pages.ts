import { Controller, Get, Header, Post, Req, Res } from '@nestjs/common';
import { Public, Session, SessionService } from '../../../lib/index.js';

/** A page with a form that signs in, and what it needs. */
@Controller()
export class FormController {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Get('form')
  @Header('Content-Type', 'text/html')
  form() {
    return '<!doctype html><link rel="icon" href="data:,"><form method="post" action="/login"><button>Sign in</button></form>';
  }

  @Public()
  @Post('login')
  async login(
    @Req() { headers }: { headers: Record<string, string> },
    @Res({ passthrough: true }) response: object,
  ) {
    await this.sessions.generate('ada', { response });
    return headers['origin'];
  }

  @Public()
  @Get('callback')
  async callback(@Res({ passthrough: true }) response: object) {
    await this.sessions.generate('ada', { response });
  }

  @Get('me')
  me(@Session('subject') subject: string) {
    return subject;
  }
}
