import { randomBytes } from 'node:crypto';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import type { HeaderOptions } from '../../lib/options/header-options.js';
import { AMBIGUOUS_TOKEN, type Transport } from '../../lib/ports/transport.js';
import { createTransports } from '../../lib/transports/create-transports.js';
import { HeaderTransport } from '../../lib/transports/header-transport.js';

const SECRET = randomBytes(32);
const TOKEN = 'aGVhZGVy.cGF5bG9hZA.c2lnbmF0dXJl';

function transportWith(header: HeaderOptions = {}): HeaderTransport {
  return new HeaderTransport(resolveOptions({ secret: SECRET, header }).header);
}

/** The facts of a request as node builds them: the first `Authorization` counts, others are joined. */
function facts(...lines: [name: string, value: string][]) {
  const headers: Record<string, string> = {};
  for (const [name, value] of lines) {
    const key = name.toLowerCase();
    const known = headers[key];
    headers[key] =
      known === undefined || key === 'authorization'
        ? (known ?? value)
        : `${known}, ${value}`;
  }
  return { headers, rawHeaders: lines.flat() };
}

describe('the header transport', () => {
  describe('reads', () => {
    it.each<[what: string, value: string, token: string | undefined]>([
      ['a bearer token', `Bearer ${TOKEN}`, TOKEN],
      ['A-047: the scheme in lower case', `bearer ${TOKEN}`, TOKEN],
      ['A-047: the scheme in upper case', `BEARER ${TOKEN}`, TOKEN],
      ['A-047: the scheme in mixed case', `bEARer ${TOKEN}`, TOKEN],
      ['A-047: nothing of another scheme', `Basic ${TOKEN}`, undefined],
      [
        'A-047: nothing where a tab follows the scheme',
        `Bearer\t${TOKEN}`,
        undefined,
      ],
      ['A-047: nothing of a longer scheme', `Bearers ${TOKEN}`, undefined],
      ['A-047: nothing without a scheme', TOKEN, undefined],
      [
        'A-047: nothing of a scheme without a blank',
        `Bearer${TOKEN}`,
        undefined,
      ],
      ['A-047: nothing of a scheme alone', 'Bearer', undefined],
      ['A-047: nothing of an empty header', '', undefined],
      [
        'A-047: a second blank as part of the token, which no token has',
        `Bearer  ${TOKEN}`,
        ` ${TOKEN}`,
      ],
      [
        'A-047: two comma-joined tokens as one, which no token is',
        `Bearer ${TOKEN}, Bearer ${TOKEN}`,
        `${TOKEN}, Bearer ${TOKEN}`,
      ],
      [
        'A-047: a doubled scheme as part of the token, which no token has',
        `Bearer Bearer ${TOKEN}`,
        `Bearer ${TOKEN}`,
      ],
      [
        'A-105: quotes as part of the token, which no token has',
        `Bearer "${TOKEN}"`,
        `"${TOKEN}"`,
      ],
    ])('%s', (_what, value, token) => {
      expect(transportWith().read(facts(['Authorization', value]))).toBe(token);
    });

    it('nothing without the header', () => {
      expect(transportWith().read(facts())).toBeUndefined();
    });

    it.each<[what: string, lines: [string, string][]]>([
      [
        'equal',
        [
          ['Authorization', `Bearer ${TOKEN}`],
          ['Authorization', `Bearer ${TOKEN}`],
        ],
      ],
      [
        'different',
        [
          ['Authorization', `Bearer ${TOKEN}`],
          ['Authorization', 'Bearer x'],
        ],
      ],
      [
        'in different cases',
        [
          ['authorization', `Bearer ${TOKEN}`],
          ['AUTHORIZATION', 'Bearer x'],
        ],
      ],
      [
        'the first of another scheme',
        [
          ['Authorization', 'Basic x'],
          ['Authorization', `Bearer ${TOKEN}`],
        ],
      ],
      [
        'the second of another scheme',
        [
          ['Authorization', `Bearer ${TOKEN}`],
          ['Authorization', 'Basic x'],
        ],
      ],
      [
        'with other headers between',
        [
          ['Authorization', `Bearer ${TOKEN}`],
          ['Accept', '*/*'],
          ['Authorization', 'Bearer x'],
        ],
      ],
    ])(
      'A-108: an ambiguity where node keeps the first of two Authorization headers in silence, %s',
      (_what, lines) => {
        expect(transportWith().read(facts(...lines))).toBe(AMBIGUOUS_TOKEN);
      },
    );

    it('one token next to a header with a longer name (A-108)', () => {
      const request = facts(
        ['Authorization', `Bearer ${TOKEN}`],
        ['Proxy-Authorization', 'Basic x'],
        ['X-Authorization', `Bearer ${TOKEN}`],
      );
      expect(transportWith().read(request)).toBe(TOKEN);
    });

    it('S-162: no cookie', () => {
      const request = facts(['Cookie', `__Host-Http-session=${TOKEN}`]);
      expect(transportWith().read(request)).toBeUndefined();
    });

    it('A-100: no header of another name', () => {
      const request = facts(['X-Access-Token', TOKEN]);
      expect(transportWith().read(request)).toBeUndefined();
    });

    it('another header and another scheme, where they are configured', () => {
      const transport = transportWith({ name: 'X-Auth', scheme: 'Session' });
      expect(transport.read(facts(['X-Auth', `session ${TOKEN}`]))).toBe(TOKEN);
      expect(
        transport.read(facts(['Authorization', `Bearer ${TOKEN}`])),
      ).toBeUndefined();
    });

    it('A-108: a whole header where no scheme is configured, and never two', () => {
      const transport = transportWith({ name: 'X-Auth', scheme: '' });
      expect(transport.read(facts(['X-Auth', TOKEN]))).toBe(TOKEN);
      expect(transport.read(facts(['X-Auth', TOKEN], ['x-auth', TOKEN]))).toBe(
        AMBIGUOUS_TOKEN,
      );
    });
  });

  const tokens = { sessionToken: TOKEN, maxAgeSeconds: 60, persistent: true };

  it('returns a re-issued token in the Session-Token header', () => {
    expect(transportWith().write(tokens)).toEqual([
      { kind: 'header', name: 'Session-Token', value: TOKEN },
    ]);
  });

  it('returns a re-issued token in the header that was configured', () => {
    const transport = transportWith({ renewedName: 'X-New-Token' });
    expect(transport.write(tokens)).toEqual([
      { kind: 'header', name: 'X-New-Token', value: TOKEN },
    ]);
  });

  it.each<[header: HeaderOptions, names: [string, string]]>([
    [{}, ['Session-Token', 'Session-Refresh-Token']],
    [{ renewedName: 'X-New' }, ['X-New', 'Session-Refresh-Token']],
    [{ renewedRefreshName: 'X-Next' }, ['Session-Token', 'X-Next']],
  ])('returns a pair of tokens in two headers: %j', (header, names) => {
    const refresh = { token: 'cmVmcmVzaA', maxAgeSeconds: 600 };
    expect(transportWith(header).write({ ...tokens, refresh })).toEqual([
      { kind: 'header', name: names[0], value: TOKEN },
      { kind: 'header', name: names[1], value: 'cmVmcmVzaA' },
    ]);
  });

  it('finds no refresh token in a request: clients hand it over in the body', () => {
    const transport: Transport = transportWith();
    expect(transport.readRefresh).toBeUndefined();
  });

  it('has nothing to clear: the client keeps its token itself', () => {
    expect(transportWith().clear()).toEqual([]);
  });

  it.each<[header: HeaderOptions, challenge: string]>([
    [{}, 'Bearer'],
    [{ scheme: 'Session' }, 'Session'],
    [{ scheme: '' }, 'Bearer'],
    [
      { resourceMetadata: 'https://api.example/meta' },
      'Bearer resource_metadata="https://api.example/meta"',
    ],
  ])('challenges by its scheme: %j', (header, challenge) => {
    expect(transportWith(header).challenge).toBe(challenge);
  });

  it('A-134: is not sent by browsers on its own', () => {
    expect(transportWith().ambient).toBe(false);
  });

  it.each<
    [
      what: string,
      header: HeaderOptions,
      lines: [string, string][],
      proves: boolean,
    ]
  >([
    ['a bearer token', {}, [['Authorization', `Bearer ${TOKEN}`]], true],
    ['what only looks like one', {}, [['Authorization', 'Bearer x']], true],
    [
      'two of them',
      {},
      [
        ['Authorization', 'Bearer x'],
        ['Authorization', 'Bearer y'],
      ],
      true,
    ],
    ['nothing', {}, [], false],
    [
      'what browsers send on their own',
      {},
      [['Authorization', 'Basic eA==']],
      false,
    ],
    [
      'what browsers send on their own, where no scheme is configured',
      { scheme: '' },
      [['Authorization', 'Basic eA==']],
      false,
    ],
    ...['Basic', 'BASIC', 'Digest', 'Negotiate', 'NTLM'].map(
      (scheme): [string, HeaderOptions, [string, string][], boolean] => [
        `the scheme ${scheme}`,
        { scheme },
        [['Authorization', `${scheme} x`]],
        false,
      ],
    ),
    [
      'a header of its own',
      { name: 'X-Session', scheme: '' },
      [['X-Session', 'x']],
      true,
    ],
    [
      'no header of its own',
      { name: 'X-Session', scheme: '' },
      [['Authorization', 'Bearer x']],
      false,
    ],
    [
      'a header that forms can fill in',
      { name: 'Content-Type', scheme: '' },
      [['Content-Type', 'text/plain']],
      false,
    ],
  ])(
    'A-131, A-134: proves its origin with %s (%j): %j',
    (_what, header, lines, proves) => {
      expect(transportWith(header).provesOrigin(facts(...lines))).toBe(proves);
    },
  );
});

describe('the transports of a module', () => {
  const own = {
    name: 'own',
    read: () => undefined,
    write: () => [],
    clear: () => [],
  };

  it.each<[what: string, transport: any, names: string[]]>([
    ['the cookie by default', undefined, ['cookie']],
    ['one', 'header', ['header']],
    [
      'several in their order',
      ['header', own, 'cookie'],
      ['header', 'own', 'cookie'],
    ],
  ])('are %s', (_what, transport, names) => {
    const options = resolveOptions({ secret: SECRET, transport });
    expect(createTransports(options).map(({ name }) => name)).toEqual(names);
  });
});
