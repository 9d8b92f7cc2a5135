import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import passportJwt from 'passport-jwt';
import { bearer, injectable, serve } from '../app.mjs';
import { signedTokens } from '../raw-jwt.mjs';

/** The strategy and guard of docs.nestjs.com/recipes/passport. */
export function servePassport(secretOrKey) {
  class JwtStrategy extends PassportStrategy(passportJwt.Strategy) {
    constructor() {
      super({
        jwtFromRequest: passportJwt.ExtractJwt.fromAuthHeaderAsBearerToken(),
        ignoreExpiration: false,
        secretOrKey,
      });
    }

    validate(payload) {
      return payload;
    }
  }
  class JwtAuthGuard extends AuthGuard('jwt') {}
  return serve({
    imports: [PassportModule],
    providers: [injectable(JwtStrategy)],
    guard: injectable(JwtAuthGuard),
    sessionOf: (request) => request.user.data,
    credentials: () => signedTokens(bearer),
  });
}
