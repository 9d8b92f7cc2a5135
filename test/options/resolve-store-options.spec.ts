import { createSecretKey } from 'node:crypto';
import type { SessionStore } from '../../lib/ports/session-store.js';
import type { Transport } from '../../lib/ports/transport.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import {
  faultsOf,
  faultyPathsOf,
  piecesOf,
  resolve,
  THIRD_SECRET,
} from './faults.js';

const DAY = 86_400;
const STORE = new MemorySessionStore();
const METHODS = [
  'create',
  'read',
  'rotate',
  'update',
  'end',
  'endAll',
  'list',
] as const satisfies readonly (keyof SessionStore)[];

const messagesOf = (options: object) =>
  faultsOf({ secret: SECRET, ...options });
const refreshOf = (refreshToken: object, further: object = {}) =>
  resolve({ refreshToken, ...further }).refresh!;

function ownTransport(): Transport {
  return {
    name: 'own',
    read: () => undefined,
    write: () => [],
    clear: () => [],
  };
}

describe('refresh tokens', () => {
  it('are off, and on with an empty group', () => {
    expect(resolve().refresh).toBeUndefined();
    expect(refreshOf({})).toEqual({
      secrets: [],
      cookie: {
        name: '__Host-Http-session-refresh',
        domain: undefined,
        path: '/',
        secure: true,
        sameSite: 'lax',
        partitioned: false,
        formerDomains: [],
      },
      field: 'refreshToken',
      accessSeconds: 900,
    });
  });

  it.each([
    ['__proto__', '__proto__'],
    ['too long', 'x'.repeat(65)],
  ])(
    'stop the boot when their body field is %s, and say why',
    (_case, field) => {
      expect(messagesOf({ refreshToken: { field } })).toEqual([
        expect.stringMatching(
          /^refreshToken\.field: expected the name of a body field, got "/,
        ),
      ]);
    },
  );

  it.each(['__proto__x', 'x__proto__', '_', 'constructor'])(
    'may be in the body field %s',
    (field) => {
      expect(refreshOf({ field }).field).toBe(field);
    },
  );
});

describe('the lifetime of session tokens', () => {
  it.each([
    [{}, 900],
    [{ dataRefreshInterval: '5m' }, 300],
  ])('is the reload interval by default: %p', (options, expected) => {
    expect(refreshOf({}, options).accessSeconds).toBe(expected);
  });

  it.each([
    ['5m', {}, 300],
    ['1h', {}, 3_600],
    ['5m', { dataRefreshInterval: '1h' }, 300],
  ])('is what is given: %p with %p', (accessLifetime, options, expected) => {
    expect(refreshOf({ accessLifetime }, options).accessSeconds).toBe(expected);
  });

  it.each([
    [{ idle: 901 }, undefined, []],
    [{ idle: '1h' }, 3_599, []],
    [{ idle: '1h' }, 3_600, ['refreshToken.accessLifetime']],
    [{ idle: '1h' }, 3_601, ['refreshToken.accessLifetime']],
    [undefined, 7 * DAY - 1, []],
    [undefined, 7 * DAY, ['refreshToken.accessLifetime']],
    [undefined, '30d', ['refreshToken.accessLifetime']],
  ])(
    'must be shorter than the idle time: %p, %p',
    (lifetime, accessLifetime, faulty) => {
      const refreshToken = { accessLifetime };
      expect(faultyPathsOf({ refreshToken, lifetime })).toEqual(faulty);
    },
  );

  it('says what it must be shorter than', () => {
    const lifetime = { idle: '1h' };
    expect(
      messagesOf({ refreshToken: { accessLifetime: '1h' }, lifetime }),
    ).toEqual([
      'refreshToken.accessLifetime: expected less than lifetime.idle (3600 s), so that a refresh token outlives its session token, got 3600',
    ]);
  });
});

describe('the secret of refresh tokens', () => {
  const secretsOf = (secret: unknown) =>
    refreshOf({ secret }).secrets.map((key) => key.export().toString());

  it('is derived unless it is given', () => {
    expect(refreshOf({}).secrets).toEqual([]);
    expect(refreshOf({ secret: undefined }).secrets).toEqual([]);
  });

  it.each<[string, unknown, string[]]>([
    ['a string', OTHER_SECRET, [OTHER_SECRET]],
    ['a Buffer', Buffer.from(OTHER_SECRET), [OTHER_SECRET]],
    ['a KeyObject', createSecretKey(Buffer.from(OTHER_SECRET)), [OTHER_SECRET]],
    [
      'several in their order',
      [THIRD_SECRET, OTHER_SECRET],
      [THIRD_SECRET, OTHER_SECRET],
    ],
  ])('may be %s', (_case, secret, expected) => {
    expect(secretsOf(secret)).toEqual(expected);
  });

  it.each<[string, unknown, unknown]>([
    ['as the same string', SECRET, SECRET],
    ['as a Buffer', SECRET, Buffer.from(SECRET)],
    ['as a KeyObject', SECRET, createSecretKey(Buffer.from(SECRET))],
    ['in a list', SECRET, [OTHER_SECRET, SECRET]],
    ['of several', [OTHER_SECRET, SECRET], SECRET],
    [
      'as the old one of both',
      [OTHER_SECRET, SECRET],
      [THIRD_SECRET, Buffer.from(SECRET)],
    ],
  ])(
    'A-168: stops the boot when it is that of the session tokens, %s',
    (_case, secret, own) => {
      expect(faultsOf({ secret, refreshToken: { secret: own } })).toEqual([
        'refreshToken.secret: is the secret of the session tokens; leave it out to derive a separate one',
      ]);
    },
  );

  it.each<[string, unknown, string, RegExp]>([
    ['empty', '', 'refreshToken.secret', /is not set; make one with/],
    ['null', null, 'refreshToken.secret', /is not set; make one with/],
    ['an empty list', [], 'refreshToken.secret', /is not set; make one with/],
    [
      'short',
      'kV7wq2',
      'refreshToken.secret',
      /expected at least 32 bytes, got \d+/,
    ],
    ['a repetition', 'ab'.repeat(40), 'refreshToken.secret', /a repetition/],
    [
      'the sample of jwt.io',
      'a-string-secret-at-least-256-bits-long',
      'refreshToken.secret',
      /published sample/,
    ],
    ['a number', 5, 'refreshToken.secret', /expected a string, a Buffer/],
    [
      'short in a list',
      [OTHER_SECRET, 'kV7wq2'],
      'refreshToken.secret[1]',
      /expected at least 32 bytes, got \d+/,
    ],
    [
      'given twice',
      [OTHER_SECRET, Buffer.from(OTHER_SECRET)],
      'refreshToken.secret[1]',
      /is given twice/,
    ],
  ])('A-168: stops the boot when it is %s', (_case, secret, path, why) => {
    const faults = messagesOf({ refreshToken: { secret } });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(why);
    expect(faults[0]!.startsWith(`${path}: `)).toBe(true);
  });

  const LEAKY = 'pq8XzV4m_Tt1'.repeat(2);

  it.each<[string, object]>([
    ['is too short', { refreshToken: { secret: LEAKY } }],
    ['is one of a list', { refreshToken: { secret: [OTHER_SECRET, LEAKY] } }],
    ['stands in place of the group', { refreshToken: LEAKY }],
    ['stands in place of the cookie', { refreshToken: { cookie: LEAKY } }],
    ['stands in place of the rotation', { rotation: LEAKY, store: STORE }],
    ['stands in place of the limit', { maxSessions: LEAKY, store: STORE }],
    [
      'is the password in a URL that stands in place of the store',
      { store: `redis://default:${LEAKY}@redis.internal:6379` },
    ],
  ])('is never shown where it %s (A-163)', (_case, options) => {
    const message = messagesOf(options).join('\n');
    expect(message).not.toBe('');
    expect(piecesOf(LEAKY).filter((piece) => message.includes(piece))).toEqual(
      [],
    );
  });
});

describe('the cookie of refresh tokens', () => {
  it.each<[string, object, object, string]>([
    ['nothing', {}, {}, '__Host-Http-session-refresh'],
    ['a name', { name: 'sid' }, {}, '__Host-Http-sid-refresh'],
    ['a host name', { name: '__Host-sid' }, {}, '__Host-Http-sid-refresh'],
    ['a secure name', { name: '__Secure-sid' }, {}, '__Host-Http-sid-refresh'],
    [
      'a name that only looks like one',
      { name: 'x__Host-sid' },
      {},
      '__Host-Http-x__Host-sid-refresh',
    ],
    ['a domain', { domain: 'app.example' }, {}, '__Secure-session-refresh'],
    ['a path', { path: '/app' }, {}, '__Secure-session-refresh'],
    ['secure off', { secure: false }, {}, 'session-refresh'],
    ['nothing, and a path', {}, { path: '/auth' }, '__Secure-session-refresh'],
    [
      'nothing, and a domain',
      {},
      { domain: 'app.example' },
      '__Secure-session-refresh',
    ],
    ['nothing, and secure off', {}, { secure: false }, 'session-refresh'],
    [
      'secure off, and secure',
      { secure: false },
      { secure: true },
      '__Host-Http-session-refresh',
    ],
    [
      "a path, and path '/'",
      { path: '/app' },
      { path: '/' },
      '__Host-Http-session-refresh',
    ],
    ['a name, and its own', { name: 'sid' }, { name: 'rid' }, 'rid'],
    [
      'a domain, and this host alone',
      { domain: 'app.example' },
      { domain: false },
      '__Host-Http-session-refresh',
    ],
    [
      'a secure name and a domain, and this host alone',
      { name: '__Secure-sid', domain: 'app.example' },
      { domain: false },
      '__Host-Http-sid-refresh',
    ],
    [
      'a domain, and this host alone with a path',
      { domain: 'app.example' },
      { domain: false, path: '/auth' },
      '__Secure-session-refresh',
    ],
    [
      'a domain and secure off, and this host alone',
      { domain: 'app.example', secure: false },
      { domain: false },
      'session-refresh',
    ],
  ])(
    'has the name of the session cookie with -refresh added, and the prefix that browsers enforce: with %s (S-070)',
    (_case, cookie, own, name) => {
      expect(refreshOf({ cookie: own }, { cookie }).cookie.name).toBe(name);
    },
  );

  const SESSION = {
    domain: 'app.example',
    path: '/app',
    secure: true,
    sameSite: 'none',
    partitioned: true,
    formerDomains: ['example'],
  } as const;
  const OWN = {
    domain: 'auth.app.example',
    path: '/auth',
    secure: true,
    sameSite: 'strict',
    partitioned: false,
    formerDomains: ['old.example'],
  } as const;

  it('belongs to this host alone with domain: false, whatever the session cookie does', () => {
    const cookie = { domain: 'app.example' };
    const pair = resolve({
      cookie,
      refreshToken: { cookie: { domain: false } },
    });
    expect(pair.refresh!.cookie.domain).toBeUndefined();
    expect(pair.cookie.domain).toBe('app.example');
    expect(resolve({ cookie: { domain: false } }).cookie).toMatchObject({
      name: '__Host-Http-session',
      domain: undefined,
    });
  });

  it.each(['', null, true, '.app.example', 0])(
    'stops the boot when its domain is %p, and says how this host alone is written',
    (domain) => {
      const [message, ...more] = messagesOf({
        cookie: { domain: 'app.example' },
        refreshToken: { cookie: { domain } },
      });
      expect(message).toMatch(
        /^refreshToken\.cookie\.domain: expected a host name without a leading dot, or false for this host alone, got /,
      );
      expect(more).toEqual([]);
    },
  );

  it('takes over every attribute of the session cookie', () => {
    expect(refreshOf({}, { cookie: SESSION }).cookie).toEqual({
      ...SESSION,
      name: '__Secure-session-refresh',
    });
  });

  it.each(Object.keys(OWN) as (keyof typeof OWN)[])(
    'has a %s of its own where it is given, and leaves the session cookie alone',
    (name) => {
      const own = { [name]: OWN[name] };
      const { cookie, refresh } = resolve({
        cookie: SESSION,
        refreshToken: { cookie: own },
      });
      expect(refresh!.cookie).toEqual({
        ...SESSION,
        ...own,
        name: '__Secure-session-refresh',
      });
      expect(cookie).toEqual({ ...SESSION, name: '__Secure-session' });
    },
  );

  it('may have no former domains where the session cookie has some', () => {
    const own = { formerDomains: [] };
    expect(
      refreshOf({ cookie: own }, { cookie: SESSION }).cookie.formerDomains,
    ).toEqual([]);
  });

  it.each<[object, object]>([
    [{}, { name: '__Host-Http-session' }],
    [{ name: 'sid' }, { name: 'sid' }],
    [{ name: 'sid' }, { name: 'sid', path: '/auth' }],
    [{ name: 'session-refresh', secure: false }, { name: 'session-refresh' }],
  ])(
    'stops the boot when it has the name of the session cookie: %p and %p',
    (cookie, own) => {
      expect(messagesOf({ cookie, refreshToken: { cookie: own } })).toEqual([
        "refreshToken.cookie.name: expected a name other than the session cookie's",
      ]);
    },
  );

  it('may have a name that differs in case alone, as names of cookies do', () => {
    const own = { name: 'SID' };
    expect(
      refreshOf({ cookie: own }, { cookie: { name: 'sid' } }).cookie.name,
    ).toBe('SID');
  });

  it.each<[object, string]>([
    [
      { name: '__Host-rid', path: '/auth' },
      "refreshToken.cookie.name: '__Host-' needs secure, path '/' and no domain, got \"__Host-rid\"",
    ],
    [
      { name: '__Secure-rid', secure: false },
      'refreshToken.cookie.name: \'__Secure-\' needs secure, got "__Secure-rid"',
    ],
    [
      { name: '__host-rid' },
      'refreshToken.cookie.name: expected the prefix \'__Host-\', in exactly this case, got "__host-rid"',
    ],
    [
      { sameSite: 'none', secure: false },
      "refreshToken.cookie.sameSite: 'none' needs refreshToken.cookie.secure",
    ],
    [
      { partitioned: true, secure: false },
      'refreshToken.cookie.partitioned: needs refreshToken.cookie.secure',
    ],
  ])(
    'stops the boot where browsers would drop it: %p (A-111)',
    (own, fault) => {
      expect(messagesOf({ refreshToken: { cookie: own } })).toEqual([fault]);
    },
  );

  it('is also checked by the values that it inherits (A-111)', () => {
    expect(
      faultyPathsOf({
        cookie: { sameSite: 'none' },
        refreshToken: { cookie: { secure: false } },
      }),
    ).toEqual(['refreshToken.cookie.sameSite']);
    expect(
      faultyPathsOf({
        cookie: { domain: 'app.example' },
        refreshToken: { cookie: { name: '__Host-rid' } },
      }),
    ).toEqual(['refreshToken.cookie.name']);
  });
});

describe('a store', () => {
  it('is complete alone', () => {
    expect(resolve().store).toBeUndefined();
    expect(resolve({ store: STORE }).store).toEqual({
      store: STORE,
      timeoutSeconds: 0.25,
      keepsData: false,
      isAlwaysAsked: false,
      graceSeconds: 60,
      limit: { max: 1_000, policy: 'end-oldest' },
    });
  });

  const methods = () =>
    Object.fromEntries(METHODS.map((method) => [method, async () => 0]));

  it('is known by its methods, so that it may come from another copy of the package', () => {
    const store = methods();
    expect(resolve({ store }).store?.store).toBe(store);
    class Base {
      create() {}
      read() {}
      rotate() {}
      update() {}
    }
    class Derived extends Base {
      end() {}
      endAll() {}
      list() {}
    }
    const derived = new Derived();
    expect(resolve({ store: derived }).store?.store).toBe(derived);
  });

  it.each(METHODS)('stops the boot without the method %s', (method) => {
    const { [method]: _, ...others } = methods();
    expect(messagesOf({ store: others })).toEqual([
      'store: expected a SessionStore, got an object (Object)',
    ]);
    expect(messagesOf({ store: { ...others, [method]: 'x' } })).toHaveLength(1);
  });

  it('is asked for an instance, not for its class', () => {
    expect(faultyPathsOf({ store: MemorySessionStore })).toEqual(['store']);
  });

  it.each<[string, unknown]>([
    ['storeTimeout', '1s'],
    ['keepDataIn', 'store'],
    ['revocationCheck', 'always'],
    ['maxSessions', { max: 5, policy: 'refuse' }],
  ])('is needed for %s', (name, value) => {
    const further = { refreshToken: {} };
    for (const store of [{}, { store: undefined }]) {
      expect(messagesOf({ [name]: value, ...further, ...store })).toEqual([
        `${name}: needs a store`,
      ]);
    }
  });

  it('is needed by everything that was given, and each of them says so', () => {
    expect(
      faultyPathsOf({
        storeTimeout: 1,
        keepDataIn: 'store',
        revocationCheck: 'always',
        refreshToken: { grace: 30 },
        maxSessions: { max: 5, policy: 'refuse' },
      }),
    ).toEqual([
      'storeTimeout',
      'keepDataIn',
      'revocationCheck',
      'maxSessions',
      'refreshToken.grace',
    ]);
  });

  it.each([
    ["keepDataIn: 'token'", { keepDataIn: 'token' }],
    [
      'everything undefined',
      {
        storeTimeout: undefined,
        keepDataIn: undefined,
        revocationCheck: undefined,
        maxSessions: undefined,
      },
    ],
  ])('is not needed for %s', (_case, options) => {
    expect(messagesOf(options)).toEqual([]);
  });

  it.each([
    [{}, false],
    [{ revocationCheck: 'reload' }, false],
    [{ revocationCheck: 'always' }, true],
    [{ keepDataIn: 'store' }, true],
    [{ keepDataIn: 'store', revocationCheck: 'reload' }, true],
    [{ keepDataIn: 'token', revocationCheck: 'always' }, true],
  ])('with %p is asked on each request: %p', (options, expected) => {
    expect(resolve({ store: STORE, ...options }).store?.isAlwaysAsked).toBe(
      expected,
    );
  });
});

describe("keepDataIn: 'store'", () => {
  it.each([[{}], [{ field: 'token' }]])(
    'leaves nothing for refresh tokens to do: %p',
    (refreshToken) => {
      expect(
        messagesOf({ store: STORE, keepDataIn: 'store', refreshToken }),
      ).toEqual([
        "keepDataIn: 'store' reads the store on each request, so refresh tokens have no effect; remove refreshToken",
      ]);
    },
  );

  it("goes with everything else, and 'token' with refresh tokens", () => {
    expect(
      messagesOf({
        store: STORE,
        keepDataIn: 'store',
        maxSessions: { max: 1, policy: 'end-oldest' },
      }),
    ).toEqual([]);
    expect(
      messagesOf({ store: STORE, keepDataIn: 'token', refreshToken: {} }),
    ).toEqual([]);
  });
});

describe('the grace time of rotation', () => {
  const graceOf = (options: object) =>
    resolve({ store: STORE, ...options }).store?.graceSeconds;

  it.each<[string, unknown, number]>([
    ['the cookie by default', undefined, 60],
    ['the cookie', 'cookie', 60],
    ['the header alone', 'header', 30],
    ['the header alone, in a list', ['header'], 30],
    ['the header and the cookie', ['header', 'cookie'], 60],
    ['the cookie and the header', ['cookie', 'header'], 60],
    ['a transport of its own', ownTransport(), 60],
    ['the header and a transport of its own', ['header', ownTransport()], 60],
  ])('with %s is by default', (_case, transport, expected) => {
    expect(graceOf({ transport, refreshToken: {} })).toBe(expected);
    expect(graceOf({ transport, refreshToken: { grace: 45 } })).toBe(45);
  });

  it('says what it may be', () => {
    expect(messagesOf({ store: STORE, refreshToken: { grace: '6m' } })).toEqual(
      [
        'refreshToken.grace: expected whole seconds from 1 to 300, as a number or as a string with a unit (\'15m\'), got "6m"',
      ],
    );
  });
});

describe('a limit of sessions', () => {
  it.each([
    ['1,000 by default', undefined, { max: 1_000, policy: 'end-oldest' }],
    ['none with false', false, undefined],
  ])('is %s', (_what, maxSessions, limit) => {
    const { store } = resolve({ store: STORE, maxSessions });
    expect(store?.limit).toEqual(limit);
  });

  it.each(['refuse', 'end-oldest'])(
    'has a number and a policy: %s',
    (policy) => {
      expect(
        resolve({ store: STORE, maxSessions: { max: 3, policy } }).store?.limit,
      ).toEqual({ max: 3, policy });
    },
  );

  it('names all that is missing or wrong', () => {
    expect(messagesOf({ store: STORE, maxSessions: {} })).toEqual([
      'maxSessions.max: is not set',
      'maxSessions.policy: is not set',
    ]);
    expect(
      messagesOf({ store: STORE, maxSessions: { max: 0, policy: 'drop' } }),
    ).toEqual([
      'maxSessions.max: expected an integer from 1 to 10000, got 0',
      "maxSessions.policy: expected 'refuse' or 'end-oldest', got \"drop\"",
    ]);
  });
});
