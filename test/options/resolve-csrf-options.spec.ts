import type { Transport } from '../../lib/ports/transport.js';
import {
  at,
  faultsOf,
  faultyPathsOf,
  resolve,
  THIRD_SECRET,
} from './faults.js';
import { keyPairs } from '../support/key-pairs.js';
import { SECRET } from '../support/secrets.js';
import { rows } from '../support/titles.js';

function ownTransport(ambient?: boolean, name = 'own'): Transport {
  return {
    name,
    ...(ambient !== undefined && { ambient }),
    read: () => undefined,
    write: () => [],
    clear: () => [],
  };
}

const OFF = { origin: false };

describe('an application without any protection against other sites', () => {
  it.each([
    ['SameSite=None', { cookie: { sameSite: 'none' }, csrf: OFF }],
    [
      'SameSite=None and the header technique explicitly off',
      { cookie: { sameSite: 'none' }, csrf: { origin: false, header: false } },
    ],
    [
      'SameSite=None beside the header transport',
      {
        transport: ['header', 'cookie'],
        cookie: { sameSite: 'none' },
        csrf: OFF,
      },
    ],
    [
      'SameSite=None on the cookie of the refresh token alone',
      { refreshToken: { cookie: { sameSite: 'none' } }, csrf: OFF },
    ],
    [
      'SameSite=None that the cookie of the refresh token does not take over',
      {
        cookie: { sameSite: 'none' },
        refreshToken: { cookie: { sameSite: 'strict' } },
        csrf: OFF,
      },
    ],
    ['SameSite=Lax', { csrf: OFF }],
    ['SameSite=Strict', { cookie: { sameSite: 'strict' }, csrf: OFF }],
    [
      'SameSite=Lax on both cookies',
      { refreshToken: { cookie: { sameSite: 'lax' } }, csrf: OFF },
    ],
    [
      'SameSite=Lax beside the header transport',
      { transport: ['header', 'cookie'], csrf: OFF },
    ],
    [
      'SameSite=Lax, though all is off by false',
      { csrf: { ...OFF, header: false, token: false } },
    ],
    [
      'SameSite=None, verify only',
      { verifyOnly: true, cookie: { sameSite: 'none' }, csrf: OFF },
    ],
    ['an ambient transport', { transport: ownTransport(true), csrf: OFF }],
    [
      'a transport that does not say whether it is ambient',
      { transport: ownTransport(), csrf: OFF },
    ],
    [
      'an ambient transport beside others',
      { transport: ['header', ownTransport(true)], csrf: OFF },
    ],
  ])('does not start with %s', (_case, options: object) => {
    const faults = faultsOf({ secret: SECRET, ...options });
    expect(faults).toEqual([
      expect.stringMatching(
        /^csrf: every technique is off.*; remove `origin: false`.*, or set csrf\.header$/,
      ),
    ]);
  });

  it('is told of each ambient transport by name', () => {
    const faults = faultsOf({
      secret: SECRET,
      transport: [
        ownTransport(true, 'first'),
        ownTransport(false, 'second'),
        ownTransport(undefined, 'third'),
      ],
      csrf: OFF,
    });
    expect(faults).toHaveLength(2);
    expect(faults[0]).toContain("'first'");
    expect(faults[1]).toContain("'third'");
  });

  it.each([
    ['lax', 'cookie'],
    ['strict', 'cookie'],
    ['none', 'cookie'],
    ['lax', ownTransport(true)],
    ['lax', ['header', ownTransport()]],
  ])(
    'does not start with a CSRF token alone, which a sign-in cannot have yet (SameSite=%s, transport %j)',
    (sameSite, transport) => {
      const csrf = { origin: false, token: true };
      const options = { transport, cookie: { sameSite }, csrf };
      expect(faultsOf({ secret: SECRET, ...options })).toEqual([
        expect.stringMatching(
          /^csrf: csrf\.token alone leaves sign-in open.*; remove `origin: false`.*, or set csrf\.header$/,
        ),
      ]);
    },
  );

  it.each([
    ['SameSite=Lax, verify only', { verifyOnly: true, csrf: OFF }],
    [
      'SameSite=None and a CSRF token, verify only',
      {
        verifyOnly: true,
        cookie: { sameSite: 'none' },
        csrf: { origin: false, token: true },
      },
    ],
    [
      'an ambient transport and a CSRF token, verify only',
      {
        verifyOnly: true,
        transport: ownTransport(),
        csrf: { origin: false, token: true },
      },
    ],
    [
      'a CSRF token alone, which no transport needs',
      { transport: 'header', csrf: { origin: false, token: true } },
    ],
    [
      'SameSite=None and a CSRF token beside origins',
      { cookie: { sameSite: 'none' }, csrf: { token: true } },
    ],
    [
      'SameSite=None and a CSRF token beside a custom header',
      {
        cookie: { sameSite: 'none' },
        csrf: { origin: false, header: 'X-CSRF', token: true },
      },
    ],
    [
      'SameSite=Lax and a custom header',
      { csrf: { origin: false, header: 'X-CSRF' } },
    ],
    [
      'SameSite=None and a custom header',
      {
        cookie: { sameSite: 'none' },
        csrf: { origin: false, header: 'X-CSRF' },
      },
    ],
    [
      'SameSite=None and origins',
      { cookie: { sameSite: 'none' }, csrf: { origin: true } },
    ],
    [
      'SameSite=None on the cookie of the refresh token and a custom header',
      {
        refreshToken: { cookie: { sameSite: 'none' } },
        csrf: { origin: false, header: 'X-CSRF' },
      },
    ],
    [
      'SameSite=None on the cookie of the refresh token, which the header transport never sets',
      {
        transport: 'header',
        refreshToken: { cookie: { sameSite: 'none' } },
        csrf: OFF,
      },
    ],
    [
      'the header transport alone',
      { transport: 'header', cookie: { sameSite: 'none' }, csrf: OFF },
    ],
    [
      'a transport that is not ambient',
      { transport: ownTransport(false), csrf: OFF },
    ],
    [
      'an ambient transport and a custom header',
      {
        transport: ownTransport(true),
        csrf: { origin: false, header: 'X-CSRF' },
      },
    ],
  ])('starts with %s', (_case, options: object) => {
    expect(faultyPathsOf(options)).toEqual([]);
  });
});

describe.each([['csrf.header'], ['csrf.token.header']])(
  'the option %s',
  (path) => {
    const given = (header: string) => at(path, header);

    it.each(
      rows([
        'Cookie',
        'Origin',
        'Referer',
        'Host',
        'User-Agent',
        'Accept',
        'Accept-Language',
        'Accept-Encoding',
        'Content-Type',
        'CONTENT-TYPE',
        'Content-Language',
        'Content-Length',
        'Connection',
        'Cache-Control',
        'Pragma',
        'Range',
        'TE',
        'Via',
        'DNT',
        'Priority',
        'Upgrade-Insecure-Requests',
        'Sec-Fetch-Site',
        'Sec-Fetch-Mode',
        'Sec-CH-UA',
        'Sec-Anything',
        'Proxy-Authorization',
        'Access-Control-Request-Method',
      ]),
    )(
      'stops the boot when it is %s: browsers send that for any site',
      (_title, header) => {
        expect(faultyPathsOf(given(header))).toEqual([path]);
      },
    );

    it('stops the boot when it is Authorization: browsers add cached Basic credentials for any site', () => {
      expect(faultyPathsOf(given('Authorization'))).toEqual([path]);
    });

    it.each(['X-CSRF', 'X-Requested-With', 'X-Accept', 'Security', 'Secret'])(
      'may be %s',
      (header) => {
        const { headerName, token } = resolve(given(header)).csrf;
        expect(headerName ?? token?.headerName).toBe(header.toLowerCase());
      },
    );
  },
);

describe('the option csrf.token', () => {
  it.each<[title: string, csrf: object | undefined]>([
    ['by default', undefined],
    ['beside others', { header: 'X-CSRF' }],
    ['with false', { token: false }],
  ])('is off %s', (_title, csrf) => {
    expect(resolve({ csrf }).csrf.token).toBeUndefined();
  });

  it.each([[true], [{}]])(
    'as %j reads the header X-CSRF-Token and the field _csrf, and writes no cookie',
    (token) => {
      expect(resolve({ csrf: { token } }).csrf.token).toEqual({
        headerName: 'x-csrf-token',
        fieldName: '_csrf',
        cookie: undefined,
      });
    },
  );

  it('leaves the other techniques as they are', () => {
    const { csrf } = resolve({ csrf: { token: true } });
    expect(csrf).toMatchObject({ checksOrigin: true, headerName: undefined });
  });

  it('takes names of its own', () => {
    const token = { header: 'X-XSRF-TOKEN', field: 'csrf', cookie: 'XSRF' };
    expect(resolve({ csrf: { token } }).csrf.token).toMatchObject({
      headerName: 'x-xsrf-token',
      fieldName: 'csrf',
      cookie: { name: 'XSRF' },
    });
  });

  it.each(rows(['true', 1, null, [], 'X-CSRF-Token']))(
    'stops the boot when it is %s',
    (_title, token) => {
      expect(faultyPathsOf({ csrf: { token } })).toEqual(['csrf.token']);
    },
  );

  it('stops the boot with an unknown name in it', () => {
    expect(faultsOf({ secret: SECRET, ...at('csrf.token.name', 'x') })).toEqual(
      [expect.stringMatching(/^csrf\.token\.name: unknown option/)],
    );
  });

  it.each<[path: string, value: unknown]>([
    ['csrf.token.header', ''],
    ['csrf.token.header', 'X CSRF'],
    ['csrf.token.header', false],
    ['csrf.token.field', ''],
    ['csrf.token.field', '__proto__'],
    ['csrf.token.field', 'user[csrf]'],
    ['csrf.token.field', 1],
    ['csrf.token.cookie', ''],
    ['csrf.token.cookie', 'XSRF TOKEN'],
    ['csrf.token.cookie', 'XSRF;'],
    ['csrf.token.cookie', 'XSRF\r\n'],
    ['csrf.token.cookie', true],
    ['csrf.token.cookie', {}],
  ])('names %s when it is %j', (path, value) => {
    expect(faultyPathsOf(at(path, value))).toEqual([path]);
  });

  it('tells every fault at once', () => {
    const token = { header: 'Cookie', field: '', cookie: '__Http-x', more: 1 };
    expect(faultyPathsOf({ csrf: { token } })).toEqual([
      'csrf.token.more',
      'csrf.token.header',
      'csrf.token.field',
      'csrf.token.cookie',
    ]);
  });

  describe('with a cookie for scripts', () => {
    const cookieOf = (options: object, name = 'XSRF-TOKEN') =>
      resolve({ ...options, csrf: { token: { cookie: name } } }).csrf.token
        ?.cookie;

    it.each<[what: string, cookie: object]>([
      ['the defaults', {}],
      [
        'a domain and a path',
        { domain: 'app.example', path: '/app', sameSite: 'strict' },
      ],
      ['no Secure', { secure: false }],
      ['Partitioned', { sameSite: 'none', partitioned: true }],
      ['former domains', { formerDomains: ['old.example'] }],
    ])('gives it the attributes of the session cookie: %s', (_what, cookie) => {
      expect(cookieOf({ cookie })).toEqual({
        ...resolve({ cookie }).cookie,
        name: 'XSRF-TOKEN',
      });
    });

    it.each([
      ['__Http-XSRF'],
      ['__Host-Http-XSRF'],
      ['__http-xsrf'],
      ['__HOST-HTTP-xsrf'],
    ])(
      'stops the boot with a prefix that hides it from scripts: %s',
      (cookie) => {
        const faults = faultsOf({
          secret: SECRET,
          csrf: { token: { cookie } },
        });
        expect(faults[0]).toMatch(
          /^csrf\.token\.cookie: expected a name without a prefix/,
        );
      },
    );

    it.each<[name: string, options: object, expected: string[]]>([
      ['__Host-XSRF', {}, []],
      ['__Secure-XSRF', {}, []],
      ['__Secure-XSRF', { cookie: { path: '/app' } }, []],
      ['__host-XSRF', {}, ['csrf.token.cookie']],
      ['__Host-XSRF', { cookie: { path: '/app' } }, ['csrf.token.cookie']],
      [
        '__Host-XSRF',
        { cookie: { domain: 'a.example' } },
        ['csrf.token.cookie'],
      ],
      ['__Secure-XSRF', { cookie: { secure: false } }, ['csrf.token.cookie']],
      ['__Host-Http-session', {}, ['csrf.token.cookie']],
      ['__Host-sid', { cookie: { name: '__Host-sid' } }, ['csrf.token.cookie']],
      [
        '__Host-rid',
        { refreshToken: { cookie: { name: '__Host-rid' } } },
        ['csrf.token.cookie'],
      ],
      [
        'own',
        { refreshToken: { cookie: { name: 'own' } } },
        ['csrf.token.cookie'],
      ],
    ])('named %s, with %j: faulty are %j', (cookie, options, expected) => {
      const csrf = { token: { cookie } };
      expect(faultyPathsOf({ ...options, csrf })).toEqual(expected);
    });
  });

  describe('needs something that its key can be derived from', () => {
    const { privateKey, publicKey } = keyPairs.ES256;
    const pair = { algorithm: 'ES256', privateKey, publicKey };
    const publicHalf = { algorithm: 'ES256', publicKey };
    const csrf = { token: true };

    it.each<[what: string, options: object, expected: string[]]>([
      ['keys alone', { keys: [pair], csrf }, ['derivedSecret']],
      [
        'keys and a secret of refresh tokens',
        { keys: [pair], refreshToken: { secret: THIRD_SECRET }, csrf },
        ['derivedSecret'],
      ],
      [
        'keys and a derived secret',
        { keys: [pair], derivedSecret: SECRET, csrf },
        [],
      ],
      ['keys, without the technique', { keys: [pair] }, []],
      [
        'public keys',
        { keys: [publicHalf], verifyOnly: true, csrf },
        ['csrf.token'],
      ],
      [
        'a JWKS',
        { verifyOnly: { jwksUri: 'https://id.example/jwks' }, csrf },
        ['csrf.token'],
      ],
      ['a secret', { secret: SECRET, csrf }, []],
      ['a secret, verify only', { secret: SECRET, verifyOnly: true, csrf }, []],
      ['a function that gives the secret', { secret: () => SECRET, csrf }, []],
      [
        'keys, and encrypted tokens with a key of their own',
        { encrypt: { key: SECRET }, csrf },
        [],
      ],
    ])('%s', (_what, options, expected) => {
      const paths = faultsOf(options).map((fault) => fault.split(':')[0]);
      expect(paths).toEqual(expected);
    });

    it('and is told how to make one, where one can be given', () => {
      const [fault] = faultsOf({ keys: [pair], csrf });
      expect(faultsOf({ keys: [publicHalf], verifyOnly: true, csrf })).toEqual([
        'csrf.token: needs a secret: public keys cannot check CSRF tokens',
      ]);
      expect(fault).toMatch(
        /^derivedSecret: is needed for csrf\.token.*random/,
      );
    });
  });
});

describe('the origins that can hold our cookie', () => {
  it('are known to be secure exactly when the cookie is', () => {
    expect(resolve().csrf.secureOrigins).toBe(true);
    expect(resolve({ cookie: { secure: false } }).csrf.secureOrigins).toBe(
      false,
    );
  });
});
