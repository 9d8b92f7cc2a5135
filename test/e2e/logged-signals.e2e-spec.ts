import type { SessionJwtModuleOptions } from '../../lib/index.js';
import { send } from '../support/browser.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { COOKIE } from '../support/set-cookie.js';
import { SickStore } from '../support/sick-store.js';
import { codeOf } from '../support/token-pair.js';
import { platforms } from '../support/effort.js';
import {
  startTestApp,
  type AdapterName,
  type TestApp,
} from '../support/test-app.js';

const adapters = platforms('fastify');

const FORGED = 1_000;

/** An application that is closed in the test: what it still owes the log is due then. */
async function withApp(
  adapter: AdapterName,
  session: Partial<SessionJwtModuleOptions>,
  use: (app: TestApp) => Promise<void>,
): Promise<{ app: TestApp; logs: CapturedLogs }> {
  const logs = new CapturedLogs();
  const app = await startTestApp(adapter, {
    session,
    configure: (nest) => nest.useLogger(logs),
  });
  try {
    logs.lines.length = 0;
    await use(app);
  } finally {
    await app.close();
  }
  return { app, logs };
}

describe.each(adapters)('what operators hear of on %s', (adapter) => {
  it('of each theft, a line with the session and the subject', async () => {
    const { app, logs } = await withApp(
      adapter,
      { transport: 'header', refreshToken: {}, store: new SickStore() },
      async ({ sessions }) => {
        for (const subject of ['ada', 'bob', 'eve\n[Nest] ERROR']) {
          const { refreshToken: stolen } = await sessions.generate('ada', {
            subject,
          });
          const next = await sessions.refresh(stolen!);
          await sessions.refresh(next.refreshToken!);
          expect(await codeOf(sessions.refresh(stolen!))).toBe(
            'REFRESH_REUSED',
          );
        }
      },
    );
    const events = app.eventsOf('refreshReused');
    expect(events).toHaveLength(3);
    const lines = logs.matching('reused', 'warn');
    expect(lines).toHaveLength(3);
    for (const [i, { session, subject }] of events.entries()) {
      expect(lines[i]).toContain(
        `session ${session} (subject ${JSON.stringify(subject)})`,
      );
      expect(lines[i]).not.toContain('\n');
    }
  });

  it('of 1,000 forged tokens, two lines that count them by reason', async () => {
    const { app, logs } = await withApp(adapter, {}, async (each) => {
      const { token } = await each.sessions.generate('ada');
      const [head, body, signature] = token.split('.') as [
        string,
        string,
        string,
      ];
      const forged = [
        `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
        'no token',
      ];
      for (let i = 0; i < FORGED; i += 1) {
        const { status } = await send(each.port, {
          path: '/me',
          headers: {
            Cookie: `${COOKIE}=${encodeURIComponent(forged[i % 2]!)}`,
          },
        });
        expect(status).toBe(401);
      }
    });
    const rejected = app
      .eventsOf('rejected')
      .filter(({ code }) => code === 'TOKEN_INVALID');
    expect(rejected).toHaveLength(FORGED);
    const lines = logs.matching('TOKEN_INVALID', 'warn');
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/\(998 more since the last line: \d+/);
    const counts = [...lines[1]!.matchAll(/(\d+) (signature|malformed)/g)];
    expect(counts.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(998);
    expect(counts).toHaveLength(2);
  });

  it.each([
    ['refuse', 'SESSION_LIMIT', 'limitReached'],
    ['end-oldest', 'make room', 'ended'],
  ] as const)(
    'of sign-ins at the limit, each as an event and all of them in lines: %s',
    async (policy, text, type) => {
      const { app, logs } = await withApp(
        adapter,
        { store: new SickStore(), maxSessions: { max: 2, policy } },
        async ({ sessions }) => {
          for (let i = 0; i < 12; i += 1) {
            await sessions.generate('ada').catch(() => undefined);
          }
        },
      );
      const events = app.eventsOf(type);
      expect(events).toHaveLength(10);
      expect(events[0]).toMatchObject({ subject: 'ada' });
      const lines = logs.matching(text, 'warn');
      expect(lines).toHaveLength(2);
      expect(lines[0]).toContain('subject "ada"');
      expect(lines[1]).toContain('(8 more since the last line)');
    },
  );

  it('of a store that is back, how long it was away', async () => {
    const store = new SickStore();
    const { app, logs } = await withApp(
      adapter,
      { store, revocationCheck: 'always' },
      async (each) => {
        const browser = await each.signIn();
        store.fall('rejects');
        for (let i = 0; i < 3; i += 1) {
          expect((await browser.get('/me')).status).toBe(503);
          each.clock.advance(20);
        }
        store.recover();
        for (let i = 0; i < 2; i += 1) {
          expect((await browser.get('/me')).status).toBe(200);
        }
      },
    );
    expect(app.eventsOf('storeRecovered')).toMatchObject([{ awaySeconds: 60 }]);
    expect(logs.matching('answers again', 'warn')).toEqual([
      expect.stringContaining('60 s after its first failure'),
    ]);
  });
});
