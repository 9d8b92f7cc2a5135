import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { SessionClient } from '../../lib/client/index.js';
import { createGate, turn, until } from '../support/asynchrony.js';
import { UnhandledErrors } from '../support/unhandled.js';
import {
  API,
  FakeRoutes,
  ROUTES,
  sessionRequired,
  tokensOf,
} from './fake-routes.js';

/** JSON whose connection was lost on the way. */
function broken(status: number): Response {
  const body = new ReadableStream({
    start(stream) {
      stream.enqueue(new TextEncoder().encode('{"errorCode":"SESSION_REQ'));
      stream.error(new TypeError('terminated'));
    },
  });
  return new Response(body, { status });
}

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
  const page = (status: number) => () =>
    new Response('<!doctype html>', { status, headers: HTML });
  const json = (status: number, body: unknown) => () =>
    Response.json(body, { status });
  const elsewhere = () => {
    const answer = sessionRequired();
    Object.defineProperty(answer, 'url', { value: 'https://login.example/' });
    return answer;
  };
  const opaque = () => Object.defineProperty(Response.error(), 'url', {});

  it.each<[what: string, answer: () => Response, outcome: number]>([
    ['500', () => new Response('no', { status: 500 }), 500],
    ['502 with a page', page(502), 502],
    ['429', () => new Response(null, { status: 429 }), 429],
    ['503 in JSON', json(503, { errorCode: 'SESSION_UNAVAILABLE' }), 503],
    ['404, as during a deploy', page(404), 401],
    ['404 in JSON', json(404, { statusCode: 404, message: 'Not Found' }), 401],
    ['404 with our code', json(404, { errorCode: 'SESSION_REQUIRED' }), 401],
    ['401 with a page, as a gateway does', page(401), 401],
    ['401 without a body', () => new Response(null, { status: 401 }), 401],
    ['401 without a code', json(401, { message: 'Unauthorized' }), 401],
    ['401 with another code', json(401, { errorCode: 'PROXY_AUTH' }), 401],
    ['401 in JSON that breaks off', () => broken(401), 401],
    ['401 of another origin', elsewhere, 401],
    ['403 with a page', page(403), 401],
    ['403 of ours', json(403, { errorCode: 'CSRF_REFUSED' }), 401],
    ['405', () => new Response(null, { status: 405 }), 401],
    ['410', json(410, { errorCode: 'GONE' }), 401],
    ['400', json(400, {}), 401],
    ['200 with a page, as the network of a hotel does', page(200), 401],
    ['204', () => new Response(null, { status: 204 }), 401],
    ['200 in JSON that breaks off', () => broken(200), 401],
    ['{}', json(200, {}), 401],
    ['null', json(200, null), 401],
    ['a token that is no text', json(200, { token: 7 }), 401],
    ['an opaque answer', opaque, 401],
  ])(
    'a refresh that answers %s is asked once, is not the end, and the next one works',
    async (_answer, answer, outcome) => {
      const client = expired();
      routes.answer = ({ url }) =>
        url === `${ROUTES}/refresh` ? answer() : undefined;
      const outcomes = await Promise.all(
        [1, 2, 3].map(() => outcomeOf(client.fetch(`${API}/me`))),
      );
      expect(outcomes).toEqual(Array(3).fill(outcome));
      expect(refreshes()).toBe(1);
      expect(routes.ended).toEqual([]);
      routes.answer = () => undefined;
      expect(await outcomeOf(client.fetch(`${API}/me`))).toBe(200);
      expect(refreshes()).toBe(2);
    },
  );

  it('sends fewer and fewer refreshes in an outage, and one again when its time has come', async () => {
    let now = 0;
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now);
    const client = expired();
    routes.answer = ({ url }) =>
      url === `${ROUTES}/refresh`
        ? new Response('later', { status: 503 })
        : undefined;
    const counts: number[] = [];
    for (let second = 0; second < 120; second += 1) {
      now = second * 1000;
      const answer = await client.fetch(`${API}/me`);
      expect([answer.status, await answer.text()]).toEqual([503, 'later']);
      counts.push(refreshes());
    }
    // Two without delay, then after 1, 2, 4, 8, 16, 30, 30 s.
    expect(counts.at(-1)).toBe(10);
    routes.answer = () => undefined;
    expect(await outcomeOf(client.fetch(`${API}/me`))).toBe(503);
    now += 30_000;
    expect(await outcomeOf(client.fetch(`${API}/me`))).toBe(200);
    expect(routes.ended).toEqual([]);
    clock.mockRestore();
  });

  it('a sign-in is not held up by the failures of the session before', async () => {
    jest.spyOn(performance, 'now').mockReturnValue(0);
    const client = expired();
    routes.answer = ({ url }) =>
      url === `${ROUTES}/refresh` ? page(404)() : undefined;
    for (let i = 0; i < 5; i += 1) await client.fetch(`${API}/me`);
    expect(refreshes()).toBe(3);
    routes.answer = () => undefined;
    routes.valid = routes.jar = 7;
    client.use(routes.tokens());
    routes.expire();
    expect(await outcomeOf(client.fetch(`${API}/me`))).toBe(200);
  });

  it.each<
    [
      what: string,
      method: string,
      answer: () => Response,
      sent: number,
      refreshed: number,
    ]
  >([
    ['a wrong password', 'POST', json(401, { message: 'Wrong' }), 10, 0],
    ['a page of a gateway', 'POST', page(401), 10, 0],
    ['another code', 'GET', json(401, { errorCode: 'STEP_UP' }), 10, 0],
    [
      'a forged request',
      'POST',
      json(403, { errorCode: 'CSRF_REFUSED' }),
      10,
      0,
    ],
    ['no right', 'GET', json(403, { errorCode: 'SESSION_FORBIDDEN' }), 10, 0],
    ['no code', 'GET', json(401, { message: 'Unauthorized' }), 13, 3],
    ['no body', 'HEAD', () => new Response(null, { status: 401 }), 13, 3],
    ['our code, after each refresh', 'GET', sessionRequired, 13, 3],
    ['our code, after each refresh', 'POST', sessionRequired, 13, 3],
  ])(
    'a request that is always refused for %s (%s) ends nothing and causes no endless refreshes',
    async (_what, method, answer, sent, refreshed) => {
      jest.spyOn(performance, 'now').mockReturnValue(0);
      const client = routes.client();
      client.use(routes.tokens());
      routes.answer = ({ url }) => {
        if (url === `${API}/login`) return answer();
        // As after a refresh that the server accepts each time.
        if (url === `${ROUTES}/refresh`) return Response.json(routes.tokens());
        return undefined;
      };
      for (let i = 0; i < 10; i += 1) {
        const request = client.fetch(`${API}/login`, { method });
        expect(await outcomeOf(request)).toBe(answer().status);
      }
      expect(routes.to('/login')).toHaveLength(sent);
      expect(refreshes()).toBe(refreshed);
      expect(routes.ended).toEqual([]);
      expect(await outcomeOf(client.fetch(`${API}/me`))).toBe(200);
    },
  );

  it('an unclear 401 ends nothing, not even where the refresh is refused', async () => {
    const client = expired();
    routes.answer = ({ url }) =>
      url === `${API}/own` ? new Response(null, { status: 401 }) : undefined;
    routes.valid = undefined;
    expect(await outcomeOf(client.fetch(`${API}/own`))).toBe(401);
    expect([refreshes(), routes.ended]).toEqual([1, []]);
    expect(await outcomeOf(client.fetch(`${API}/me`))).toBe(401);
    expect(routes.ended).toEqual(['one']);
  });

  it.each<[how: string, listener: () => void | Promise<void>]>([
    [
      'throws',
      () => {
        throw new Error('listener');
      },
    ],
    ['rejects', () => Promise.reject(new Error('listener'))],
  ])(
    'a listener that %s fails no request and no sign-out, and is reported',
    async (_how, listener) => {
      const reported = jest.spyOn(console, 'error').mockReturnValue();
      const client = expired({ onSessionEnded: listener });
      routes.valid = undefined;
      expect(await outcomeOf(client.fetch(`${API}/me`))).toBe(401);
      client.use(tokensOf(1));
      expect(await outcomeOf(client.signOut())).toBe(204);
      await turn();
      expect(reported.mock.calls).toMatchObject([
        [{ message: 'listener' }],
        [{ message: 'listener' }],
      ]);
    },
  );

  it('a sign-out that cannot be sent rejects, and ends the session here all the same', async () => {
    const csrf = { header: 'X-CSRF', value: 'no\nheader' };
    const client = routes.client({ csrf });
    client.use(routes.tokens());
    expect(await outcomeOf(client.signOut())).toBe('TypeError');
    expect(await outcomeOf(client.signOut())).toBe('TypeError');
    expect(routes.ended).toEqual(['one']);
  });

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
