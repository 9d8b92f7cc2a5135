import { Controller, Get, Header, HttpCode, Post } from '@nestjs/common';
import {
  ActiveSession,
  RequireAuthentication,
  Session,
  SessionService,
} from 'nestjs-session-jwt';

const PRICE = 10;

@Controller()
export class AccountController {
  /** By user, in memory. */
  private readonly paid = new Map<string, number>();

  constructor(private readonly sessions: SessionService) {}

  @Get('account')
  @Header('Cache-Control', 'no-store')
  show(@Session() session: ActiveSession) {
    return {
      name: session.data.name,
      isBound: session.isBound,
      tokenEndsAt: expiryOf(this.sessions.tokenOf(session)),
      paid: this.paid.get(session.subject) ?? 0,
    };
  }

  /** A password that is older than a minute is asked for again. */
  @RequireAuthentication({ maxAge: '1m' })
  @Post('payments')
  @HttpCode(200)
  pay(@Session('subject') user: string) {
    const paid = (this.paid.get(user) ?? 0) + PRICE;
    this.paid.set(user, paid);
    return { paid };
  }
}

/** Returns when a token expires, in seconds since the Unix epoch. For this demonstration only: clients need not know. */
function expiryOf(token: string): number {
  const payload = Buffer.from(token.split('.')[1]!, 'base64url').toString();
  return (JSON.parse(payload) as { exp: number }).exp;
}
