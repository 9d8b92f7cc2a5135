import { parseItem, parseList } from 'structured-headers';
import {
  isFromPage,
  challengeHeader,
  hasSkippedRefresh,
  isPageOfOtherSite,
  readTextHeader,
  registrationHeader,
} from '../../lib/binding/binding-headers.js';
import type { RequestFacts } from '../../lib/ports/request-facts.js';
import { rows } from '../support/titles.js';

const facts = (
  headers: RequestFacts['headers'],
  method = 'GET',
): RequestFacts => ({ method, headers });

describe('the headers that bind sessions', () => {
  it('invite with a list of algorithms, the preferred one first', () => {
    const header = registrationHeader('/session/device', 'abc.def-_');
    expect(header).toBe(
      '(ES256 RS256);path="/session/device";challenge="abc.def-_"',
    );
    expect(parseList(header)).toHaveLength(1);
  });

  it('ask for a proof of a named session', () => {
    const header = challengeHeader('abc.def', 'id-1');
    expect(header).toBe('"abc.def";id="id-1"');
    expect(parseItem(header)).toEqual(['abc.def', new Map([['id', 'id-1']])]);
  });
});

describe('a header with one text', () => {
  it.each([
    ['eyJhbGciOiJFUzI1NiJ9.e30.c2ln', 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln'],
    ['"eyJhbGciOiJFUzI1NiJ9.e30.c2ln"', 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln'],
    [' "a.b.c" ', 'a.b.c'],
    ['"a.b.c";x=1', 'a.b.c'],
    ['a.b.c;x', 'a.b.c'],
    ['""', ''],
    [String.raw`"a\"b"`, 'a"b'],
  ])('is read, quoted or not: %s', (value, text) => {
    expect(readTextHeader(value)).toBe(text);
  });

  it.each(
    rows([
      undefined,
      '',
      ' ',
      '"',
      '"a',
      'a, b',
      '"a", "b"',
      '(a b)',
      '?1',
      '12',
      '1.5',
      ':AAAA:',
      '@1659578233',
      '%"a"',
      '1.b.c',
      '-.b.c',
      'a b',
      '"é"',
      '"a\u0000"',
      'a;b=?',
      `"${'a'.repeat(8_191)}"`,
    ]),
  )('is not read from %s', (_title, value) => {
    expect(readTextHeader(value)).toBeUndefined();
  });

  it('is read up to 8,192 characters', () => {
    const text = 'a'.repeat(8_190);
    expect(readTextHeader(`"${text}"`)).toBe(text);
  });
});

describe('the context of a request', () => {
  it.each<[boolean, RequestFacts['headers']]>([
    [false, {}],
    [false, { host: 'app.example', cookie: 'a=b', referer: 'https://x' }],
    [false, { 'sec-secure-session-id': '"x"', 'sec-ch-ua': '"x"' }],
    [false, { 'x-origin': 'a', 'x-sec-fetch-mode': 'cors' }],
    [true, { origin: 'https://app.example' }],
    [true, { origin: 'null' }],
    [true, { origin: '' }],
    [true, { 'sec-fetch-site': 'none' }],
    [true, { 'sec-fetch-mode': 'cors' }],
    [true, { 'sec-fetch-dest': 'empty' }],
    [true, { 'sec-fetch-storage-access': 'active' }],
  ])('is known (%s) from %p', (expected, headers) => {
    expect(isFromPage(facts(headers))).toBe(expected);
  });
});

describe('a skipped refresh', () => {
  it.each([
    [true, 'unreachable'],
    [true, 'server_error'],
    [true, 'quota_exceeded'],
    [true, 'server_error;session_identifier="a b"'],
    [true, 'other;session_identifier="a", unreachable;session_identifier="b"'],
    [false, 'signing_quota_exceeded'],
    [false, '"unreachable"'],
    [false, 'UNREACHABLE'],
    [false, 'unreachable-not'],
    [false, '(unreachable)'],
    [false, ''],
    [false, 'unreachable;='],
    [false, `unreachable;x="${'a'.repeat(8_200)}"`],
  ])('will come later (%s): %s', (expected, value) => {
    expect(hasSkippedRefresh(facts({ 'secure-session-skipped': value }))).toBe(
      expected,
    );
  });

  it('is not one without the header, and is one in either of two lines', () => {
    expect(hasSkippedRefresh(facts({}))).toBe(false);
    const lines = ['other', 'unreachable'];
    expect(hasSkippedRefresh(facts({ 'secure-session-skipped': lines }))).toBe(
      true,
    );
  });
});

describe('a page that another site has opened', () => {
  const page = {
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
    'sec-fetch-site': 'cross-site',
  };

  it.each<[boolean, string, Record<string, string>]>([
    [true, 'GET', {}],
    [true, 'GET', { 'sec-fetch-site': 'same-site' }],
    [false, 'GET', { 'sec-fetch-site': 'same-origin' }],
    [false, 'GET', { 'sec-fetch-site': 'none' }],
    [false, 'GET', { 'sec-fetch-site': '' }],
    [false, 'GET', { 'sec-fetch-mode': 'cors' }],
    [false, 'GET', { 'sec-fetch-dest': 'iframe' }],
    [false, 'GET', { 'sec-fetch-dest': 'empty' }],
    [false, 'POST', {}],
    [false, 'HEAD', {}],
  ])('is one (%s): %s with %p', (expected, method, headers) => {
    expect(isPageOfOtherSite(facts({ ...page, ...headers }, method))).toBe(
      expected,
    );
  });

  it('is none without any of the headers', () => {
    expect(isPageOfOtherSite(facts({}))).toBe(false);
    for (const name of Object.keys(page)) {
      expect(isPageOfOtherSite(facts({ ...page, [name]: undefined }))).toBe(
        false,
      );
    }
  });
});
