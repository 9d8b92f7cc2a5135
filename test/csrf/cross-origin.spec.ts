import fc from 'fast-check';
import {
  isSameOrigin,
  type CrossOriginPolicy,
  type RequestOrigin,
} from '../../lib/csrf/cross-origin.js';
import { rounds } from '../support/effort.js';
import { evaluateCrossOriginRequest } from '../support/nest-protection.js';
import { costOver } from '../support/relative-cost.js';

const HOST = 'app.example';
const OURS = 'https://app.example';
const TRUSTED = 'https://partner.example';

const POLICY: CrossOriginPolicy = {
  trustedOrigins: new Set([TRUSTED]),
  secureOrigins: true,
};

function request(given: Partial<RequestOrigin>): RequestOrigin {
  return {
    secFetchSite: undefined,
    origin: undefined,
    referer: undefined,
    host: HOST,
    ...given,
  };
}

function judge(
  given: Partial<RequestOrigin>,
  policy: Partial<CrossOriginPolicy> = {},
): 'allowed' | 'refused' {
  return isSameOrigin(request(given), { ...POLICY, ...policy })
    ? 'allowed'
    : 'refused';
}

/** What Nest's own `enableCsrfProtection` says of the same POST; it knows no Referer. */
function judgeAsNest(
  { secFetchSite, origin, host }: RequestOrigin,
  trustedOrigins: ReadonlySet<string> = POLICY.trustedOrigins,
): 'allowed' | 'refused' {
  const facts = { method: 'POST', secFetchSite, origin, host };
  const decision = evaluateCrossOriginRequest(
    facts as Parameters<typeof evaluateCrossOriginRequest>[0],
    { trustedOrigins },
  );
  return decision.allowed ? 'allowed' : 'refused';
}

type Row = [
  what: string,
  request: Partial<RequestOrigin>,
  verdict: 'allowed' | 'refused',
];

describe('whether an unsafe request comes from our own site', () => {
  describe('S-153, A-123, A-124: Sec-Fetch-Site decides where it is sent', () => {
    it.each<Row>([
      ['same-origin', { secFetchSite: 'same-origin' }, 'allowed'],
      [
        'none, of a navigation by the user',
        { secFetchSite: 'none' },
        'allowed',
      ],
      ['cross-site', { secFetchSite: 'cross-site' }, 'refused'],
      [
        'A-124: same-site, of a sibling',
        { secFetchSite: 'same-site' },
        'refused',
      ],
      [
        'A-124: same-site, with the Origin of a sibling',
        { secFetchSite: 'same-site', origin: 'https://evil.app.example' },
        'refused',
      ],
      [
        'A-124: same-site, with our Origin',
        { secFetchSite: 'same-site', origin: OURS },
        'refused',
      ],
      [
        'A-123: cross-site that contradicts our Origin',
        { secFetchSite: 'cross-site', origin: OURS },
        'refused',
      ],
      [
        'A-123: cross-site that contradicts our Referer',
        { secFetchSite: 'cross-site', referer: `${OURS}/` },
        'refused',
      ],
      [
        'a value that nobody has defined',
        { secFetchSite: 'friendly' },
        'refused',
      ],
      ['a value in another case', { secFetchSite: 'Same-Origin' }, 'refused'],
      ['a value with a blank', { secFetchSite: 'same-origin ' }, 'refused'],
      [
        'two values that node joined',
        { secFetchSite: 'same-origin, same-origin' },
        'refused',
      ],
      [
        'an empty value, so that the Origin decides',
        { secFetchSite: '', origin: 'https://evil.example' },
        'refused',
      ],
      [
        'same-origin, whatever Host a proxy wrote',
        { secFetchSite: 'same-origin', origin: OURS, host: 'backend:3000' },
        'allowed',
      ],
      [
        'cross-site from a trusted origin',
        { secFetchSite: 'cross-site', origin: TRUSTED },
        'allowed',
      ],
      [
        'cross-site from an untrusted one',
        { secFetchSite: 'cross-site', origin: 'https://evil.example' },
        'refused',
      ],
    ])('%s', (_what, given, verdict) => {
      expect(judge(given)).toBe(verdict);
    });
  });

  describe('S-154, S-155, A-122: Origin decides where Sec-Fetch-Site is absent', () => {
    it.each<Row>([
      ['ours', { origin: OURS }, 'allowed'],
      [
        'ours, with the Host in another case',
        { origin: OURS, host: 'APP.Example' },
        'allowed',
      ],
      [
        'ours, with the default port in Host',
        { origin: OURS, host: `${HOST}:443` },
        'allowed',
      ],
      [
        'ours on a port',
        { origin: `${OURS}:8443`, host: `${HOST}:8443` },
        'allowed',
      ],
      ['a trusted one', { origin: TRUSTED }, 'allowed'],
      ['null, of a sandbox', { origin: 'null' }, 'refused'],
      ['another scheme', { origin: 'http://app.example' }, 'refused'],
      [
        'another scheme with its port in Host',
        { origin: 'http://app.example', host: `${HOST}:80` },
        'refused',
      ],
      ['a scheme of no site', { origin: 'ftp://app.example' }, 'refused'],
      ['a socket of ours', { origin: 'wss://app.example' }, 'refused'],
      ['an extension', { origin: 'chrome-extension://app.example' }, 'refused'],
      ['a file', { origin: 'file://' }, 'refused'],
      ['another port', { origin: `${OURS}:8443` }, 'refused'],
      [
        'no port where Host has one',
        { origin: OURS, host: `${HOST}:8443` },
        'refused',
      ],
      [
        "the port of http where it is https'",
        { origin: OURS, host: `${HOST}:80` },
        'refused',
      ],
      ['a subdomain', { origin: 'https://evil.app.example' }, 'refused'],
      ['a parent domain', { origin: 'https://example' }, 'refused'],
      [
        'the suffix trick',
        { origin: 'https://app.example.evil.example' },
        'refused',
      ],
      ['the prefix trick', { origin: 'https://evil-app.example' }, 'refused'],
      ['an IDN look-alike', { origin: 'https://\u0430pp.example' }, 'refused'],
      [
        'an IDN look-alike in Punycode',
        { origin: 'https://xn--pp-7kc.example' },
        'refused',
      ],
      [
        'full-width letters that the URL parser folds',
        { origin: 'https://\uff41pp.example' },
        'refused',
      ],
      ['a trailing dot', { origin: `${OURS}.` }, 'refused'],
      [
        'user information',
        { origin: 'https://app.example@evil.example' },
        'refused',
      ],
      [
        'user information before our host',
        { origin: 'https://evil@app.example' },
        'refused',
      ],
      ['a path', { origin: `${OURS}/` }, 'refused'],
      [
        'a backslash',
        { origin: 'https://app.example\\@evil.example' },
        'refused',
      ],
      ['a query', { origin: 'https://evil.example?app.example' }, 'refused'],
      ['a blank before it', { origin: ` ${OURS}` }, 'refused'],
      ['two that node joined', { origin: `${OURS}, ${OURS}` }, 'refused'],
      [
        'the scheme in upper case',
        { origin: 'HTTPS://app.example' },
        'refused',
      ],
      ['the default port spelled out', { origin: `${OURS}:443` }, 'refused'],
      ['something that is no URL', { origin: 'app.example' }, 'refused'],
      [
        'ours in a request without a Host',
        { origin: OURS, host: undefined },
        'refused',
      ],
      ['one with an empty Host', { origin: OURS, host: '' }, 'refused'],
      [
        'a trusted one in another case',
        { origin: 'https://PARTNER.example' },
        'refused',
      ],
      [
        'a subdomain of a trusted one',
        { origin: 'https://x.partner.example' },
        'refused',
      ],
      [
        'an untrusted one, although the Referer is ours',
        { origin: 'https://evil.example', referer: `${OURS}/` },
        'refused',
      ],
    ])('%s', (_what, given, verdict) => {
      expect(judge(given)).toBe(verdict);
    });
  });

  describe('A-122: Referer decides where nothing else does', () => {
    it.each<Row>([
      ['ours', { referer: `${OURS}/form?x=1` }, 'allowed'],
      ['ours, reduced to the origin', { referer: `${OURS}/` }, 'allowed'],
      ['of a trusted origin', { referer: `${TRUSTED}/page` }, 'allowed'],
      ['of another host', { referer: 'https://evil.example/' }, 'refused'],
      [
        'of another host with ours in its path',
        { referer: 'https://evil.example/https://app.example/' },
        'refused',
      ],
      ['of another scheme', { referer: 'http://app.example/' }, 'refused'],
      ['of a subdomain', { referer: 'https://evil.app.example/' }, 'refused'],
      [
        'with user information',
        { referer: 'https://app.example@evil.example/' },
        'refused',
      ],
      ['that is no URL', { referer: 'about:blank' }, 'refused'],
      ['that is text', { referer: 'app.example' }, 'refused'],
    ])('%s', (_what, given, verdict) => {
      expect(judge(given)).toBe(verdict);
    });

    it('allows a request with neither, of a client that is no browser, as Nest does', () => {
      expect(judge({})).toBe('allowed');
      expect(judgeAsNest(request({}))).toBe('allowed');
    });
  });

  describe('an http origin', () => {
    it.each<[origin: string, host: string]>([
      ['http://localhost', 'localhost'],
      ['http://localhost:3000', 'localhost:3000'],
      ['http://app.localhost:3000', 'app.localhost:3000'],
      ['http://127.0.0.1:3000', '127.0.0.1:3000'],
      ['http://127.1.2.3', '127.1.2.3'],
      ['http://[::1]:3000', '[::1]:3000'],
    ])('of this machine is ours: %s', (origin, host) => {
      expect(judge({ origin, host })).toBe('allowed');
    });

    it.each<[origin: string, host: string]>([
      ['http://localhost:3000', 'localhost:3001'],
      ['http://localhost', HOST],
      ['http://localhost.evil.example', 'localhost.evil.example'],
      ['http://127.0.0.1.evil.example', '127.0.0.1.evil.example'],
      ['http://evillocalhost', 'evillocalhost'],
      ['http://10.0.0.1', '10.0.0.1'],
      ['wss://localhost', 'localhost:80'],
    ])('of anything else is not: %s to %s', (origin, host) => {
      expect(judge({ origin, host })).toBe('refused');
    });

    it.each<[origin: string, host: string, verdict: string]>([
      ['http://app.example', HOST, 'allowed'],
      ['http://app.example', `${HOST}:80`, 'allowed'],
      ['http://app.example:8080', `${HOST}:8080`, 'allowed'],
      ['http://app.example', `${HOST}:443`, 'refused'],
      ['http://evil.example', HOST, 'refused'],
      ['ws://app.example', `${HOST}:80`, 'refused'],
      ['ftp://app.example', `${HOST}:80`, 'refused'],
    ])(
      'is compared like any other where the cookie is not Secure: %s to %s is %s',
      (origin, host, verdict) => {
        expect(judge({ origin, host }, { secureOrigins: false })).toBe(verdict);
      },
    );
  });

  describe("compared with Nest's enableCsrfProtection", () => {
    const hosts = fc.constantFrom(
      'a.example',
      'a.example:443',
      'a.example:80',
      'a.example:8443',
      'A.Example',
      'b.example',
      'localhost',
      'localhost:80',
      'localhost:3000',
      '127.0.0.1:80',
      '[::1]',
      'xn--pp-7kc.example',
      'a.example, b.example',
      '',
      undefined,
    );
    const sites = fc.constantFrom(
      undefined,
      '',
      'same-origin',
      'same-site',
      'cross-site',
      'none',
      'SAME-ORIGIN',
      'same-origin, cross-site',
    );
    const hostnames = fc.constantFrom(
      'a.example',
      'b.example',
      'A.Example',
      'a.example.',
      'x.a.example',
      'localhost',
      '127.0.0.1',
      '[::1]',
      '\u0430pp.example',
      'user@a.example',
    );
    const ports = fc.constantFrom('', ':443', ':80', ':8443', ':3000');
    const trustedOrigins = fc.constantFrom<string[]>(
      [],
      ['https://b.example'],
      ['http://a.example', 'https://a.example:8443'],
    );
    const referers = fc.constantFrom(
      undefined,
      '',
      'https://a.example/',
      'https://b.example/x',
      'http://localhost:3000/',
      'text',
    );
    const origins = fc.oneof(
      fc.constantFrom(undefined, '', 'null', 'text', 'https://', 'data:,x'),
      fc
        .tuple(
          fc.constantFrom('https', 'http', 'HTTPS', 'ws', 'wss', 'ftp', 'app'),
          hostnames,
          ports,
          fc.constantFrom('', '/', '/x', '?x', '#x'),
        )
        .map(
          ([scheme, host, port, rest]) => `${scheme}://${host}${port}${rest}`,
        ),
    );

    it('allows nothing that Nest refuses', () => {
      fc.assert(
        fc.property(
          fc.record({
            secFetchSite: sites,
            origin: origins,
            referer: referers,
            host: hosts,
          }),
          trustedOrigins.map((listed) => new Set(listed)),
          fc.boolean(),
          (facts, trusted, secureOrigins) => {
            const ours = isSameOrigin(facts, {
              trustedOrigins: trusted,
              secureOrigins,
            });
            return !ours || judgeAsNest(facts, trusted) === 'allowed';
          },
        ),
        { numRuns: rounds(30_000, 5_000) },
      );
    });

    it('says exactly the same of each origin in the spelling of browsers: https, and http where the cookie is not Secure', () => {
      const canonical = fc
        .tuple(fc.constantFrom('https', 'http'), hostnames, ports)
        .map(
          ([scheme, host, port]) =>
            new URL(`${scheme}://${host}${port}`).origin,
        );
      fc.assert(
        fc.property(
          fc.record({
            secFetchSite: sites,
            origin: canonical,
            referer: referers,
            host: hosts,
          }),
          trustedOrigins.map((listed) => new Set(listed)),
          (facts, trusted) => {
            const ours = isSameOrigin(facts, {
              trustedOrigins: trusted,
              secureOrigins: facts.origin.startsWith('https:'),
            });
            return ours === (judgeAsNest(facts, trusted) === 'allowed');
          },
        ),
        { numRuns: rounds(30_000, 5_000) },
      );
    });

    it('says exactly the same of each request without an Origin and a Referer', () => {
      fc.assert(
        fc.property(sites, hosts, (secFetchSite, host) => {
          const facts = request({ secFetchSite, host });
          return judge(facts) === judgeAsNest(facts);
        }),
      );
    });

    it.each<[what: string, request: Partial<RequestOrigin>]>([
      [
        'an http origin of our host, where the cookie is Secure',
        { origin: 'http://app.example' },
      ],
      [
        'an Origin with a path, which no browser sends',
        { origin: `${OURS}/x` },
      ],
      [
        'an Origin in upper case, which no browser sends',
        { origin: 'HTTPS://APP.EXAMPLE' },
      ],
      [
        'an Origin with user information, which no browser sends',
        { origin: 'https://evil@app.example' },
      ],
      [
        'an Origin with the default port, which no browser sends',
        { origin: `${OURS}:443` },
      ],
      [
        'a Referer of another site and nothing else',
        { referer: 'https://evil.example/' },
      ],
    ])('is stricter on purpose: refuses %s', (_what, given) => {
      expect(judgeAsNest(request(given))).toBe('allowed');
      expect(judge(given)).toBe('refused');
    });
  });

  it.each<[what: string, make: (bytes: number) => Partial<RequestOrigin>]>([
    ['an Origin of one letter', (bytes) => ({ origin: 'a'.repeat(bytes) })],
    [
      'an Origin of labels',
      (bytes) => ({ origin: `https://${'a.'.repeat(bytes / 2)}example` }),
    ],
    [
      'an Origin of user information',
      (bytes) => ({ origin: `https://${'@'.repeat(bytes)}` }),
    ],
    [
      'an Origin of numbers',
      (bytes) => ({ origin: `http://127${'.1'.repeat(bytes / 2)}` }),
    ],
    [
      'a Referer of percent signs',
      (bytes) => ({ referer: `https://app.example/${'%'.repeat(bytes)}` }),
    ],
    ['a Referer of one letter', (bytes) => ({ referer: 'a'.repeat(bytes) })],
    [
      'a Sec-Fetch-Site of one letter',
      (bytes) => ({ secFetchSite: 'a'.repeat(bytes) }),
    ],
  ])('checks 64 KB in linear time: %s (V-05)', (what, make) => {
    // The rest of a URL may be as long as it likes.
    const verdict = what.includes('percent') ? 'allowed' : 'refused';
    const judging = (bytes: number) => {
      const given = make(bytes);
      return () => expect(judge(given)).toBe(verdict);
    };
    // Eight times the bytes; quadratic time would be 64 times as much.
    expect(costOver(judging(65_536), judging(8_192))).toBeLessThan(32);
  });
});
