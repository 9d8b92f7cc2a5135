import type { Transport } from '../../lib/options/transport.js';
import { faultsOf, faultyPathsOf, resolve } from './faults.js';
import { SECRET } from '../support/test-app.js';
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
      expect.stringMatching(/^csrf: every technique is off/),
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
    ['SameSite=Lax', { csrf: OFF }],
    ['SameSite=Strict', { cookie: { sameSite: 'strict' }, csrf: OFF }],
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
      'SameSite=Lax on both cookies',
      { refreshToken: { cookie: { sameSite: 'lax' } }, csrf: OFF },
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

describe('the option csrf.header', () => {
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
      expect(faultyPathsOf({ csrf: { header } })).toEqual(['csrf.header']);
    },
  );

  it('stops the boot when it is Authorization: browsers add cached Basic credentials for any site', () => {
    expect(faultyPathsOf({ csrf: { header: 'Authorization' } })).toEqual([
      'csrf.header',
    ]);
  });

  it.each(['X-CSRF', 'X-Requested-With', 'X-Accept', 'Security', 'Secret'])(
    'may be %s',
    (header) => {
      expect(resolve({ csrf: { header } }).csrf.headerName).toBe(
        header.toLowerCase(),
      );
    },
  );
});

describe('the origins that can hold our cookie', () => {
  it('are known to be secure exactly when the cookie is', () => {
    expect(resolve().csrf.secureOrigins).toBe(true);
    expect(resolve({ cookie: { secure: false } }).csrf.secureOrigins).toBe(
      false,
    );
  });
});
