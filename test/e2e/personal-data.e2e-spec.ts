import { Logger } from '@nestjs/common';
import {
  MemorySessionStore,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { openTestApp } from '../support/opened-apps.js';
import { platforms } from '../support/effort.js';

const adapters = platforms('express');

describe.each(adapters)(
  'data that looks personal in a token that can be read on %s',
  (adapter) => {
    const { NODE_ENV } = process.env;

    afterEach(() => {
      Logger.overrideLogger(false);
      process.env.NODE_ENV = NODE_ENV;
    });

    /** The lines about readable tokens after two sign-ins with these params, which are the data. */
    async function warningsFor(
      params: object,
      session: Partial<SessionJwtModuleOptions> = {},
      attributes?: object,
    ): Promise<string[]> {
      const app = await openTestApp(adapter, {
        session,
        extras: { dataLoader: false },
      });
      const logs = new CapturedLogs();
      Logger.overrideLogger(logs);
      for (const subject of ['ada', 'bob']) {
        const { status } = await app.browser().post('/login', {
          user: params,
          subject,
          ...(attributes && { attributes }),
        });
        expect(status).toBe(200);
      }
      return logs.lines
        .filter(({ text }) => text.includes('not encrypted'))
        .map(({ level, text }) => `${level}: ${text}`);
    }

    it.each([
      [{ email: 'ada@example.org' }, '"email"'],
      [{ user: { contact: [{ phoneNumber: '1' }] } }, '"phoneNumber"'],
      [
        { passwordHash: 'x', dateOfBirth: 'y' },
        '"passwordHash", "dateOfBirth"',
      ],
    ])(
      'is logged once, with the names of %j (S-164, A-170)',
      async (params, names) => {
        const warnings = await warningsFor(params);
        expect(warnings).toHaveLength(1);
        expect(warnings[0]).toMatch(/^warn: /);
        expect(warnings[0]).toContain(
          `anyone who holds one can read ${names} in it. `,
        );
        expect(warnings[0]).not.toContain('ada@example.org');
      },
    );

    it('is logged for attributes too, and only briefly in a log that cannot be forged (S-164)', async () => {
      const warnings = await warningsFor(
        { id: 1 },
        {},
        {
          [`e-mail\n${'x'.repeat(100)}`]: 'a',
        },
      );
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain('"e-mail\\nxxx');
      expect(warnings[0]!.length).toBeLessThan(400);
    });

    it.each<[what: string, session: Partial<SessionJwtModuleOptions>]>([
      ['a token that clients cannot read', { encrypt: true }],
      [
        'a token that only refers to the store',
        { store: new MemorySessionStore(), keepDataIn: 'store' },
      ],
    ])('S-164: is no matter in %s', async (_what, session) => {
      expect(await warningsFor({ email: 'a' }, session)).toEqual([]);
    });

    it('S-164: is no matter where there is none, nor of a production log', async () => {
      expect(await warningsFor({ id: 1, name: 'Ada', role: 'a' })).toEqual([]);
      process.env.NODE_ENV = 'production';
      expect(await warningsFor({ email: 'a' })).toEqual([]);
    });
  },
);
