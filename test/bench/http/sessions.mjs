/** An application with this library. */
import { SessionJwtModule, SessionService } from '../../../dist/index.js';
import { bearer, cookie, forEachSession, injectable, serve } from './app.mjs';
import { SECRET } from './raw-jwt.mjs';
import { userAt } from './users.mjs';

/** Answers immediately, so that the loader's own time is not measured. */
class UserLoader {
  load(id) {
    return userAt(Number(id.slice('user-'.length)));
  }
}
injectable(UserLoader);

/** @param lineOf the header line of an issued session */
export function serveSessions(
  options,
  { lineOf = lineOfSession, settle } = {},
) {
  return serve({
    imports: [
      SessionJwtModule.forRoot({
        secret: SECRET,
        issuer: 'benchmark',
        // Nothing becomes due while it is measured.
        dataRefreshInterval: '1d',
        dataLoader: UserLoader,
        ...options,
      }),
    ],
    async credentials(app) {
      const sessions = app.get(SessionService, { strict: false });
      const transport = options.transport ?? 'cookie';
      const lines = await forEachSession(async (i) =>
        lineOf(await sessions.generate(`user-${i}`), transport),
      );
      await settle?.();
      return lines;
    },
  });
}

function lineOfSession({ token }, transport) {
  return transport === 'header'
    ? bearer(token)
    : cookie('__Host-Http-session', token);
}
