import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestSessionClock } from '../../lib/testing/index.js';
import { printFigures } from '../support/figures.js';
import { forgeToken, readToken } from '../support/forged-token.js';
import { ROOT } from '../support/library-sources.js';
import { openTestApp } from '../support/opened-apps.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { asCookies } from '../support/token-pair.js';

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
    'continues its sessions: $name (F-27)',
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
        ? (await app.sessions.refresh(refreshToken)).token
        : token;
      const reloaded = await me(later);
      expect(reloaded.json).toMatchObject(session);
      printFigures('F-27', `0.1, ${name}: continues, ${reloaded.status}`);
    },
  );
});

describe('a token of a newer version', () => {
  it.each([
    ['session', SECRET],
    ['refresh', OTHER_SECRET],
  ])(
    'is refused during a rolling deploy, and its cookies stay: %s (F-27)',
    async (which, secret) => {
      const app = await openTestApp('fastify', {
        session: { secret: SECRET, refreshToken: { secret: OTHER_SECRET } },
      });
      const { token, refreshToken } = await app.sessions.generate('ada');
      if (which === 'refresh') app.clock.advance('16m');
      const { header, claims } = readToken(
        which === 'session' ? token : refreshToken!,
      );
      const tokens = {
        session: token,
        refresh: refreshToken,
        [which]: forgeToken(header, { ...claims, v: 2 }, secret),
      };
      const { status, setCookie } = await app
        .browser()
        .sendOnly({ path: '/me', headers: asCookies(tokens) });
      expect([status, setCookie]).toEqual([401, []]);
      expect(app.eventsOf('rejected')).toMatchObject([
        { reason: 'newer-version' },
      ]);
      printFigures(
        'F-27',
        `a ${which} token of a newer version: ${status}, ${setCookie.length} Set-Cookie`,
      );
    },
  );
});
