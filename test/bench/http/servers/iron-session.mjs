import { UnauthorizedException } from '@nestjs/common';
import { getIronSession, sealData } from 'iron-session';
import { cookie, forEachSession, injectable, serve } from '../app.mjs';
import { claimsOf } from '../raw-jwt.mjs';

const password = 'benchmark-Qz6TnV2xLs9WbRk4YpMd8HcJf3GgU7aE';
const options = { password, cookieName: 'session' };

class Guard {
  async canActivate(context) {
    const http = context.switchToHttp();
    const request = http.getRequest();
    const response = http.getResponse();
    const session = await getIronSession(
      request.raw ?? request,
      response.raw ?? response,
      options,
    );
    if (!session.sub) {
      throw new UnauthorizedException();
    }
    request.session = session;
    return true;
  }
}

await serve({
  guard: injectable(Guard),
  credentials: () =>
    forEachSession(async (i) =>
      cookie('session', await sealData(claimsOf(i), { password })),
    ),
});
