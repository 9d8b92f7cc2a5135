import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestSessionClock } from '../../lib/testing/index.js';
import { ROOT } from '../support/library-sources.js';
import { openTestApp } from '../support/opened-apps.js';

/** What version 0.1.0 issued with this secret at this time. */
const issued = JSON.parse(
  readFileSync(join(ROOT, 'test/e2e/tokens-of-0.1.json'), 'utf8'),
) as {
  secret: string;
  at: number;
  stateless: {
    name: string;
    id: string;
    token: string;
    refreshToken?: string;
  }[];
};

describe('an upgrade from 0.1', () => {
  it.each(issued.stateless)(
    'continues its sessions: $name',
    async ({ name, id, token, refreshToken }) => {
      const clock = new TestSessionClock(issued.at);
      const app = await openTestApp('fastify', {
        clock,
        extras: { dataLoader: false },
        session: {
          secret: issued.secret,
          transport: 'header',
          ...(refreshToken && { refreshToken: { field: 'refreshToken' } }),
          ...(name.startsWith('encrypted') && { encrypt: true }),
        },
      });
      const session = { id, subject: 'ada', attributes: { theme: 'dark' } };
      const me = (bearer: string) =>
        app.browser().get('/me', { authorization: `Bearer ${bearer}` });
      expect((await me(token)).json).toMatchObject(session);
      clock.advance('16m');
      const later = refreshToken
        ? (await app.sessions.refresh(refreshToken)).token!
        : token;
      const reloaded = await me(later);
      expect(reloaded.json).toMatchObject(session);
    },
  );
});
