import { createSecretKey, KeyObject } from 'node:crypto';
import { SessionConfigError } from '../../lib/errors/session-config-error.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import type { ResolvedSessionJwtOptions } from '../../lib/options/resolved-options.js';
import type { Transport } from '../../lib/ports/transport.js';
import { MemoryRevocationLog } from '../../lib/stores/memory-revocation-log.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { rows, titleOf } from '../support/titles.js';
import {
  faultsOf,
  faultyPathsOf,
  piecesOf,
  resolve,
  THIRD_SECRET,
  within,
} from './faults.js';

const DAY = 86_400;
const STORE = new MemorySessionStore();
/** What options that are only of use with others need beside them. */
const WITH_REFRESH = { refreshToken: {} };
const WITH_STORE = { store: STORE };
const LOG = new MemoryRevocationLog();
const BOUND = { refreshToken: {}, deviceBinding: {} };
const WITH_LOG = { revocations: { log: LOG } };

/** A transport of the application's own. */
function ownTransport(own: Partial<Transport> = {}): Transport {
  return {
    name: 'own',
    read: () => undefined,
    write: () => [],
    clear: () => [],
    ...own,
  };
}

interface OptionRow {
  readonly path: string;
  readonly read: (resolved: ResolvedSessionJwtOptions) => unknown;
  /** What it is when it is not given; without this it must be given. */
  readonly fallback?: unknown;
  readonly valid: readonly (readonly [given: unknown, resolved: unknown])[];
  readonly invalid: readonly unknown[];
  /** Other options that it needs. */
  readonly beside?: object;
}

const same = (...values: unknown[]) =>
  values.map((value) => [value, value] as const);

/** The options of a cookie. */
const COOKIE_OPTIONS: readonly OptionRow[] = [
  {
    path: 'cookie.name',
    read: ({ cookie }) => cookie.name,
    fallback: '__Host-Http-session',
    valid: same('sid', '__Host-sid', '__Secure-sid', 'a.b_c~1', '__proto__'),
    invalid: ['', 'a b', 'a=b', null, 5, true, ['a'], {}, 'x'.repeat(257)],
  },
  {
    path: 'cookie.domain',
    read: ({ cookie }) => cookie.domain,
    fallback: undefined,
    valid: same(
      'app.example',
      'localhost',
      'a-b.c1.example',
      'xn--mnchen-3ya.example',
    ),
    invalid: [
      '',
      '.app.example',
      'app.example.',
      'a..b',
      '-a.example',
      'a-.example',
      'https://app.example',
      'app.example:443',
      'app.example/x',
      '*.app.example',
      `${'a'.repeat(64)}.example`,
      `${'a.'.repeat(130)}example`,
      null,
      5,
      true,
      ['app.example'],
    ],
  },
  {
    path: 'cookie.path',
    read: ({ cookie }) => cookie.path,
    fallback: '/',
    valid: same('/', '/app', '/a/b%20c', `/${'x'.repeat(1023)}`),
    invalid: [
      '',
      'app',
      './',
      '/a b',
      `/${'x'.repeat(1024)}`,
      null,
      5,
      true,
      ['/'],
    ],
  },
  {
    path: 'cookie.secure',
    read: ({ cookie }) => cookie.secure,
    fallback: true,
    valid: same(true, false),
    invalid: ['true', 'auto', 0, 1, null, {}],
  },
  {
    path: 'cookie.sameSite',
    read: ({ cookie }) => cookie.sameSite,
    fallback: 'lax',
    valid: same('lax', 'strict', 'none'),
    invalid: ['foo', 'Lax', 'STRICT', '', true, false, null, 5, ['lax'], {}],
  },
  {
    path: 'cookie.partitioned',
    read: ({ cookie }) => cookie.partitioned,
    fallback: false,
    valid: same(true, false),
    invalid: ['true', 0, 1, null, {}],
  },
  {
    path: 'cookie.formerDomains',
    read: ({ cookie }) => cookie.formerDomains,
    fallback: [],
    valid: same([], ['example'], ['app.example', 'other.example']),
    invalid: ['app.example', null, 5, {}, new Set(['app.example'])],
  },
];

/** The same option of the cookie that carries refresh tokens. */
function ofRefreshCookie({
  path,
  fallback,
  read,
  ...row
}: OptionRow): OptionRow {
  return {
    ...row,
    path: `refreshToken.${path}`,
    beside: WITH_REFRESH,
    fallback: path === 'cookie.name' ? '__Host-Http-session-refresh' : fallback,
    read: (resolved) => read({ ...resolved, cookie: resolved.refresh!.cookie }),
  };
}

/** They have specs of their own. */
const KEY_OPTIONS = [
  'secret',
  'keys',
  'derivedSecret',
  'encrypt',
  'verifyOnly',
  'keyCache',
  'refreshToken.secret',
];

/** Every other option. The ranges of times and counts have a spec of their own. */
const OPTIONS: readonly OptionRow[] = [
  {
    path: 'issuer',
    read: ({ issuer }) => issuer,
    fallback: 'nestjs-session-jwt',
    valid: same('a', 'https://app.example', 'two words', 'x'.repeat(255)),
    invalid: [
      '',
      ' ',
      ' a',
      'a ',
      'a\n',
      'a\u0000b',
      'm\u00fcnchen',
      'x'.repeat(256),
      5,
      null,
      true,
      ['a'],
      {},
      /app/,
      /app/g,
      Object('a'),
    ],
  },
  {
    path: 'audience',
    read: ({ audience }) => audience,
    fallback: 'nestjs-session-jwt',
    valid: same('a', 'https://api.example', 'x'.repeat(255)),
    invalid: ['', 'a\r\n', 'x'.repeat(256), 5, null, ['a'], {}, /a/, /a/g],
  },
  {
    path: 'dataRefreshInterval',
    read: (resolved) => resolved.dataRefreshIntervalSeconds,
    fallback: 900,
    valid: [
      [60, 60],
      ['5m', 300],
    ],
    invalid: ['900'],
  },
  {
    path: 'lifetime.idle',
    read: ({ lifetime }) => lifetime.idleSeconds,
    fallback: 7 * DAY,
    valid: [['1d', DAY]],
    invalid: ['7'],
  },
  {
    path: 'lifetime.absolute',
    read: ({ lifetime }) => lifetime.absoluteSeconds,
    fallback: 30 * DAY,
    valid: [['90d', 90 * DAY]],
    invalid: ['30'],
  },
  {
    path: 'clockTolerance',
    read: (resolved) => resolved.clockToleranceSeconds,
    fallback: 5,
    valid: [
      [0, 0],
      ['1m', 60],
    ],
    invalid: ['5'],
  },
  {
    path: 'loader.timeout',
    read: ({ loader }) => loader.timeoutSeconds,
    fallback: 2,
    valid: [['250ms', 0.25]],
    invalid: ['2'],
  },
  {
    path: 'loader.patience',
    read: ({ loader }) => loader.patienceSeconds,
    fallback: 2,
    valid: [
      [0, 0],
      ['50ms', 0.05],
    ],
    invalid: ['2'],
  },
  {
    path: 'loader.maxStale',
    read: ({ loader }) => loader.maxStaleSeconds,
    fallback: 900,
    valid: [
      [0, 0],
      ['1d', DAY],
    ],
    invalid: ['900'],
  },
  {
    path: 'loader.concurrency',
    read: ({ loader }) => loader.concurrency,
    fallback: 64,
    valid: same(1, 10_000),
    invalid: ['64'],
  },
  {
    path: 'loader.onError',
    read: ({ loader }) => loader.errorEndsSession,
    fallback: false,
    valid: [
      ['keep', false],
      ['end', true],
    ],
    invalid: ['END', 'ignore', '', true, null, 5, ['end'], {}],
  },
  {
    path: 'transport',
    read: ({ transports }) => transports,
    fallback: ['cookie'],
    valid: [
      ['cookie', ['cookie']],
      ['header', ['header']],
      [
        ['header', 'cookie'],
        ['header', 'cookie'],
      ],
    ],
    invalid: [
      [],
      '',
      'cookies',
      'Cookie',
      null,
      true,
      5,
      {},
      ['cookie', 'cookie'],
      ['cookie', 'query'],
      [ownTransport(), ownTransport()],
      ['header', ownTransport({ name: 'header' })],
      ownTransport({ name: '' }),
      ownTransport({ name: 5 as never }),
      ownTransport({ read: undefined as never }),
      ownTransport({ write: undefined as never }),
      ownTransport({ clear: 'clear' as never }),
      () => 'cookie',
    ],
  },
  {
    path: 'requestProperty',
    read: ({ requestProperty }) => requestProperty,
    fallback: 'session',
    valid: [...same('user', '$session', '_s1'), [false, undefined]],
    invalid: [
      '',
      '0a',
      'a-b',
      'a.b',
      'a b',
      '__proto__',
      'constructor',
      'headers',
      'body',
      'query',
      'params',
      'cookies',
      'raw',
      'socket',
      true,
      null,
      5,
      Symbol('session'),
      ['session'],
    ],
  },
  ...COOKIE_OPTIONS,
  ...COOKIE_OPTIONS.map(ofRefreshCookie),
  {
    path: 'header.name',
    read: ({ header }) => header.name,
    fallback: 'authorization',
    valid: [
      ['X-Session', 'x-session'],
      ['authorization', 'authorization'],
    ],
    invalid: [
      '',
      'a b',
      'a:b',
      'a\r\nb',
      'm\u00fc',
      'Cookie',
      'cookie',
      null,
      5,
      ['a'],
    ],
  },
  {
    path: 'header.scheme',
    read: ({ header }) => header.scheme,
    fallback: 'Bearer',
    valid: same('', 'Token', 'x'.repeat(64)),
    invalid: [' ', 'a b', 'Bearer ', 'a\n', 'x'.repeat(65), null, false, 5],
  },
  {
    path: 'header.renewedName',
    read: ({ header }) => header.renewedName,
    fallback: 'Session-Token',
    valid: same('X-New-Token'),
    invalid: ['', 'a b', 'a:b', 'a\r\nb', null, false, 5],
  },
  {
    path: 'header.renewedRefreshName',
    read: ({ header }) => header.renewedRefreshName,
    fallback: 'Session-Refresh-Token',
    valid: same('X-New-Refresh-Token'),
    invalid: ['', 'a b', 'a:b', 'a\r\nb', null, false, 5],
  },
  {
    path: 'header.resourceMetadata',
    read: ({ header }) => header.resourceMetadata,
    fallback: undefined,
    valid: same(
      'https://api.example/.well-known/oauth-protected-resource',
      'http://127.0.0.1:3000/meta',
      'https://api.example/%22',
    ),
    invalid: [
      'http://api.example/meta',
      'https://user@api.example/',
      'https://api.example/?a=\\',
      '/meta',
      'javascript:alert(1)',
      '',
      null,
      false,
      5,
    ],
  },
  {
    path: 'refreshToken.accessLifetime',
    beside: WITH_REFRESH,
    read: ({ refresh }) => refresh?.accessSeconds,
    fallback: 900,
    valid: [
      [60, 60],
      ['1h', 3_600],
    ],
    invalid: ['900'],
  },
  {
    path: 'refreshToken',
    read: ({ refresh }) => refresh !== undefined,
    fallback: false,
    valid: [[{}, true]],
    invalid: [true, false, null, 5, '', 'cookie', [], () => ({})],
  },
  {
    path: 'refreshToken.field',
    beside: WITH_REFRESH,
    read: ({ refresh }) => refresh?.field,
    fallback: 'refreshToken',
    valid: same('token', 'refresh_token', 'a.b-c', '0', 'x'.repeat(64)),
    invalid: [
      '',
      ' ',
      'a b',
      'a[b]',
      'a\n',
      'm\u00fc',
      '__proto__',
      'x'.repeat(65),
      null,
      5,
      true,
      ['token'],
      {},
    ],
  },
  {
    path: 'store',
    read: ({ store }) => store?.store,
    fallback: undefined,
    valid: [[STORE, STORE]],
    invalid: [null, true, 5, '', 'redis', {}, [], new Map(), () => STORE],
  },
  {
    path: 'storeTimeout',
    beside: WITH_STORE,
    read: ({ store }) => store?.timeoutSeconds,
    fallback: 0.25,
    valid: [
      ['50ms', 0.05],
      [1.5, 1.5],
    ],
    invalid: ['250'],
  },
  {
    path: 'keepDataIn',
    beside: WITH_STORE,
    read: ({ store }) => store?.keepsData,
    fallback: false,
    valid: [
      ['token', false],
      ['store', true],
    ],
    invalid: ['STORE', 'cookie', '', true, null, 5, ['store'], {}],
  },
  {
    path: 'revocationCheck',
    beside: WITH_STORE,
    read: ({ store }) => store?.isAlwaysAsked,
    fallback: false,
    valid: [
      ['reload', false],
      ['always', true],
    ],
    invalid: ['ALWAYS', 'never', '', true, null, 5, ['always'], {}],
  },
  {
    path: 'refreshToken.grace',
    beside: { ...WITH_STORE, ...WITH_REFRESH },
    read: ({ store }) => store?.graceSeconds,
    fallback: 60,
    valid: [
      [1, 1],
      ['5m', 300],
    ],
    invalid: ['30'],
  },
  {
    path: 'maxSessions.max',
    beside: { ...WITH_STORE, maxSessions: { policy: 'refuse' } },
    read: ({ store }) => store?.limit?.max,
    valid: same(1, 5, 10_000),
    invalid: ['5'],
  },
  {
    path: 'maxSessions.policy',
    beside: { ...WITH_STORE, maxSessions: { max: 5 } },
    read: ({ store }) => store?.limit?.policy,
    valid: same('refuse', 'end-oldest'),
    invalid: ['REFUSE', 'endOldest', '', true, null, 5, ['refuse'], {}],
  },
  {
    path: 'revocations.log',
    beside: { revocations: { maxLag: 1 } },
    read: ({ revocations }) => revocations?.log,
    valid: same(LOG),
    invalid: ['redis://:secret@host', null, 5, {}, { append() {} }],
  },
  {
    path: 'revocations.maxLag',
    beside: WITH_LOG,
    read: ({ revocations }) => revocations?.maxLagSeconds,
    fallback: 1,
    valid: [
      [0.1, 0.1],
      ['500ms', 0.5],
      [60, 60],
    ],
    invalid: ['1', 0, 0.05, 61, -1, null, NaN, true],
  },
  {
    path: 'revocations.maxEntries',
    beside: WITH_LOG,
    read: ({ revocations }) => revocations?.maxEntries,
    fallback: 1_000_000,
    valid: same(1_000, 10_000_000),
    invalid: ['1000', 999, 10_000_001, 1_000.5, null, Infinity],
  },
  {
    path: 'revocations.whenLagging',
    beside: WITH_LOG,
    read: ({ revocations }) => revocations?.whenLagging,
    fallback: 'accept',
    valid: same('accept', 'refuse'),
    invalid: ['ask-store', 'ACCEPT', '', true, null, 5, ['refuse'], {}],
  },
  {
    path: 'deviceBinding.required',
    beside: BOUND,
    read: ({ deviceBinding }) => deviceBinding?.isRequired,
    fallback: false,
    valid: same(true, false),
    invalid: ['true', 0, 1, null, {}],
  },
  {
    path: 'deviceBinding.path',
    beside: BOUND,
    read: ({ deviceBinding }) => deviceBinding?.path,
    fallback: undefined,
    valid: same('/session', '/api/v1/session', '/~ada/s.x'),
    invalid: ['', '/', 'session', '/session/', '//x', '/a b', '/a?b', null, 5],
  },
  {
    path: 'csrf.origin',
    beside: { csrf: { header: 'X-CSRF' } },
    read: ({ csrf }) => csrf.checksOrigin,
    fallback: true,
    valid: [
      ...same(true, false),
      [{ trustedOrigins: [] }, true],
      [{ trustedOrigins: ['https://a.example'] }, true],
    ],
    invalid: ['false', 'https://a.example', 0, null, []],
  },
  {
    path: 'csrf.header',
    read: ({ csrf }) => csrf.headerName,
    fallback: undefined,
    valid: [
      ['X-CSRF', 'x-csrf'],
      [false, undefined],
    ],
    invalid: ['', 'a b', 'a:b', 'a\r\nb', true, null, 5, ['x-csrf'], {}],
  },
  {
    path: 'csrf.token',
    read: ({ csrf }) => csrf.token,
    fallback: undefined,
    valid: [
      [false, undefined],
      [
        true,
        { headerName: 'x-csrf-token', fieldName: '_csrf', cookie: undefined },
      ],
    ],
    invalid: ['yes', null, 0, []],
  },
  {
    path: 'cache',
    read: ({ cache }) => cache,
    fallback: { maxTokens: 10_000, maxBytes: 33_554_432 },
    valid: [
      [false, { maxTokens: 0, maxBytes: 0 }],
      [{}, { maxTokens: 10_000, maxBytes: 33_554_432 }],
    ],
    invalid: [true, null, 5, '', [], () => false],
  },
  {
    path: 'cache.maxTokens',
    read: ({ cache }) => cache.maxTokens,
    fallback: 10_000,
    valid: same(1, 500),
    invalid: ['500'],
  },
  {
    path: 'cache.maxBytes',
    read: ({ cache }) => cache.maxBytes,
    fallback: 33_554_432,
    valid: same(65_536),
    invalid: ['65536'],
  },
];

/** Groups of options, with the others that they need. */
const GROUPS: Readonly<Record<string, object>> = {
  cookie: {},
  header: {},
  csrf: {},
  lifetime: {},
  loader: {},
  cache: {},
  refreshToken: {},
  'refreshToken.cookie': WITH_REFRESH,
  maxSessions: WITH_STORE,
  revocations: WITH_LOG,
  deviceBinding: BOUND,
};
/** Groups that may be given alone, empty, and then change nothing. */
const INERT_GROUPS = [
  'cookie',
  'header',
  'csrf',
  'lifetime',
  'loader',
  'cache',
];

describe.each(OPTIONS.map((option) => [option.path, option] as const))(
  'the option %s',
  (path, { read, valid, invalid, beside = {}, ...row }) => {
    if ('fallback' in row) {
      it(`is ${titleOf(row.fallback)} when it is not given`, () => {
        expect(read(resolve(beside))).toEqual(row.fallback);
      });

      it('is its default when it is explicitly undefined', () => {
        expect(read(resolve(within(beside, path, undefined)))).toEqual(
          row.fallback,
        );
      });
    } else {
      it('must be given', () => {
        for (const given of [beside, within(beside, path, undefined)]) {
          expect(faultsOf({ secret: SECRET, ...given })).toEqual([
            `${path}: is not set`,
          ]);
        }
      });
    }

    it.each(valid.map((given) => [titleOf(given[0]), ...given] as const))(
      'takes %s',
      (_title, given, resolved) => {
        expect(read(resolve(within(beside, path, given)))).toEqual(resolved);
      },
    );

    it.each(rows(invalid))('stops the boot when it is %s', (_title, given) => {
      expect(faultyPathsOf(within(beside, path, given))).toEqual([path]);
    });
  },
);

describe('the options as a whole', () => {
  it('list every option here, so that none goes untested', () => {
    const known = new Set<string>();
    const collect = (path: string, fault: string | undefined) => {
      const [, names = ''] = /known here: (.*)\)$/.exec(fault ?? '') ?? [];
      for (const name of names.split(', ')) {
        known.add(path + name);
      }
    };
    collect('', faultsOf({ secret: SECRET, nope: 1 })[0]);
    for (const [group, beside] of Object.entries(GROUPS)) {
      const given = within(beside, `${group}.nope`, 1);
      collect(`${group}.`, faultsOf({ secret: SECRET, ...given })[0]);
      if (group !== 'cache' && group !== 'refreshToken') {
        known.delete(group);
      }
    }
    for (const name of KEY_OPTIONS) {
      known.delete(name);
    }
    expect([...known].toSorted()).toEqual(
      OPTIONS.map(({ path }) => path).toSorted(),
    );
  });

  it('are complete with a secret alone', () => {
    const { keys, csrf, warnings, ...others } = resolve();
    expect(warnings).toEqual([]);
    expect(keys.fixed.secrets.map((key) => key.export().toString())).toEqual([
      SECRET,
    ]);
    expect({ ...keys, fixed: keys.fixed.keys }).toEqual({
      fixed: [],
      provide: undefined,
      jwksUri: undefined,
      arePairs: false,
      derivedSecrets: [],
      encryption: undefined,
      cache: { maxAgeSeconds: 300, coolDownSeconds: 30, timeoutSeconds: 2 },
    });
    expect({ ...csrf, trustedOrigins: [...csrf.trustedOrigins] }).toEqual({
      checksOrigin: true,
      trustedOrigins: [],
      headerName: undefined,
      secureOrigins: true,
    });
    expect(others).toEqual({
      isVerifyOnly: false,
      issuer: 'nestjs-session-jwt',
      audience: 'nestjs-session-jwt',
      dataRefreshIntervalSeconds: 900,
      lifetime: { idleSeconds: 7 * DAY, absoluteSeconds: 30 * DAY },
      clockToleranceSeconds: 5,
      loader: {
        timeoutSeconds: 2,
        patienceSeconds: 2,
        maxStaleSeconds: 900,
        concurrency: 64,
        errorEndsSession: false,
      },
      transports: ['cookie'],
      requestProperty: 'session',
      cookie: {
        name: '__Host-Http-session',
        domain: undefined,
        path: '/',
        secure: true,
        sameSite: 'lax',
        partitioned: false,
        formerDomains: [],
      },
      header: {
        name: 'authorization',
        scheme: 'Bearer',
        renewedName: 'Session-Token',
        renewedRefreshName: 'Session-Refresh-Token',
      },
      refresh: undefined,
      store: undefined,
      revocations: undefined,
      cache: { maxTokens: 10_000, maxBytes: 33_554_432 },
    });
  });

  it('are the same for refresh tokens whether their members are undefined or not there', () => {
    const members = { secret: undefined, cookie: undefined, field: undefined };
    expect(resolve({ refreshToken: members }).refresh).toEqual(
      resolve(WITH_REFRESH).refresh,
    );
    expect(
      resolve({ refreshToken: undefined, store: undefined }),
    ).toMatchObject({ refresh: undefined, store: undefined });
  });

  it('are the defaults when every one of them, and every group, is explicitly undefined', () => {
    const undefinedOptions = Object.fromEntries(
      OPTIONS.filter(({ path }) => !path.includes('.')).map(({ path }) => [
        path,
        undefined,
      ]),
    );
    const undefinedMembers = Object.fromEntries(
      INERT_GROUPS.map((group) => [
        group,
        Object.fromEntries(
          OPTIONS.filter(({ path }) => path.startsWith(`${group}.`)).map(
            ({ path }) => [path.slice(group.length + 1), undefined],
          ),
        ),
      ]),
    );
    const undefinedGroups = Object.fromEntries(
      Object.keys(GROUPS)
        .filter((group) => !group.includes('.'))
        .map((group) => [group, undefined]),
    );
    const { keys: _keys, ...defaults } = resolve();
    for (const given of [
      { ...undefinedOptions, ...undefinedMembers },
      { ...undefinedOptions, ...undefinedGroups },
    ]) {
      const { keys: _, ...resolved } = resolve(given);
      expect(resolved).toEqual(defaults);
    }
  });

  it('let the audience follow the issuer', () => {
    expect(resolve({ issuer: 'shop' }).audience).toBe('shop');
    expect(resolve({ issuer: 'shop', audience: 'api' })).toMatchObject({
      issuer: 'shop',
      audience: 'api',
    });
  });

  it.each(
    rows([
      undefined,
      null,
      'secret',
      5,
      true,
      [],
      [{ secret: SECRET }],
      () => 5,
    ]),
  )('stop the boot when they are %s', (_title, input) => {
    const faults = faultsOf(input);
    expect(faults[0]).toMatch(/^options: expected an object/);
    expect(faults.some((fault) => fault.startsWith('secret:'))).toBe(true);
  });

  it('never show a secret that was returned in place of the options (A-163)', () => {
    const message = faultsOf(SECRET).join('\n');
    expect(message).toContain('options: expected an object');
    expect(piecesOf(SECRET).filter((piece) => message.includes(piece))).toEqual(
      [],
    );
  });

  it('may be an instance of a class, with members that it inherits', () => {
    class Base {
      get secret() {
        return SECRET;
      }
    }
    class Configured extends Base {
      issuer = 'shop';
    }
    expect(resolveOptions(new Configured()).issuer).toBe('shop');
  });
});

describe('an option name that is not known', () => {
  it.each<[prefix: string, beside: object]>([
    ['', {}],
    ...Object.entries({
      ...GROUPS,
      maxSessions: { ...WITH_STORE, maxSessions: { max: 1, policy: 'refuse' } },
    }).map(([group, beside]): [string, object] => [`${group}.`, beside]),
    ['csrf.origin.', {}],
  ])(
    'stops the boot in %p and is told which names are known',
    (prefix, beside) => {
      const faults = faultsOf({
        secret: SECRET,
        ...within(beside, `${prefix}nope`, 'value-of-it'),
      });
      expect(faults).toHaveLength(1);
      expect(faults[0]).toMatch(
        new RegExp(
          `^${prefix.replaceAll('.', String.raw`\.`)}nope: unknown option \\(known here: \\w+`,
        ),
      );
      expect(faults[0]).not.toContain('value-of-it');
    },
  );

  it.each([
    ['Secret', 'another case'],
    ['expiresIn', 'an option of JwtModule'],
    ['resave', 'an option of express-session'],
    ['cookies', 'a plural'],
    ['', 'the empty name'],
    ['constructor', 'a name that every object has'],
    ['toString', 'another such name'],
  ])('stops the boot when it is %p: %s', (name) => {
    const faults = faultsOf({ secret: SECRET, [name]: undefined });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(
      new RegExp(`^${name}: unknown option \\(known here: secret, `),
    );
  });

  it('stops the boot when it is an own member named __proto__ (S-123)', () => {
    const options = JSON.parse('{"__proto__": {"issuer": "evil"}}') as object;
    expect(faultsOf(Object.assign(options, { secret: SECRET }))[0]).toMatch(
      /^__proto__: unknown option/,
    );
    expect(({} as { issuer?: string }).issuer).toBeUndefined();
  });

  it.each(['dataLoader', 'global', 'guard', 'jwks', 'openapi', 'imports'])(
    'is %s in the result of the factory: the message says to pass it next to the factory',
    (name) => {
      const faults = faultsOf({ secret: SECRET, [name]: false });
      expect(faults).toEqual([
        `${name}: must be known before the factory runs; pass it next to useFactory`,
      ]);
    },
  );

  it('is routes in what the factory returned: it stops the boot', () => {
    expect(faultyPathsOf({ routes: true })).toEqual(['routes']);
  });
});

describe('a group of options that is no object', () => {
  it.each(
    Object.entries(GROUPS).flatMap(([group, beside]) =>
      rows(['x', 5, null, true, [], () => ({})])
        // On without options.
        .filter(([, value]) => group !== 'deviceBinding' || value !== true)
        .map(([title, value]) => [group, title, value, beside] as const),
    ),
  )('stops the boot: %s is %s', (group, _title, value, beside) => {
    const faults = faultsOf({
      secret: SECRET,
      ...within(beside, group, value),
    });
    expect(faults[0]).toMatch(
      new RegExp(`^${group}: expected an object, got `),
    );
    // What it lacks is said too, where it must have something.
    expect(faults.slice(1)).toEqual(
      group === 'maxSessions'
        ? ['maxSessions.max: is not set', 'maxSessions.policy: is not set']
        : group === 'revocations'
          ? ['revocations.log: is not set']
          : [],
    );
  });
});

describe('the error of faulty options', () => {
  const everyOptionFaulty = {
    secret: 'short',
    keys: [{ algorithm: 'HS256', publicKey: 5, until: 'soon', kid: 'x' }],
    derivedSecret: ['short'],
    encrypt: { key: '', algorithm: 'A128GCM' },
    keyCache: { maxAge: 0, coolDown: 0, timeout: 0, size: 1 },
    issuer: /a/g,
    audience: 5,
    dataRefreshInterval: '900',
    lifetime: { idle: NaN, absolute: -1, hard: 1 },
    clockTolerance: Infinity,
    loader: {
      timeout: 'PT1S',
      patience: null,
      maxStale: 1.5,
      concurrency: 0,
      onError: 'maybe',
      retries: 3,
    },
    transport: 'smoke',
    requestProperty: '__proto__',
    cookie: {
      name: 'a b',
      domain: '.app.example',
      path: 'app',
      secure: 'auto',
      sameSite: 'foo',
      partitioned: 'yes',
      formerDomains: ['ok.example', 'a;b'],
      maxAge: 5,
    },
    header: {
      name: 'a:b',
      scheme: 'a b',
      renewedName: '',
      renewedRefreshName: 'a b',
      prefix: 'x',
    },
    refreshToken: {
      secret: ['short', ''],
      cookie: {
        name: 'a b',
        domain: '.app.example',
        path: 'app',
        secure: 'auto',
        sameSite: 'foo',
        partitioned: 'yes',
        formerDomains: ['a;b'],
        maxAge: 5,
      },
      field: 'a b',
      accessLifetime: '900',
      grace: 0,
      lifetime: '7d',
    },
    store: {},
    storeTimeout: '250',
    keepDataIn: 'database',
    revocationCheck: 'never',
    maxSessions: { max: 0, policy: 'any', per: 'subject' },
    revocations: {
      log: {},
      maxLag: '1',
      maxEntries: 1,
      whenLagging: 'x',
      y: 1,
    },
    csrf: { origin: { trustedOrigins: ['*'], all: true }, header: true, x: 1 },
    cache: { maxTokens: '1', maxBytes: 1, ttl: 5 },
    typo: true,
  };

  it('names every fault at once, each exactly once', () => {
    const further = 'dataLoader: none found';
    let error: unknown;
    try {
      resolveOptions(everyOptionFaulty, () => [further]);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SessionConfigError);
    const { faults, message, name } = error as SessionConfigError;
    expect(name).toBe('SessionConfigError');
    expect(
      faults.map((fault) => fault.slice(0, fault.indexOf(':'))).toSorted(),
    ).toEqual(
      [
        'secret',
        'keys[0].algorithm',
        'keys[0].publicKey',
        'keys[0].until',
        'keys[0].kid',
        'derivedSecret[0]',
        'encrypt',
        'encrypt.key',
        'encrypt.algorithm',
        'keyCache',
        'keyCache.maxAge',
        'keyCache.coolDown',
        'keyCache.timeout',
        'keyCache.size',
        'issuer',
        'audience',
        'dataRefreshInterval',
        'lifetime.idle',
        'lifetime.absolute',
        'lifetime.hard',
        'clockTolerance',
        'loader.timeout',
        'loader.patience',
        'loader.maxStale',
        'loader.concurrency',
        'loader.retries',
        'loader.onError',
        'transport',
        'requestProperty',
        'cookie.name',
        'cookie.domain',
        'cookie.path',
        'cookie.secure',
        'cookie.sameSite',
        'cookie.partitioned',
        'cookie.formerDomains[1]',
        'cookie.maxAge',
        'header.name',
        'header.scheme',
        'header.renewedName',
        'header.renewedRefreshName',
        'header.prefix',
        'refreshToken.accessLifetime',
        'refreshToken.secret[0]',
        'refreshToken.secret[1]',
        'refreshToken.cookie.name',
        'refreshToken.cookie.domain',
        'refreshToken.cookie.path',
        'refreshToken.cookie.secure',
        'refreshToken.cookie.sameSite',
        'refreshToken.cookie.partitioned',
        'refreshToken.cookie.formerDomains[0]',
        'refreshToken.cookie.maxAge',
        'refreshToken.field',
        'refreshToken.lifetime',
        'store',
        'storeTimeout',
        'keepDataIn',
        'revocationCheck',
        'refreshToken.grace',
        'maxSessions.max',
        'maxSessions.policy',
        'maxSessions.per',
        'revocations.log',
        'revocations.maxLag',
        'revocations.maxEntries',
        'revocations.whenLagging',
        'revocations.y',
        'csrf.origin.trustedOrigins[0]',
        'csrf.origin.all',
        'csrf.header',
        'csrf.x',
        'cache.maxTokens',
        'cache.maxBytes',
        'cache.ttl',
        'typo',
        'dataLoader',
      ].toSorted(),
    );
    for (const fault of faults) {
      expect(message).toContain(`\n  - ${fault}`);
    }
  });

  it.each([
    ['onLoaderError', 'end', 'loader.onError'],
    ['accessLifetime', '5m', 'refreshToken.accessLifetime'],
    ['rotation', { grace: 30 }, 'refreshToken.grace'],
  ])('names the new place of the former option %s', (name, value, place) => {
    expect(faultsOf({ secret: SECRET, [name]: value })).toEqual([
      `${name}: unknown option; use ${place}`,
    ]);
  });

  it('stands alone when something else than the options is missing', () => {
    expect(() =>
      resolveOptions({ secret: SECRET }, () => ['dataLoader: none found']),
    ).toThrow(new SessionConfigError(['dataLoader: none found']));
  });

  it('cuts long values short', () => {
    const [fault = ''] = faultsOf({
      secret: SECRET,
      issuer: 'x'.repeat(100_000),
    });
    expect(fault.length).toBeLessThan(200);
  });

  it.each(
    rows([
      Object.create(null),
      Object.create({ constructor: undefined }),
      { constructor: 5 },
      new Proxy(() => {}, {}),
      Symbol('x'),
      10n,
      {
        toString() {
          throw new Error('a trap');
        },
      },
    ]),
  )('can describe any value: %s', (_title, value) => {
    expect(faultyPathsOf({ issuer: value, cookie: { name: value } })).toEqual(
      expect.arrayContaining(['issuer', 'cookie.name']),
    );
  });
});

describe('what the user wrote', () => {
  const transport = ownTransport({ ambient: false });
  const given = {
    secret: [SECRET, OTHER_SECRET],
    issuer: 'shop',
    audience: 'api',
    dataRefreshInterval: '5m',
    lifetime: { idle: '1d', absolute: '2d' },
    clockTolerance: 1,
    loader: {
      timeout: 1,
      patience: 1,
      maxStale: 1,
      concurrency: 1,
      onError: 'end',
    },
    transport: ['cookie', 'header', transport],
    requestProperty: 'user',
    cookie: {
      name: '__Secure-sid',
      domain: 'app.example',
      formerDomains: ['example'],
    },
    header: { name: 'X-Session', scheme: '', renewedName: 'X-New' },
    refreshToken: {
      secret: [THIRD_SECRET],
      cookie: { path: '/auth', formerDomains: ['old.example'] },
      field: 'token',
      accessLifetime: '4m',
      grace: 10,
    },
    store: STORE,
    storeTimeout: '1s',
    revocationCheck: 'always',
    maxSessions: { max: 5, policy: 'refuse' },
    csrf: {
      origin: { trustedOrigins: ['https://a.example'] },
      header: 'X-CSRF',
    },
    cache: { maxTokens: 5, maxBytes: 65_536 },
  };
  /** A copy that its owner may change: transports and stores have methods, which cannot be copied. */
  const copyOfGiven = (transports: string[]) => ({
    ...structuredClone({ ...given, transport: transports, store: undefined }),
    store: STORE,
  });

  it('is never changed, not even frozen', () => {
    const before = JSON.stringify(given);
    resolveOptions(given);
    expect(JSON.stringify(given)).toBe(before);
    for (const value of everyObjectOf(given)) {
      expect(Object.isFrozen(value)).toBe(false);
    }
  });

  it('may be deeply frozen by its owner', () => {
    const frozen = copyOfGiven(['cookie']);
    everyObjectOf(frozen).forEach((value) => Object.freeze(value));
    expect(resolveOptions(frozen).issuer).toBe('shop');
  });

  it('is not what the library holds: later changes have no effect', () => {
    const mine = copyOfGiven(['cookie', 'header']);
    const resolved = resolveOptions(mine);
    const before = JSON.stringify({
      ...resolved,
      csrf: [...resolved.csrf.trustedOrigins],
    });
    mine.secret.length = 0;
    mine.transport.reverse();
    mine.cookie.name = 'other';
    mine.cookie.formerDomains.push('evil.example');
    mine.csrf.origin.trustedOrigins.push('https://evil.example');
    mine.lifetime.idle = '1y';
    mine.loader.concurrency = 0;
    mine.header.name = 'x-evil';
    mine.cache.maxTokens = 1;
    mine.refreshToken.secret.length = 0;
    mine.refreshToken.cookie.path = '/evil';
    mine.refreshToken.cookie.formerDomains.push('evil.example');
    mine.refreshToken.field = 'evil';
    mine.refreshToken.grace = 300;
    mine.maxSessions.max = 10_000;
    expect(
      JSON.stringify({ ...resolved, csrf: [...resolved.csrf.trustedOrigins] }),
    ).toBe(before);
    expect(resolved.keys.fixed.secrets).toHaveLength(2);
  });

  it('keeps its own Transport and store, which stay as they are', () => {
    const resolved = resolveOptions(given);
    expect(resolved.transports[2]).toBe(transport);
    expect(Object.isFrozen(transport)).toBe(false);
    expect(resolved.store?.store).toBe(STORE);
    expect(Object.isFrozen(STORE)).toBe(false);
  });

  it('becomes a result in which nothing can be changed', () => {
    const resolved = resolveOptions(given);
    const parts = everyPartOf(resolved, 'options');
    expect(parts.map(([path]) => path)).toEqual(
      expect.arrayContaining([
        'options.csrf.trustedOrigins',
        'options.keys.cache',
        'options.refresh.cookie.formerDomains',
        'options.refresh.secrets',
        'options.store.limit',
        'options.transports',
      ]),
    );
    expect(
      parts.filter(([, part]) => !Object.isFrozen(part)).map(([path]) => path),
    ).toEqual([]);
  });
});

describe('the secret', () => {
  const [first, second] = [SECRET, OTHER_SECRET].map((secret) =>
    createSecretKey(Buffer.from(secret)),
  ) as [KeyObject, KeyObject];

  it.each([
    ['a string', SECRET],
    ['a Buffer', Buffer.from(SECRET)],
    ['a Uint8Array', new Uint8Array(Buffer.from(SECRET))],
    ['a KeyObject', first],
    ['an array of one', [SECRET]],
  ])('is the same key as %s', (_title, secret) => {
    const { secrets } = resolveOptions({ secret }).keys.fixed;
    expect(secrets).toHaveLength(1);
    expect(secrets[0]!.equals(first)).toBe(true);
    expect(secrets[0]!.type).toBe('secret');
  });

  it('is used as its UTF-8 bytes, not decoded, so that other JWT libraries agree', () => {
    const hex = Buffer.from(SECRET).toString('hex');
    expect(
      resolveOptions({ secret: hex }).keys.fixed.secrets[0]!.export(),
    ).toEqual(Buffer.from(hex, 'utf8'));
  });

  it('is a list in the given order when there are several', () => {
    const { secrets } = resolveOptions({
      secret: [OTHER_SECRET, first],
    }).keys.fixed;
    expect(secrets.map((key) => key.equals(second))).toEqual([true, false]);
    expect(secrets).toHaveLength(2);
  });

  it('is kept byte for byte when it is binary, which is no text', () => {
    const bytes = Buffer.from(
      Array.from({ length: 48 }, (_, i) => (i * 89 + 128) % 256),
    );
    expect(Buffer.from(bytes.toString('utf8'))).not.toEqual(bytes);
    for (const secret of [bytes, createSecretKey(bytes)]) {
      expect(
        resolveOptions({ secret }).keys.fixed.secrets[0]!.export(),
      ).toEqual(bytes);
    }
  });

  it('is not tied to the Buffer that it came in', () => {
    const bytes = Buffer.from(SECRET);
    const { secrets } = resolveOptions({ secret: bytes }).keys.fixed;
    bytes.fill(0);
    expect(secrets[0]!.equals(first)).toBe(true);
  });
});

/** Objects and arrays within, the value itself included; keys, transports and stores are somebody else's. */
function everyPartOf(value: unknown, path: string): [string, object][] {
  if (
    typeof value !== 'object' ||
    value === null ||
    value instanceof KeyObject ||
    'read' in value
  ) {
    return [];
  }
  return [
    [path, value],
    ...Object.entries(value).flatMap(([name, member]) =>
      everyPartOf(member, `${path}.${name}`),
    ),
  ];
}

function everyObjectOf(value: unknown): object[] {
  return everyPartOf(value, '').map(([, part]) => part);
}
