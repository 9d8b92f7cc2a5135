import { format, inspect } from 'node:util';
import {
  Controller,
  Get,
  HttpCode,
  Inject,
  Logger,
  Post,
  Res,
} from '@nestjs/common';
import { instanceToPlain } from 'class-transformer';
import {
  ActiveSession,
  IssuedSession,
  Public,
  Session,
  SessionError,
  SessionGuard,
  SessionService,
} from '../../lib/index.js';
import { Browser, send, type TestResponse } from '../support/browser.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { forgeToken, readToken } from '../support/forged-token.js';
import {
  adapters,
  OTHER_SECRET,
  SECRET,
  startTestApp,
  type TestApp,
} from '../support/test-app.js';

const COOKIE = '__Host-session';
const withCookie = (token: string): Record<string, string> => ({
  Cookie: `${COOKIE}=${token}`,
});
const withBearer = (token: string): Record<string, string> => ({
  Authorization: `Bearer ${token}`,
});

/** Details of a failure that are nobody's business outside. */
const INTERNAL = 'connect ECONNREFUSED 10.1.2.3:5432 SELECT * FROM users';

/** A handler that logs and throws whatever it has, as handlers do. */
@Controller('careless')
class CarelessController {
  readonly #logger = new Logger('Careless');

  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @Public()
  @Post('begin')
  @HttpCode(200)
  async begin(@Res({ passthrough: true }) response: object) {
    const issued = await this.sessions.generate('ada', { response });
    this.#logEverything(issued);
    return issued;
  }

  @Get('log')
  log(@Session() session: ActiveSession) {
    this.#logEverything(session);
    return {};
  }

  @Get('throw')
  fail(@Session() session: ActiveSession) {
    throw new Error(`failed for ${inspect(session, { depth: null })}`, {
      cause: new Error(JSON.stringify(session.data), { cause: session }),
    });
  }

  @Get('large')
  large(@Session() session: ActiveSession) {
    return this.sessions.update(session, { note: 'x'.repeat(9_000) });
  }

  @Get('dates')
  dates(@Session() session: ActiveSession) {
    return this.sessions.update(session, { at: new Date() });
  }

  #logEverything(what: object): void {
    this.#logger.verbose(what);
    this.#logger.debug({ what });
    this.#logger.log('an object follows', what);
    this.#logger.warn(format('%s', what));
    this.#logger.error(what);
    this.#logger.fatal(format('%o %O %s %j', what, what, what, { ...what }));
  }
}

/** Collects what must not be printed, and what was. */
class LeakHunt {
  readonly #printed: string[] = [];
  readonly #secrets = new Map<string, string>();

  /** A token, with all of its parts that open or show something. */
  token(token: string): void {
    const [header = '', payload = '', signature = ''] = token.split('.');
    expect(signature).toHaveLength(43);
    this.secret('a signature', signature);
    this.secret('half a signature', signature.slice(0, 22));
    this.secret('a payload', payload.slice(40, 80));
    this.secret('a session id', readToken(token).claims['sid'] as string);
    expect(header).not.toBe('');
  }

  secret(name: string, value: string): void {
    this.#secrets.set(value, name);
  }

  /** Everything that an operator could come to see of a value. */
  print(value: unknown): void {
    this.#printed.push(
      inspect(value, { depth: null, showHidden: true, getters: true }),
      inspect(value, { depth: null, customInspect: false, showHidden: true }),
      format('%s %o %O', value, value, value),
    );
    if (!(value instanceof IssuedSession || value instanceof ActiveSession)) {
      this.#printed.push(JSON.stringify(value) ?? '');
    }
    if (value instanceof Error) {
      this.#printed.push(value.message, value.stack ?? '');
      this.print(value.cause ?? null);
    }
  }

  text(text: string): void {
    this.#printed.push(text);
  }

  /** The names of the secrets that were found, by what they are. */
  leaks(): string[] {
    const printed = this.#printed.join('\n');
    expect(printed.length).toBeGreaterThan(500);
    expect(this.#secrets.size).toBeGreaterThan(3);
    return [...this.#secrets]
      .filter(([value]) => printed.includes(value))
      .map(([, name]) => name);
  }
}

const newestToken = (response: TestResponse): string =>
  response.setCookie[0]!.slice(COOKIE.length + 1).split(';')[0]!;

describe.each(adapters)(
  'tokens, cookies and secrets on %s (A-163, S-116)',
  (adapter) => {
    let app: TestApp;
    let logs: CapturedLogs;
    let hunt: LeakHunt;

    beforeEach(async () => {
      logs = new CapturedLogs();
      hunt = new LeakHunt();
      hunt.secret('the secret', SECRET);
      hunt.secret(
        'bytes of the secret',
        Buffer.from(SECRET).toString('base64'),
      );
      hunt.secret('hex of the secret', Buffer.from(SECRET).toString('hex'));
      app = await startTestApp(adapter, {
        session: { transport: ['cookie', 'header'] },
        controllers: [CarelessController],
        configure: (nest) => nest.useLogger(logs),
      });
    });
    afterEach(() => app.close());

    it('appear in no log line of any level, however careless the handlers and whatever fails', async () => {
      const browser = app.browser();
      const begun = await browser.post('/careless/begin');
      hunt.token(newestToken(begun));
      for (const path of ['log', 'throw', 'large', 'dates']) {
        await browser.get(`/careless/${path}`);
      }
      app.clock.advance('15m');
      const reloaded = await browser.get('/careless/log');
      hunt.token(newestToken(reloaded));

      const { token: bearer } = await app.sessions.generate('bob', {
        transport: 'header',
      });
      hunt.token(bearer);
      await app.browser().get('/careless/log', withBearer(bearer));
      await app.browser().get('/careless/throw', withBearer(bearer));
      await app.browser().get('/me', withBearer(`${bearer}x`));
      await app.browser().get('/me', withCookie(`${bearer}.x`));
      await app
        .browser()
        .get('/me', { Cookie: `${COOKIE}=${bearer}; ${COOKIE}=x` });
      await browser.post('/change', {}, { 'Sec-Fetch-Site': 'cross-site' });

      app.users.failure = new Error(INTERNAL);
      app.clock.advance('40m');
      expect((await browser.get('/me')).status).toBe(503);
      app.users.failure = undefined;
      app.users.all.get('ada')!.disabled = true;
      app.clock.advance('2m');
      expect((await browser.get('/me')).status).toBe(401);

      for (const level of [
        'verbose',
        'debug',
        'log',
        'warn',
        'error',
        'fatal',
      ] as const) {
        expect(logs.matching('', level).length).toBeGreaterThan(0);
      }
      // The scenario did what it says: the failures are in the log.
      expect(logs.matching('SESSION_TOO_LARGE')).toHaveLength(1);
      expect(logs.matching('NOT_SERIALIZABLE')).toHaveLength(1);
      expect(logs.matching('failed for ').length).toBeGreaterThan(0);
      expect(logs.matching('ECONNREFUSED')).toHaveLength(1);

      logs.lines.forEach(({ text }) => hunt.text(text));
      app.events.forEach((event) => hunt.print(event));
      expect(hunt.leaks()).toEqual([]);
    });

    it('appear in no print of a session, nor of what was issued', async () => {
      const issued = await app.sessions.generate('ada', {
        attributes: { theme: 'dark' },
      });
      hunt.token(issued.token);
      const verified = await app.sessions.verify(issued.token);
      const attached = (await app.sessions.authenticate({
        headers: { cookie: `${COOKIE}=${issued.token}` },
      }))!;
      for (const printed of [issued, issued.session, verified, attached]) {
        hunt.print(printed);
        hunt.print({ nested: [printed] });
        hunt.print(Object.assign({}, printed));
        hunt.print(Object.entries(printed));
        hunt.text(format('%s', printed));
      }
      expect(hunt.leaks().filter((leak) => leak !== 'a session id')).toEqual(
        [],
      );
    });

    it('appear in no print of the service and the guard', async () => {
      const { token } = await app.sessions.generate('ada');
      hunt.token(token);
      await app.browser().get('/me', withCookie(token));
      // What the test's own data source noted down is not the library's.
      app.users.loads = [];
      hunt.text(inspect(app.sessions, { depth: null, showHidden: true }));
      const guard = app.app.get(SessionGuard, { strict: false });
      hunt.text(inspect(guard, { depth: null, showHidden: true }));
      expect(hunt.leaks()).toEqual([]);
    });

    it('appear in no JSON of what was issued into a cookie, nor where a serialiser walks over it', async () => {
      const issued = await app.sessions.generate('ada');
      hunt.token(issued.token);
      hunt.text(JSON.stringify(issued));
      hunt.text(JSON.stringify(Object.assign({}, issued)));
      hunt.text(JSON.stringify(instanceToPlain(issued)));
      hunt.text(JSON.stringify(instanceToPlain({ nested: issued })));
      const response = await app.browser().post('/careless/begin');
      const token = newestToken(response);
      hunt.token(token);
      hunt.text(response.text);
      hunt.text('x'.repeat(500));
      expect(hunt.leaks()).toEqual([]);
      expect(response.json).toEqual({
        data: { id: 'ada', role: 'admin' },
        expiresAt: issued.expiresAt.toISOString(),
      });
    });

    it('appear in no error, down to the last cause', async () => {
      const { token, session } = await app.sessions.generate('ada');
      hunt.token(token);
      const [header, payload, signature] = token.split('.');
      const { claims } = readToken(token);
      const foreign = forgeToken(readToken(token).header, claims, OTHER_SECRET);
      const failing: (() => Promise<unknown>)[] = [
        () => app.sessions.verify(`${token}x`),
        () =>
          app.sessions.verify(`${header}.${payload}.${signature!.slice(1)}`),
        () => app.sessions.verify(foreign),
        () => app.sessions.verify(` ${token}`),
        () => app.sessions.update(session, { note: 'x'.repeat(9_000) }),
        () => app.sessions.update(session, { at: new Date() }),
        () => app.sessions.generate({ secret: SECRET }),
        () => app.sessions.generate('ada', { subject: 1n } as never),
        () => app.sessions.generate('ada', { persistent: token } as never),
        () => app.sessions.revoke({ id: session.id, subject: 'ada' }),
        () => app.sessions.revokeAll('ada'),
        async () => {
          app.users.failure = new Error(INTERNAL);
          await app.sessions.reload(session).finally(() => {
            app.users.failure = undefined;
          });
        },
        async () => {
          app.clock.advance('8d');
          await app.sessions.verify(token);
        },
      ];
      for (const fail of failing) {
        const error: unknown = await fail().then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error).toBeInstanceOf(Error);
        hunt.print(error);
      }
      expect(hunt.leaks()).toEqual([]);
    });
  },
);

describe.each(adapters)(
  'bodies and headers of refusals on %s (A-164)',
  (adapter) => {
    it('show no stack, no query, no key id, no code but the public one', async () => {
      const app = await startTestApp(adapter, {
        controllers: [CarelessController],
      });
      try {
        const browser = await app.signIn();
        const { header } = readToken((await browser.cookie())!);
        const answers = [
          await app.browser().get('/me'),
          await app.browser().get('/me', withCookie('x')),
          await browser.post('/change', {}, { 'Sec-Fetch-Site': 'cross-site' }),
          await browser.get('/careless/throw'),
          await browser.get('/careless/large'),
          await browser.get('/careless/dates'),
          await app.browser().post('/login', { user: 'nobody' }),
          await app.browser().post('/login', { user: { id: 1 } }),
          await app.browser().post('/login', { user: 'ada', unknown: 1 }),
        ];
        app.users.failure = new Error(INTERNAL);
        app.clock.advance('40m');
        answers.push(
          await browser.get('/me'),
          await app.browser().post('/login', { user: 'ada' }),
          await browser.post('/reload'),
        );
        app.users.failure = undefined;
        app.users.all.delete('ada');
        app.clock.advance('5m');
        answers.push(await browser.get('/me'));
        expect(answers.map(({ status }) => status)).toEqual([
          401, 401, 403, 500, 500, 500, 401, 500, 500, 503, 503, 503, 401,
        ]);
        for (const { text, headers } of answers) {
          const shown = `${text}\n${JSON.stringify({ ...headers, 'set-cookie': '' })}`;
          expect(shown).not.toMatch(
            /\bat .+:\d+:\d+|\.[jt]s\b|node_modules|node:/,
          );
          expect(shown).not.toMatch(/ECONNREFUSED|SELECT|10\.1\.2\.3/);
          expect(shown).not.toContain(header['kid'] as string);
          expect(shown).not.toMatch(
            /TOKEN_|SESSION_ENDED|KEY_|LOADER_|NOT_SERIAL|TOO_LARGE|SUBJECT_/,
          );
        }
      } finally {
        await app.close();
      }
    });
  },
);

/** What a client can tell apart, besides the time of day. */
function visible(response: TestResponse): object {
  const { date: _date, ...headers } = response.headers;
  return { status: response.status, headers, text: response.text };
}

describe.each(adapters)(
  'refusals on %s that must look alike (A-165)',
  (adapter) => {
    it.each<['cookie' | 'header', (token: string) => Record<string, string>]>([
      ['cookie', withCookie],
      ['header', withBearer],
    ])(
      'do so in status, body and headers, by %s',
      async (transport, carried) => {
        const app = await startTestApp(adapter, { session: { transport } });
        try {
          const { token } = await app.sessions.generate('ada');
          const revoked = await app.sessions.generate('ada');
          await app.sessions.revoke(revoked.session);
          const { header, claims } = readToken(token);
          const now = app.clock.nowSeconds();
          const other = { ...claims, sid: 'A'.repeat(43) };
          const refused: Record<string, string> = {
            'a bad MAC': forgeToken(header, claims, OTHER_SECRET),
            'a bad MAC and an unknown session': forgeToken(
              header,
              other,
              OTHER_SECRET,
            ),
            'no MAC': `${token.slice(0, token.lastIndexOf('.'))}.`,
            expired: forgeToken(header, { ...claims, exp: now + 1 }),
            revoked: revoked.token,
            'another purpose': forgeToken({ ...header, typ: 'at+jwt' }, claims),
            'another issuer': forgeToken(header, { ...claims, iss: 'other' }),
            'another subject type': forgeToken(header, { ...claims, sub: 1 }),
            malformed: 'not-a-token',
          };
          app.clock.advance(1);
          const answers = new Map<string, object>();
          for (const [name, value] of Object.entries(refused)) {
            const response = await send(app.port, {
              path: '/me',
              headers: carried(value),
            });
            answers.set(name, visible(response));
          }
          const [first] = answers.values();
          expect(first).toMatchObject({ status: 401 });
          for (const [name, answer] of answers) {
            expect({ name, answer }).toEqual({ name, answer: first });
          }
          expect(app.account.handled).toBe(0);
          const good = await send(app.port, {
            path: '/me',
            headers: carried(token),
          });
          expect(good.status).toBe(200);
        } finally {
          await app.close();
        }
      },
    );

    it('do so for a user who was deleted and a session that expired (A-169)', async () => {
      const app = await startTestApp(adapter);
      try {
        const deleted: Browser = await app.signIn('bob');
        app.users.all.delete('bob');
        const expired = await app.signIn('ada');
        app.clock.advance('15m');
        const ofDeleted = await deleted.get('/me');
        app.clock.advance('8d');
        // The jar has dropped the cookie by now; a client that has not sends it.
        const { token } = await app.sessions.generate('ada');
        app.clock.advance('8d');
        const ofExpired = await app.browser().get('/me', withCookie(token));
        expect(app.eventsOf('rejected').map(({ code }) => code)).toEqual([
          'SESSION_ENDED',
          'TOKEN_EXPIRED',
        ]);
        expect(visible(ofDeleted)).toEqual(visible(ofExpired));
        expect(await deleted.cookie()).toBeUndefined();
        expect(await expired.cookie()).toBeDefined();
      } finally {
        await app.close();
      }
    });
  },
);

describe.each(adapters)('a MAC of another length on %s (A-166)', (adapter) => {
  it('is refused with 401 whatever its length, and throws nothing outward', async () => {
    const app = await startTestApp(adapter);
    try {
      const { token } = await app.sessions.generate('ada');
      const at = token.lastIndexOf('.') + 1;
      const [content, signature] = [token.slice(0, at), token.slice(at)];
      const statuses: number[] = [];
      for (let length = 0; length <= 86; length += 1) {
        const other = signature.repeat(2).slice(0, length);
        const { status } = await app
          .browser()
          .get('/me', withCookie(content + other));
        statuses.push(status);
      }
      const expected = statuses.map((_, length) => (length === 43 ? 200 : 401));
      expect(statuses).toEqual(expected);
    } finally {
      await app.close();
    }
  });

  it('is a SessionError for verify, not an error of the crypto library', async () => {
    const app = await startTestApp(adapter);
    try {
      const { token } = await app.sessions.generate('ada');
      for (const cut of [-1, -10, -42]) {
        const failure: unknown = await app.sessions
          .verify(token.slice(0, cut))
          .catch((error: unknown) => error);
        expect(failure).toBeInstanceOf(SessionError);
        expect(failure).toMatchObject({ code: 'TOKEN_INVALID' });
      }
    } finally {
      await app.close();
    }
  });
});
