import { UnauthorizedException } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { JwtModule, JwtService } from '@nestjs/jwt';
import { bearer, injectable, serve } from '../app.mjs';
import { isPublic } from '../guards.mjs';
import { signedTokens } from '../raw-jwt.mjs';

/** The guard of docs.nestjs.com/security/authentication. */
export function serveDocumentedGuard(secret) {
  class Guard {
    constructor(jwtService, reflector) {
      this.jwtService = jwtService;
      this.reflector = reflector;
    }

    async canActivate(context) {
      if (isPublic(this.reflector, context)) {
        return true;
      }
      const request = context.switchToHttp().getRequest();
      const token = this.extractTokenFromHeader(request);
      if (!token) {
        throw new UnauthorizedException();
      }
      try {
        request.session = await this.jwtService.verifyAsync(token, { secret });
      } catch {
        throw new UnauthorizedException();
      }
      return true;
    }

    extractTokenFromHeader(request) {
      const [type, token] = request.headers.authorization?.split(' ') ?? [];
      return type === 'Bearer' ? token : undefined;
    }
  }
  return serve({
    imports: [
      JwtModule.register({
        global: true,
        secret,
        signOptions: { expiresIn: '1d' },
      }),
    ],
    guard: injectable(Guard, JwtService, Reflector),
    credentials: () => signedTokens(bearer),
  });
}
