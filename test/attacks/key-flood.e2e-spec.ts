import { randomBytes, type JsonWebKey } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { calculateJwkThumbprint } from 'jose';
import {
  SessionJwtModule,
  type SessionJwtModuleOptions,
  type SessionKeyAlgorithm,
} from '../../lib/index.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import { MAXIMUM_TOKEN_LENGTH } from '../../lib/tokens/front-gate.js';
import {
  createTestSession,
  TestSessionClock,
} from '../../lib/testing/index.js';
import { combinations, rounds } from '../support/effort.js';
import {
  encodeSegment,
  forgeSigned,
  forgeToken,
  readHeader,
  readToken,
} from '../support/forged-token.js';
import { JwksServer, publicJwk } from '../support/jwks-server.js';
import { usedHeap } from '../support/heap.js';
import { withoutSecret } from '../support/key-kinds.js';
import { keyPairs, otherKeyPairs } from '../support/key-pairs.js';
import { boot, closeBooted } from '../support/nest-app.js';
import { openTestApp } from '../support/opened-apps.js';
import { SickStore } from '../support/sick-store.js';
import {
  AccountController,
  adapters,
  SECRET,
  TestApp,
  Users,
} from '../support/test-app.js';
import { asCookies } from '../support/token-pair.js';
import { UnhandledErrors } from '../support/unhandled.js';
import {
  BODY,
  expectAccepted,
  expectRefused,
  headersFor,
  present,
  slots,
} from './hostile-tokens.js';

const MEGABYTE = 1_000_000;

const unhandled = new UnhandledErrors();
beforeAll(() => unhandled.start());
afterAll(() => unhandled.stop());
afterEach(async () => {
  expect(await unhandled.settled()).toEqual([]);
});

const runtimeOf = (app: TestApp) =>
  app.app.get<SessionRuntime>(SESSION_RUNTIME);

/** What the guard's authenticator says of a request with these headers, without a network. */
function judge(app: TestApp, headers: Record<string, string>) {
  const lowerCased = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return runtimeOf(app).authenticator.authenticate(
    { method: 'GET', url: '/me', headers: lowerCased },
    { canDeliver: true, asksStore: false, isPassive: false },
  );
}

const segment = (length: number) =>
  randomBytes(Math.ceil((length * 3) / 4)).toString('base64url');

type Garbage = Record<string, (token: string, i: number) => string>;

/** One segment of a good token replaced. */
const replaced = (token: string, index: number, by: string) =>
  token.split('.').with(index, by).join('.');
const withHeader = (token: string, changes: object) =>
  replaced(token, 0, encodeSegment({ ...readHeader(token), ...changes }));
const LAST = -1;

/** Kinds of garbage, none like another; `i` makes each one different. */
const GARBAGE: Garbage = {
  noise: () => segment(300),
  'a long noise': () => segment(2 * MAXIMUM_TOKEN_LENGTH),
  'many dots': (_, i) => `${'.'.repeat(4_000)}${i}`,
  'a header that is no JSON': (token) => replaced(token, 0, segment(80)),
  'alg none': (token, i) => withHeader(token, { alg: 'none', kid: `k${i}` }),
  'an unknown kid': (token, i) => withHeader(token, { kid: `k${i}` }),
  'another payload': (token) =>
    replaced(token, token.split('.').length - 2, segment(300)),
  'another signature or tag': (token) => {
    const last = token.slice(token.lastIndexOf('.') + 1);
    const bytes = Buffer.from(last, 'base64url').length;
    return replaced(token, LAST, encodeSegment(randomBytes(bytes)));
  },
  'an HMAC with our secret': (token, i) =>
    forgeToken({ ...readHeader(token), alg: 'HS512' }, { i }, SECRET, 'sha512'),
};

/** What only encrypted tokens have: a key for each day. */
const DAILY_GARBAGE: Garbage = {
  'the kid of another day': (token, i) => {
    const [secret, day] = String(readHeader(token)['kid']).split('.');
    return withHeader(token, {
      kid: `${secret}.${Number(day) - 1 - (i % 400)}`,
    });
  },
};

const MODES: Record<string, () => Partial<SessionJwtModuleOptions>> = {
  HS256: () => ({}),
  encrypted: () => ({ encrypt: true }),
  ...Object.fromEntries(
    (['ES256', 'EdDSA', 'RS256', 'PS256'] as const).map((algorithm) => [
      algorithm,
      () => ({
        keys: [{ algorithm, privateKey: keyPairs[algorithm].privateKey }],
      }),
    ]),
  ),
};

/** How many of each kind. */
const OF_EACH = rounds(1_100, 25);
const TOKENS = OF_EACH * Object.keys(GARBAGE).length;

const OVER_HTTP = rounds(1_000, 40);
const OF_UNKNOWN_KEYS = rounds(5_000, 500);
const OF_UNKNOWN_KEYS_OVER_HTTP = rounds(600, 100);

describe('garbage in the place of tokens (A-180)', () => {
  it.each(combinations(Object.entries(MODES), 3))(
    `with %s: ${TOKENS.toLocaleString('en')} of it ask neither loader nor store, and leave nothing behind`,
    async (mode, options) => {
      expect(TOKENS).toBeGreaterThanOrEqual(rounds(9_900, 225));
      const store = new SickStore();
      const app = await openTestApp('express', {
        session: {
          ...options(),
          transport: ['cookie', 'header'],
          refreshToken: {},
          store,
          revocationCheck: 'always',
        },
      });
      const { token, refreshToken } = await createTestSession(app.app, 'ada');
      const kinds = {
        ...GARBAGE,
        ...(mode === 'encrypted' && DAILY_GARBAGE),
      };
      const attack = async (count: number): Promise<string[]> => {
        const times: string[] = [];
        for (const [name, make] of Object.entries(kinds)) {
          // Garbage for a refresh token is judged by other keys.
          const requests = Array.from({ length: count }, (_, i) =>
            i % 10 === 0
              ? asCookies({ refresh: make(refreshToken!, i) })
              : headersFor(i % 2 ? 'cookie' : 'header', make(token, i)),
          );
          const kept: string[] = [];
          const started = performance.now();
          for (const headers of requests) {
            const outcome = await judge(app, headers);
            if (outcome.kind !== 'rejected') kept.push(outcome.kind);
          }
          const micros = ((performance.now() - started) / count) * 1000;
          expect({ name, kept }).toEqual({ name, kept: [] });
          times.push(`${name} ${micros.toFixed(0)}`);
        }
        return times;
      };
      // What is made once, such as the keys of 400 days, is there after this.
      await attack(rounds(500, 50));
      app.events.length = 0;
      app.users.loads = [];
      store.takeCalls();
      const before = await usedHeap();
      const times = await attack(OF_EACH);
      const events = app.events.splice(0).map(({ type }) => type);
      expect((await usedHeap()) - before).toBeLessThan(MEGABYTE);
      expect(events).toHaveLength(OF_EACH * Object.keys(kinds).length);
      expect(new Set(events)).toEqual(new Set(['rejected']));
      expect(store.takeCalls()).toEqual([]);
      expect(app.users.loads).toEqual([]);
      expect(app.account.handled).toBe(0);
      process.stdout.write(
        `microseconds for a refused token, ${mode}: ${times.join(', ')}\n`,
      );
      await expectAccepted(app, 'header', token);
      expect(store.takeCalls()).toEqual(['read']);
    },
  );

  it.each(adapters)(
    `over HTTP on %s: ${OVER_HTTP} of it of each kind of token are answered with 401 alike, and good requests with 200 in between`,
    async (adapter) => {
      for (const mode of ['ES256', 'encrypted']) {
        const store = new SickStore();
        const app = await openTestApp(adapter, {
          session: {
            ...MODES[mode]!(),
            transport: ['cookie', 'header'],
            refreshToken: {},
            store,
          },
        });
        const { token } = await createTestSession(app.app, 'ada');
        store.takeCalls();
        app.users.loads = [];
        app.events.length = 0;
        const makers = Object.entries(GARBAGE).filter(
          ([name]) => name !== 'a long noise',
        );
        const answers = new Map<string, number>();
        for (let i = 0; i < OVER_HTTP; i += 20) {
          const batch = Array.from({ length: 20 }, (_, j) => {
            const [, make] = makers[(i + j) % makers.length]!;
            const slot = j % 2 ? 'cookie' : 'header';
            return present(app, slot, make(token, i + j));
          });
          const good = present(app, 'cookie', token);
          for (const { status, text } of await Promise.all(batch)) {
            const answer = `${status} ${text}`;
            answers.set(answer, (answers.get(answer) ?? 0) + 1);
          }
          expect((await good).status).toBe(200);
        }
        expect([...answers]).toEqual([
          [`401 ${JSON.stringify(BODY)}`, OVER_HTTP],
        ]);
        expect(app.account.handled).toBe(OVER_HTTP / 20);
        expect(app.eventsOf('rejected')).toHaveLength(OVER_HTTP);
        expect(store.takeCalls()).toEqual([]);
        expect(app.users.loads).toEqual([]);
      }
    },
  );

  it('is not remembered, be it ever so much: the good tokens of before are found without any crypto', async () => {
    const app = await openTestApp('express', {
      session: { ...MODES['ES256']!(), cache: { maxTokens: 100 } },
    });
    const { token } = await createTestSession(app.app, 'ada');
    await expectAccepted(app, 'cookie', token);
    const { codec } = runtimeOf(app).keys;
    let verified = 0;
    const verify = codec.verify.bind(codec);
    codec.verify = (text) => {
      verified += 1;
      return verify(text);
    };
    const another = GARBAGE['another signature or tag']!;
    for (let i = 0; i < 500; i += 1) {
      await judge(app, headersFor('cookie', another(token, i)));
    }
    expect(verified).toBe(500);
    await expectAccepted(app, 'cookie', token);
    expect(verified).toBe(500);
  });
});

const published = (
  algorithm: SessionKeyAlgorithm,
  pair = keyPairs[algorithm],
): JsonWebKey => publicJwk(pair, algorithm);

describe.each(adapters)('a service that fetches its keys on %s', (adapter) => {
  let server: JwksServer;
  /** A good token of the application that issues sessions, and one of its next key. */
  let token: string;
  let tokenOfNext: string;

  beforeEach(async () => {
    server = await new JwksServer([published('ES256')]).start();
    [token, tokenOfNext] = (await Promise.all(
      [keyPairs, otherKeyPairs].map(async (pairs) => {
        const issuer = await openTestApp(adapter, {
          session: withoutSecret({
            keys: [{ algorithm: 'ES256', privateKey: pairs.ES256.privateKey }],
          }),
        });
        return (await issuer.sessions.generate('ada')).token;
      }),
    )) as [string, string];
  });
  afterEach(async () => {
    await closeBooted();
    await server.stop();
  });

  /** A service that loads nothing; what it logs is not shown. */
  const openService = async (
    keyCache: SessionJwtModuleOptions['keyCache'] = {},
  ): Promise<TestApp> => {
    const clock = new TestSessionClock();
    const { app, port } = await boot(
      {
        imports: [
          SessionJwtModule.forRoot({
            verifyOnly: { jwksUri: server.uri },
            transport: ['cookie', 'header'],
            dataRefreshInterval: '6d',
            keyCache,
          }),
        ],
        controllers: [AccountController],
      },
      {
        adapter,
        clock,
      },
    );
    return new TestApp(app, adapter, clock, new Users(), port);
  };

  /** How often the keys were asked for while something happened. */
  const during = async (work: () => Promise<unknown>): Promise<number> => {
    const before = server.requests;
    await work();
    return server.requests - before;
  };

  let unknown = 0;
  /** Headers with another unknown kid each time. */
  const unknownKid = () => {
    unknown += 1;
    const header = { ...readHeader(token), kid: `unknown-${unknown}` };
    return headersFor(
      unknown % 2 ? 'cookie' : 'header',
      replaced(token, 0, encodeSegment(header)),
    );
  };

  /** Unknown keys in turn with good requests, some at once and some one after the other. */
  async function flood(app: TestApp, count: number): Promise<void> {
    const outcomes = [];
    for (let i = 0; i < count; i += 50) {
      outcomes.push(
        ...(await Promise.all(
          Array.from({ length: 50 }, async () => judge(app, unknownKid())),
        )),
      );
      const good = await judge(app, headersFor('header', token));
      expect(good.kind).toBe('authenticated');
    }
    expect(outcomes).toHaveLength(count);
    for (const outcome of outcomes) {
      expect(outcome).toEqual({
        kind: 'rejected',
        refusal: 'unknown-key',
        dispatch: undefined,
      });
    }
  }

  it(`fetches once per cool-down under ${OF_UNKNOWN_KEYS} tokens of unknown keys, and valid requests go on (A-181)`, async () => {
    const app = await openService({ maxAge: '1h', coolDown: '30s' });
    expect(server.requests).toBe(1);
    expect(await during(() => flood(app, OF_UNKNOWN_KEYS))).toBe(1);
    expect(app.eventsOf('rejected')).toHaveLength(OF_UNKNOWN_KEYS);
    for (let coolDown = 1; coolDown <= 10; coolDown += 1) {
      app.clock.advance(29);
      expect(await during(() => flood(app, 100))).toBe(0);
      app.clock.advance(1);
      expect(await during(() => flood(app, 100))).toBe(1);
    }
  });

  it(`fetches once over HTTP too, under ${OF_UNKNOWN_KEYS_OVER_HTTP} of them in parallel and in turn (A-181)`, async () => {
    const app = await openService();
    const asked = await during(async () => {
      for (let i = 0; i < OF_UNKNOWN_KEYS_OVER_HTTP; i += 50) {
        const bad = Array.from({ length: 50 }, () => {
          const headers = unknownKid();
          return app.browser().send({ path: '/me', headers });
        });
        const good = await present(app, 'cookie', token);
        expect(good.status).toBe(200);
        for (const { status, json, setCookie } of await Promise.all(bad)) {
          expect({ status, json, setCookie }).toEqual({
            status: 401,
            json: BODY,
            setCookie: [],
          });
        }
      }
    });
    expect(asked).toBe(1);
    expect(app.account.handled).toBe(OF_UNKNOWN_KEYS_OVER_HTTP / 50);
  });

  it('does not let valid requests wait for a server that hangs, and calls it once per cool-down (A-181)', async () => {
    const app = await openService({ maxAge: '1h', timeout: 1.5 });
    server.instead = () => {};
    const coolDowns = 2;
    const asked = await during(async () => {
      for (let coolDown = 1; coolDown <= coolDowns; coolDown += 1) {
        const bad = Array.from({ length: 1_000 }, async () =>
          judge(app, unknownKid()),
        );
        // No promise: decided at once, while the others wait.
        expect(judge(app, headersFor('header', token))).toMatchObject({
          kind: 'authenticated',
        });
        for (const outcome of await Promise.all(bad)) {
          expect(outcome).toMatchObject({ refusal: 'unknown-key' });
        }
        // From here on nobody waits.
        for (let i = 0; i < 100; i += 1) {
          expect(await judge(app, unknownKid())).toMatchObject({
            refusal: 'unknown-key',
          });
        }
        expect(app.eventsOf('keysFailed')).toHaveLength(coolDown);
        app.clock.advance(30);
      }
    });
    // Each may have given up before the server, in this same process, came to see the request.
    expect(asked).toBeLessThanOrEqual(coolDowns);
  });

  it.each<[title: string, answer: (response: ServerResponse) => void]>([
    ['answers with 500', (response) => void response.writeHead(500).end()],
    ['answers with no JSON', (response) => void response.end('<html>')],
    ['answers with no key', (response) => void response.end('{"keys":[]}')],
    ['breaks the connection', (response) => response.destroy()],
  ])(
    'keeps its keys under a flood while the server %s, and calls it at most twice per cool-down (A-181)',
    async (_title, answer) => {
      const app = await openService({ maxAge: '5m', coolDown: '30s' });
      server.instead = answer;
      const seconds = 600;
      const between = rounds(5, 15);
      const asked = await during(async () => {
        for (let second = 0; second < seconds; second += between) {
          await flood(app, 50);
          app.clock.advance(between);
        }
      });
      // One for the age of the keys, one for the unknown ones.
      expect(asked).toBeGreaterThanOrEqual(seconds / 30 - 1);
      expect(asked).toBeLessThanOrEqual((2 * seconds) / 30);
      expect(app.eventsOf('keysFailed')).toHaveLength(asked);
      expect((await present(app, 'cookie', token)).status).toBe(200);
      // Waits for what is under way.
      await judge(app, unknownKid());
      server.instead = undefined;
      server.keys = [published('ES256', otherKeyPairs.ES256)];
      app.clock.advance(30);
      await expectAccepted(app, 'cookie', tokenOfNext);
    },
  );

  it.each(slots)(
    'A-185: refuses a token in the %s while its key is unknown and accepts it when it is published; A-012: refuses it when it was removed',
    async (slot) => {
      const app = await openService({ maxAge: '5m', coolDown: '30s' });
      const next = () => present(app, slot, tokenOfNext);
      await expectRefused(app, next, 'unknown-key');
      const both = [
        published('ES256'),
        published('ES256', otherKeyPairs.ES256),
      ];
      server.keys = both;
      app.clock.advance(29);
      await expectRefused(app, next, 'unknown-key');
      app.clock.advance(1);
      await expectAccepted(app, slot, tokenOfNext);
      await expectAccepted(app, slot, token);
      server.keys = both.slice(0, 1);
      app.clock.advance(299);
      await expectAccepted(app, slot, tokenOfNext);
      app.clock.advance(1);
      await expectRefused(app, next, 'unknown-key');
      await expectAccepted(app, slot, token);
    },
  );

  it.each<[title: string, keys: () => JsonWebKey[] | undefined]>([
    ['no set at all', () => undefined],
    ['an empty set', () => []],
    [
      'V-19 a key without alg',
      () => [{ ...published('ES256'), alg: undefined! }],
    ],
    [
      'V-19 a key with alg none',
      () => [{ ...published('ES256'), alg: 'none' }],
    ],
    [
      'V-17 V-19 a key with alg HS256',
      () => [{ ...published('ES256'), alg: 'HS256' }],
    ],
    [
      'V-19 a key with the alg of another kind',
      () => [{ ...published('ES256'), alg: 'RS256' }],
    ],
    ['a key for encryption', () => [{ ...published('ES256'), use: 'enc' }]],
    [
      'S-110 a symmetric key beside the good one',
      () => [
        published('ES256'),
        { kty: 'oct', k: Buffer.from(SECRET).toString('base64url') },
      ],
    ],
    [
      'a private key',
      () => [
        {
          ...published('ES256'),
          ...keyPairs.ES256.privateKey.export({ format: 'jwk' }),
        },
      ],
    ],
    [
      'a point that is not on the curve',
      () => [
        {
          ...published('ES256'),
          y: Buffer.alloc(32, 1).toString('base64url'),
        },
      ],
    ],
    [
      'two keys of one kid',
      () => [
        { ...published('ES256'), kid: 'x' },
        { ...published('ES256', otherKeyPairs.ES256), kid: 'x' },
      ],
    ],
  ])(
    'has no keys with %s: everything is answered with 503 and kept, and accepted when the set is mended',
    async (_title, keys) => {
      server.keys = keys();
      const app = await openService();
      const { claims, header } = readToken(token);
      const forged = [
        token,
        forgeToken({ ...header, alg: 'HS256' }, claims),
        forgeToken({ ...header, alg: 'HS256' }, claims, ''),
        tokenOfNext,
      ];
      for (const [i, each] of forged.entries()) {
        for (const [slot] of slots) {
          const response = await present(app, slot, each);
          const refused = i === 1 || i === 2;
          expect(response.status).toBe(refused ? 401 : 503);
          expect(response.json.errorCode).toBe(
            refused ? 'SESSION_REQUIRED' : 'SESSION_UNAVAILABLE',
          );
          expect(response.setCookie).toEqual([]);
        }
      }
      expect(app.account.handled).toBe(0);
      server.keys = [published('ES256')];
      app.clock.advance(1);
      await expectAccepted(app, 'cookie', token);
    },
  );

  it('V-19: takes the algorithm of a key from the set and never from a token', async () => {
    const rsa = published('RS256');
    server.keys = [published('ES256'), rsa];
    const app = await openService();
    const { claims, header } = readToken(token);
    const kid = await calculateJwkThumbprint(rsa);
    const signed = (algorithm: 'RS256' | 'PS256') =>
      forgeSigned(
        { ...header, alg: algorithm, kid },
        claims,
        algorithm,
        keyPairs.RS256.privateKey,
      );
    await expectAccepted(app, 'header', signed('RS256'));
    const response = await present(app, 'header', signed('PS256'));
    expect(response.status).toBe(401);
    expect(app.eventsOf('rejected')).toMatchObject([{ reason: 'header' }]);
  });
});
