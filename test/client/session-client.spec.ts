import { inspect } from 'node:util';
import { createGate, turn, until } from '../support/asynchrony.js';
import {
  API,
  FakeRoutes,
  ROUTES,
  sessionRequired,
  tokensOf,
} from './fake-routes.js';

const JSON_BODY = { 'content-type': 'application/json' };
const ELSEWHERE = 'https://elsewhere.example';

function refreshesAt(routes: FakeRoutes): number {
  return routes.to('/session/refresh').length;
}

/** A document, as far as the client looks at one. */
function withCookies(cookie: string): void {
  Object.assign(globalThis, {
    document: { baseURI: `${API}/page/`, cookie },
  });
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, 'document');
});

describe.each([
  ['cookies', false],
  ['tokens in memory', true],
])('a session client with %s', (_what, keepsTokens) => {
  let routes: FakeRoutes;

  /** A client with a session whose token has expired. */
  function expired(options?: Parameters<FakeRoutes['client']>[0]) {
    const client = routes.client(options);
    client.use(routes.tokens());
    routes.expire();
    return client;
  }

  beforeEach(() => {
    routes = new FakeRoutes(keepsTokens);
  });

  it('refreshes nothing while requests are accepted', async () => {
    const client = routes.client();
    client.use(routes.tokens());
    expect((await client.fetch(`${API}/me`)).status).toBe(200);
    expect(routes.seen).toHaveLength(1);
  });

  it('refreshes once for ten requests that are refused, and sends each again', async () => {
    const client = expired();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => client.fetch(`${API}/me?${i}`)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(refreshesAt(routes)).toBe(1);
    expect(routes.seen).toHaveLength(21);
    expect(routes.ended).toEqual([]);
  });

  it('does not refresh again for a request whose 401 comes after the refresh', async () => {
    const client = expired();
    const gate = createGate();
    routes.answer = (seen) =>
      seen.url === `${API}/slow` && routes.to('/slow').length === 1
        ? gate.promise.then(() => new Response(null, { status: 401 }))
        : undefined;
    const slow = client.fetch(`${API}/slow`);
    expect((await client.fetch(`${API}/me`)).status).toBe(200);
    gate.open();
    expect((await slow).status).toBe(200);
    expect(refreshesAt(routes)).toBe(1);
  });

  it('sends a request again once, not for ever', async () => {
    const client = expired();
    routes.answer = ({ url }) =>
      url === `${API}/never` ? new Response('no', { status: 401 }) : undefined;
    const answer = await client.fetch(`${API}/never`);
    expect([answer.status, await answer.text()]).toEqual([401, 'no']);
    expect(routes.to('/never')).toHaveLength(2);
    expect(refreshesAt(routes)).toBe(1);
  });

  it.each<
    [what: string, body: () => NonNullable<RequestInit['body']>, text: RegExp]
  >([
    ['JSON', () => JSON.stringify({ a: 1 }), /^\{"a":1\}$/],
    [
      'form data',
      () => {
        const form = new FormData();
        form.set('a', '1');
        return form;
      },
      /name="a"\r\n\r\n1\r\n/,
    ],
    ['form fields', () => new URLSearchParams({ a: '1' }), /^a=1$/],
    ['a blob', () => new Blob(['a', '1']), /^a1$/],
    ['bytes', () => new TextEncoder().encode('a1'), /^a1$/],
  ])('sends a POST with %s again as it was', async (_name, body, text) => {
    const client = expired();
    const init = { method: 'POST', body: body() };
    expect((await client.fetch(`${API}/change`, init)).status).toBe(200);
    const [first, again] = routes.to('/change');
    expect(again!.body).toMatch(text);
    expect(again!.body).toBe(first!.body);
    expect(again!.headers.get('content-type')).toBe(
      first!.headers.get('content-type'),
    );
  });

  it('sends a Request again as it was, its body and headers too', async () => {
    const client = expired();
    const request = new Request(`${API}/change`, {
      method: 'PUT',
      headers: { ...JSON_BODY, 'x-own': 'yes' },
      body: '{"a":1}',
    });
    expect((await client.fetch(request)).status).toBe(200);
    for (const seen of routes.to('/change')) {
      expect([seen.method, seen.body]).toEqual(['PUT', '{"a":1}']);
      expect(seen.headers.get('x-own')).toBe('yes');
    }
    expect(routes.to('/change')).toHaveLength(2);
  });

  it('does not send a stream twice: its 401 is the answer, and the next request works', async () => {
    const client = expired();
    const body = new Blob(['streamed']).stream();
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
    expect((await client.fetch(`${API}/change`, init)).status).toBe(401);
    expect(routes.to('/change')).toHaveLength(1);
    expect((await client.fetch(`${API}/me`)).status).toBe(200);
    expect(refreshesAt(routes)).toBe(1);
    expect(routes.ended).toEqual([]);
  });

  it('says that a passive request and its refresh are no activity, and refreshes once more at the next active one', async () => {
    const client = expired();
    const saysOf = (path: string) =>
      routes.to(path).map(({ headers }) => headers.get('session-passive'));
    const poll = { passive: true, headers: { 'x-own': 'yes' } };
    expect((await client.fetch(`${API}/poll`, poll)).status).toBe(200);
    expect((await client.fetch(`${API}/poll`, poll)).status).toBe(200);
    expect(saysOf('/poll')).toEqual(['?1', '?1', '?1']);
    expect(routes.to('/poll')[2]!.headers.get('x-own')).toBe('yes');
    expect(saysOf('/session/refresh')).toEqual(['?1']);

    routes.expire();
    const answers = await Promise.all([
      client.fetch(`${API}/click`),
      client.fetch(`${API}/click`),
      client.fetch(`${API}/poll`, poll),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(saysOf('/session/refresh')).toEqual(['?1', null]);
    expect(saysOf('/click')).toEqual([null, null]);
    await client.fetch(`${API}/click`);
    expect(refreshesAt(routes)).toBe(2);
  });

  it('refreshes for an active request that comes while a passive one refreshes, before it is sent again', async () => {
    const client = expired();
    const gate = createGate();
    routes.gate = gate.promise;
    const poll = client.fetch(`${API}/poll`, { passive: true });
    await until(() => refreshesAt(routes) === 1, 'the refresh');
    const click = client.fetch(`${API}/click`);
    await until(() => routes.to('/click').length === 1, 'the click');
    gate.open();
    expect((await poll).status).toBe(200);
    routes.valid! += 1;
    expect((await click).status).toBe(200);
    expect(refreshesAt(routes)).toBe(2);
  });

  it.each<[what: string, answer: () => Response]>([
    ['answers 503', () => new Response(null, { status: 503 })],
    [
      'cannot be reached for',
      () => {
        throw new TypeError('fetch failed');
      },
    ],
  ])(
    'sends an active request all the same where the server %s that refresh',
    async (_how, refusal) => {
      const client = expired();
      await client.fetch(`${API}/poll`, { passive: true });
      routes.answer = ({ url }) =>
        url === `${ROUTES}/refresh` ? refusal() : undefined;
      expect((await client.fetch(`${API}/click`)).status).toBe(200);
      expect(refreshesAt(routes)).toBe(2);
      expect(routes.ended).toEqual([]);
    },
  );

  it('says nothing of activity to another origin', async () => {
    const client = expired();
    await client.fetch(`${ELSEWHERE}/poll`, { passive: true });
    const [seen] = routes.seen;
    expect(seen!.url).toBe(`${ELSEWHERE}/poll`);
    expect(seen!.headers.has('session-passive')).toBe(false);
  });

  it('a refresh that answers 503 is the answer of each that waits, and not the end', async () => {
    const client = expired();
    routes.answer = ({ url }) =>
      url === `${ROUTES}/refresh`
        ? new Response('later', {
            status: 503,
            headers: { 'retry-after': '3' },
          })
        : undefined;
    const answers = await Promise.all([
      client.fetch(`${API}/me`),
      client.fetch(`${API}/me`),
    ]);
    for (const answer of answers) {
      expect([answer.status, await answer.text()]).toEqual([503, 'later']);
      expect(answer.headers.get('retry-after')).toBe('3');
    }
    expect(refreshesAt(routes)).toBe(1);
    expect(routes.ended).toEqual([]);
    routes.answer = () => undefined;
    expect((await client.fetch(`${API}/me`)).status).toBe(200);
  });

  it('a refresh that the network fails rejects each that waits, and is not the end', async () => {
    const client = expired();
    routes.answer = ({ url }) => {
      if (url === `${ROUTES}/refresh`) throw new TypeError('fetch failed');
      return undefined;
    };
    const answers = await Promise.allSettled([
      client.fetch(`${API}/me`),
      client.fetch(`${API}/me`),
    ]);
    expect(answers).toMatchObject([
      { status: 'rejected', reason: { message: 'fetch failed' } },
      { status: 'rejected', reason: { message: 'fetch failed' } },
    ]);
    expect(refreshesAt(routes)).toBe(1);
    expect(routes.ended).toEqual([]);
    routes.answer = () => undefined;
    expect((await client.fetch(`${API}/me`)).status).toBe(200);
  });

  it('tells the end once, however many requests notice it, and answers their own 401', async () => {
    const client = expired();
    routes.valid = undefined;
    for (let round = 0; round < 2; round += 1) {
      const answers = await Promise.all([
        client.fetch(`${API}/me`),
        client.fetch(`${API}/me`),
      ]);
      for (const answer of answers) {
        expect(answer.status).toBe(401);
        expect(await answer.json()).toEqual({ errorCode: 'SESSION_REQUIRED' });
      }
    }
    expect(routes.ended).toEqual(['one']);
  });

  it('tells the end of the next session too', async () => {
    const client = expired();
    routes.valid = undefined;
    await client.fetch(`${API}/me`);
    routes.valid = routes.jar = 7;
    client.use(routes.tokens());
    expect((await client.fetch(`${API}/me`)).status).toBe(200);
    routes.valid = undefined;
    await client.fetch(`${API}/me`);
    expect(routes.ended).toEqual(['one', 'one']);
  });

  it('ends where our refresh route knows of no session either; a visitor has none to end', async () => {
    routes.answer = ({ url }) =>
      url === `${ROUTES}/refresh` ? sessionRequired() : undefined;
    routes.jar = undefined;
    const visitor = routes.client();
    expect((await visitor.fetch(`${API}/me`)).status).toBe(401);
    expect(routes.ended).toEqual([]);
    routes.jar = 1;
    const client = expired();
    expect((await client.fetch(`${API}/me`)).status).toBe(401);
    expect(routes.ended).toEqual(['one']);
  });

  it('tells a visitor nothing: neither of a page that is refused nor of a wrong password', async () => {
    routes.valid = routes.jar = undefined;
    const client = routes.client();
    expect((await client.fetch(`${API}/me`)).status).toBe(401);
    const login = { method: 'POST', body: 'password=wrong' };
    expect((await client.fetch(`${API}/login`, login)).status).toBe(401);
    expect(routes.ended).toEqual([]);
    expect(refreshesAt(routes)).toBe(keepsTokens ? 0 : 2);
  });

  it('answers the 401 of the routes themselves as it is, and refreshes for the list of devices', async () => {
    const client = expired();
    routes.answer = ({ url }) =>
      url === `${ROUTES}/refresh`
        ? new Response('mine', { status: 401 })
        : undefined;
    const post = { method: 'POST' };
    expect(await (await client.fetch(`${ROUTES}/refresh`, post)).text()).toBe(
      'mine',
    );
    expect(refreshesAt(routes)).toBe(1);
    expect(routes.ended).toEqual([]);
    routes.answer = () => undefined;
    expect((await client.fetch(`${ROUTES}/devices`)).status).toBe(200);
  });

  it('signs out on the server and here', async () => {
    const client = routes.client();
    client.use(routes.tokens());
    expect((await client.signOut()).status).toBe(204);
    expect(routes.to('/session/logout')).toMatchObject([
      {
        method: 'POST',
        body: keepsTokens ? '{"refreshToken":"refresh-1"}' : '',
      },
    ]);
    expect(routes.ended).toEqual(['one']);
    expect((await client.fetch(`${API}/me`)).status).toBe(401);
    expect(routes.seen.at(-1)!.headers.has('authorization')).toBe(false);
    expect(routes.ended).toEqual(['one']);
  });

  it('signs out here when the server is down, and says that it is', async () => {
    const client = routes.client();
    client.use(routes.tokens());
    routes.answer = () => {
      throw new TypeError('fetch failed');
    };
    await expect(client.signOut()).rejects.toThrow('fetch failed');
    expect(routes.ended).toEqual(['one']);
    routes.answer = () => undefined;
    await client.fetch(`${API}/me`);
    expect(routes.seen.at(-1)!.headers.has('authorization')).toBe(false);
  });

  it('a sign-out waits for a refresh that is under way, which revives nothing', async () => {
    const client = expired();
    const gate = createGate();
    routes.gate = gate.promise;
    const me = client.fetch(`${API}/me`);
    await until(() => refreshesAt(routes) === 1, 'the refresh');
    const signedOut = client.signOut();
    for (let i = 0; i < 20; i += 1) await turn();
    expect(routes.to('/session/logout')).toEqual([]);
    gate.open();
    expect((await signedOut).status).toBe(204);
    await me;
    expect(routes.ended).toEqual(['one']);
    expect((await client.fetch(`${API}/me`)).status).toBe(401);
  });

  it('lets a caller give up, while it waits for the refresh too', async () => {
    const client = expired();
    const gate = createGate();
    routes.gate = gate.promise;
    const abort = new AbortController();
    const me = client.fetch(`${API}/me`, { signal: abort.signal });
    await until(() => refreshesAt(routes) === 1, 'the refresh');
    abort.abort();
    gate.open();
    await expect(me).rejects.toMatchObject({ name: 'AbortError' });
    expect((await client.fetch(`${API}/me`)).status).toBe(200);
    expect(refreshesAt(routes)).toBe(1);
  });

  it('gives other origins nothing: they are asked as the caller said, and their 401 is theirs', async () => {
    const client = routes.client({
      csrf: { header: 'X-CSRF-Token', value: 'proof' },
    });
    client.use(routes.tokens());
    routes.answer = () =>
      new Response(null, {
        status: 401,
        headers: { 'session-token': 'planted' },
      });
    const addresses = [
      ELSEWHERE,
      'http://api.example',
      `${API}:8443`,
      'https://sub.api.example',
      'https://api.example.evil.example',
    ];
    for (const address of addresses) {
      const url = `${address}/me`;
      const inputs = [url, new URL(url), new Request(url, { method: 'POST' })];
      for (const input of inputs) {
        expect((await client.fetch(input, { method: 'POST' })).status).toBe(
          401,
        );
      }
    }
    expect(routes.seen).toHaveLength(3 * addresses.length);
    for (const { headers, credentials } of routes.seen) {
      expect([...headers.keys()]).toEqual([]);
      expect(credentials).toBe('same-origin');
    }
    expect(routes.ended).toEqual([]);
    routes.answer = () => undefined;
    expect((await client.fetch(`${API}/me`)).status).toBe(200);
  });

  it('takes nothing from another origin to which its own redirects', async () => {
    const client = routes.client();
    client.use(routes.tokens());
    routes.answer = () => {
      const answer = new Response(null, {
        status: 401,
        headers: { 'session-token': 'planted' },
      });
      Object.defineProperty(answer, 'url', { value: `${ELSEWHERE}/me` });
      return answer;
    };
    expect((await client.fetch(`${API}/away`)).status).toBe(401);
    expect(refreshesAt(routes)).toBe(0);
    routes.answer = () => undefined;
    expect((await client.fetch(`${API}/me`)).status).toBe(200);
  });

  it('lets neither a refresh nor a sign-out be redirected', async () => {
    const redirects: string[] = [];
    const client = expired({
      fetch: (input, init) => {
        redirects.push((input as Request).redirect);
        return routes.fetch(input, init);
      },
    });
    await client.fetch(`${API}/me`);
    await client.signOut();
    expect(redirects).toEqual(['follow', 'error', 'follow', 'error']);
  });

  it('sends the CSRF header with unsafe requests to its own origin, the refresh and the sign-out', async () => {
    const client = expired({
      csrf: { header: 'X-CSRF-Token', value: 'proof' },
    });
    const methods = [
      'GET',
      'HEAD',
      'OPTIONS',
      'POST',
      'PUT',
      'PATCH',
      'DELETE',
    ];
    for (const method of methods) {
      await client.fetch(`${API}/any`, { method });
    }
    await client.signOut();
    for (const { method, headers } of routes.seen) {
      expect(headers.get('x-csrf-token')).toBe(
        /GET|HEAD|OPTIONS/.test(method) ? null : 'proof',
      );
    }
    expect(refreshesAt(routes)).toBe(1);
  });

  it('reads the CSRF cookie for each request anew, and sends no header without it', async () => {
    const client = routes.client({
      csrf: { header: 'X-XSRF-TOKEN', cookie: 'XSRF-TOKEN' },
    });
    client.use(routes.tokens());
    const sent = async (cookies: string) => {
      withCookies(cookies);
      await client.fetch('/change', { method: 'POST' });
      return routes.seen.at(-1)!.headers.get('x-xsrf-token');
    };
    expect(await sent('a=1; XSRF-TOKEN=first.x=; b=2')).toBe('first.x=');
    expect(await sent('XSRF-TOKEN=second')).toBe('second');
    expect(await sent('NOT-XSRF-TOKEN=other')).toBeNull();
    expect(routes.to('/change')).toHaveLength(3);
  });

  it('works on when it is closed', async () => {
    const client = expired();
    client.close();
    client.close();
    expect((await client.fetch(`${API}/me`)).status).toBe(200);
    await client.signOut();
    expect(routes.ended).toEqual(['one']);
  });
});

describe('a session client with cookies', () => {
  it('lets its own origin have them, unless the caller says otherwise', async () => {
    const routes = new FakeRoutes();
    const client = routes.client();
    await client.fetch(`${API}/me`);
    await client.fetch(`${API}/me`, { credentials: 'omit' });
    expect(routes.seen.map(({ credentials }) => credentials)).toEqual([
      'include',
      'omit',
    ]);
  });

  it('keeps no token, whatever it is given', async () => {
    const routes = new FakeRoutes();
    const client = routes.client();
    client.use(tokensOf(1));
    routes.answer = () =>
      new Response(null, { headers: { 'session-token': 'other' } });
    await client.fetch(`${API}/me`);
    await client.fetch(`${API}/me`);
    for (const { headers } of routes.seen) {
      expect(headers.has('authorization')).toBe(false);
    }
  });

  it.each<[how: string, know: (routes: FakeRoutes) => Promise<unknown>]>([
    ['the session route', (routes) => known(routes).fetch(ROUTES)],
    [
      'a refresh',
      (routes) => {
        routes.expire();
        return known(routes).fetch(`${API}/me`);
      },
    ],
    ['the CSRF cookie', async () => withCookies('XSRF-TOKEN=proof')],
  ])('knows of a session by %s, and tells its end', async (_how, know) => {
    const routes = new FakeRoutes();
    await know(routes);
    routes.valid = routes.jar = undefined;
    expect((await known(routes).fetch(`${API}/me`)).status).toBe(401);
    expect(routes.ended).toEqual(['one']);
  });

  const clients = new WeakMap<FakeRoutes, ReturnType<FakeRoutes['client']>>();

  function known(routes: FakeRoutes) {
    const csrf = { header: 'X-XSRF-TOKEN', cookie: 'XSRF-TOKEN' };
    const client = clients.get(routes) ?? routes.client({ csrf });
    clients.set(routes, client);
    return client;
  }
});

describe('a session client with tokens in memory', () => {
  const bearers = (routes: FakeRoutes) =>
    routes.seen.map(({ headers }) => headers.get('authorization'));

  it('sends the token of the sign-in, then that of the refresh, which gets the refresh token alone', async () => {
    const routes = new FakeRoutes(true);
    const client = routes.client();
    client.use(routes.tokens());
    routes.expire();
    await client.fetch(`${API}/me`);
    expect(bearers(routes)).toEqual(['Bearer token-1', null, 'Bearer token-2']);
    expect(routes.to('/session/refresh')).toMatchObject([
      { body: '{"refreshToken":"refresh-1"}' },
    ]);
    for (const { credentials } of routes.seen) {
      expect(credentials).toBe('same-origin');
    }
  });

  it('takes the tokens that an answer brings, and keeps the refresh token where it brings none', async () => {
    const routes = new FakeRoutes(true);
    const client = routes.client();
    client.use(tokensOf(1));
    routes.answer = () =>
      new Response(null, { headers: { 'session-token': 'token-5' } });
    await client.fetch(`${API}/me`);
    routes.answer = () => undefined;
    routes.valid = 2;
    await client.fetch(`${API}/me`);
    expect(bearers(routes)).toEqual([
      'Bearer token-1',
      'Bearer token-5',
      null,
      'Bearer token-2',
    ]);
    expect(refreshesAt(routes)).toBe(1);
  });

  it('takes no token of an answer that a sign-out has overtaken', async () => {
    const routes = new FakeRoutes(true);
    const client = routes.client();
    client.use(tokensOf(1));
    const gate = createGate();
    routes.answer = ({ url }) =>
      url === `${API}/slow`
        ? gate.promise.then(
            () =>
              new Response(null, { headers: { 'session-token': 'token-5' } }),
          )
        : undefined;
    const slow = client.fetch(`${API}/slow`);
    await client.signOut();
    gate.open();
    await slow;
    await client.fetch(`${API}/me`);
    expect(bearers(routes).at(-1)).toBeNull();
  });

  it('keeps the refresh token where a refresh brings none', async () => {
    const routes = new FakeRoutes(true);
    const client = routes.client();
    client.use(tokensOf(1));
    routes.answer = ({ url }) =>
      url === `${ROUTES}/refresh`
        ? Response.json({ token: 'token-2' })
        : undefined;
    routes.valid = 2;
    await client.fetch(`${API}/me`);
    routes.valid = 3;
    await client.fetch(`${API}/me`);
    expect(routes.to('/session/refresh').map(({ body }) => body)).toEqual(
      Array(2).fill('{"refreshToken":"refresh-1"}'),
    );
  });

  it('forgets the refresh token of a session when a sign-in brings another one without', async () => {
    const routes = new FakeRoutes(true);
    const client = routes.client();
    client.use(tokensOf(1));
    client.use({ token: 'token-1' });
    routes.expire();
    expect((await client.fetch(`${API}/me`)).status).toBe(401);
    expect(refreshesAt(routes)).toBe(0);
    expect(routes.ended).toEqual(['one']);
  });

  it('goes on with its tokens when it is given what are none', async () => {
    const routes = new FakeRoutes(true);
    const client = routes.client();
    client.use(tokensOf(1));
    client.use({ message: 'Bad Gateway' } as unknown as { token: string });
    expect((await client.fetch(`${API}/me`)).status).toBe(200);
  });

  it('asks for no refresh without a refresh token: the first 401 is the end', async () => {
    const routes = new FakeRoutes(true);
    const client = routes.client();
    client.use({ token: 'token-0' });
    expect((await client.fetch(`${API}/me`)).status).toBe(401);
    expect(refreshesAt(routes)).toBe(0);
    expect(routes.ended).toEqual(['one']);
  });

  it('A-163: writes to no storage, and shows no token', async () => {
    const touched: PropertyKey[] = [];
    const names = ['localStorage', 'sessionStorage', 'indexedDB', 'caches'];
    const before = names.map((name) =>
      Object.getOwnPropertyDescriptor(globalThis, name),
    );
    for (const name of names) {
      Object.defineProperty(globalThis, name, {
        configurable: true,
        get: () => {
          touched.push(name);
          throw new Error('SecurityError');
        },
      });
    }
    try {
      const routes = new FakeRoutes(true);
      const client = routes.client();
      client.use(routes.tokens());
      routes.expire();
      expect((await client.fetch(`${API}/me`)).status).toBe(200);
      expect(touched).toEqual([]);
      expect(inspect(client)).not.toContain('token-');
      expect(JSON.stringify(client)).not.toContain('token-');
    } finally {
      names.forEach((name, i) => {
        Reflect.deleteProperty(globalThis, name);
        if (before[i]) Object.defineProperty(globalThis, name, before[i]);
      });
    }
  });

  it('leaves an Authorization header of the caller as it is', async () => {
    const routes = new FakeRoutes(true);
    const client = routes.client();
    client.use(tokensOf(1));
    await client.fetch(`${API}/me`, {
      headers: { authorization: 'Basic eDp5' },
    });
    expect(bearers(routes)[0]).toBe('Basic eDp5');
  });
});

describe('clients in Node', () => {
  it('share nothing: they may belong to different users', async () => {
    const routes = new FakeRoutes(true);
    const ada = routes.client({}, 'ada');
    const bob = routes.client({}, 'bob');
    ada.use(tokensOf(1));
    expect((await bob.fetch(`${API}/me`)).status).toBe(401);
    await ada.signOut();
    expect(routes.ended).toEqual(['ada']);
  });

  it('take paths of the origin of their routes', async () => {
    const routes = new FakeRoutes();
    await routes.client().fetch('/me');
    expect(routes.to('/me')).toHaveLength(1);
  });

  it('need the address of the routes', () => {
    expect(() => new FakeRoutes().client({ url: '/session' })).toThrow(
      'Invalid URL',
    );
  });
});
