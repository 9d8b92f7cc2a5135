import type { ServerResponse } from 'node:http';
import { ResponseHead } from '../../lib/nest/response-head.js';
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
