import type { KeyObject } from 'node:crypto';
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
  SessionConfigError,
  SessionError,
  SessionGuard,
  SessionJwtModule,
  SessionService,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import { Browser, send, type TestResponse } from '../support/browser.js';
import { CapturedLogs } from '../support/captured-logs.js';
import {
  encodeSegment,
  forgeToken,
  readHeader,
  readToken,
} from '../support/forged-token.js';
import { JwksServer, publicJwk } from '../support/jwks-server.js';
import { keyOf, withoutSecret } from '../support/key-kinds.js';
import { keyPairs } from '../support/key-pairs.js';
import { bootError, closeBooted } from '../support/nest-app.js';
import { openTestApp } from '../support/opened-apps.js';
import {
  adapters,
  OTHER_SECRET,
  SECRET,
  startTestApp,
  type TestApp,
} from '../support/test-app.js';
import { Vault } from '../support/vault.js';

const COOKIE = '__Host-Http-session';
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
  token(token: string, sid = readToken(token).claims['sid']): void {
    const [signature = '', payload = ''] = token.split('.').toReversed();
    expect(signature.length).toBeGreaterThanOrEqual(22);
    expect(payload.length).toBeGreaterThan(80);
    this.secret('a signature', signature);
    this.secret('half a signature', signature.slice(0, 22));
    this.secret('a payload', payload.slice(40, 80));
    this.secret('a session id', sid as string);
  }

  /** Bytes in the forms in which they could be printed. */
  bytes(name: string, bytes: Buffer): void {
    for (const encoding of ['base64', 'base64url', 'hex'] as const) {
      this.secret(`${encoding} of ${name}`, bytes.toString(encoding));
    }
    // As `inspect` shows a buffer: its first bytes.
    this.secret(
      `bytes of ${name}`,
      bytes
        .subarray(0, 12)
        .toString('hex')
        .replace(/..(?!$)/g, '$& '),
    );
  }

  /** A private key, in all of its forms and parts. */
  privateKey(name: string, key: KeyObject): void {
    const { d, p, q, dp, dq, qi } = key.export({ format: 'jwk' });
    for (const [member, value] of Object.entries({ d, p, q, dp, dq, qi })) {
      if (value)
        this.bytes(`${member} of ${name}`, Buffer.from(value, 'base64url'));
    }
    const pem = key.export({ type: 'pkcs8', format: 'pem' }) as string;
    for (const line of pem.split('\n').slice(2, -3)) {
      this.secret(`PEM of ${name}`, line);
    }
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

interface KeyedKind {
  readonly session: () => Partial<SessionJwtModuleOptions>;
  /** What must be known nowhere. */
  readonly hunt: (hunt: LeakHunt) => void;
}

const vault = new Vault([keyOf('RS256')]);

const KEYED: Record<string, KeyedKind> = {
  'a key pair': {
    session: () => ({ keys: [keyOf('ES256')], refreshToken: {} }),
    hunt: (hunt) => hunt.privateKey('the ES256 key', keyPairs.ES256.privateKey),
  },
  'a key pair from a function': {
    session: () => ({ keys: vault.provide, keyCache: { timeout: 0.05 } }),
    hunt: (hunt) => hunt.privateKey('the RS256 key', keyPairs.RS256.privateKey),
  },
  'encryption under the secret': {
    session: () => ({ encrypt: true, refreshToken: {} }),
    hunt: () => {},
  },
  'encryption under a key of its own': {
    session: () => withoutSecret({ encrypt: { key: OTHER_SECRET } }),
    hunt: () => {},
  },
};

describe.each(adapters)('keys on %s (A-163, A-164, S-116)', (adapter) => {
  let logs: CapturedLogs;
  let hunt: LeakHunt;

  beforeEach(() => {
    logs = new CapturedLogs();
    hunt = new LeakHunt();
    vault.instead = undefined;
    for (const secret of [SECRET, OTHER_SECRET]) {
      hunt.secret('a secret', secret);
      hunt.bytes('a secret', Buffer.from(secret));
    }
  });

  /** The keys that an application has now, and how it names them. */
  const huntKeysOf = (app: TestApp): void => {
    const { codec, refreshCodec } =
      app.app.get<SessionRuntime>(SESSION_RUNTIME).keys;
    for (const { signing } of [
      codec.keys,
      ...(refreshCodec ? [refreshCodec.keys] : []),
    ]) {
      hunt.secret('a kid', signing!.kid);
      const key = signing!.signingKey!;
      if (key.type === 'secret') hunt.bytes('a key', key.export());
    }
  };

  /** Everything that a client, an operator or a handler comes to see. */
  const look = (app: TestApp, answers: TestResponse[]): void => {
    for (const { text, headers } of answers) {
      hunt.text(text);
      hunt.text(JSON.stringify({ ...headers, 'set-cookie': '' }));
    }
    logs.lines.forEach(({ text }) => hunt.text(text));
    app.events.forEach((event) => hunt.print(event));
    app.users.loads = [];
  };

  /** Tokens that are refused for their keys. */
  const refusable = (token: string): string[] => {
    const segments = token.split('.');
    const header = readHeader(token);
    const named = (changes: object) =>
      segments.with(0, encodeSegment({ ...header, ...changes })).join('.');
    return [
      `${token}x`,
      [...segments.slice(0, -1), 'A'.repeat(86)].join('.'),
      named({ kid: 'unknown' }),
      named({ alg: 'none' }),
      named({ jwk: keyPairs.ES256.publicKey.export({ format: 'jwk' }) }),
      forgeToken({ ...header, alg: 'HS256' }, { sub: 'ada' }, OTHER_SECRET),
    ];
  };

  it.each(Object.entries(KEYED))(
    'appear in no body, no header, no log line, no event and no error: %s',
    async (_kind, kind) => {
      kind.hunt(hunt);
      const app = await openTestApp(adapter, {
        session: { transport: ['cookie', 'header'], ...kind.session() },
        controllers: [CarelessController],
        configure: (nest) => nest.useLogger(logs),
      });
      huntKeysOf(app);
      const browser = app.browser();
      const answers = [await browser.post('/careless/begin')];
      const token = newestToken(answers[0]!);
      const { id } = await app.sessions.verify(token);
      hunt.token(token, id);
      for (const path of ['log', 'throw', 'large', 'dates']) {
        answers.push(await browser.get(`/careless/${path}`));
      }
      for (const refused of refusable(token)) {
        answers.push(
          await app.browser().get('/me', withCookie(refused)),
          await app.browser().get('/me', withBearer(refused)),
        );
        const failure: unknown = await app.sessions
          .verify(refused)
          .catch((error: unknown) => error);
        expect(failure).toBeInstanceOf(SessionError);
        hunt.print(failure);
      }
      vault.instead = () => {
        throw new Error(INTERNAL);
      };
      const failure: unknown = await app.sessions
        .reloadKeys()
        .catch((error: unknown) => error);
      hunt.print(failure ?? null);
      app.clock.advance('5m');
      answers.push(await browser.get('/careless/log'));
      expect(answers.map(({ status }) => status).join(' ')).toBe(
        `200 200 500 500 500 ${'401 '.repeat(12)}200`,
      );
      expect(logs.matching('names a key that is not configured')).toHaveLength(
        1,
      );
      look(app, answers);
      expect(hunt.leaks()).toEqual([]);
    },
  );

  it('appear in none of these where they come from a JWKS, whatever it answers', async () => {
    hunt.privateKey('the ES256 key', keyPairs.ES256.privateKey);
    const issuer = await openTestApp(adapter, {
      session: withoutSecret({ keys: [keyOf('ES256')] }),
    });
    const { token, session } = await issuer.sessions.generate('ada');
    hunt.token(token, session.id);
    huntKeysOf(issuer);
    const server = await new JwksServer([
      publicJwk(keyPairs.ES256, 'ES256'),
    ]).start();
    try {
      const app = await openTestApp(adapter, {
        session: withoutSecret({
          verifyOnly: { jwksUri: server.uri },
          transport: ['cookie', 'header'],
        }),
        controllers: [CarelessController],
        configure: (nest) => nest.useLogger(logs),
      });
      const answers = [
        await app.browser().get('/careless/log', withBearer(token)),
        await app.browser().get('/careless/log', withCookie(token)),
        await app.browser().post('/careless/begin'),
      ];
      for (const keys of [
        [keyPairs.ES256.privateKey.export({ format: 'jwk' })],
        [{ kty: 'oct', k: SECRET }],
        [{ kty: 'EC', d: SECRET, alg: OTHER_SECRET }],
      ]) {
        server.keys = keys;
        const failure: unknown = await app.sessions
          .reloadKeys()
          .catch((error: unknown) => error);
        expect(failure).toMatchObject({ code: 'KEYS_UNAVAILABLE' });
        hunt.print(failure);
      }
      for (const refused of refusable(token)) {
        answers.push(await app.browser().get('/me', withCookie(refused)));
      }
      expect(answers.map(({ status }) => status).join(' ')).toBe(
        `200 200 500${' 401'.repeat(6)}`,
      );
      // Thrice when it was told to, once for the unknown key.
      expect(app.eventsOf('keysFailed')).toHaveLength(4);
      look(app, answers);
      expect(hunt.leaks()).toEqual([]);
    } finally {
      await server.stop();
    }
  });
});

describe('keys in options that cannot be used (A-163)', () => {
  const { privateKey } = keyPairs.RS256;
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const jwk = privateKey.export({ format: 'jwk' });
  const good = { algorithm: 'RS256', privateKey: pem };

  afterEach(closeBooted);

  it.each<[title: string, options: () => object]>([
    ['for a secret, as PEM', () => ({ secret: pem })],
    ['for a secret, as a JSON Web Key', () => ({ secret: jwk })],
    ['for a secret, as text of it', () => ({ secret: JSON.stringify(jwk) })],
    ['for a secret, as KeyObject', () => ({ secret: privateKey })],
    ['for a derived secret', () => ({ keys: [good], derivedSecret: pem })],
    [
      'for a refresh secret',
      () => ({ keys: [good], refreshToken: { secret: pem } }),
    ],
    ['for encryption', () => ({ encrypt: { key: pem } })],
    ['for the options of encryption', () => ({ encrypt: pem })],
    ['for a JWKS', () => ({ verifyOnly: { jwksUri: pem } })],
    ['for the options of a verifier', () => ({ verifyOnly: pem })],
    [
      'in the address of a JWKS',
      () => ({ verifyOnly: { jwksUri: `https://key:${jwk.d}@keys.example/` } }),
    ],
    ['a list of PEM texts', () => ({ keys: [pem, pem] })],
    ['a JSON Web Key for a list', () => ({ keys: jwk })],
    ['a JSON Web Key for an option', () => ({ keys: [jwk] })],
    ['a KeyObject for an option', () => ({ keys: [privateKey] })],
    [
      'for another algorithm',
      () => ({ keys: [{ ...good, algorithm: 'ES256' }] }),
    ],
    [
      'for a public one',
      () => ({ keys: [{ algorithm: 'RS256', publicKey: pem }] }),
    ],
    [
      'for a public one, as a JSON Web Key',
      () => ({ keys: [{ algorithm: 'RS256', publicKey: jwk }] }),
    ],
    ['where there must be none', () => ({ verifyOnly: true, keys: [good] })],
    ['twice', () => ({ keys: [good, { ...good, state: 'next' }] })],
    [
      'cut in half',
      () => ({ keys: [{ ...good, privateKey: pem.slice(0, 900) }] }),
    ],
    [
      'without its frame',
      () => ({
        keys: [{ ...good, privateKey: pem.replace(/-----.*-----/g, '') }],
      }),
    ],
    ['as bytes', () => ({ keys: [{ ...good, privateKey: Buffer.from(pem) }] })],
    ['as text for a list', () => ({ keys: pem })],
    ['for an algorithm', () => ({ keys: [{ ...good, algorithm: pem }] })],
    ['for a state', () => ({ keys: [{ ...good, state: jwk.d }] })],
    [
      'for an end',
      () => ({ keys: [{ ...good, state: 'retiring', until: jwk.d }] }),
    ],
    ['from a function', () => ({ keys: () => [good, good] })],
    ['from a function that gives its text', () => ({ keys: () => pem })],
    [
      'from a function that gives its text in a list',
      () => ({ keys: () => [pem] }),
    ],
  ])(
    'are printed by no error and in no log line: %s',
    async (_title, options) => {
      const logger = new CapturedLogs();
      const error = await bootError(
        {
          imports: [
            SessionJwtModule.forRoot({ dataLoader: false, ...options() }),
          ],
        },
        { logger },
      );
      expect(error).toBeInstanceOf(SessionConfigError);
      const hunt = new LeakHunt();
      hunt.privateKey('the key', privateKey);
      hunt.secret('the start of d', jwk.d!.slice(0, 40));
      hunt.secret('the start of the PEM', pem.split('\n')[1]!.slice(0, 40));
      hunt.print(error);
      logger.lines.forEach(({ text }) => hunt.text(text));
      expect(hunt.leaks()).toEqual([]);
    },
  );
});

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
