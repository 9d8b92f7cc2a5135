import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { SessionClient } from '../../lib/client/index.js';
import { createGate, turn, until } from '../support/asynchrony.js';
import { UnhandledErrors } from '../support/unhandled.js';
import { API, FakeRoutes, ROUTES, tokensOf } from './fake-routes.js';

afterEach(() => {
  jest.restoreAllMocks();
  Reflect.deleteProperty(globalThis, 'document');
});

describe.each([
  ['cookies', false],
  ['tokens in memory', true],
])('a session client with %s, in trouble', (_kind, keepsTokens) => {
  let routes: FakeRoutes;
  const refreshes = (): number => routes.to('/session/refresh').length;

  /** A client with a session whose token has expired. */
  function expired(options?: Parameters<FakeRoutes['client']>[0]) {
    const client = routes.client(options);
    client.use(routes.tokens());
    routes.expire();
    return client;
  }

  /** What becomes of a request: its status, or the name of its error. */
  function outcomeOf(request: Promise<Response>): Promise<number | string> {
    return request.then(
      ({ status }) => status,
      (error: Error) => error.name,
    );
  }

  beforeEach(() => {
    routes = new FakeRoutes(keepsTokens);
  });

  const HTML = { 'content-type': 'text/html' };

  it.each<
    [
      what: string,
      answer: () => Response,
      withCookies: number,
      inMemory: number | string,
    ]
  >([
    ['500', () => new Response('no', { status: 500 }), 500, 500],
    ['502 with a page', () => new Response('<p>', { status: 502 }), 502, 502],
    ['429', () => new Response(null, { status: 429 }), 429, 429],
    [
      '200 with a page, as the network of a hotel does',
      () => new Response('<!doctype html>', { headers: HTML }),
      401,
      'SyntaxError',
    ],
    ['204', () => new Response(null, { status: 204 }), 401, 'SyntaxError'],
    ['JSON that breaks off', () => new Response('{"to'), 401, 'SyntaxError'],
    ['{}', () => Response.json({}), 401, 401],
    ['null', () => Response.json(null), 401, 401],
  ])(
    'a refresh that answers %s is asked once, is not the end, and the next one works',
    async (_answer, answer, withCookies, inMemory) => {
      const client = expired();
      routes.answer = ({ url }) =>
        url === `${ROUTES}/refresh` ? answer() : undefined;
      const outcomes = await Promise.all(
        [1, 2, 3].map(() => outcomeOf(client.fetch(`${API}/me`))),
      );
      expect(outcomes).toEqual(
        Array(3).fill(keepsTokens ? inMemory : withCookies),
      );
      expect(refreshes()).toBe(1);
      expect(routes.ended).toEqual([]);
      routes.answer = () => undefined;
      expect(await outcomeOf(client.fetch(`${API}/me`))).toBe(200);
      expect(refreshes()).toBe(2);
    },
  );

  const aborted = (signal: AbortSignal, reject: (reason: unknown) => void) =>
    signal.addEventListener('abort', () => reject(signal.reason));

  it.each<
    [when: string, never: (signal: AbortSignal) => Response | Promise<Response>]
  >([
    [
      'answers',
      (signal) => new Promise((_resolve, reject) => aborted(signal, reject)),
    ],
    [
      'ends its answer',
      (signal) =>
        new Response(
          new ReadableStream({
            start: (stream) =>
              aborted(signal, (reason) => stream.error(reason)),
          }),
        ),
    ],
  ])(
    'a refresh that never %s is given up after 30 s, and the next one works',
    async (when, never) => {
      const over = new AbortController();
      const timeout = jest
        .spyOn(AbortSignal, 'timeout')
        .mockReturnValue(over.signal);
      let stuck = 0;
      const client = expired({
        fetch: async (input) => {
          const request = input as Request;
          if (request.url === `${ROUTES}/refresh` && !over.signal.aborted) {
            stuck += 1;
            return never(request.signal);
          }
          return routes.fetch(request);
        },
      });
      const waiting = [1, 2].map(() => outcomeOf(client.fetch(`${API}/me`)));
      await until(() => stuck === 1, 'the refresh');
      expect(timeout.mock.calls).toEqual([[30_000]]);
      // With cookies nobody reads what a refresh answers.
      const waits = keepsTokens || when === 'answers';
      if (!waits) expect(await Promise.all(waiting)).toEqual([401, 401]);
      over.abort(new DOMException('', 'TimeoutError'));
      if (waits) {
        expect(await Promise.all(waiting)).toEqual([
          'TimeoutError',
          'TimeoutError',
        ]);
      }
      expect([stuck, routes.ended]).toEqual([1, []]);
      timeout.mockReturnValue(new AbortController().signal);
      expect(await outcomeOf(client.fetch(`${API}/me`))).toBe(200);
      expect(refreshes()).toBe(1);
    },
  );

  it('a Request whose body is a stream is sent again from a copy', async () => {
    const client = expired();
    const body = new Blob(['streamed']).stream();
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
    const request = new Request(`${API}/change`, init);
    expect(await outcomeOf(client.fetch(request))).toBe(200);
    expect(routes.to('/change').map((seen) => seen.body)).toEqual([
      'streamed',
      'streamed',
    ]);
    // As with `fetch`, it has been used.
    expect(await outcomeOf(client.fetch(request))).toBe('TypeError');
  });

  it.each([
    ['has new tokens', 200],
    ['is refused', 401],
    ['fails', 503],
  ])(
    'a sign-in while a refresh is under way, which then %s, is what goes on',
    async (_what, status) => {
      const client = expired();
      const gate = createGate();
      routes.answer = async ({ url }) => {
        if (url !== `${ROUTES}/refresh`) return undefined as never;
        await gate.promise;
        return status === 200
          ? Response.json(tokensOf(2))
          : new Response(null, { status });
      };
      const me = outcomeOf(client.fetch(`${API}/me`));
      await until(() => refreshes() === 1, 'the refresh');
      routes.valid = routes.jar = 7;
      client.use(tokensOf(7));
      gate.open();
      expect(await me).toBe(200);
      expect(await outcomeOf(client.fetch(`${API}/me`))).toBe(200);
      expect(refreshes()).toBe(1);
      expect(routes.ended).toEqual([]);
    },
  );

  it('a caller that gives up need not wait for the refresh, which goes on', async () => {
    const client = expired();
    const gate = createGate();
    routes.gate = gate.promise;
    const abort = new AbortController();
    const { signal } = abort;
    const me = outcomeOf(client.fetch(`${API}/me`, { signal }));
    const other = outcomeOf(client.fetch(`${API}/me`));
    await until(() => refreshes() === 1, 'the refresh');
    abort.abort();
    expect(await me).toBe('AbortError');
    gate.open();
    expect(await other).toBe(200);
    expect(refreshes()).toBe(1);
  });

  it('an end that is answered by further requests is told once, and asked about no more than they ask', async () => {
    let asked = 0;
    const client = expired({
      onSessionEnded: () => {
        routes.ended.push('one');
        for (let i = 0; i < 3; i += 1) {
          void client.fetch(`${API}/me`).then(() => (asked += 1));
        }
      },
    });
    routes.valid = undefined;
    expect(await outcomeOf(client.fetch(`${API}/me`))).toBe(401);
    await until(() => asked === 3, 'the other answers');
    expect(routes.ended).toEqual(['one']);
    expect(refreshes()).toBeLessThanOrEqual(2);
  });

  it.each(['data:,x', 'blob:https://elsewhere.example/x'])(
    'adds nothing to a request for %s, and refreshes nothing for it',
    async (address) => {
      const client = expired({ csrf: { header: 'X-CSRF', value: 'proof' } });
      routes.answer = () => new Response(null, { status: 401 });
      expect((await client.fetch(address, { method: 'POST' })).status).toBe(
        401,
      );
      expect([...routes.seen[0]!.headers.keys()]).toEqual([]);
      expect(routes.seen).toHaveLength(1);
    },
  );
});

describe('a session client with cookies, in trouble', () => {
  it('tells the end once, although the CSRF cookie stays', async () => {
    const routes = new FakeRoutes();
    routes.valid = routes.jar = undefined;
    Object.assign(globalThis, {
      document: { baseURI: API, cookie: 'XSRF-TOKEN=proof' },
    });
    const csrf = { header: 'X-XSRF-TOKEN', cookie: 'XSRF-TOKEN' };
    const client = routes.client({ csrf });
    for (let i = 0; i < 3; i += 1) {
      expect((await client.fetch('/me')).status).toBe(401);
    }
    expect(routes.ended).toEqual(['one']);
  });

  it('lets a Request have them too, unless it says otherwise', async () => {
    const routes = new FakeRoutes();
    const client = routes.client();
    const url = `${API}/me`;
    await client.fetch(new Request(url));
    await client.fetch(new Request(url, { credentials: 'omit' }));
    await client.fetch(new Request(url), { credentials: 'omit' });
    expect(routes.seen.map(({ credentials }) => credentials)).toEqual([
      'include',
      'omit',
      'omit',
    ]);
  });

  it('leaves no rejection to nobody when the answer that it drops has been cut off', async () => {
    const unhandled = new UnhandledErrors();
    const gate = createGate();
    const reached = createGate();
    const server = createServer((request, response) => {
      if (request.url === '/session/refresh') {
        reached.open();
        void gate.promise.then(() => response.end('{}'));
      } else if (request.headers['x-cut'] !== undefined) {
        response.writeHead(401).write('{');
      } else {
        response.writeHead(401).end('{}');
      }
      void gate.promise.then(
        () => request.headers['x-cut'] && response.destroy(),
      );
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = new SessionClient({
      url: `http://127.0.0.1:${port}/session`,
    });
    unhandled.start();
    try {
      client.use();
      const abort = new AbortController();
      const requests = [
        client.fetch('/me', { signal: abort.signal }),
        client.fetch('/me', { headers: { 'x-cut': 'yes' } }),
      ].map((request) => request.catch(({ name }: Error) => name));
      await reached.promise;
      for (let i = 0; i < 20; i += 1) await turn();
      abort.abort();
      await turn();
      gate.open();
      expect((await Promise.all(requests))[0]).toBe('AbortError');
      for (let i = 0; i < 20; i += 1) await turn();
      expect(await unhandled.settled()).toEqual([]);
    } finally {
      unhandled.stop();
      server.close();
      server.closeAllConnections();
    }
  });
});
