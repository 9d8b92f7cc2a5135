import {
  explainForgery,
  type ForgeryCause,
} from '../../lib/csrf/explain-forgery.js';
import type { CsrfRefusal } from '../../lib/csrf/csrf-policy.js';
import type { ResolvedCsrfOptions } from '../../lib/options/resolved-options.js';
import type { RequestFacts } from '../../lib/ports/request-facts.js';

const OPTIONS: ResolvedCsrfOptions = {
  checksOrigin: true,
  trustedOrigins: new Set(),
  headerName: 'x-requested-with',
  token: { headerName: 'x-csrf-token', fieldName: '_csrf', cookie: undefined },
  secureOrigins: true,
};
const HOST = 'app.example';
const BACKEND = 'backend:3000';
const OURS = 'https://app.example';
const EVIL = 'https://evil.example';

type Headers = Record<string, string | string[]>;

function explain(
  headers: Headers,
  reason: CsrfRefusal = 'cross-site',
  options: Partial<ResolvedCsrfOptions> = {},
  more: Partial<RequestFacts> = {},
) {
  const facts = {
    method: 'POST',
    headers: { host: HOST, ...headers },
    ...more,
  };
  return explainForgery(facts, { ...OPTIONS, ...options }, reason);
}

const forwarded = (host: string): Headers => ({
  host: BACKEND,
  'x-forwarded-host': host,
});
const site = (value: string): Headers => ({ 'sec-fetch-site': value });

describe('the explanation of a refused request', () => {
  it.each<
    [what: string, headers: Headers, cause: ForgeryCause, setting: string]
  >([
    [
      'Sec-Fetch-Site: cross-site',
      { ...site('cross-site'), origin: EVIL },
      'cross-site-request',
      'csrf.origin.trustedOrigins',
    ],
    [
      'Sec-Fetch-Site: cross-site, without an Origin',
      site('cross-site'),
      'cross-site-request',
      'crossSite: true',
    ],
    [
      'Sec-Fetch-Site: cross-site, that contradicts our Origin',
      { ...site('cross-site'), origin: OURS },
      'cross-site-request',
      'csrf.origin.trustedOrigins',
    ],
    [
      'Sec-Fetch-Site: cross-site, behind a proxy',
      { ...site('cross-site'), origin: EVIL, ...forwarded(HOST) },
      'cross-site-request',
      'csrf.origin.trustedOrigins',
    ],
    [
      'an unknown Sec-Fetch-Site',
      { ...site('friendly'), origin: OURS },
      'cross-site-request',
      'csrf.origin.trustedOrigins',
    ],
    [
      'Sec-Fetch-Site: same-site',
      { ...site('same-site'), origin: 'https://shop.app.example' },
      'same-site-request',
      'csrf.origin.trustedOrigins',
    ],
    [
      'Origin at X-Forwarded-Host but not at Host',
      { origin: OURS, ...forwarded(HOST) },
      'proxy-host',
      'proxy_set_header Host',
    ],
    [
      'Origin at X-Forwarded-Host with the default port, in another case',
      { origin: OURS, ...forwarded('APP.example:443') },
      'proxy-host',
      'proxy_set_header Host',
    ],
    [
      'Origin at X-Forwarded-Host with another port',
      { origin: `${OURS}:8443`, ...forwarded('app.example:8443') },
      'proxy-host',
      'proxy_set_header Host',
    ],
    [
      'Origin at the first of several X-Forwarded-Host',
      { origin: OURS, ...forwarded(`${HOST} , inner.example`) },
      'proxy-host',
      'proxy_set_header Host',
    ],
    [
      'Origin at a later X-Forwarded-Host only',
      { origin: OURS, ...forwarded(`inner.example, ${HOST}`) },
      'foreign-origin',
      'csrf.origin.trustedOrigins',
    ],
    [
      'Origin at neither',
      { origin: EVIL, ...forwarded(HOST) },
      'foreign-origin',
      'csrf.origin.trustedOrigins',
    ],
    [
      'an empty X-Forwarded-Host',
      { origin: EVIL, ...forwarded('') },
      'foreign-origin',
      'csrf.origin.trustedOrigins',
    ],
    [
      'Origin: null',
      { origin: 'null' },
      'null-origin',
      'Referrer-Policy: same-origin',
    ],
    [
      'Origin: null, with Fetch Metadata',
      { ...site('cross-site'), origin: 'null' },
      'null-origin',
      'Referrer-Policy: same-origin',
    ],
    [
      'Origin: null, behind a proxy',
      { origin: 'null', ...forwarded('null') },
      'null-origin',
      'Referrer-Policy: same-origin',
    ],
    [
      'our host over plain HTTP',
      { origin: 'http://app.example' },
      'plain-http-origin',
      'cookie.secure',
    ],
    [
      'our host over plain HTTP, which is another site to the browser',
      { ...site('cross-site'), origin: 'http://app.example' },
      'plain-http-origin',
      'HTTPS',
    ],
    [
      'our public host over plain HTTP',
      { origin: 'http://app.example', ...forwarded(HOST) },
      'plain-http-origin',
      'HTTPS',
    ],
    [
      'another host over plain HTTP',
      { origin: 'http://evil.example' },
      'foreign-origin',
      'csrf.origin.trustedOrigins',
    ],
    [
      'the Origin of another site',
      { origin: EVIL },
      'foreign-origin',
      'csrf.origin.trustedOrigins',
    ],
    [
      'the Origin of another port',
      { origin: `${OURS}:8443` },
      'foreign-origin',
      'csrf.origin.trustedOrigins',
    ],
    [
      'what is no Origin at all',
      { origin: 'app.example' },
      'foreign-origin',
      'csrf.origin.trustedOrigins',
    ],
    [
      'a foreign Referer',
      { referer: `${EVIL}/page` },
      'foreign-referer',
      'Referrer-Policy: same-origin',
    ],
    [
      'a foreign Referer and an empty Origin',
      { origin: '', referer: `${EVIL}/page` },
      'foreign-referer',
      'csrf.origin.trustedOrigins',
    ],
  ])(
    'names the cause and the setting: %s',
    (_what, headers, cause, setting) => {
      const explanation = explain(headers);
      expect(explanation.cause).toBe(cause);
      expect(explanation.message).toContain(cause);
      expect(explanation.message).toContain(setting);
    },
  );

  it('takes plain HTTP on this machine for what it is: a development server in front', () => {
    const origin = 'http://localhost:5173';
    const headers = { origin, ...forwarded('localhost:5173') };
    expect(explain(headers).cause).toBe('proxy-host');
  });

  it('knows no plain HTTP to warn of where the cookie is not Secure', () => {
    const headers = { origin: 'http://app.example:81' };
    const { cause } = explain(headers, 'cross-site', { secureOrigins: false });
    expect(cause).toBe('foreign-origin');
  });

  it.each<[string, CsrfRefusal, Headers, unknown, ForgeryCause, string]>([
    ['no header', 'csrf-header', {}, {}, 'header-missing', 'x-requested-with'],
    ['no token', 'csrf-token', {}, {}, 'token-missing', '_csrf'],
    [
      'a token in another field',
      'csrf-token',
      {},
      { csrf: 'x' },
      'token-missing',
      'x-csrf-token',
    ],
    [
      'an empty token',
      'csrf-token',
      { 'x-csrf-token': '' },
      {},
      'token-missing',
      'csrfToken(session)',
    ],
    [
      'a wrong token in the header',
      'csrf-token',
      { 'x-csrf-token': 'theirs' },
      {},
      'token-invalid',
      'another session',
    ],
    [
      'a wrong token in the body',
      'csrf-token',
      {},
      { _csrf: 'theirs' },
      'token-invalid',
      'another session',
    ],
  ])(
    'names what the other techniques miss: %s',
    (_what, reason, headers, body, cause, advice) => {
      const explanation = explain(headers, reason, {}, { body });
      expect(explanation.cause).toBe(cause);
      expect(explanation.message).toContain(advice);
      expect(explanation.message).not.toContain('theirs');
    },
  );

  it('shows what the request said, and what it did not say', () => {
    const { message } = explain({
      ...site('same-site'),
      origin: 'https://shop.app.example',
      ...forwarded(HOST),
    });
    expect(message).toContain(
      'Sec-Fetch-Site: "same-site", Origin: "https://shop.app.example", Host: "backend:3000", X-Forwarded-Host: "app.example"',
    );
    expect(explain({ referer: `${EVIL}/` }).message).toContain(
      'Sec-Fetch-Site: none, Origin: none, Referer: "https://evil.example", Host: "app.example", X-Forwarded-Host: none',
    );
  });

  it('takes the target of HTTP/2 from :authority', () => {
    const headers = { ':authority': 'h2.example', origin: 'http://h2.example' };
    const { cause, message } = explain(headers);
    expect(cause).toBe('plain-http-origin');
    expect(message).toContain('Host: "h2.example"');
  });

  describe('shows nothing of a client but bounded, harmless text (S-118, A-163)', () => {
    const FIELDS = [
      'origin',
      'referer',
      'host',
      'x-forwarded-host',
      'sec-fetch-site',
    ];
    const HOSTILE: [what: string, value: string][] = [
      ['line ends', 'https://a.example\r\n[Nest] ERROR admin signed in'],
      ['a colour', 'https://a.example\u001b[31m\u001b[2K'],
      ['C1 controls and NUL', 'https://a.example\u0085\u009b\u0000\u007f'],
      ['line separators', 'https://a.example\u2028\u2029'],
      ['text that turns around', 'https://a.example\u202e\u2066'],
      ['bytes beyond ASCII', 'https://a.example\u00e4\u00ff'],
      ['quotes and formats', 'https://a.example"%s%d%o`${x}\\'],
      ['a megabyte', `https://${'a'.repeat(1_000_000)}.example`],
      ['a megabyte that is no address', 'x'.repeat(1_000_000)],
    ];

    it.each(HOSTILE)('%s', (_what, value) => {
      for (const field of FIELDS) {
        for (const given of [value, [value, value]]) {
          const { message } = explain({ [field]: given });
          expect(message).toMatch(/^[\x20-\x7e]*$/);
          expect(message).not.toMatch(/[%$\\]/);
          expect(message.length).toBeLessThan(800);
        }
      }
    });

    it.each<[what: string, headers: Headers]>([
      [
        'the path and query of a Referer',
        { referer: `${EVIL}/hush?hush=1#hush` },
      ],
      [
        'user information of a Referer',
        { referer: 'https://hush:hush@evil.example/' },
      ],
      ['a Referer that is no address', { referer: 'hush' }],
      ['a path and query of an Origin', { origin: `${EVIL}/hush?hush=1` }],
      ['a query of an Origin without a path', { origin: `${EVIL}?hush#hush` }],
      [
        'user information of an Origin',
        { origin: 'https://hush:h@u@evil.example' },
      ],
      ['an Origin that is no address', { origin: 'hush' }],
      ['a backslash path', { origin: `${EVIL}\\hush` }],
      [
        'what is none of its business',
        {
          origin: EVIL,
          cookie: 'a=hush',
          authorization: 'Bearer hush',
          'x-csrf-token': 'hush',
        },
      ],
    ])('without %s', (_what, headers) => {
      const { message } = explain(
        headers,
        'cross-site',
        {},
        {
          url: '/hush?hush=hush',
          body: { _csrf: 'hush' },
        },
      );
      expect(message).not.toContain('hush');
    });
  });
});
