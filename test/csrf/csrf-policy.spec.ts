import fc from 'fast-check';
import {
  holdsFor,
  isUnsafe,
  judgeCsrf,
  judgeOrigin,
  mustProveOrigin,
  type CsrfRefusal,
} from '../../lib/csrf/csrf-policy.js';
import type { ResolvedCsrfOptions } from '../../lib/options/resolved-options.js';
import type { RequestFacts } from '../../lib/ports/request-facts.js';
import { evaluateCrossOriginRequest } from '../support/nest-protection.js';

const ORIGIN_ALONE: ResolvedCsrfOptions = {
  checksOrigin: true,
  trustedOrigins: new Set(['https://partner.example']),
  headerName: undefined,
  token: undefined,
  secureOrigins: true,
};
const HEADER_ALONE: ResolvedCsrfOptions = {
  ...ORIGIN_ALONE,
  checksOrigin: false,
  headerName: 'x-requested-with',
};
const BOTH: ResolvedCsrfOptions = { ...HEADER_ALONE, checksOrigin: true };
const TOKEN_ALONE: ResolvedCsrfOptions = {
  ...ORIGIN_ALONE,
  checksOrigin: false,
  token: { headerName: 'x-csrf-token', fieldName: '_csrf', cookie: undefined },
};
const ALL: ResolvedCsrfOptions = { ...BOTH, token: TOKEN_ALONE.token };
const NONE: ResolvedCsrfOptions = { ...ORIGIN_ALONE, checksOrigin: false };

type Headers = Record<string, string | string[]>;

function post(headers: Headers = {}) {
  return { method: 'POST', headers: { host: 'app.example', ...headers } };
}

function override(value: string): Partial<RequestFacts> {
  return { headers: { 'x-http-method-override': value } };
}

const FOREIGN: Headers = { origin: 'https://evil.example' };
const CUSTOM: Headers = { 'x-requested-with': 'fetch' };
const TOKEN: Headers = { 'x-csrf-token': 'ours' };
const OWN: Headers = { 'sec-fetch-site': 'same-origin' };
const isOurs = (token: string): boolean => token === 'ours';

describe('whether a request can change something', () => {
  it.each(['GET', 'HEAD', 'OPTIONS'])('%s cannot', (method) => {
    expect(isUnsafe({ method, headers: {} })).toBe(false);
  });

  it.each([
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'TRACE',
    'CONNECT',
    'QUERY',
    'PROPFIND',
    'MKCOL',
    'LOCK',
    'get',
    'Head',
    'options',
    'GET ',
    '',
  ])('S-113: %j can', (method) => {
    expect(isUnsafe({ method, headers: {} })).toBe(true);
  });

  it('a request without a method can', () => {
    expect(isUnsafe({ headers: {} })).toBe(true);
    expect(isUnsafe({ method: undefined, headers: {} })).toBe(true);
  });

  it.each(['websocket', 'WebSocket', 'h2c', ''])(
    'A-133: a GET that asks for an upgrade to %j can',
    (upgrade) => {
      expect(isUnsafe({ method: 'GET', headers: { upgrade } })).toBe(true);
    },
  );

  describe('is checked by every method that is named (A-127)', () => {
    it.each<
      [
        method: string,
        what: string,
        expected: boolean,
        more: Partial<RequestFacts>,
      ]
    >([
      ['GET', 'a header for DELETE', true, override('DELETE')],
      ['GET', 'a header for delete', true, override('delete')],
      ['GET', 'a header for GET', false, override('GET')],
      ['GET', 'a header for head', false, override('head')],
      ['GET', 'an empty header', true, override('')],
      ['GET', 'a header that was sent twice', true, override('GET, GET')],
      ['POST', 'a header for GET', true, override('GET')],
      ['GET', '_method=DELETE', true, { url: '/a?_method=DELETE' }],
      ['GET', '_method=delete', true, { url: '/a?b=1&_method=delete' }],
      ['GET', '_METHOD=DELETE', true, { url: '/a?_METHOD=DELETE' }],
      ['GET', '_method=%44ELETE', true, { url: '/a?_method=%44ELETE' }],
      ['GET', 'an empty _method', true, { url: '/a?_method=' }],
      ['GET', '_method=GET', false, { url: '/a?_method=GET#x' }],
      ['POST', '_method=GET', true, { url: '/a?_method=GET' }],
      ['GET', 'a path of that name', false, { url: '/_method=DELETE' }],
      ['GET', 'a longer name', false, { url: '/a?http_method=DELETE' }],
      ['GET', 'POST sent', true, { wireMethod: 'POST' }],
      ['GET', 'GET sent', false, { wireMethod: 'GET' }],
      ['DELETE', 'GET sent', true, { wireMethod: 'GET' }],
    ])('%s with %s: unsafe is %p', (method, _what, expected, more) => {
      expect(isUnsafe({ method, headers: {}, ...more })).toBe(expected);
    });

    it.each(['x-http-method-override', 'x-http-method', 'x-method-override'])(
      'the header %s counts',
      (name) => {
        const headers = { [name]: 'DELETE' };
        expect(isUnsafe({ method: 'GET', headers })).toBe(true);
      },
    );
  });

  it("takes for safe what Nest's enableCsrfProtection takes for safe", () => {
    const methods = fc.constantFrom(
      'GET',
      'HEAD',
      'OPTIONS',
      'POST',
      'PUT',
      'PATCH',
      'DELETE',
      'TRACE',
      'CONNECT',
      'get',
      'Post',
      'SEARCH',
      '',
    );
    fc.assert(
      fc.property(methods, (method) => {
        const { allowed } = evaluateCrossOriginRequest({
          method,
          secFetchSite: 'cross-site',
          host: 'app.example',
        });
        return isUnsafe({ method, headers: {} }) === !allowed;
      }),
    );
  });
});

describe('the CSRF policy', () => {
  it.each<
    [
      what: string,
      options: ResolvedCsrfOptions,
      headers: Headers,
      reason: 'cross-site' | 'csrf-header' | 'csrf-token' | undefined,
    ]
  >([
    ['origin alone: no browser header', ORIGIN_ALONE, {}, undefined],
    [
      'origin alone: our site',
      ORIGIN_ALONE,
      { 'sec-fetch-site': 'same-origin' },
      undefined,
    ],
    ['origin alone: another site', ORIGIN_ALONE, FOREIGN, 'cross-site'],
    [
      'origin alone: a trusted site',
      ORIGIN_ALONE,
      { origin: 'https://partner.example' },
      undefined,
    ],
    [
      'origin alone: another site with a custom header',
      ORIGIN_ALONE,
      { ...FOREIGN, ...CUSTOM },
      'cross-site',
    ],
    ['header alone: missing', HEADER_ALONE, {}, 'csrf-header'],
    [
      'header alone: empty',
      HEADER_ALONE,
      { 'x-requested-with': '' },
      'csrf-header',
    ],
    ['header alone: present', HEADER_ALONE, CUSTOM, undefined],
    [
      'header alone: present, of another site whose preflight was answered',
      HEADER_ALONE,
      { ...FOREIGN, ...CUSTOM },
      undefined,
    ],
    ['both: neither holds', BOTH, FOREIGN, 'csrf-header'],
    [
      'both: the header alone holds',
      BOTH,
      { ...FOREIGN, ...CUSTOM },
      'cross-site',
    ],
    [
      'both: the origin alone holds',
      BOTH,
      { 'sec-fetch-site': 'same-origin' },
      'csrf-header',
    ],
    [
      'both: both hold',
      BOTH,
      { ...CUSTOM, 'sec-fetch-site': 'same-origin' },
      undefined,
    ],
    ['token alone: missing', TOKEN_ALONE, {}, 'csrf-token'],
    ['token alone: empty', TOKEN_ALONE, { 'x-csrf-token': '' }, 'csrf-token'],
    [
      'token alone: of another session',
      TOKEN_ALONE,
      { 'x-csrf-token': 'theirs' },
      'csrf-token',
    ],
    ['token alone: ours', TOKEN_ALONE, TOKEN, undefined],
    [
      'token alone: ours, twice',
      TOKEN_ALONE,
      { 'x-csrf-token': ['ours', 'ours'] },
      'csrf-token',
    ],
    [
      'token alone: ours, of another site',
      TOKEN_ALONE,
      { ...FOREIGN, ...TOKEN },
      undefined,
    ],
    ['all: all hold', ALL, { ...OWN, ...CUSTOM, ...TOKEN }, undefined],
    ['all: no token', ALL, { ...OWN, ...CUSTOM }, 'csrf-token'],
    ['all: no custom header', ALL, { ...OWN, ...TOKEN }, 'csrf-header'],
    [
      'all: another site',
      ALL,
      { ...FOREIGN, ...CUSTOM, ...TOKEN },
      'cross-site',
    ],
    ['none: another site', NONE, FOREIGN, undefined],
  ])('S-111: %s', (_what, options, headers, reason) => {
    expect(judgeCsrf(post(headers), options, isOurs)).toEqual(
      reason ? { allowed: false, reason } : { allowed: true },
    );
  });

  describe('S-152: takes the CSRF token', () => {
    const judge = (more: Partial<RequestFacts>) =>
      judgeCsrf({ ...post(), ...more }, TOKEN_ALONE, isOurs).allowed;

    it.each<[what: string, more: Partial<RequestFacts>, expected: boolean]>([
      ['from the field of a body', { body: { _csrf: 'ours' } }, true],
      ['from no other field', { body: { csrf: 'ours' } }, false],
      ['from no list', { body: { _csrf: ['ours'] } }, false],
      ['from no body that is a text', { body: '_csrf=ours' }, false],
      [
        'from no prototype',
        { body: Object.create({ _csrf: 'ours' }) as object },
        false,
      ],
      ['from no URL', { url: '/?_csrf=ours&x-csrf-token=ours' }, false],
      [
        'from no cookie',
        { headers: { cookie: '_csrf=ours; x-csrf-token=ours' } },
        false,
      ],
      [
        'from the header before the body',
        { headers: { 'x-csrf-token': 'theirs' }, body: { _csrf: 'ours' } },
        false,
      ],
    ])('%s', (_what, more, expected) => {
      expect(judge(more)).toBe(expected);
    });
  });

  it.each<
    [
      what: string,
      options: ResolvedCsrfOptions,
      headers: Headers,
      reason: CsrfRefusal | undefined,
    ]
  >([
    ['origin alone: our site', ORIGIN_ALONE, OWN, undefined],
    ['origin alone: another site', ORIGIN_ALONE, FOREIGN, 'cross-site'],
    ['header alone: missing', HEADER_ALONE, OWN, 'csrf-header'],
    ['header alone: present', HEADER_ALONE, CUSTOM, undefined],
    ['both: no header', BOTH, OWN, 'csrf-header'],
    ['both: another site', BOTH, { ...FOREIGN, ...CUSTOM }, 'cross-site'],
    ['all: no token', ALL, { ...OWN, ...CUSTOM }, undefined],
    ['all: another site', ALL, { ...FOREIGN, ...CUSTOM }, 'cross-site'],
    ['token alone: missing', TOKEN_ALONE, OWN, 'csrf-token'],
    ['token alone: a token', TOKEN_ALONE, { ...OWN, ...TOKEN }, 'csrf-token'],
    ['none', NONE, FOREIGN, undefined],
  ])(
    'S-158: without a session that a token could belong to, %s',
    (_what, options, headers, reason) => {
      expect(judgeCsrf(post(headers), options, undefined)).toEqual(
        reason ? { allowed: false, reason } : { allowed: true },
      );
    },
  );

  it('takes the target of HTTP/2 from :authority, not from a Host beside it', () => {
    const headers: Headers = {
      ':authority': 'app.example',
      host: 'evil.example',
      origin: 'https://app.example',
    };
    expect(judgeOrigin({ method: 'POST', headers }, ORIGIN_ALONE).allowed).toBe(
      true,
    );
    expect(
      judgeOrigin(
        { method: 'POST', headers: { ...headers, ...FOREIGN } },
        ORIGIN_ALONE,
      ).allowed,
    ).toBe(false);
  });

  it.each(['x-forwarded-host', 'forwarded', 'x-original-host', 'x-host'])(
    'S-129, V-49: lets no %s stand for the Host',
    (name) => {
      const headers = post({ ...FOREIGN, [name]: 'evil.example' });
      expect(judgeOrigin(headers, ORIGIN_ALONE).allowed).toBe(false);
    },
  );

  it.each<[what: string, headers: Headers]>([
    ['Origin', { origin: ['https://evil.example', 'https://app.example'] }],
    ['Sec-Fetch-Site', { 'sec-fetch-site': ['cross-site', 'same-origin'] }],
    [
      'Referer',
      { referer: ['https://evil.example/', 'https://evil.example/'] },
    ],
  ])(
    'S-124: never takes a repeated %s that arrives as an array for an absent one',
    (_what, headers) => {
      expect(judgeOrigin(post(headers), ORIGIN_ALONE).allowed).toBe(false);
    },
  );

  it('takes a header that arrives as an array of one for what it holds', () => {
    const headers = { origin: ['https://app.example'], host: ['app.example'] };
    expect(judgeOrigin(post(headers), ORIGIN_ALONE).allowed).toBe(true);
  });
});

describe('a sign-in, refresh or sign-out', () => {
  it.each([
    // writes ambient, carries ambient, carries a token that no form can send: must prove its origin
    [true, false, false, true, 'writes a cookie'],
    [true, true, true, true, 'writes a cookie over another'],
    [true, false, true, false, 'carries a token in a header alone'],
    [false, false, false, false, 'answers a token in the body'],
    [false, true, true, true, 'would end a cookie session'],
    [false, false, true, false, 'knows headers only'],
  ])(
    'A-131, A-134: (%p, %p, %p) must prove its origin: %p, because it %s',
    (writesAmbient, carriesAmbient, carriesProof, expected) => {
      const change = { writesAmbient, carriesAmbient, carriesProof };
      expect(mustProveOrigin(change)).toBe(expected);
    },
  );
});

describe('a verdict on a request', () => {
  it.each([
    ['GET', { method: 'GET' }, true],
    ['GET', { method: 'HEAD' }, true],
    ['GET', { method: 'DELETE' }, false],
    ['HEAD', { method: 'POST' }, false],
    ['GET', { method: 'get' }, false],
    ['GET', { method: 'GET', wireMethod: 'POST' }, false],
    ['GET', { method: 'GET', url: '/?_method=put' }, false],
    ['OPTIONS', { headers: { 'x-http-method': 'PUT' }, method: 'GET' }, false],
    ['POST', { method: 'DELETE' }, true],
    ['POST', { method: 'GET', wireMethod: 'POST' }, true],
    [undefined, { method: 'DELETE' }, true],
  ])('made for %s holds for %j: %s', (method, facts, holds) => {
    expect(holdsFor({ headers: {}, ...facts }, method)).toBe(holds);
  });
});
