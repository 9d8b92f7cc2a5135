/** Both cookies of a pair on each request; the session token is fresh. */
import { cookie } from '../app.mjs';
import { serveSessions } from '../sessions.mjs';

await serveSessions(
  { refreshToken: { accessLifetime: '1d' } },
  {
    lineOf: ({ token, refreshToken }) =>
      cookie(
        '__Host-Http-session-refresh',
        `${refreshToken}; __Host-Http-session=${token}`,
      ),
  },
);
