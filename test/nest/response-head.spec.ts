import type { ServerResponse } from 'node:http';
import { ResponseHead } from '../../lib/nest/exchange/response-head.js';
import type { Delivery } from '../../lib/ports/transport.js';
import { createExchange } from '../support/node-exchange.js';

type Head = readonly [status: number, ...given: unknown[]];

/** What a handler does to its response before the head is written. */
type Prepare = (response: ServerResponse) => void;

const nothing: Prepare = () => undefined;
const accept: Prepare = (response) => response.setHeader('Vary', 'Accept');
const trace: Prepare = (response) => response.setHeader('X-Trace', '1');

/** The lines of a head, without the ones that node adds. */
function linesOf(response: ServerResponse, head: Head): string[] {
  response.sendDate = false;
  (response.writeHead as (...given: readonly unknown[]) => unknown)(...head);
  const { _header } = response as unknown as { _header: string };
  return _header
    .split('\r\n')
    .filter((line) => line && !/^(Connection|Transfer-Encoding):/i.test(line));
}

describe('Vary in the head of a response', () => {
  it.each<[string, Prepare, Head, string[]]>([
    ['nothing', nothing, [200], ['HTTP/1.1 200 OK', 'Vary: Cookie']],
    [
      'headers of its own',
      nothing,
      [200, { 'X-A': 'a', 'X-B': ['b', 'c'] }],
      ['HTTP/1.1 200 OK', 'Vary: Cookie', 'X-A: a', 'X-B: b', 'X-B: c'],
    ],
    [
      'a reason and headers',
      nothing,
      [201, 'Made', { 'X-A': 'a' }],
      ['HTTP/1.1 201 Made', 'Vary: Cookie', 'X-A: a'],
    ],
    [
      'headers twice, of which node takes the last',
      nothing,
      [200, { 'X-A': 'a' }, { 'X-B': 'b' }],
      ['HTTP/1.1 200 OK', 'Vary: Cookie', 'X-B: b'],
    ],
    [
      'its own Vary beside the status',
      nothing,
      [200, { vary: 'Accept' }],
      ['HTTP/1.1 200 OK', 'Vary: Accept, Cookie'],
    ],
    [
      'names and values in turn',
      nothing,
      [200, ['X-A', 'a', 'Vary', 'Accept']],
      ['HTTP/1.1 200 OK', 'X-A: a', 'Vary: Accept, Cookie'],
    ],
    [
      'its own Vary before',
      accept,
      [200],
      ['HTTP/1.1 200 OK', 'Vary: Accept, Cookie'],
    ],
    [
      'its own Vary before, and headers beside the status',
      accept,
      [200, { 'X-A': 'a' }],
      ['HTTP/1.1 200 OK', 'Vary: Accept, Cookie', 'X-A: a'],
    ],
    [
      'another header before, a reason, and headers beside the status',
      trace,
      [200, 'Fine', { 'X-A': 'a' }],
      ['HTTP/1.1 200 Fine', 'X-Trace: 1', 'Vary: Cookie', 'X-A: a'],
    ],
    [
      'the field itself, in another spelling',
      nothing,
      [200, { Vary: 'accept,COOKIE' }],
      ['HTTP/1.1 200 OK', 'Vary: accept, COOKIE'],
    ],
    [
      'that it varies by everything',
      nothing,
      [200, { Vary: '*' }],
      ['HTTP/1.1 200 OK', 'Vary: *'],
    ],
    [
      'an empty Vary',
      nothing,
      [200, { Vary: '' }],
      ['HTTP/1.1 200 OK', 'Vary: Cookie'],
    ],
  ])('is there when a handler gives %s', (_what, prepare, head, expected) => {
    const { response } = createExchange();
    new ResponseHead(response).keepInVary('Cookie');
    prepare(response);
    expect(linesOf(response, head)).toEqual(expected);
  });

  it('leaves what it is given as it was', () => {
    const given = Object.freeze({ 'X-A': 'a' });
    const { response } = createExchange();
    new ResponseHead(response).keepInVary('Cookie, Authorization');
    expect(linesOf(response, [200, given])).toEqual([
      'HTTP/1.1 200 OK',
      'Vary: Cookie, Authorization',
      'X-A: a',
    ]);
    expect(given).toEqual({ 'X-A': 'a' });
  });

  it('has the fields of all who ask, each once', () => {
    const { response } = createExchange();
    const head = new ResponseHead(response);
    head.keepInVary('Cookie, Authorization');
    head.keepInVary('Authorization, X-Session');
    expect(linesOf(response, [204])).toContain(
      'Vary: Cookie, Authorization, X-Session',
    );
  });

  it('stands beside what is delivered, whichever headers were given', () => {
    const { response } = createExchange();
    const head = new ResponseHead(response);
    head.keepInVary('Authorization');
    const isPut = head.put({
      deliveries: [{ kind: 'header', name: 'X-Token', value: 'new' }],
      isCurrent: () => true,
    });
    expect(isPut).toBe(true);
    expect(linesOf(response, [200, { 'X-A': 'a', 'x-token': 'old' }])).toEqual([
      'HTTP/1.1 200 OK',
      'X-A: a',
      'X-Token: new',
      'Access-Control-Expose-Headers: X-Token',
      'Cache-Control: no-store',
      'Vary: Authorization',
    ]);
  });
});

describe('cookies in the head of a response', () => {
  const cookie = (line: string): Delivery => ({
    kind: 'cookie',
    name: line.slice(0, line.indexOf('=')),
    line,
  });

  /** The `Set-Cookie` lines where these are delivered one after the other. */
  function cookiesAfter(
    deliveries: readonly (readonly [line: string, isCurrent?: boolean])[],
    prepare: Prepare = nothing,
  ): string[] {
    const { response } = createExchange();
    const head = new ResponseHead(response);
    for (const [line, isCurrent = true] of deliveries) {
      head.put({ deliveries: [cookie(line)], isCurrent: () => isCurrent });
    }
    prepare(response);
    return linesOf(response, [200])
      .filter((line) => line.startsWith('Set-Cookie: '))
      .map((line) => line.slice('Set-Cookie: '.length));
  }

  it.each<[what: string, first: string, second: string]>([
    ['name', 'a=1; Path=/', 'b=2; Path=/'],
    ['domain', 'a=1; Path=/', 'a=2; Domain=x.example; Path=/'],
    ['domain, of several', 'a=1; Domain=y.example', 'a=2; Domain=x.example'],
    ['path', 'a=1; Path=/', 'a=2; Path=/a'],
    ['case of the path', 'a=1; Path=/A', 'a=2; Path=/a'],
    ['partition', 'a=1; Path=/; Secure', 'a=2; Path=/; Secure; Partitioned'],
    ['last path', 'a=1; Path=/; Path=/b', 'a=2; Path=/b; Path=/'],
  ])('are two where they differ in their %s', (_what, first, second) => {
    expect(cookiesAfter([[first], [second]])).toEqual([first, second]);
    expect(
      cookiesAfter([[second]], (response) =>
        response.setHeader('Set-Cookie', first),
      ),
    ).toEqual([first, second]);
  });

  it.each<[what: string, first: string, second: string]>([
    ['value', 'a=1; Path=/', 'a=2; Path=/'],
    ['age', 'a=1; Max-Age=9; Path=/', 'a=; Max-Age=0; Path=/'],
    [
      'other attributes',
      'a=1; Path=/; Secure; SameSite=Lax',
      'a=1; Path=/; HttpOnly; SameSite=None',
    ],
    [
      'spelling',
      'a=1;DOMAIN=X.example;path=/;partitioned',
      'a = 2; Domain=x.example ; Path=/; Partitioned',
    ],
  ])(
    'are one, the last, where they differ in their %s',
    (_what, first, second) => {
      expect(cookiesAfter([[first], [second]])).toEqual([second]);
      expect(
        cookiesAfter([[second]], (response) =>
          response.setHeader('Set-Cookie', ['x=y', first]),
        ),
      ).toEqual(['x=y', second]);
    },
  );

  it('come in the order in which they were delivered last, the new one behind those that are cleared', () => {
    expect(
      cookiesAfter([
        ['a=; Max-Age=0; Path=/'],
        ['a=; Max-Age=0; Path=/; Secure; Partitioned'],
        ['a=new; Path=/'],
      ]),
    ).toEqual(['a=; Max-Age=0; Path=/; Secure; Partitioned', 'a=new; Path=/']);
  });

  it('do not come back where the one that replaced them is out of date', () => {
    expect(cookiesAfter([['a=old'], ['a=new', false], ['b=1']])).toEqual([
      'b=1',
    ]);
  });
});

describe('what caches are told in the head of a response that brings a token', () => {
  it.each<[what: string, given: string | string[], expected: string]>([
    ['nothing else', 'public, max-age=60', 'no-store'],
    ['no-transform', 'no-transform', 'no-store, no-transform'],
    [
      'no-transform among others, as for a stream of events',
      'private, no-cache, no-store, must-revalidate, max-age=0, no-transform',
      'no-store, no-transform',
    ],
    [
      'no-transform in another spelling',
      'PUBLIC ,No-Transform',
      'no-store, no-transform',
    ],
    ['no other word', 'x-no-transform, no-transform=1', 'no-store'],
    [
      'no-transform of several lines',
      ['private', 'no-transform'],
      'no-store, no-transform',
    ],
  ])('keeps %s', (_what, given, expected) => {
    const { response } = createExchange();
    new ResponseHead(response).put({
      deliveries: [{ kind: 'header', name: 'X-Token', value: 'new' }],
      isCurrent: () => true,
    });
    expect(linesOf(response, [200, { 'cache-control': given }])).toContain(
      `Cache-Control: ${expected}`,
    );
  });

  it('takes back what was told to each kind of cache on its own, and nothing else', () => {
    const { response } = createExchange();
    new ResponseHead(response).put({
      deliveries: [{ kind: 'header', name: 'X-Token', value: 'new' }],
      isCurrent: () => true,
    });
    for (const name of [
      'CDN-Cache-Control',
      'Cloudflare-CDN-Cache-Control',
      'Vercel-CDN-Cache-Control',
      'Netlify-CDN-Cache-Control',
      'Akamai-Cache-Control',
      'Surrogate-Control',
      'Edge-Control',
      'x-accel-expires',
    ]) {
      response.setHeader(name, 'max-age=60');
    }
    const kept = {
      'X-Accel-Buffering': 'no',
      'Surrogate-Key': 'a',
      'X-Cache-Control-Note': 'b',
    };
    expect(linesOf(response, [200, kept])).toEqual([
      'HTTP/1.1 200 OK',
      ...Object.entries(kept).map((pair) => pair.join(': ')),
      'X-Token: new',
      'Access-Control-Expose-Headers: X-Token',
      'Cache-Control: no-store',
    ]);
  });
});
