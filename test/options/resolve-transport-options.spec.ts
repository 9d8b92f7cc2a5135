import { request } from 'node:http';
import { parseSetCookie } from 'cookie';
import { CookieTransport } from '../../lib/transports/cookie-transport.js';
import { faultsOf, faultyPathsOf, resolve } from './faults.js';
import { costOver } from '../support/relative-cost.js';
import { SECRET } from '../support/secrets.js';
import { rows, titleOf } from '../support/titles.js';

/** What no attribute of a cookie may hold: it would begin another attribute, another cookie or another header. */
const HOSTILE = [
  'a;b',
  'a; Secure',
  'a\rb',
  'a\nb',
  'a\r\nSet-Cookie: x=y',
  'a,b',
  'a\u0000b',
  'a\u007fb',
  'a\u00e9b',
  'a\u200bb',
  '\uff0fa',
  'a\tb',
];

describe('the cookie option', () => {
  it.each(
    ['name', 'domain', 'path', 'formerDomains'].flatMap((option) =>
      HOSTILE.map((value) => [option, titleOf(value), value] as const),
    ),
  )(
    '%s stops the boot when it holds %s (A-111, V-52)',
    (option, _title, value) => {
      const given =
        option === 'path'
          ? { path: `/${value}` }
          : option === 'formerDomains'
            ? { formerDomains: [value] }
            : { [option]: value };
      expect(faultyPathsOf({ cookie: given })).toEqual([
        option === 'formerDomains'
          ? 'cookie.formerDomains[0]'
          : `cookie.${option}`,
      ]);
    },
  );

  it.each([
    ['maxAge', NaN],
    ['maxAge', 1.5],
    ['maxAge', -1],
    ['maxAge', 3600],
    ['expires', new Date('invalid')],
    ['expires', new Date(0)],
    ['httpOnly', false],
    ['httpOnly', true],
    ['encode', String],
    ['signed', true],
    ['priority', 'high'],
  ])('%s is not offered: giving %p stops the boot (A-111)', (option, value) => {
    expect(faultyPathsOf({ cookie: { [option]: value } })).toEqual([
      `cookie.${option}`,
    ]);
  });

  it.each(rows(['foo', 'Lax', 'NONE', '', true, null, 'lax; Domain=x']))(
    'sameSite stops the boot when it is %s (A-111)',
    (_title, sameSite) => {
      expect(faultyPathsOf({ cookie: { sameSite } })).toEqual([
        'cookie.sameSite',
      ]);
    },
  );

  it("sameSite 'none' and partitioned need secure (A-111, S-080)", () => {
    expect(faultyPathsOf({ cookie: { sameSite: 'none' } })).toEqual([]);
    expect(
      faultyPathsOf({ cookie: { sameSite: 'none', secure: false } }),
    ).toEqual(['cookie.sameSite']);
    expect(faultyPathsOf({ cookie: { partitioned: true } })).toEqual([]);
    expect(
      faultyPathsOf({ cookie: { partitioned: true, secure: false } }),
    ).toEqual(['cookie.partitioned']);
  });

  it.each([
    ['nothing else', {}, '__Host-Http-session'],
    ["path '/'", { path: '/' }, '__Host-Http-session'],
    ['a domain', { domain: 'app.example' }, '__Secure-session'],
    ['a path', { path: '/app' }, '__Secure-session'],
    ['secure off', { secure: false }, 'session'],
    [
      'secure off and a domain',
      { secure: false, domain: 'app.example' },
      'session',
    ],
  ])(
    'name is by default what browsers enforce: with %s (S-070)',
    (_case, cookie, name) => {
      expect(resolve({ cookie }).cookie.name).toBe(name);
    },
  );

  it.each([
    [{ name: '__Host-sid' }],
    [{ name: '__Secure-sid' }],
    [{ name: '__Secure-sid', domain: 'app.example' }],
    [{ name: '__Secure-sid', path: '/app' }],
    [{ name: '__Http-sid' }],
    [{ name: '__Host-Http-sid' }],
    [{ name: 'sid', secure: false }],
    [{ name: 'sid', domain: 'app.example' }],
    [{ name: 'x__Host-sid', domain: 'app.example' }],
    [{ name: '__HostX-sid', domain: 'app.example' }],
  ])('name keeps the promise of its prefix in %p (S-070)', (cookie) => {
    expect(faultyPathsOf({ cookie })).toEqual([]);
  });

  it.each([
    [{ name: '__Host-sid', domain: 'app.example' }],
    [{ name: '__Host-sid', path: '/app' }],
    [{ name: '__Host-sid', secure: false }],
    [{ name: '__Host-Http-sid', domain: 'app.example' }],
    [{ name: '__Host-Http-sid', path: '/app' }],
    [{ name: '__Secure-sid', secure: false }],
    [{ name: '__Http-sid', secure: false }],
    [{ name: '__host-sid' }],
    [{ name: '__HOST-sid' }],
    [{ name: '__secure-sid' }],
    [{ name: '__SECURE-sid', domain: 'app.example' }],
    [{ name: '__http-sid' }],
    [{ name: '__host-sid', domain: 'app.example' }],
  ])(
    'name stops the boot when its prefix promises what the attributes break: %p (A-111, S-070, S-071)',
    (cookie) => {
      expect(new Set(faultyPathsOf({ cookie }))).toEqual(
        new Set(['cookie.name']),
      );
    },
  );

  it('name may be __proto__ without harm (V-52)', () => {
    const options = resolve({ cookie: { name: '__proto__' } });
    const transport = new CookieTransport(options.cookie);
    const facts = { headers: { cookie: 'a=1; __proto__=polluted' } };
    expect(transport.read(facts)).toBe('polluted');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.getPrototypeOf(facts.headers)).toBe(Object.prototype);
  });

  it('path arrives whole in the line that is sent, for every character that is accepted (V-52)', () => {
    const accepted = Array.from({ length: 0x100 }, (_, code) =>
      String.fromCharCode(code),
    ).filter(
      (c) => faultyPathsOf({ cookie: { path: `/x${c}y` } }).length === 0,
    );
    expect(accepted.length).toBeGreaterThan(60);
    const broken = accepted.filter((character) => {
      const path = `/x${character}y`;
      try {
        const { cookie } = resolve({ cookie: { path } });
        const [delivery] = new CookieTransport(cookie).clear();
        const line = delivery?.kind === 'cookie' ? delivery.line : '';
        return parseSetCookie(line).path !== path;
      } catch {
        return true;
      }
    });
    expect(broken).toEqual([]);
  });

  it.each([
    ['an empty text', ''],
    ['a number', 5],
    ['null', null],
    ['an array', ['app.example']],
    ['a leading dot', '.app.example'],
    ['a URL', 'https://app.example'],
  ])('formerDomains names each faulty element: %s', (_case, element) => {
    expect(
      faultyPathsOf({
        cookie: { formerDomains: ['a.example', element, 'b.example', element] },
      }),
    ).toEqual(['cookie.formerDomains[1]', 'cookie.formerDomains[3]']);
  });

  it.each<[what: string, make: (length: number) => string]>([
    ['letters', (length) => 'a'.repeat(length)],
    ['labels', (length) => 'a.'.repeat(length / 2)],
    ['hyphens', (length) => `${'a-'.repeat(length / 2)}!`],
  ])('domain is checked in linear time: %s (V-05)', (_what, make) => {
    const judge = (length: number) => {
      const domain = make(length);
      return () => {
        expect(faultyPathsOf({ cookie: { domain } })).toEqual([
          'cookie.domain',
        ]);
      };
    };
    judge(252)();
    judge(250)();
    // Eight times the length; quadratic time would be 64 times as much.
    expect(costOver(judge(64_000), judge(8_000))).toBeLessThan(32);
  });
});

describe('the header option', () => {
  const tokenCharacters = Array.from({ length: 0x100 }, (_, code) =>
    String.fromCharCode(code),
  ).filter((c) => /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(c));

  it.each(['name', 'renewedName', 'renewedRefreshName'])(
    '%s takes exactly the characters of a header name (RFC 9110, section 5.1)',
    (option) => {
      const accepted = Array.from({ length: 0x100 }, (_, code) =>
        String.fromCharCode(code),
      ).filter(
        (c) => faultyPathsOf({ header: { [option]: `x${c}y` } }).length === 0,
      );
      expect(accepted).toEqual(tokenCharacters);
    },
  );

  it('renewedName is something that node can send', () => {
    for (const character of tokenCharacters) {
      const outgoing = request({ host: '127.0.0.1', port: 9 }).on(
        'error',
        () => {},
      );
      expect(() => outgoing.setHeader(`x${character}y`, 'v')).not.toThrow();
      outgoing.destroy();
    }
  });

  it.each(rows(['Cookie', 'cookie', 'COOKIE']))(
    'name stops the boot when it is %s: browsers send that on their own',
    (_title, name) => {
      const faults = faultsOf({ secret: SECRET, header: { name } });
      expect(faults).toEqual([
        expect.stringMatching(/^header\.name: .*'cookie' transport/),
      ]);
    },
  );
});

it.each(
  ['renewedName', 'renewedRefreshName'].flatMap((option) =>
    [
      'Set-Cookie',
      'content-length',
      'Content-Type',
      'Vary',
      'Transfer-Encoding',
      'Connection',
      'cache-control',
      'LOCATION',
    ].map((name) => [option, name] as const),
  ),
)(
  'a re-issued token never goes by %s into the response header %s',
  (option, name) => {
    expect(faultyPathsOf({ header: { [option]: name } })).toEqual([
      `header.${option}`,
    ]);
  },
);

it('header.resourceMetadata leaves no quote in the challenge', () => {
  const header = { resourceMetadata: 'https://api.example/"?a="#"' };
  expect(resolve({ header }).header.resourceMetadata).toBe(
    'https://api.example/%22?a=%22#%22',
  );
});

describe('the two headers of re-issued tokens', () => {
  it.each([
    [{ renewedRefreshName: 'Session-Token' }],
    [{ renewedRefreshName: 'session-TOKEN' }],
    [{ renewedName: 'Session-Refresh-Token' }],
    [{ renewedName: 'X-New', renewedRefreshName: 'x-new' }],
  ])('stop the boot when they are one: %p', (header) => {
    expect(faultsOf({ secret: SECRET, header })).toEqual([
      'header.renewedRefreshName: expected a name other than header.renewedName',
    ]);
  });

  it('keep their spelling, and may be alike in part', () => {
    const header = { renewedName: 'X-New', renewedRefreshName: 'X-New-' };
    expect(resolve({ header }).header).toMatchObject(header);
  });
});

it.each(['path', 'ip', 'hostname', 'on', 'id', 'headers', '__proto__'])(
  'the session never takes the place of request.%s',
  (requestProperty) => {
    expect(faultyPathsOf({ requestProperty })).toEqual(['requestProperty']);
  },
);
