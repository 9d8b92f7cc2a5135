import { randomBytes } from 'node:crypto';
import { SessionConfigError } from '../../lib/errors/session-config-error.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import type { CookieOptions } from '../../lib/options/option-groups.js';
import { AMBIGUOUS_TOKEN, type Delivery } from '../../lib/ports/transport.js';
import { CookieTransport } from '../../lib/transports/cookie-transport.js';
import { createTransports } from '../../lib/transports/create-transports.js';

const SECRET = randomBytes(32);
const TOKEN = 'aGVhZGVy.cGF5bG9hZA.c2lnbmF0dXJl';

function transportWith(cookie: CookieOptions = {}): CookieTransport {
  return new CookieTransport(resolveOptions({ secret: SECRET, cookie }).cookie);
}

function linesOf(deliveries: readonly Delivery[]): string[] {
  return deliveries.map((delivery) =>
    delivery.kind === 'cookie' ? delivery.line : 'not a cookie',
  );
}

function write(
  cookie: CookieOptions = {},
  tokens: { maxAgeSeconds?: number; persistent?: boolean } = {},
): string[] {
  const { maxAgeSeconds = 604_800, persistent = true } = tokens;
  return linesOf(
    transportWith(cookie).write({
      sessionToken: TOKEN,
      maxAgeSeconds,
      persistent,
    }),
  );
}

function clear(cookie: CookieOptions = {}): string[] {
  return linesOf(transportWith(cookie).clear());
}

describe('the cookie transport', () => {
  describe('writes', () => {
    it.each<[what: string, cookie: CookieOptions, line: string]>([
      [
        'S-070, S-080: a host cookie with everything explicit by default',
        {},
        `__Host-Http-session=${TOKEN}; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax`,
      ],
      [
        'S-070: a secure cookie where it has a domain',
        { domain: 'example.com' },
        `__Secure-session=${TOKEN}; Max-Age=604800; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax`,
      ],
      [
        'S-070: a secure cookie where it has a path',
        { path: '/app' },
        `__Secure-session=${TOKEN}; Max-Age=604800; Path=/app; HttpOnly; Secure; SameSite=Lax`,
      ],
      [
        'S-070: a cookie without a prefix where it is not secure',
        { secure: false },
        `session=${TOKEN}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax`,
      ],
      [
        'S-163: the name that was configured',
        { name: 'id' },
        `id=${TOKEN}; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax`,
      ],
      [
        'S-080: SameSite=Strict',
        { sameSite: 'strict' },
        `__Host-Http-session=${TOKEN}; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict`,
      ],
      [
        'S-080: SameSite=None with Secure',
        { sameSite: 'none' },
        `__Host-Http-session=${TOKEN}; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=None`,
      ],
      [
        'Partitioned',
        { partitioned: true },
        `__Host-Http-session=${TOKEN}; Max-Age=604800; Path=/; HttpOnly; Secure; Partitioned; SameSite=Lax`,
      ],
    ])('%s', (_what, cookie, line) => {
      expect(write(cookie)).toEqual([line]);
    });

    it('no Max-Age for a session that ends with the browser', () => {
      expect(write({}, { persistent: false })).toEqual([
        `__Host-Http-session=${TOKEN}; Path=/; HttpOnly; Secure; SameSite=Lax`,
      ]);
    });

    it('S-079: the seconds to the end of the session as Max-Age', () => {
      expect(write({}, { maxAgeSeconds: 1 })[0]).toBe(
        `__Host-Http-session=${TOKEN}; Max-Age=1; Path=/; HttpOnly; Secure; SameSite=Lax`,
      );
    });

    it('S-081: the token, behind the end of each cookie that it once set for another domain', () => {
      expect(
        write({ formerDomains: ['example.com', 'old.example.com'] }),
      ).toEqual([
        '__Secure-session=; Max-Age=0; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax',
        '__Secure-session=; Max-Age=0; Domain=old.example.com; Path=/; HttpOnly; Secure; SameSite=Lax',
        `__Host-Http-session=${TOKEN}; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax`,
      ]);
    });

    it('S-081: the end of a former cookie under a name that the application chose', () => {
      expect(write({ name: 'id', formerDomains: ['example.com'] })).toEqual([
        'id=; Max-Age=0; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax',
        `id=${TOKEN}; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax`,
      ]);
    });

    it('S-076: a token as it is, without quotes or percent-encoding', () => {
      const [line = ''] = write();
      const value = line.slice(
        '__Host-Http-session='.length,
        line.indexOf(';'),
      );
      expect(value).toBe(TOKEN);
      expect(value).toMatch(/^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/);
    });
  });

  describe('S-081: clears', () => {
    it.each<[what: string, cookie: CookieOptions, lines: string[]]>([
      [
        'a host cookie',
        {},
        [
          '__Host-Http-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
        ],
      ],
      [
        'a cookie with a domain, a path and a partition',
        {
          domain: 'example.com',
          path: '/app',
          sameSite: 'none',
          partitioned: true,
        },
        [
          '__Secure-session=; Max-Age=0; Domain=example.com; Path=/app; HttpOnly; Secure; Partitioned; SameSite=None',
        ],
      ],
      [
        'a cookie that is not secure',
        { secure: false, sameSite: 'strict' },
        ['session=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict'],
      ],
      [
        'the cookies of former domains too',
        { domain: 'app.example.com', formerDomains: ['example.com'] },
        [
          '__Secure-session=; Max-Age=0; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax',
          '__Secure-session=; Max-Age=0; Domain=app.example.com; Path=/; HttpOnly; Secure; SameSite=Lax',
        ],
      ],
    ])('%s', (_what, cookie, lines) => {
      expect(clear(cookie)).toEqual(lines);
    });
  });

  describe('for every combination of options', () => {
    const combinations = [undefined, 'example.com'].flatMap((domain) =>
      ['/', '/app'].flatMap((path) =>
        [true, false].flatMap((secure) =>
          (['lax', 'strict', 'none'] as const).flatMap((sameSite) =>
            [true, false].flatMap((partitioned) =>
              [true, false].map((persistent) => ({
                domain,
                path,
                secure,
                sameSite,
                partitioned,
                persistent,
              })),
            ),
          ),
        ),
      ),
    );
    const usable = combinations.filter(
      ({ secure, sameSite, partitioned }) =>
        secure || (sameSite !== 'none' && !partitioned),
    );
    const title = (options: object) =>
      Object.entries(options)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ');

    it.each(usable.map((options) => [title(options), options] as const))(
      'S-074, S-080, S-081: writes the exact line, and repeats it when it clears: %s',
      (_title, { persistent, domain, ...others }) => {
        const cookie = { ...others, ...(domain && { domain }) };
        const name = !cookie.secure
          ? 'session'
          : domain || cookie.path !== '/'
            ? '__Secure-session'
            : '__Host-Http-session';
        const sameSite = { lax: 'Lax', strict: 'Strict', none: 'None' };
        const attributes = [
          ...(domain ? [`Domain=${domain}`] : []),
          `Path=${cookie.path}`,
          'HttpOnly',
          ...(cookie.secure ? ['Secure'] : []),
          ...(cookie.partitioned ? ['Partitioned'] : []),
          `SameSite=${sameSite[cookie.sameSite]}`,
        ];
        const maxAge = persistent ? ['Max-Age=60'] : [];
        expect(write(cookie, { maxAgeSeconds: 60, persistent })).toEqual([
          [`${name}=${TOKEN}`, ...maxAge, ...attributes].join('; '),
        ]);
        expect(clear(cookie)).toEqual([
          [`${name}=`, 'Max-Age=0', ...attributes].join('; '),
        ]);
      },
    );

    it('covers each of them', () => {
      expect(usable).toHaveLength(64);
    });

    it.each(
      combinations
        .filter((options) => options.persistent && !usable.includes(options))
        .map((options) => [title(options), options] as const),
    )(
      'A-111: stops the boot where browsers would drop the cookie: %s',
      (_title, { domain, path, secure, sameSite, partitioned }) => {
        const cookie = { path, secure, sameSite, partitioned };
        expect(() =>
          transportWith({ ...cookie, ...(domain && { domain }) }),
        ).toThrow(SessionConfigError);
      },
    );
  });

  it('S-073: knows no attribute value of more than 1,024 bytes', () => {
    const path = `/${'p'.repeat(1_023)}`;
    expect(write({ path })[0]).toContain(`; Path=${path};`);
    expect(() => transportWith({ path: `${path}p` })).toThrow(
      SessionConfigError,
    );
    expect(() =>
      transportWith({ domain: `${'d'.repeat(63)}.`.repeat(17) }),
    ).toThrow(SessionConfigError);
  });

  describe('reads', () => {
    const transport = transportWith();
    const read = (cookie: string | string[] | undefined) =>
      transport.read({ headers: { cookie } });

    it.each<[what: string, cookie: string | undefined, token: unknown]>([
      ['nothing without a Cookie header', undefined, undefined],
      ['its own cookie', `a=1; __Host-Http-session=${TOKEN}`, TOKEN],
      [
        'S-071: no cookie of its name in another case',
        `__host-session=${TOKEN}`,
        undefined,
      ],
      [
        'S-162: no cookie of another name',
        `session=${TOKEN}; __Secure-session=${TOKEN}`,
        undefined,
      ],
      [
        'A-102: an ambiguity where there are two',
        `__Host-Http-session=${TOKEN}; __Host-Http-session=${TOKEN}`,
        AMBIGUOUS_TOKEN,
      ],
    ])('%s', (_what, cookie, token) => {
      expect(read(cookie)).toBe(token);
    });

    it('S-162: no Authorization header', () => {
      expect(
        transport.read({ headers: { authorization: `Bearer ${TOKEN}` } }),
      ).toBeUndefined();
    });
  });

  it('is sent by browsers on its own, and caches must key by it', () => {
    const { name, ambient, varyBy } = transportWith();
    expect({ name, ambient, varyBy }).toEqual({
      name: 'cookie',
      ambient: true,
      varyBy: 'Cookie',
    });
  });
});

describe('the cookie transport with refresh tokens', () => {
  const REFRESH_TOKEN = 'cmVmcmVzaA.cGF5bG9hZA.c2lnbmF0dXJl';
  const NAME = '__Host-Http-session-refresh';

  function pairWith(
    cookie: CookieOptions = {},
    refreshCookie: CookieOptions = {},
  ): CookieTransport {
    const options = resolveOptions({
      secret: SECRET,
      cookie,
      refreshToken: { cookie: refreshCookie },
    });
    const [transport] = createTransports(options);
    return transport as CookieTransport;
  }

  const tokens = {
    sessionToken: TOKEN,
    maxAgeSeconds: 900,
    persistent: true,
    refresh: { token: REFRESH_TOKEN, maxAgeSeconds: 604_800 },
  };

  it('S-070, S-080: writes two cookies, each with the seconds to the end of its own token', () => {
    expect(linesOf(pairWith().write(tokens))).toEqual([
      `__Host-Http-session=${TOKEN}; Max-Age=900; Path=/; HttpOnly; Secure; SameSite=Lax`,
      `${NAME}=${REFRESH_TOKEN}; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax`,
    ]);
  });

  it('writes neither with a Max-Age for a session that ends with the browser', () => {
    expect(linesOf(pairWith().write({ ...tokens, persistent: false }))).toEqual(
      [
        `__Host-Http-session=${TOKEN}; Path=/; HttpOnly; Secure; SameSite=Lax`,
        `${NAME}=${REFRESH_TOKEN}; Path=/; HttpOnly; Secure; SameSite=Lax`,
      ],
    );
  });

  it('leaves the refresh cookie alone where a new session token comes without one', () => {
    const { refresh: _, ...alone } = tokens;
    expect(linesOf(pairWith().write(alone))).toEqual([
      `__Host-Http-session=${TOKEN}; Max-Age=900; Path=/; HttpOnly; Secure; SameSite=Lax`,
    ]);
  });

  it('writes no refresh cookie where the module has none', () => {
    expect(linesOf(transportWith().write(tokens))).toEqual([
      `__Host-Http-session=${TOKEN}; Max-Age=900; Path=/; HttpOnly; Secure; SameSite=Lax`,
    ]);
  });

  it('gives the refresh cookie its own attributes', () => {
    const pair = pairWith(
      { domain: 'app.example' },
      { path: '/auth', sameSite: 'strict', name: 'rid', secure: false },
    );
    expect(linesOf(pair.write(tokens))).toEqual([
      `__Secure-session=${TOKEN}; Max-Age=900; Domain=app.example; Path=/; HttpOnly; Secure; SameSite=Lax`,
      `rid=${REFRESH_TOKEN}; Max-Age=604800; Domain=app.example; Path=/auth; HttpOnly; SameSite=Strict`,
    ]);
  });

  it('S-081: clears both, with every attribute of each', () => {
    expect(linesOf(pairWith().clear())).toEqual([
      '__Host-Http-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
      `${NAME}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax`,
    ]);
    const pair = pairWith(
      { partitioned: true, sameSite: 'none' },
      { path: '/auth', partitioned: false, sameSite: 'strict' },
    );
    expect(linesOf(pair.clear())).toEqual([
      '__Host-Http-session=; Max-Age=0; Path=/; HttpOnly; Secure; Partitioned; SameSite=None',
      '__Secure-session-refresh=; Max-Age=0; Path=/auth; HttpOnly; Secure; SameSite=Strict',
    ]);
  });

  it('S-081: ends the cookies of former domains under both names, when it writes and when it clears', () => {
    const pair = pairWith({ formerDomains: ['example.com'] });
    const former = ['session', 'session-refresh'].map(
      (name) =>
        `__Secure-${name}=; Max-Age=0; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax`,
    );
    expect(linesOf(pair.write(tokens))).toEqual([
      former[0],
      `__Host-Http-session=${TOKEN}; Max-Age=900; Path=/; HttpOnly; Secure; SameSite=Lax`,
      former[1],
      `${NAME}=${REFRESH_TOKEN}; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax`,
    ]);
    expect(linesOf(pair.clear())).toEqual([
      former[0],
      '__Host-Http-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
      former[1],
      `${NAME}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax`,
    ]);
    // A session token that comes alone says nothing of the refresh cookie of a former domain.
    const { refresh: _, ...alone } = tokens;
    expect(linesOf(pair.write(alone))).toHaveLength(2);
  });

  it('S-081: has former domains of the refresh cookie alone, too', () => {
    const lines = linesOf(
      pairWith({}, { formerDomains: ['example.com'] }).clear(),
    );
    expect(lines).toHaveLength(3);
    expect(lines[1]).toBe(
      '__Secure-session-refresh=; Max-Age=0; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax',
    );
  });

  describe('reads', () => {
    const pair = pairWith();
    const session = `__Host-Http-session=${TOKEN}`;
    const refresh = `${NAME}=${REFRESH_TOKEN}`;

    it.each<[string, string | undefined, unknown, unknown]>([
      ['nothing', undefined, undefined, undefined],
      ['both', `${session}; ${refresh}`, TOKEN, REFRESH_TOKEN],
      [
        'both the other way round',
        `${refresh};${session}`,
        TOKEN,
        REFRESH_TOKEN,
      ],
      ['the session cookie alone', session, TOKEN, undefined],
      ['the refresh cookie alone', refresh, undefined, REFRESH_TOKEN],
      [
        'A-102: two refresh cookies as an ambiguity, which the session token is not',
        `${session}; ${refresh}; ${refresh}`,
        TOKEN,
        AMBIGUOUS_TOKEN,
      ],
      [
        'A-102: two session cookies as an ambiguity, which the refresh token is not',
        `${session}; ${refresh}; ${session}`,
        AMBIGUOUS_TOKEN,
        REFRESH_TOKEN,
      ],
      [
        'S-071: no refresh cookie of another case or prefix',
        `__host-session-refresh=x; __Secure-session-refresh=x; session-refresh=x`,
        undefined,
        undefined,
      ],
      ['no cookie of a longer name', `${NAME}-2=x`, undefined, undefined],
    ])('%s', (_what, cookie, token, refreshToken) => {
      const facts = { headers: { cookie } };
      expect(pair.read(facts)).toBe(token);
      expect(pair.readRefresh(facts)).toBe(refreshToken);
    });

    it('no refresh cookie where the module has none', () => {
      const facts = { headers: { cookie: `${session}; ${refresh}` } };
      expect(transportWith().readRefresh(facts)).toBeUndefined();
      expect(transportWith().read(facts)).toBe(TOKEN);
    });
  });
});

describe('the leftovers that the cookie transport clears', () => {
  interface Case {
    cookie?: CookieOptions;
    refresh?: CookieOptions;
    csrf?: string;
    url?: string;
    originalUrl?: string;
    header: string;
  }

  function transportOf({ cookie = {}, refresh, csrf }: Case): CookieTransport {
    const [transport] = createTransports(
      resolveOptions({
        secret: SECRET,
        cookie,
        ...(refresh && { refreshToken: { cookie: refresh } }),
        csrf: { token: csrf === undefined ? false : { cookie: csrf } },
      }),
    );
    return transport as CookieTransport;
  }

  function leftoversOf(given: Case): string[] {
    const { header, url = '/', originalUrl } = given;
    return linesOf(
      transportOf(given).clearLeftovers({
        url,
        originalUrl,
        headers: { cookie: header },
      }),
    );
  }

  /** Name, domain, path and partition of lines. */
  const shapesOf = (lines: string[]): string[] =>
    lines.map((line) =>
      line
        .split('; ')
        .map((part) => part.replace(/^(?:Domain|Path)=/, ''))
        .filter(
          (part) => !/^(?:Max-Age=0|HttpOnly|Secure|SameSite=.*)$/.test(part),
        )
        .join(' '),
    );

  const doubled = (...names: string[]): string =>
    names.map((name) => `${name}=a; ${name}=b`).join('; ');

  it('repeat the attributes, and are what browsers accept', () => {
    expect(
      leftoversOf({ header: doubled('__Host-Http-session'), cookie: {} }),
    ).toEqual([
      '__Host-Http-session=; Max-Age=0; Path=/; HttpOnly; Secure; Partitioned; SameSite=None',
    ]);
    expect(
      leftoversOf({
        header: doubled('__Host-Http-session'),
        cookie: { sameSite: 'none', partitioned: true },
      }),
    ).toEqual([
      '__Host-Http-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=None',
    ]);
    // Whatever is Secure now: only such cookies were ever partitioned.
    expect(
      leftoversOf({ header: doubled('session'), cookie: { secure: false } }),
    ).toEqual([
      'session=; Max-Age=0; Path=/; HttpOnly; Secure; Partitioned; SameSite=None',
    ]);
  });

  it.each<[what: string, given: Case, shapes: string[]]>([
    ['nothing without a cookie', { header: 'a=b' }, []],
    [
      'nothing where each is there once',
      {
        refresh: {},
        header:
          '__Host-Http-session=a; __Host-Http-session-refresh=b; XSRF-TOKEN=c',
        csrf: 'XSRF-TOKEN',
      },
      [],
    ],
    [
      'the other partition alone of a name that is bound to the host, below any path',
      { header: doubled('__Host-Http-session'), url: '/a/b' },
      ['__Host-Http-session= / Partitioned'],
    ],
    [
      'all three cookies when one of them is doubled',
      {
        refresh: {},
        csrf: 'XSRF-TOKEN',
        header: `${doubled('__Host-Http-session-refresh')}; __Host-Http-session=a`,
      },
      [
        '__Host-Http-session= / Partitioned',
        '__Host-Http-session-refresh= / Partitioned',
        'XSRF-TOKEN= / Partitioned',
      ],
    ],
    [
      'the cookie of this host alone, where there is a domain',
      {
        cookie: { domain: 'app.example' },
        header: doubled('__Secure-session'),
      },
      [
        '__Secure-session= app.example / Partitioned',
        '__Secure-session= /',
        '__Secure-session= / Partitioned',
      ],
    ],
    [
      'former domains in the other partition, and below each path',
      {
        cookie: { name: 'id', formerDomains: ['old.example'] },
        header: doubled('id'),
        url: '/a?b=/c',
      },
      [
        'id= / Partitioned',
        'id= /a',
        'id= old.example / Partitioned',
        'id= /a Partitioned',
        'id= old.example /a',
        'id= old.example /a Partitioned',
      ],
    ],
    [
      'each parent of the path of the request',
      {
        cookie: { path: '/app' },
        header: doubled('__Secure-session'),
        url: '/app/me/',
      },
      [
        '__Secure-session= /app Partitioned',
        '__Secure-session= /',
        '__Secure-session= /app/',
        '__Secure-session= /app/me',
        '__Secure-session= /app/me/',
        '__Secure-session= / Partitioned',
        '__Secure-session= /app/ Partitioned',
        '__Secure-session= /app/me Partitioned',
        '__Secure-session= /app/me/ Partitioned',
      ],
    ],
    [
      'by the path that the browser knows, not by what a router left of it',
      {
        cookie: { name: 'id', partitioned: true },
        header: doubled('id'),
        url: '/me',
        originalUrl: '/app/me',
      },
      [
        'id= /',
        'id= /app Partitioned',
        'id= /app/ Partitioned',
        'id= /app/me Partitioned',
        'id= /app',
        'id= /app/',
        'id= /app/me',
      ],
    ],
    [
      'a cookie that is not sent here at its own path alone',
      {
        refresh: { path: '/session' },
        header: doubled('__Host-Http-session'),
        url: '/a',
      },
      [
        '__Host-Http-session= / Partitioned',
        '__Secure-session-refresh= /session Partitioned',
      ],
    ],
    [
      'a CSRF cookie without the session that it belongs to, which had another name',
      {
        cookie: { domain: 'app.example' },
        csrf: 'XSRF-TOKEN',
        header: 'XSRF-TOKEN=a; __Host-Http-session=b',
      },
      [
        'XSRF-TOKEN= app.example / Partitioned',
        'XSRF-TOKEN= /',
        'XSRF-TOKEN= / Partitioned',
      ],
    ],
  ])('are %s', (_what, given, shapes) => {
    expect(shapesOf(leftoversOf(given))).toEqual(shapes);
  });

  it.each([
    ['a line of its own', '/a\r\nSet-Cookie: x=y/b'],
    ['an attribute', '/a;Domain=evil.example/b'],
    ['a comma', '/a,b/c'],
    ['a character that no path has', '/ä/b'],
    ['an absolute address', 'https://app.example/a/b'],
    ['an asterisk', '*'],
    ['nothing', ''],
  ])('stop at %s in the path of the request', (_what, url) => {
    const header = doubled('id');
    const found = shapesOf(
      leftoversOf({ cookie: { name: 'id' }, header, url }),
    );
    expect(found.toSorted()).toEqual(['id= / Partitioned']);
  });

  it.each<[what: string, given: Case]>([
    [
      'a deep path',
      {
        cookie: { name: 'id', domain: 'app.example' },
        refresh: {},
        csrf: 'XSRF-TOKEN',
        header: doubled('id', 'id-refresh', 'XSRF-TOKEN'),
        url: '/a'.repeat(5_000),
      },
    ],
    [
      'long segments',
      {
        cookie: { name: 'id', domain: 'app.example' },
        refresh: {},
        header: doubled('id', 'id-refresh'),
        url: `/${'a'.repeat(900)}/${'b'.repeat(900)}`,
      },
    ],
    [
      'many former domains',
      {
        cookie: {
          name: 'id',
          formerDomains: Array.from({ length: 12 }, (_, i) => `d${i}.example`),
        },
        header: doubled('id'),
        url: '/a/b/c',
      },
    ],
    [
      'hundreds of cookies',
      {
        cookie: { name: 'id', domain: 'app.example' },
        header: 'id=a; '.repeat(500),
        url: '/a/b/c/d',
      },
    ],
  ])('are bounded together with what is cleared anyway: %s', (_what, given) => {
    const lines = [
      ...linesOf(transportOf(given).clear()),
      ...leftoversOf(given),
    ];
    const bytes = lines.reduce((sum, line) => sum + line.length, 0);
    expect(lines.length).toBeLessThanOrEqual(16);
    expect(bytes).toBeLessThanOrEqual(2_048);
    expect(new Set(shapesOf(lines)).size).toBe(lines.length);
    // What one change of the options leaves behind comes first.
    expect(shapesOf(lines)).toContain(
      given.cookie?.domain
        ? 'id= app.example / Partitioned'
        : 'id= / Partitioned',
    );
  });
});

describe('all tokens that the cookie transport reads', () => {
  it('are the values of each name, in their order', () => {
    const [transport] = createTransports(
      resolveOptions({ secret: SECRET, refreshToken: {} }),
    );
    const facts = (cookie?: string) => ({ headers: { cookie } });
    const all =
      '__Host-Http-session=a; __Host-Http-session-refresh=b;__Host-Http-session = c ; x__Host-Http-session=d; __Host-Http-session-refresh=';
    expect(transport?.readAll?.(facts(all))).toEqual(['a', 'c']);
    expect(transport?.readAllRefresh?.(facts(all))).toEqual(['b', '']);
    expect(transport?.readAll?.(facts())).toEqual([]);
    expect(transportWith().readAllRefresh(facts(all))).toEqual([]);
  });
});
