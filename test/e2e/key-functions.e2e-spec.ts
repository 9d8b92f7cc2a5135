import { createSecretKey } from 'node:crypto';
import {
  MemorySessionStore,
  SessionConfigError,
  SessionJwtModule,
  type SecretInput,
  type SessionJwtModuleOptions,
  type SessionKey,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import { createGate, turn } from '../support/asynchrony.js';
import { send } from '../support/browser.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { forgeToken, readToken } from '../support/forged-token.js';
import { keyKinds, keyOf, withoutSecret } from '../support/key-kinds.js';
import { newKeyPair, otherKeyPairs } from '../support/key-pairs.js';
import { boot, bootError, closeBooted } from '../support/nest-app.js';
import { openTestApp } from '../support/opened-apps.js';
import { headerIn } from '../support/session-claims.js';
import {
  clients,
  renewedIn,
  SessionClient,
} from '../support/session-client.js';
import { platforms } from '../support/effort.js';
import {
  OTHER_SECRET,
  SECRET,
  type AdapterName,
  type TestApp,
} from '../support/test-app.js';
import { rows } from '../support/titles.js';
import {
  codeOf,
  pairIn,
  pairKinds,
  pairOptions,
  RefreshController,
  refreshOf,
} from '../support/token-pair.js';
import { UnhandledErrors } from '../support/unhandled.js';
import { Vault } from '../support/vault.js';

const adapters = platforms('express');

afterEach(closeBooted);

describe.each(clients)('on %s, with the token in a %s,', (adapter, carrier) => {
  describe.each(keyKinds)(
    'a session under %s',
    (_kind, { session, header }) => {
      const transport = carrier;
      const open = (
        options: Partial<SessionJwtModuleOptions> = {},
      ): Promise<TestApp> =>
        openTestApp(adapter, {
          session: { ...session(), transport, ...options },
          controllers: [RefreshController],
        });

      it('begins, is read, updated, reloaded, verified and ended', async () => {
        const app = await open();
        const client = await SessionClient.signIn(app, carrier);
        expect(headerIn(client.token)).toEqual({
          ...header,
          typ: 'session+jwt',
          kid: expect.any(String),
        });
        const first = client.copy();
        expect((await client.get('/me')).json).toMatchObject({
          subject: 'ada',
          data: { id: 'ada', role: 'admin' },
        });

        const updated = await client.post('/attributes', { theme: 'dark' });
        expect(updated.status).toBe(200);
        expect(client.token === first.token).toBe(false);
        app.users.all.get('ada')!.role = 'owner';
        app.clock.advance('15m');
        const before = client.token;
        const me = await client.get('/me');
        expect(me.json).toMatchObject({
          data: { role: 'owner' },
          attributes: { theme: 'dark' },
        });
        expect(renewedIn(me, carrier)).toEqual(expect.any(String));
        expect(client.token === before).toBe(false);
        expect(headerIn(client.token)).toMatchObject(header);
        expect((await client.get('/me')).json.data).toEqual({
          id: 'ada',
          role: 'owner',
        });

        app.users.all.get('ada')!.role = 'auditor';
        expect((await client.post('/reload')).json.data.role).toBe('auditor');
        const verified = await app.sessions.verify(client.token!);
        expect(verified).toMatchObject({
          subject: 'ada',
          data: { role: 'auditor' },
          attributes: { theme: 'dark' },
        });

        const copy = client.copy();
        expect((await client.post('/sign-out')).status).toBe(204);
        for (const token of [copy.token!, before!, first.token!]) {
          expect(await codeOf(app.sessions.verify(token))).toBe(
            'SESSION_ENDED',
          );
        }
        expect((await copy.get('/me')).status).toBe(401);
      });

      it('is made for tests by createTestSession', async () => {
        const app = await open();
        const made = await createTestSession(app.app, 'bob', {
          data: { id: 'bob', role: 'tester' },
        });
        const client = new SessionClient(carrier, app, made.token);
        expect((await client.get('/me')).json.data.role).toBe('tester');
        const { status } = await send(app.port, {
          path: '/me',
          headers:
            carrier === 'cookie'
              ? { Cookie: made.cookie }
              : { Authorization: made.header },
        });
        expect(status).toBe(200);
      });

      it('has its data in the store, with keepDataIn', async () => {
        const store = new MemorySessionStore();
        const app = await open({ store, keepDataIn: 'store' });
        const client = await SessionClient.signIn(app, carrier);
        await client.post('/attributes', { theme: 'dark' });
        app.users.all.get('ada')!.role = 'owner';
        app.clock.advance('15m');
        const me = await client.get('/me');
        expect(me.json).toMatchObject({
          data: { role: 'owner' },
          attributes: { theme: 'dark' },
        });
        expect(renewedIn(me, carrier)).toEqual(expect.any(String));
        const { token } = client;
        expect((await app.sessions.verify(token!)).data).toEqual({
          id: 'ada',
          role: 'owner',
        });
        expect((await client.post('/sign-out')).status).toBe(204);
        expect(await codeOf(app.sessions.verify(token!))).toBe('SESSION_ENDED');
      });

      it.each(pairKinds)('lives on by %s refresh tokens', async (pair) => {
        const app = await open(pairOptions(pair));
        await (carrier === 'cookie' ? cookiePair(app) : bearerPair(app));
      });
    },
  );
});

/** The guard renews; the application may refresh too. */
async function cookiePair(app: TestApp): Promise<void> {
  const browser = await app.signIn();
  const first = {
    session: await browser.cookie(),
    refresh: await refreshOf(browser),
  };
  app.users.all.get('ada')!.role = 'owner';
  app.clock.advance('15m');
  const me = await browser.get('/me');
  expect(me.json).toMatchObject({ data: { role: 'owner' } });
  const renewed = pairIn(me);
  expect(renewed.session === first.session).toBe(false);
  expect(renewed.refresh === first.refresh).toBe(false);
  app.clock.advance('2m');
  const refreshed = await browser.post('/refresh');
  expect(refreshed.status).toBe(200);
  expect(pairIn(refreshed).refresh === renewed.refresh).toBe(false);
  expect((await browser.get('/me')).status).toBe(200);
  expect((await browser.post('/logout')).status).toBe(204);
  expect(await refreshOf(browser)).toBeUndefined();
  expect(await codeOf(app.sessions.refresh(pairIn(refreshed).refresh))).toMatch(
    /^SESSION_(?:ENDED|UNKNOWN)$/,
  );
}

async function bearerPair(app: TestApp): Promise<void> {
  const login = await app.browser().post('/login', { user: 'ada' });
  const first = login.json as { token: string; refreshToken: string };
  const me = (token: string) =>
    app.browser().get('/me', { Authorization: `Bearer ${token}` });
  app.users.all.get('ada')!.role = 'owner';
  app.clock.advance('15m');
  expect((await me(first.token)).status).toBe(401);
  const { refreshToken } = first;
  const refreshed = await app.browser().post('/refresh', { refreshToken });
  expect(refreshed.status).toBe(200);
  const second = refreshed.json as typeof first;
  expect((await me(second.token)).json.data.role).toBe('owner');
  expect(await codeOf(app.sessions.verify(second.refreshToken))).toMatch(
    /^(?:TOKEN_INVALID|KEY_UNKNOWN)$/,
  );
  expect(await codeOf(app.sessions.refresh(second.token))).toMatch(
    /^(?:TOKEN_INVALID|KEY_UNKNOWN)$/,
  );
  const logout = await app
    .browser()
    .post('/logout', { refreshToken: second.refreshToken });
  expect(logout.status).toBe(204);
  expect(await codeOf(app.sessions.refresh(second.refreshToken))).toMatch(
    /^SESSION_(?:ENDED|UNKNOWN)$/,
  );
}

describe('a key of its own for refresh tokens beside keys', () => {
  it.each(adapters)('signs them on %s, with HS256', async (adapter) => {
    const app = await openTestApp(adapter, {
      session: withoutSecret({
        keys: [keyOf('ES256')],
        refreshToken: { secret: OTHER_SECRET },
      }),
    });
    const browser = await app.signIn();
    const refreshToken = await refreshOf(browser);
    const { header, claims } = readToken(refreshToken!);
    expect(header).toEqual({
      alg: 'HS256',
      typ: 'session-refresh+jwt',
      kid: expect.any(String),
    });
    expect(forgeToken(header, claims, OTHER_SECRET) === refreshToken).toBe(
      true,
    );
    app.clock.advance('15m');
    expect((await browser.get('/me')).status).toBe(200);
  });
});

const TIMEOUT = 0.05;

type Faulty = [title: string, answer: () => unknown];

/** What is no secret: each must stop the boot, and later leave everything as it is. */
const NO_SECRETS: Faulty[] = rows<unknown>([
  undefined,
  null,
  '',
  Buffer.alloc(0),
  0,
  {},
  [],
  [undefined],
  [SECRET, ''],
  'short',
  createSecretKey(Buffer.alloc(0)),
]).map(([title, value]): Faulty => [title, () => Promise.resolve(value)]);

const NO_KEYS: Faulty[] = [
  ...rows<unknown>([undefined, null, '', 0, {}, [], [undefined]]),
  ['a key with an empty text', [{ algorithm: 'ES256', privateKey: '' }]],
  ['a key without an active one', [keyOf('ES256', { state: 'next' })]],
  [
    'a secret as a key',
    [{ algorithm: 'ES256', privateKey: createSecretKey(Buffer.from(SECRET)) }],
  ],
  ['a key of another algorithm', [{ ...keyOf('ES256'), algorithm: 'EdDSA' }]],
].map(([title, value]): Faulty => [title as string, () => value]);

const NOT_ASKED = /^the function that provides the secret or the keys failed/;

const BROKEN: Faulty[] = [
  [
    'a function that throws',
    () => {
      throw new Error('the vault is sealed');
    },
  ],
  [
    'a promise that is rejected',
    () => Promise.reject(new Error('the vault is sealed')),
  ],
  ['a promise that hangs', () => new Promise(() => undefined)],
];

describe.each(adapters)('a function that gives secrets on %s', (adapter) => {
  const unhandled = new UnhandledErrors();
  let logs: CapturedLogs;

  beforeEach(() => {
    logs = new CapturedLogs();
    unhandled.start();
  });
  afterEach(async () => {
    expect(await unhandled.settled()).toEqual([]);
    unhandled.stop();
  });

  const open = (
    vault: Vault<SecretInput | SecretInput[]>,
    options: Partial<SessionJwtModuleOptions> = {},
  ): Promise<TestApp> =>
    openTestApp(adapter, {
      session: {
        secret: vault.provide,
        ...options,
      },
      controllers: [RefreshController],
      configure: (nest) => nest.useLogger(logs),
    });

  it('is asked once at boot and once each maxAge, whatever the number of requests', async () => {
    const vault = new Vault<SecretInput>(SECRET);
    const app = await open(vault);
    const browser = await app.signIn();
    await Promise.all(Array.from({ length: 20 }, () => browser.get('/me')));
    expect(vault.asked).toBe(1);
    app.clock.advance('299s');
    await browser.get('/me');
    expect(vault.asked).toBe(1);
    app.clock.advance('1s');
    const gate = createGate();
    vault.instead = () => gate.promise.then(() => SECRET);
    const waiting = Array.from({ length: 20 }, () => browser.get('/me'));
    for (let i = 0; i < 50; i += 1) await turn();
    gate.open();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(
      Array.from({ length: 20 }, () => 200),
    );
    expect(vault.asked).toBe(2);
    expect(vault.signals.every((signal) => !signal.aborted)).toBe(true);
  });

  it('takes its answer as arrays of secrets are taken: the first signs, all verify', async () => {
    const vault = new Vault<SecretInput | SecretInput[]>(SECRET);
    const app = await open(vault, { keyCache: { maxAge: '1m' } });
    const old = await app.signIn();
    const before = headerIn(await old.cookie());
    vault.content = [OTHER_SECRET, SECRET];
    app.clock.advance('1m');
    expect((await old.get('/me')).status).toBe(200);
    const young = await app.signIn('bob');
    const after = headerIn(await young.cookie());
    expect(after).not.toEqual(before);
    vault.content = OTHER_SECRET;
    app.clock.advance('1m');
    expect((await old.get('/me')).status).toBe(401);
    expect((await young.get('/me')).status).toBe(200);
  });

  it('changes the keys that are derived for refresh tokens too', async () => {
    const vault = new Vault<SecretInput | SecretInput[]>(SECRET);
    const app = await open(vault, {
      refreshToken: {},
      keyCache: { maxAge: '1m' },
    });
    const old = await app.signIn();
    vault.content = [OTHER_SECRET, SECRET];
    app.clock.advance('15m');
    expect((await old.get('/me')).status).toBe(200);
    vault.content = OTHER_SECRET;
    app.clock.advance('15m');
    expect((await old.get('/me')).status).toBe(200);
    const stranger = await openTestApp(adapter, {
      session: { secret: SECRET, refreshToken: {} },
      clock: app.clock,
    });
    expect(
      await codeOf(stranger.sessions.refresh((await refreshOf(old))!)),
    ).toBe('KEY_UNKNOWN');
  });

  it.each([
    ...NO_SECRETS.map((faulty) => [...faulty, /^secret(?:\[\d\])?: /] as const),
    ...BROKEN.map((faulty) => [...faulty, NOT_ASKED] as const),
  ])(
    'stops the boot with %s (A-015, V-08, V-09)',
    async (_title, answer, fault) => {
      const faults = await faultsOf(adapter, {
        secret: answer as never,
        keyCache: { timeout: TIMEOUT },
      });
      expect(faults).toEqual([expect.stringMatching(fault)]);
    },
  );

  it.each([...NO_SECRETS, ...BROKEN])(
    'that gives %s later leaves the secrets as they are, and no empty key signs (A-015, V-08)',
    async (_title, answer) => {
      const vault = new Vault<SecretInput>(SECRET);
      const app = await open(vault);
      const browser = await app.signIn();
      vault.instead = answer;
      app.clock.advance('5m');
      expect((await browser.get('/me')).status).toBe(200);
      expect(app.eventsOf('keysFailed')).toEqual([
        {
          type: 'keysFailed',
          at: expect.any(Date),
          error: expect.any(Error),
        },
      ]);
      expect(logs.matching('keys of the session tokens', 'error')).toHaveLength(
        1,
      );

      const { header, claims } = readToken((await browser.cookie())!);
      for (const secret of ['', Buffer.alloc(32), 'undefined', 'null', '0']) {
        const forged = forgeToken(header, claims, secret);
        const { status } = await send(app.port, {
          path: '/me',
          headers: { Cookie: `__Host-Http-session=${forged}` },
        });
        expect(status).toBe(401);
      }
      expect((await app.signIn('bob')).port).toBe(app.port);
    },
  );

  it('that has failed is asked again after the cool-down, and nobody waits for it', async () => {
    const vault = new Vault<SecretInput | SecretInput[]>(SECRET);
    const app = await open(vault);
    const browser = await app.signIn();
    vault.instead = () => Promise.reject(new Error('the vault is sealed'));
    app.clock.advance('5m');
    await browser.get('/me');
    expect(vault.asked).toBe(2);
    app.clock.advance('29s');
    await browser.get('/me');
    expect(vault.asked).toBe(2);

    app.clock.advance('1s');
    const gate = createGate();
    vault.instead = () => gate.promise.then(() => [OTHER_SECRET, SECRET]);
    expect((await browser.get('/me')).status).toBe(200);
    expect(vault.asked).toBe(3);
    gate.open();
    await turn();
    const young = await app.signIn('bob');
    expect(headerIn(await young.cookie())).not.toEqual(
      headerIn(await browser.cookie()),
    );
    expect((await browser.get('/me')).status).toBe(200);
    expect(app.eventsOf('keysFailed')).toHaveLength(1);
  });

  it('that hangs is given up at the timeout and aborted; its later result is ignored (A-015)', async () => {
    const vault = new Vault<SecretInput | SecretInput[]>(SECRET);
    const app = await open(vault, { keyCache: { timeout: TIMEOUT } });
    const browser = await app.signIn();
    const gate = createGate();
    vault.instead = () => gate.promise.then(() => OTHER_SECRET);
    app.clock.advance('5m');
    expect((await browser.get('/me')).status).toBe(200);
    expect(vault.signals.map((signal) => signal.aborted)).toEqual([
      false,
      true,
    ]);
    gate.open();
    await turn();
    expect((await browser.get('/me')).status).toBe(200);
    expect(headerIn(await (await app.signIn()).cookie())).toEqual(
      headerIn(await browser.cookie()),
    );
  });

  it('gives an error whose text reaches the log in one quoted line, and no client', async () => {
    const vault = new Vault<SecretInput>(SECRET);
    const app = await open(vault);
    const browser = await app.signIn();
    vault.instead = () => {
      throw new Error('line one\nline two \u001b[31m');
    };
    app.clock.advance('5m');
    const me = await browser.get('/me');
    expect(me.text).not.toContain('line one');
    expect(logs.matching('line one', 'error')).toEqual([
      expect.stringContaining('"Error: line one\\nline two \\u001b[31m"'),
    ]);
    await expect(app.sessions.reloadKeys()).rejects.toMatchObject({
      code: 'KEYS_UNAVAILABLE',
    });
  });
});

describe.each(adapters)('a function that gives key pairs on %s', (adapter) => {
  it.each([
    ...NO_KEYS.map((faulty) => [...faulty, /^keys/] as const),
    ...BROKEN.map((faulty) => [...faulty, NOT_ASKED] as const),
  ])('stops the boot with %s (A-015, V-08)', async (_title, answer, fault) => {
    const faults = await faultsOf(
      adapter,
      withoutSecret({ keys: answer as never, keyCache: { timeout: TIMEOUT } }),
    );
    expect(faults[0]).toMatch(fault);
  });

  it.each([...NO_KEYS, ...BROKEN])(
    'that gives %s later leaves the keys as they are (A-015, V-08)',
    async (_title, answer) => {
      const vault = new Vault<SessionKey[]>([keyOf('ES256')]);
      const app = await openTestApp(adapter, {
        session: withoutSecret({
          keys: vault.provide,
          keyCache: { timeout: TIMEOUT },
        }),
      });
      const browser = await app.signIn();
      vault.instead = answer;
      app.clock.advance('5m');
      expect((await browser.get('/me')).status).toBe(200);
      expect((await app.signIn('bob')).port).toBe(app.port);
      expect(app.eventsOf('keysFailed')).toHaveLength(1);
      expect(app.sessions.jwks().keys).toHaveLength(1);
    },
  );

  it('says at boot which key is wrong and why, without the key (A-168)', async () => {
    const { privateKey } = newKeyPair('ES256');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const faults = await faultsOf(
      adapter,
      withoutSecret({ keys: () => [{ algorithm: 'EdDSA', privateKey: pem }] }),
    );
    expect(faults).toEqual([
      expect.stringMatching(/^keys\[0\]: expected an Ed25519 key for EdDSA/),
    ]);
    expect(faults[0]!.includes(pem.split('\n')[1]!)).toBe(false);
  });

  it('may come from the factory of forRootAsync', async () => {
    const app = await boot(
      {
        imports: [
          SessionJwtModule.forRootAsync({
            dataLoader: false,
            jwks: true,
            useFactory: () => ({ keys: () => [keyOf('ES256')] }),
          }),
        ],
      },
      { adapter },
    );
    const { json } = await app.send({ path: '/.well-known/jwks.json' });
    expect(json.keys).toHaveLength(1);
  });

  it('with the secret of another function: both are asked, and both change', async () => {
    const secrets = new Vault<SecretInput | SecretInput[]>(SECRET);
    const keys = new Vault<SessionKey[]>([keyOf('ES256')]);
    const app = await openTestApp(adapter, {
      session: {
        secret: secrets.provide,
        keys: keys.provide,
        refreshToken: {},
      },
    });
    const browser = await app.signIn();
    const { privateKey } = otherKeyPairs.EdDSA;
    secrets.content = [OTHER_SECRET, SECRET];
    keys.content = [
      { algorithm: 'EdDSA', privateKey },
      keyOf('ES256', { state: 'retiring' }),
    ];
    await app.sessions.reloadKeys();
    expect([secrets.asked, keys.asked]).toEqual([2, 2]);
    expect((await browser.get('/me')).status).toBe(200);
    const before = await refreshOf(browser);
    app.clock.advance('15m');
    expect((await browser.get('/me')).status).toBe(200);
    expect(headerIn(await browser.cookie())).toMatchObject({ alg: 'EdDSA' });
    expect(headerIn(await refreshOf(browser))).not.toEqual(headerIn(before));
  });
});

async function faultsOf(
  adapter: AdapterName,
  options: Partial<SessionJwtModuleOptions>,
): Promise<readonly string[]> {
  const imports = [SessionJwtModule.forRoot({ ...options, dataLoader: false })];
  const error = await bootError({ imports }, { adapter });
  expect(error).toBeInstanceOf(SessionConfigError);
  return (error as SessionConfigError).faults;
}
