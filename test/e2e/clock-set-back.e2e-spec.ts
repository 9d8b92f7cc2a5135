import { CapturedLogs } from '../support/captured-logs.js';
import { openTestApp } from '../support/opened-apps.js';
import { SickStore } from '../support/sick-store.js';
import { platforms } from '../support/effort.js';
import { type TestApp } from '../support/test-app.js';

const adapters = platforms('express');

const HOUR = 3_600;

describe.each(adapters)(
  'F-16: a clock that is set back by an hour on %s',
  (adapter) => {
    const logs = new CapturedLogs();

    /** A session that is three hours old, so that it is due before and after the jump. */
    async function open(session: object): Promise<{
      app: TestApp;
      status: () => Promise<number>;
    }> {
      const app = await openTestApp(adapter, {
        session,
        configure: (nest) => nest.useLogger(logs),
      });
      logs.lines.length = 0;
      const browser = await app.signIn();
      app.clock.advance(3 * HOUR);
      return { app, status: async () => (await browser.get('/me')).status };
    }

    it.each([
      ['without a store', () => ({})],
      ['with refresh tokens', () => ({ refreshToken: {} })],
      ['with a store', () => ({ store: new SickStore() })],
    ])(
      'does not lengthen the back-off after a failed load: %s',
      async (_what, options) => {
        const { app, status } = await open(options());
        app.users.failure = new Error('connection refused');
        expect(await status()).toBe(503);
        app.users.failure = undefined;
        app.clock.advance(-HOUR);
        expect(await status()).toBe(503);
        app.clock.advance(1);
        expect(await status()).toBe(200);
      },
    );

    it('keeps no failure out of the log', async () => {
      const { app, status } = await open({});
      app.users.failure = new Error('connection refused');
      expect(await status()).toBe(503);
      app.clock.advance(-HOUR);
      app.clock.advance(60);
      expect(await status()).toBe(503);
      expect(logs.matching('connection refused', 'error')).toHaveLength(2);
    });
  },
);
