import { randomBytes } from 'node:crypto';
import type {
  SecretInput,
  SessionJwtModuleOptions,
  SessionKey,
} from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { createGate, turn } from '../support/asynchrony.js';
import type { Browser } from '../support/browser.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import { encodeSegment } from '../support/forged-token.js';
import { keyOf, withoutSecret } from '../support/key-kinds.js';
import { keyPairs, newKeyPair, otherKeyPairs } from '../support/key-pairs.js';
import { openTestApp } from '../support/opened-apps.js';
import { seededRandom, type Random } from '../support/random.js';
import { headerIn, NOW } from '../support/session-claims.js';
import { clients, SessionClient } from '../support/session-client.js';
import {
  adapters,
  OTHER_SECRET,
  SECRET,
  type AdapterName,
  type TestApp,
} from '../support/test-app.js';
import { atNode, RefreshController } from '../support/token-pair.js';
import { Vault } from '../support/vault.js';

const oldKey = (options: Partial<SessionKey> = {}): SessionKey =>
  keyOf('ES256', options);
const newKey = (options: Partial<SessionKey> = {}): SessionKey => ({
  algorithm: 'EdDSA',
  privateKey: otherKeyPairs.EdDSA.privateKey,
  ...options,
});

const kidOf = (token: string | undefined): string =>
  (headerIn(token) as { kid: string }).kid;

const DEPLOYS: [string, Partial<SessionJwtModuleOptions>[]][] = [
  [
    'secrets in arrays',
    [
      { secret: [SECRET] },
      { secret: [SECRET, OTHER_SECRET] },
      { secret: [OTHER_SECRET, SECRET] },
      { secret: [OTHER_SECRET] },
    ],
  ],
  [
    'key pairs by their states',
    [
      withoutSecret({ keys: [oldKey()] }),
      withoutSecret({ keys: [oldKey(), newKey({ state: 'next' })] }),
      withoutSecret({ keys: [oldKey({ state: 'retiring' }), newKey()] }),
      withoutSecret({ keys: [newKey()] }),
    ],
  ],
  [
    'key pairs of which only the active one has its private half',
    [
      withoutSecret({ keys: [oldKey()] }),
      withoutSecret({
        keys: [
          oldKey(),
          {
            algorithm: 'EdDSA',
            publicKey: otherKeyPairs.EdDSA.publicKey,
            state: 'next',
          },
        ],
      }),
      withoutSecret({
        keys: [
          { algorithm: 'ES256', publicKey: keyPairs.ES256.publicKey },
          newKey(),
        ],
      }),
      withoutSecret({ keys: [newKey()] }),
    ],
  ],
];

/** Who accepts whose tokens: one row for each deploy that issues, one column for each that is asked. */
const ACCEPTED = [
  [200, 200, 200, 401],
  [200, 200, 200, 401],
  [401, 200, 200, 200],
  [401, 200, 200, 200],
];

describe.each(clients)(
  'a rotation in deploys on %s, with tokens in a %s,',
  (adapter, transport) => {
    it.each(DEPLOYS)(
      'of %s: at each step the one before and the one after are accepted (A-012, A-013)',
      async (_kind, deploys) => {
        const clock = new TestSessionClock();
        const apps: TestApp[] = [];
        for (const session of deploys) {
          apps.push(
            await openTestApp(adapter, {
              session: { ...session, transport },
              clock,
            }),
          );
        }
        const accepted: number[][] = [];
        for (const app of apps) {
          const client = await SessionClient.signIn(app, transport);
          const row: number[] = [];
          for (const other of apps) {
            other.events.length = 0;
            const response = await client.copy(other).get('/me');
            row.push(response.status);
            expect(response.setCookie).toEqual([]);
            expect(
              other
                .eventsOf('rejected')
                .map(({ code, reason }) => [code, reason]),
            ).toEqual(
              response.status === 401 ? [['KEY_UNKNOWN', 'unknown-key']] : [],
            );
          }
          accepted.push(row);
        }
        expect(accepted).toEqual(ACCEPTED);
      },
    );

    it.each(DEPLOYS)(
      'of %s: a session goes from deploy to deploy, and is re-signed at its reloads',
      async (_kind, deploys) => {
        const clock = new TestSessionClock();
        let client: SessionClient | undefined;
        const kids: string[] = [];
        for (const session of deploys) {
          const app = await openTestApp(adapter, {
            session: { ...session, transport },
            clock,
          });
          client = client
            ? client.copy(app)
            : await SessionClient.signIn(app, transport);
          const before = client.token;
          expect((await client.get('/me')).status).toBe(200);
          expect(client.token === before).toBe(true);
          clock.advance('15m');
          expect((await client.get('/me')).status).toBe(200);
          expect(client.token === before).toBe(false);
          kids.push(kidOf(client.token));
        }
        const [first, second, third, fourth] = kids;
        expect([first === second, third === fourth]).toEqual([true, true]);
        expect(second).not.toBe(third);
      },
    );

    it('ends a retiring key at `until`, to the second, also for cached tokens (A-012)', async () => {
      const clock = new TestSessionClock();
      const before = await openTestApp(adapter, {
        session: { ...withoutSecret({ keys: [oldKey()] }), transport },
        clock,
      });
      const until = new Date((NOW + 60) * 1000);
      const keys = [oldKey({ state: 'retiring', until }), newKey()];
      const after = await openTestApp(adapter, {
        session: { ...withoutSecret({ keys }), transport },
        clock,
      });
      const client = await SessionClient.signIn(before, transport);
      const elsewhere = client.copy(after);
      clock.advance(59);
      expect((await elsewhere.get('/me')).status).toBe(200);
      expect((await elsewhere.get('/me')).status).toBe(200);
      expect(after.sessions.jwks().keys).toHaveLength(2);
      clock.advance(1);
      const refused = await elsewhere.get('/me');
      expect(refused.status).toBe(401);
      expect(refused.setCookie).toEqual([]);
      expect(after.eventsOf('rejected')).toMatchObject([
        { code: 'KEY_UNKNOWN' },
      ]);
      expect(after.sessions.jwks().keys).toMatchObject([{ alg: 'EdDSA' }]);
    });
  },
);

/** Keys that a function gives, in three situations of a rotation. */
interface LiveKeys {
  readonly session: () => {
    readonly vault: Vault<any>;
    readonly session: Partial<SessionJwtModuleOptions>;
  };
  readonly old: unknown;
  readonly both: unknown;
  readonly young: unknown;
}

const LIVE: [string, LiveKeys][] = [
  [
    'secrets',
    {
      session() {
        const vault = new Vault<SecretInput | SecretInput[]>(SECRET);
        return { vault, session: { secret: vault.provide } };
      },
      old: SECRET,
      both: [OTHER_SECRET, SECRET],
      young: OTHER_SECRET,
    },
  ],
  [
    'key pairs',
    {
      session() {
        const vault = new Vault<SessionKey[]>([oldKey()]);
        return { vault, session: withoutSecret({ keys: vault.provide }) };
      },
      old: [oldKey()],
      both: [newKey(), oldKey({ state: 'retiring' })],
      young: [newKey()],
    },
  ],
  [
    'secrets that encrypt',
    {
      session() {
        const vault = new Vault<SecretInput | SecretInput[]>(SECRET);
        return { vault, session: { secret: vault.provide, encrypt: true } };
      },
      old: SECRET,
      both: [OTHER_SECRET, SECRET],
      young: OTHER_SECRET,
    },
  ],
];

describe.each(clients)('on %s, with tokens in a %s,', (adapter, transport) => {
  describe.each(LIVE)('%s of a function', (_kind, keys) => {
    const { old, both, young } = keys;
    let logs: CapturedLogs;

    beforeEach(() => {
      logs = new CapturedLogs();
    });

    async function open(
      clock = new TestSessionClock(),
      options: Partial<SessionJwtModuleOptions> = {},
    ) {
      const { vault, session } = keys.session();
      const app = await openTestApp(adapter, {
        session: { ...session, transport, ...options },
        clock,
        controllers: [RefreshController],
        configure: (nest) => nest.useLogger(logs),
      });
      return { app, vault };
    }

    it('rotate without a sign-out: the next reload or update signs with the new one', async () => {
      const { app, vault } = await open();
      const client = await SessionClient.signIn(app, transport);
      const updated = await SessionClient.signIn(app, transport, 'bob');
      const first = kidOf(client.token);
      vault.content = both;
      await app.sessions.reloadKeys();
      expect((await client.get('/me')).status).toBe(200);
      expect(kidOf(client.token)).toBe(first);
      await updated.post('/attributes', { theme: 'dark' });
      expect(kidOf(updated.token)).not.toBe(first);
      app.clock.advance('15m');
      expect((await client.get('/me')).status).toBe(200);
      expect(kidOf(client.token)).toBe(kidOf(updated.token));
      vault.content = young;
      await app.sessions.reloadKeys();
      expect((await client.get('/me')).status).toBe(200);
      expect((await updated.get('/me')).status).toBe(200);
      expect(app.eventsOf('rejected')).toEqual([]);
    });

    it('that are removed in an emergency are refused from the next request on, also for cached tokens (V-44, F-26)', async () => {
      const { app, vault } = await open();
      const client = await SessionClient.signIn(app, transport);
      for (let i = 0; i < 3; i += 1) {
        expect((await client.get('/me')).status).toBe(200);
      }
      vault.content = young;
      expect((await client.get('/me')).status).toBe(200);
      await app.sessions.reloadKeys();
      const { handled } = app.account;
      const refused = await client.get('/me');
      expect(refused.status).toBe(401);
      expect(refused.setCookie).toEqual([]);
      expect(app.account.handled).toBe(handled);
      expect(app.eventsOf('rejected')).toMatchObject([
        { code: 'KEY_UNKNOWN', reason: 'unknown-key' },
      ]);
      await expect(app.sessions.verify(client.token!)).rejects.toMatchObject({
        code: 'KEY_UNKNOWN',
      });
      const next = await SessionClient.signIn(app, transport);
      expect((await next.get('/me')).status).toBe(200);
      printFigures(
        'F-26',
        `${transport}: the next request after reloadKeys() got ${refused.status}`,
      );
    });

    it('that are removed are refused after maxAge, without any action (V-44)', async () => {
      const { app, vault } = await open();
      const client = await SessionClient.signIn(app, transport);
      await client.get('/me');
      vault.content = young;
      app.clock.advance('299s');
      expect((await client.get('/me')).status).toBe(200);
      app.clock.advance('1s');
      expect((await client.get('/me')).status).toBe(401);
    });

    it('that were read before the emergency and arrive after it do not count', async () => {
      const { app, vault } = await open();
      const client = await SessionClient.signIn(app, transport);
      const gate = createGate();
      vault.instead = () => gate.promise.then(() => old);
      app.clock.advance('5m');
      const waiting = client.get('/me');
      for (let i = 0; vault.asked < 2 && i < 10_000; i += 1) await turn();
      vault.instead = undefined;
      vault.content = young;
      const reloaded = app.sessions.reloadKeys();
      gate.open();
      await reloaded;
      expect(vault.asked).toBe(3);
      await waiting;
      expect((await client.get('/me')).status).toBe(401);
    });

    it('that are taken back leave no token of theirs to be handed out, remembered ones neither', async () => {
      const { app, vault } = await open();
      const client = await SessionClient.signIn(app, transport);
      const tabs = [client.copy(), client.copy()] as const;
      const first = kidOf(client.token);
      vault.content = both;
      await app.sessions.reloadKeys();
      app.clock.advance('15m');
      await tabs[0].get('/me');
      expect(kidOf(tabs[0].token)).not.toBe(first);
      const loads = app.users.loads.length;

      vault.content = old;
      await app.sessions.reloadKeys();
      expect((await tabs[1].get('/me')).status).toBe(200);
      expect(app.users.loads).toHaveLength(loads);
      expect(tabs[1].token === client.token).toBe(false);
      expect(kidOf(tabs[1].token).split('.')[0]).toBe(first.split('.')[0]);
      expect((await tabs[1].get('/me')).status).toBe(200);
      expect((await tabs[0].get('/me')).status).toBe(401);
    });

    it('stay as they were when reloadKeys cannot reach them, and it says so', async () => {
      const { app, vault } = await open();
      const client = await SessionClient.signIn(app, transport);
      vault.instead = () => Promise.reject(new Error('sealed'));
      await expect(app.sessions.reloadKeys()).rejects.toMatchObject({
        code: 'KEYS_UNAVAILABLE',
        cause: { message: 'sealed' },
      });
      expect((await client.get('/me')).status).toBe(200);
      expect(app.eventsOf('keysFailed')).toHaveLength(1);
    });

    it('that are named by a token before this node knows them are asked for at once', async () => {
      const clock = new TestSessionClock();
      const [a, b] = [await open(clock), await open(clock)];
      const stays = await SessionClient.signIn(b.app, transport, 'bob');
      a.vault.content = both;
      b.vault.content = both;
      await a.app.sessions.reloadKeys();
      const client = await SessionClient.signIn(a.app, transport);
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => client.copy(b.app).get('/me')),
      );
      expect(answers.map(({ status }) => status)).toEqual(
        Array.from({ length: 10 }, () => 200),
      );
      expect(b.vault.asked).toBe(2);
      expect((await stays.get('/me')).status).toBe(200);
      expect(b.app.eventsOf('rejected')).toEqual([]);
    });

    it('that sign before the other node can know them: 401 KEY_UNKNOWN, cookies kept, a log line, and it heals by itself', async () => {
      const clock = new TestSessionClock();
      const [a, b] = [await open(clock), await open(clock)];
      a.vault.content = both;
      await a.app.sessions.reloadKeys();
      const early = await SessionClient.signIn(a.app, transport);
      const other = early.copy(b.app);
      for (let i = 0; i < 3; i += 1) {
        const refused = await other.get('/me');
        expect(refused.status).toBe(401);
        expect(refused.json.errorCode).toBe('SESSION_REQUIRED');
        expect(refused.setCookie).toEqual([]);
      }
      expect(b.app.eventsOf('rejected')).toMatchObject(
        Array.from({ length: 3 }, () => ({
          code: 'KEY_UNKNOWN',
          reason: 'unknown-key',
        })),
      );
      expect(logs.matching('a key that is not configured', 'warn')).toEqual([
        expect.stringContaining('a broken rotation'),
      ]);
      expect(b.vault.asked).toBe(2);

      b.vault.content = both;
      clock.advance(29);
      expect((await other.get('/me')).status).toBe(401);
      clock.advance(1);
      expect((await other.get('/me')).status).toBe(200);
      expect(b.vault.asked).toBe(3);
    });

    it('are loaded once per cool-down under a flood of tokens with unknown keys (A-181)', async () => {
      const { app, vault } = await open();
      const client = await SessionClient.signIn(app, transport);
      const [, ...rest] = client.token!.split('.');
      const flood = async (): Promise<number[]> => {
        const answers = await Promise.all(
          Array.from({ length: 100 }, (_, i) => {
            const header = headerIn(client.token) as { kid: string };
            const kid = `${i}.${header.kid.slice(String(i).length + 1)}`;
            const forged = [encodeSegment({ ...header, kid }), ...rest];
            return new SessionClient(transport, app, forged.join('.')).get(
              '/me',
            );
          }),
        );
        return answers.map(({ status }) => status);
      };
      const expected = Array.from({ length: 100 }, () => 401);
      expect(await flood()).toEqual(expected);
      expect(await flood()).toEqual(expected);
      expect(vault.asked).toBe(2);
      app.clock.advance(30);
      expect(await flood()).toEqual(expected);
      expect(vault.asked).toBe(3);
      expect((await client.get('/me')).status).toBe(200);
      expect(logs.matching('a key that is not configured', 'warn').length).toBe(
        1,
      );
    });
  });
});

const SECONDS = rounds(60, 6);
const CLIENTS = 16;
const IDLE = 10;

/** One list of keys that all nodes ask for, and that changes as a real rotation does. */
class RotatingKeys<Key> {
  #active: Key;
  #next: Key | undefined;
  #retiring: { readonly key: Key; readonly until: number }[] = [];
  rotations = 0;

  constructor(private readonly create: () => Key) {
    this.#active = create();
  }

  publish(): void {
    this.#next = this.create();
  }

  activate(now: number): void {
    this.#retiring = [
      { key: this.#active, until: now + IDLE + 1 },
      ...this.#retiring.filter(({ until }) => now < until),
    ];
    this.#active = this.#next!;
    this.#next = undefined;
    this.rotations += 1;
  }

  /** The active key first. */
  list<T>(
    as: (key: Key, state: NonNullable<SessionKey['state']>, until?: Date) => T,
  ): T[] {
    return [
      as(this.#active, 'active'),
      ...(this.#next === undefined ? [] : [as(this.#next, 'next')]),
      ...this.#retiring.map(({ key, until }) =>
        as(key, 'retiring', new Date(until * 1000)),
      ),
    ];
  }
}

interface Scenario {
  readonly keys: RotatingKeys<any>;
  readonly sessions: readonly Partial<SessionJwtModuleOptions>[];
  /** Whether a third node reads the public keys of the first. */
  readonly hasResourceServer: boolean;
}

/** A function that takes a few turns of the event loop to answer. */
function slowly<T>(answer: () => T, random: Random): () => Promise<T> {
  return async () => {
    const content = answer();
    for (let i = Math.floor(random() * 4); i > 0; i -= 1) await turn();
    return content;
  };
}

function rotatingPairs(): {
  readonly keys: RotatingKeys<SessionKey>;
  readonly list: () => SessionKey[];
} {
  let isEllipticCurve = false;
  const keys = new RotatingKeys((): SessionKey => {
    isEllipticCurve = !isEllipticCurve;
    const algorithm = isEllipticCurve ? 'ES256' : 'EdDSA';
    return { algorithm, privateKey: newKeyPair(algorithm).privateKey };
  });
  const list = () =>
    keys.list((key, state, until) => ({
      ...key,
      state,
      ...(until && { until }),
    }));
  return { keys, list };
}

const SCENARIOS = [
  ['without refresh tokens', {}] as const,
  ['with refresh tokens', { refreshToken: {} }] as const,
].flatMap(([title, refresh]): [string, (random: Random) => Scenario][] => [
  [
    `key pairs, a resource server as third node, ${title}`,
    (random) => {
      const { keys, list } = rotatingPairs();
      const session = { keys: slowly(list, random), ...refresh };
      return { keys, sessions: [session, session], hasResourceServer: true };
    },
  ],
  [
    `secrets, ${title}`,
    (random) => {
      const keys = new RotatingKeys(() =>
        randomBytes(32).toString('base64url'),
      );
      const list = () => keys.list((key) => key);
      const session = { secret: slowly(list, random), ...refresh };
      return { keys, sessions: [session, session], hasResourceServer: false };
    },
  ],
]);

interface Figures {
  readonly statuses: Map<number, number>;
  readonly kids: Set<string>;
  /** How often the two nodes were seen to sign with different keys. */
  apart: number;
}

async function rotateUnderLoad(
  adapter: AdapterName,
  { keys, sessions, hasResourceServer }: Scenario,
  random: Random,
): Promise<Figures> {
  const clock = new TestSessionClock();
  const open = (session: Partial<SessionJwtModuleOptions>) =>
    openTestApp(adapter, {
      session: {
        ...session,
        keyCache: { maxAge: 1 },
        dataRefreshInterval: 2,
        lifetime: { idle: IDLE },
      },
      extras: hasResourceServer ? { jwks: true } : {},
      clock,
    });
  const nodes = [await open(sessions[0]!), await open(sessions[1]!)];
  const jwksUri = `http://127.0.0.1:${nodes[0]!.port}/.well-known/jwks.json`;
  const checkers = hasResourceServer
    ? [
        await openTestApp(adapter, {
          session: withoutSecret({
            verifyOnly: { jwksUri },
            keyCache: { maxAge: 1 },
          }),
          clock,
        }),
      ]
    : [];
  const figures: Figures = { statuses: new Map(), kids: new Set(), apart: 0 };
  const pick = <T>(items: readonly T[]): T =>
    items[Math.floor(random() * items.length)]!;
  const browsers: Browser[] = [];
  for (let i = 0; i < CLIENTS; i += 1) {
    // Else the jar drops a cookie after ten seconds of its own clock, as soon as a slow machine takes so long.
    browsers.push(await pick(nodes).signIn('ada', { persistent: false }));
  }
  const request = async (browser: Browser, app: TestApp): Promise<void> => {
    const there = atNode(browser, app);
    const { status } =
      random() < 0.1 && nodes.includes(app)
        ? await there.post('/attributes', { seen: clock.nowSeconds() })
        : await there.get('/me');
    figures.statuses.set(status, (figures.statuses.get(status) ?? 0) + 1);
  };
  for (let second = 1; second <= SECONDS; second += 1) {
    clock.advance(1);
    const changesIn = Math.floor(random() * 3);
    const early = pick(nodes);
    const waves = [
      () => browsers.map((browser) => request(browser, early)),
      () =>
        browsers
          .filter(() => random() < 0.6)
          .flatMap((browser) =>
            Array.from({ length: random() < 0.2 ? 2 : 1 }, () =>
              request(browser, pick(nodes)),
            ),
          ),
      () =>
        browsers
          .filter(() => random() < 0.6)
          .map((browser) => request(browser, pick([...nodes, ...checkers]))),
    ];
    for (const [index, wave] of waves.entries()) {
      const answers = Promise.all(wave());
      if (index === changesIn) {
        await turn();
        if (second % 2 === 1) {
          keys.publish();
        } else {
          keys.activate(clock.nowSeconds());
        }
      }
      await answers;
      const signing = nodes.map((node) => node.sessions.jwks().keys[0]?.kid);
      if (signing[0] !== signing[1]) figures.apart += 1;
    }
    for (const browser of browsers) {
      // Fails where a refusal has cost somebody the cookie.
      figures.kids.add(kidOf(await browser.cookie()));
    }
  }
  return figures;
}

describe.each(adapters)('a rotation every 2 s under load on %s', (adapter) => {
  it.each(SCENARIOS)(
    'signs no user out: %s (A-012, A-013, F-25)',
    async (title, scenario) => {
      const random = seededRandom(2030);
      const made = scenario(random);
      const figures = await rotateUnderLoad(adapter, made, random);
      tell(`rotation on ${adapter}, ${title}`, made.keys, figures);
      expect([...figures.statuses.keys()]).toEqual([200]);
      expect(requestsIn(figures)).toBeGreaterThan(SECONDS * CLIENTS * 2);
      expect(made.keys.rotations).toBe(SECONDS / 2);
      expect(figures.kids.size).toBeGreaterThan(SECONDS / 4);
      if (made.hasResourceServer) expect(figures.apart).toBeGreaterThan(0);
    },
  );

  it('signs people out for a moment when the second node knows keys 3 s too late, and costs nobody a cookie', async () => {
    const random = seededRandom(2030);
    const { keys, list } = rotatingPairs();
    const seen: SessionKey[][] = [];
    const late = () => seen[Math.max(0, seen.push(list()) - 4)]!;
    const figures = await rotateUnderLoad(
      adapter,
      {
        keys,
        sessions: [{ keys: list }, { keys: late }],
        hasResourceServer: false,
      },
      random,
    );
    tell(`wrong rotation on ${adapter}`, keys, figures);
    expect(new Set(figures.statuses.keys())).toEqual(new Set([200, 401]));
    expect(figures.statuses.get(200)).toBeGreaterThan(requestsIn(figures) / 2);
  });
});

function requestsIn({ statuses }: Figures): number {
  return [...statuses.values()].reduce((sum, count) => sum + count, 0);
}

function tell(
  what: string,
  { rotations }: RotatingKeys<unknown>,
  figures: Figures,
): void {
  const { statuses, kids, apart } = figures;
  printFigures(
    'F-25',
    `${what}: ${requestsIn(figures)} requests, ${rotations} rotations, ${kids.size} keys seen${apart > 0 ? `, nodes seen apart ${apart} times` : ''}, ${statuses.get(401) ?? 0} x 401`,
  );
}

describe.each(adapters)(
  'a cookie pair on %s whose session token names a removed key',
  (adapter) => {
    /** A client whose session token was signed by a key that is gone since. */
    async function open(refreshToken?: object): Promise<{
      app: TestApp;
      browser: Browser;
    }> {
      const first = oldKey();
      const second = newKey();
      let keys: SessionKey[] = [first, { ...second, state: 'next' }];
      const app = await openTestApp(adapter, {
        session: withoutSecret({
          keys: () => keys,
          derivedSecret: OTHER_SECRET,
          refreshToken: { accessLifetime: '5m' },
          ...(refreshToken && { refreshToken }),
        }),
      });
      const browser = await app.signIn('ada', { persistent: false });
      keys = [second];
      await app.sessions.reloadKeys();
      return { app, browser };
    }

    it.each([
      ['at once', '0s'],
      ['when it has expired too', '1h'],
    ])('goes on by its refresh token, %s', async (_case, later) => {
      const { app, browser } = await open({});
      app.clock.advance(later);
      const before = app.users.loads.length;
      expect((await browser.get('/me')).status).toBe(200);
      expect(app.users.loads.length).toBe(before + 1);
      // Its new session token is one of the new key.
      expect((await browser.get('/me')).status).toBe(200);
      expect(app.users.loads.length).toBe(before + 1);
    });

    it('is refused by CSRF before that', async () => {
      const { app, browser } = await open({});
      const before = app.users.loads.length;
      const response = await browser.post(
        '/change',
        {},
        { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' },
      );
      expect(response.status).toBe(403);
      expect(app.users.loads.length).toBe(before);
    });

    it('is refused where the refresh token is over, and keeps its cookies', async () => {
      const { app, browser } = await open({});
      app.clock.advance('8d');
      const response = await browser.get('/me');
      expect(response.status).toBe(401);
    });
  },
);
