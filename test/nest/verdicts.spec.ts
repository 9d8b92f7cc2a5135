import {
  CheckRevocation,
  MemorySessionStore,
  OptionalSession,
  type Duration,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import {
  asFastify,
  inCookies,
  openNode,
  roleOf,
  type ContextNode,
  type NodeOptions,
} from './context-node.js';
import {
  cookiesOf,
  createExchange,
  type NodeExchange,
} from '../support/node-exchange.js';

type Options = Partial<SessionJwtModuleOptions>;

const FOREIGN = { origin: 'https://evil.example' };
const OWN = { origin: 'https://app.example' };

class CheckedController {
  @CheckRevocation()
  handle(): void {
    // Never runs.
  }
}

class OptionalController {
  @OptionalSession()
  handle(): void {
    // Never runs.
  }
}

/** How handlers see a request. */
const platforms: [
  string,
  (exchange: NodeExchange) => { request: object; response: object },
][] = [
  ['express', (exchange) => exchange],
  ['fastify', asFastify],
];

const setRole = (node: ContextNode, role: string) => {
  node.users.all.get('ada')!.role = role;
};

describe.each(platforms)('a handler that streams on %s', (_name, seenAs) => {
  /** A guarded request, whose handler has sent the head of its response. */
  async function openStream(options: NodeOptions = {}) {
    const node = await openNode(options);
    const { token, refreshToken } = await node.sessions.generate('ada');
    const exchange = createExchange(inCookies(token, refreshToken));
    const seen = seenAs(exchange);
    const { session, status } = await node.guard(seen);
    expect(status).toBe(200);
    exchange.response.writeHead(200);
    const request = seen.request as { headers: object };
    const again = (more?: { checkRevocation: boolean }) =>
      node.sessions.authenticate(request, more);
    return { node, seen, request, session: session!, again, token };
  }

  it.each<[string, NodeOptions]>([
    ["'reload'", { store: new MemorySessionStore() }],
    [
      "'always'",
      { store: new MemorySessionStore(), revocationCheck: 'always' },
    ],
    [
      'data in the store',
      { store: new MemorySessionStore(), keepDataIn: 'store' },
    ],
  ])('hears of the end of its session, with %s', async (_mode, options) => {
    const { node, session, again, request } = await openStream(options);
    expect((await again())?.id === session.id).toBe(true);
    await node.sessions.revokeAll('ada');
    const isAsked = options.revocationCheck || options.keepDataIn;
    expect(await again()).toEqual(isAsked ? null : expect.anything());
    expect(await again({ checkRevocation: true })).toBeNull();
    // A response that can bring nothing any more shares no verdict either.
    expect(
      await node.sessions.authenticate(request, {
        response: {},
        checkRevocation: true,
      }),
    ).toBeNull();
    expect(request).toMatchObject({ session: { id: session.id } });
    node.clock.advance('15m');
    expect(await again()).toBeNull();
  });

  it.each<[string, NodeOptions]>([
    ['without a store', {}],
    ['with refresh tokens', { refreshToken: {} }],
  ])('hears of it %s, in this process', async (_how, options) => {
    const { node, session, again } = await openStream(options);
    await node.sessions.revoke(session);
    expect(await again()).toBeNull();
  });

  it('sees new data after a reload elsewhere, and when it is due', async () => {
    const { node, session, again, token } = await openStream();
    const other = await node.ask(inCookies(token));
    setRole(node, 'member');
    expect(roleOf(await again())).toBe('admin');
    await node.sessions.reload(other.session!);
    expect(roleOf(await again())).toBe('member');
    setRole(node, 'guest');
    node.clock.advance('15m');
    expect(roleOf(await again())).toBe('guest');
    expect(roleOf(session)).toBe('admin');
  });

  it.each<[string, NodeOptions, Duration]>([
    ['idle', {}, '7d'],
    ['absolute', { lifetime: { idle: '10d', absolute: '10d' } }, '10d'],
    ['that of a session token of a pair', { refreshToken: {} }, '15m'],
  ])('hears of the end by its clocks: %s', async (_end, options, after) => {
    const { node, again } = await openStream(options);
    node.clock.advance(after);
    expect(await again()).toBeNull();
  });

  it('hears that the store cannot answer', async () => {
    const store = new MemorySessionStore();
    const { again } = await openStream({ store, revocationCheck: 'always' });
    Object.assign(store, { read: () => Promise.reject(new Error('down')) });
    await expect(again()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('keeps its object while nothing is new, and expands newer data once', async () => {
    let count = 0;
    const { node, session, again } = await openStream({
      expand: (data) => ({ ...data, count: (count += 1) }),
    });
    const before = count;
    expect((await again()) === session).toBe(true);
    expect(count).toBe(before);
    node.clock.advance('15m');
    const data = [await again(), await again()].map((found) => found?.data);
    expect(data).toEqual([
      { id: 'ada', role: 'admin', count: before + 1 },
      { id: 'ada', role: 'admin', count: before + 1 },
    ]);
  });

  it('goes on with the session that the guard refreshed, until that ends', async () => {
    const node = await openNode({ refreshToken: {} });
    const { refreshToken } = await node.sessions.generate('ada');
    const seen = seenAs(createExchange(inCookies(undefined, refreshToken)));
    expect((await node.guard(seen)).status).toBe(200);
    const request = seen.request as { headers: object };
    node.clock.advance('13m');
    expect((await node.sessions.authenticate(request))?.subject).toBe('ada');
    node.clock.advance('2m');
    expect(await node.sessions.authenticate(request)).toBeNull();
  });

  it('shares the one verdict while its response can bring tokens', async () => {
    const store = new MemorySessionStore();
    const node = await openNode({ store, revocationCheck: 'always' });
    const { token } = await node.sessions.generate('ada');
    const { request, response } = seenAs(createExchange(inCookies(token)));
    const { session } = await node.guard({ request, response });
    await node.sessions.revokeAll('ada');
    const shared = await node.sessions.authenticate(request as never, {
      response,
    });
    expect(shared === session).toBe(true);
    expect(await node.sessions.authenticate(request as never)).toBeNull();
  });
});

describe.each(platforms)('a stricter check on %s', (_name, seenAs) => {
  /** A request that middleware has found good without the store. */
  async function foundGood() {
    const store = new MemorySessionStore();
    const node = await openNode({ store });
    const { token } = await node.sessions.generate('ada');
    const seen = seenAs(createExchange(inCookies(token)));
    const { request, response } = seen;
    const ask = (checkRevocation: boolean) =>
      node.sessions.authenticate(request as never, {
        response,
        checkRevocation,
      });
    expect((await ask(false))?.subject).toBe('ada');
    return { store, node, seen, ask };
  }

  it('refuses also when asked again after the store could not answer', async () => {
    const { store, node, seen, ask } = await foundGood();
    Object.assign(store, { read: () => Promise.reject(new Error('down')) });
    const down = { code: 'STORE_UNAVAILABLE' };
    await expect(ask(true)).rejects.toMatchObject(down);
    expect((await ask(false))?.subject).toBe('ada');
    await expect(ask(true)).rejects.toMatchObject(down);
    expect(await node.guard(seen, CheckedController)).toMatchObject({
      status: 503,
      session: undefined,
    });
  });

  it('gives concurrent checks the one answer of the store', async () => {
    const { node, ask } = await foundGood();
    await node.sessions.revokeAll('ada');
    expect(await Promise.all([ask(true), ask(true)])).toEqual([null, null]);
  });

  it('makes a laxer check wait that is made while it is under way', async () => {
    const { node, ask } = await foundGood();
    await node.sessions.revokeAll('ada');
    expect(await Promise.all([ask(true), ask(false)])).toEqual([null, null]);
  });

  it('refuses, as every check at the same time, a request that middleware has turned into a forgery', async () => {
    const node = await openNode({});
    const { token } = await node.sessions.generate('ada');
    const exchange = createExchange({ ...inCookies(token), ...FOREIGN });
    const { request, response } = seenAs(exchange);
    const ask = () =>
      node.sessions.authenticate(request as never, { response });
    expect((await ask())?.subject).toBe('ada');
    exchange.request.method = 'DELETE';
    expect(await Promise.all([ask(), ask()])).toEqual([null, null]);
    expect(await ask()).toBeNull();
  });

  it('keeps the object of a session that it has confirmed', async () => {
    const { ask } = await foundGood();
    const confirmed = await ask(true);
    expect((await ask(true)) === confirmed).toBe(true);
  });
});

describe.each(platforms)('a sign-in on %s', (_name, seenAs) => {
  it.each([
    ['anonymous', {}],
    ['rejected', inCookies('not.a.token')],
  ])(
    'is the verdict on its request from then on, after an %s one',
    async (_kind, headers) => {
      const node = await openNode();
      const exchange = createExchange({ ...OWN, ...headers }, 'POST');
      const { request, response } = seenAs(exchange);
      const ask = (passive: boolean) =>
        node.sessions.authenticate(request as never, { response, passive });
      expect(await ask(true)).toBeNull();
      const { session } = await node.sessions.generate('ada', { response });
      expect((await ask(false))?.id).toBe(session.id);
      expect((await ask(true))?.id).toBe(session.id);
      const lines = cookiesOf(exchange);
      expect(lines.filter((line) => !line.includes('Max-Age=0'))).toHaveLength(
        1,
      );
    },
  );
});

describe.each(platforms)(
  'a request whose method changes on %s',
  (_n, seenAs) => {
    interface Case {
      node: ContextNode;
      exchange: NodeExchange;
      seen: { request: object; response: object };
    }
    /** Judged as GET by middleware, then made another by the next one. */
    async function judgedAsGet(
      options: Options,
      headers: Record<string, string>,
      carried: (tokens: { token: string; refreshToken?: string }) => object,
      prepare: (node: ContextNode) => void = () => undefined,
    ): Promise<Case> {
      const node = await openNode(options);
      const issued = await node.sessions.generate('ada');
      prepare(node);
      const exchange = createExchange({
        ...headers,
        ...(carried(issued as never) as Record<string, string>),
      });
      const { request, response } = exchange;
      const session = await node.sessions.authenticate(request, { response });
      expect(session?.subject).toBe('ada');
      node.takeLoads();
      return { node, exchange, seen: seenAs(exchange) };
    }
    const cookie = ({ token }: { token: string }) => inCookies(token);
    const refreshOnly = ({ refreshToken }: { refreshToken?: string }) =>
      inCookies(undefined, refreshToken);
    const due = (node: ContextNode) => node.clock.advance('15m');

    const kinds: [string, Options, typeof cookie, typeof due | undefined][] = [
      ['a fresh session', {}, cookie, undefined],
      ['a due session', {}, cookie, due],
      [
        'a stateless pair that was refreshed',
        { refreshToken: {} },
        refreshOnly as never,
        undefined,
      ],
      [
        'a stored pair that was refreshed',
        { refreshToken: {}, store: new MemorySessionStore() },
        refreshOnly as never,
        undefined,
      ],
      [
        'a session that the store has confirmed',
        { store: new MemorySessionStore(), revocationCheck: 'always' },
        cookie,
        undefined,
      ],
    ];

    it.each(kinds)(
      'is refused when another site sent it, with %s, and loses no token',
      async (_kind, options, carried, prepare) => {
        const { node, exchange, seen } = await judgedAsGet(
          options,
          FOREIGN,
          carried,
          prepare,
        );
        exchange.request.method = 'DELETE';
        const judged = await node.guard(seen);
        expect(judged).toMatchObject({ status: 403, session: undefined });
        const again = await node.sessions.authenticate(exchange.request, {
          response: exchange.response,
        });
        expect(again).toBeNull();
        expect(await node.sessions.authenticate(exchange.request)).toBeNull();
        expect(node.takeLoads()).toBe(0);
        const isRenewed = prepare !== undefined || options.refreshToken;
        const lines = cookiesOf(exchange);
        expect(lines.length > 0).toBe(Boolean(isRenewed));
        expect(lines.some((line) => line.includes('Max-Age=0'))).toBe(false);
      },
    );

    it.each(kinds)(
      'goes on when our own site sent it, with %s, and exchanges nothing twice',
      async (_kind, options, carried, prepare) => {
        const { node, exchange, seen } = await judgedAsGet(
          options,
          OWN,
          carried,
          prepare,
        );
        exchange.request.method = 'DELETE';
        expect((await node.guard(seen)).status).toBe(200);
        expect(node.takeLoads()).toBe(0);
        const names = cookiesOf(exchange).map((line) => line.split('=')[0]);
        expect(new Set(names).size).toBe(names.length);
      },
    );

    it.each<[string, (request: any) => void]>([
      ['the method', (request) => (request.method = 'POST')],
      ['a method of its own', (request) => (request.method = 'PURGE')],
      [
        'the method, and what it was',
        (request) => {
          request.originalMethod = 'GET';
          request.method = 'PATCH';
        },
      ],
      [
        'what it was',
        (request) => {
          request.originalMethod = 'POST';
        },
      ],
      [
        'a header',
        (request) => (request.headers['x-http-method-override'] = 'DELETE'),
      ],
      ['the query', (request) => (request.url = '/?_method=DELETE')],
    ])('is refused when %s made it unsafe', async (_what, change) => {
      const { node, exchange, seen } = await judgedAsGet({}, FOREIGN, cookie);
      change(exchange.request);
      expect((await node.guard(seen, OptionalController)).status).toBe(403);
    });

    it('is refused without the CSRF token that it needs now', async () => {
      const options = { csrf: { token: true } };
      const { node, exchange, seen } = await judgedAsGet(options, OWN, cookie);
      exchange.request.method = 'PUT';
      expect((await node.guard(seen)).status).toBe(403);
    });

    it('keeps its verdict when it stays safe, and when it was judged as unsafe', async () => {
      const { node, exchange, seen } = await judgedAsGet({}, FOREIGN, cookie);
      exchange.request.method = 'HEAD';
      expect((await node.guard(seen)).status).toBe(200);
      const { token } = await node.sessions.generate('ada');
      const post = createExchange({ ...OWN, ...inCookies(token) }, 'POST');
      const first = await node.guard(seenAs(post));
      post.request.method = 'DELETE';
      const second = await node.guard(seenAs(post));
      expect(second.status).toBe(200);
      expect(second.session === first.session || !first.session).toBe(true);
    });

    it('is no matter for a token in a header', async () => {
      const { node, exchange, seen } = await judgedAsGet(
        { transport: ['cookie', 'header'] },
        FOREIGN,
        ({ token }) => ({ authorization: `Bearer ${token}` }),
      );
      exchange.request.method = 'DELETE';
      expect((await node.guard(seen)).status).toBe(200);
    });
  },
);

describe('a response that cannot bring tokens', () => {
  const closed = () => {
    const { response } = createExchange();
    response.destroy();
    return response;
  };
  const sent = () => createExchange().response.writeHead(200);
  const responses: [string, () => unknown][] = [
    ['none', () => undefined],
    ['null', () => null],
    ['the context of another protocol', () => ({ connection: {}, raw: null })],
    ['one whose head was sent', sent],
    ['one that was closed', closed],
  ];

  describe.each<[string, () => Options]>([
    ['stateless', () => ({ refreshToken: {} })],
    ['stored', () => ({ refreshToken: {}, store: new MemorySessionStore() })],
  ])('of a %s pair', (_kind, options) => {
    it.each(responses)('spends no refresh token: %s', async (_what, make) => {
      const node = await openNode(options());
      const { token, refreshToken } = await node.sessions.generate('ada');
      node.clock.advance('15m');
      const { request } = createExchange(inCookies(token, refreshToken));
      const response = make();
      const seen = { request, response };
      expect((await node.guard(seen)).status).toBe(401);
      if (options().store) {
        expect((await node.guard(seen, CheckedController)).status).toBe(401);
      }
      const given = { response } as { response: object };
      expect(await node.sessions.authenticate(request, given)).toBeNull();
      expect(node.takeLoads()).toBe(0);
      // Long after the grace time it is still the current one.
      node.clock.advance('2m');
      await node.sessions.refresh(refreshToken!);
    });
  });

  it.each(responses)(
    'has a due session loaded and used, but not re-issued: %s',
    async (_what, make) => {
      const node = await openNode();
      const { token } = await node.sessions.generate('ada');
      setRole(node, 'member');
      node.clock.advance('15m');
      const { request } = createExchange(inCookies(token));
      const judged = await node.guard({ request, response: make() });
      expect(judged).toMatchObject({ status: 200, role: 'member' });
      expect(node.takeLoads()).toBe(1);
    },
  );

  it('is forgotten when a request gets a real one', async () => {
    const node = await openNode({ refreshToken: {} });
    const { refreshToken } = await node.sessions.generate('ada');
    const exchange = createExchange(inCookies(undefined, refreshToken));
    const { request } = exchange;
    expect((await node.guard({ request, response: {} })).status).toBe(401);
    expect((await node.guard(exchange)).status).toBe(200);
    expect(cookiesOf(exchange)).toHaveLength(2);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['an object that is none', { cookie: () => undefined }],
  ])(
    'is warned of once where generate or refresh was given it: %s',
    async (_what, response) => {
      const node = await openNode({ refreshToken: {}, transport: 'header' });
      const given = { response } as { response: object };
      let issued = await node.sessions.generate('ada', given);
      issued = await node.sessions.generate('ada', given);
      expect(issued.delivered).toBe(false);
      issued = await node.sessions.refresh(issued.refreshToken!, given);
      await node.sessions.refresh(issued.refreshToken!, given);
      const lines = node.logs.matching('({ response })', 'warn');
      expect(lines).toHaveLength(2);
      expect(lines[0]).toContain('generate({ response })');
      expect(lines[1]).toContain('refresh({ response })');
      expect(lines.join()).not.toContain(issued.token);
    },
  );

  it('is no matter of a warning where none was given', async () => {
    const node = await openNode({ refreshToken: {} });
    const { refreshToken } = await node.sessions.generate('ada');
    await node.sessions.refresh(refreshToken!);
    await node.sessions.generate('ada', {
      response: createExchange().response,
    });
    expect(node.logs.matching('({ response })')).toEqual([]);
  });
});

describe.each(platforms)(
  'two modules with one secret on %s',
  (_name, seenAs) => {
    it('each give the token of their own session, although the other was asked last', async () => {
      const [here, there] = [await openNode({}), await openNode({})];
      const { token } = await here.sessions.generate('ada');
      const { request, response } = seenAs(createExchange(inCookies(token)));
      const [own] = [
        await here.sessions.authenticate(request as never, { response }),
        await there.sessions.authenticate(request as never, { response }),
      ];
      expect(here.sessions.tokenOf(own!) === token).toBe(true);
    });
  },
);
