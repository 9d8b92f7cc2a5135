import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import helmet from 'helmet';
import { CookieJar } from 'tough-cookie';
import { WebSocket } from 'ws';
import {
  MemorySessionStore,
  SessionService,
  type SessionEvent,
  type SessionJwtModuleOptions,
} from '../../../lib/index.js';
import { TestSessionClock } from '../../../lib/testing/index.js';
import { selfSigned } from '../../../sample/07-stolen-cookie/src/certificate.js';
import { Browser, ORIGIN } from '../../support/browser.js';
import { CapturedLogs } from '../../support/captured-logs.js';
import { freePort } from '../../support/free-port.js';
import { ROOT } from '../../support/library-sources.js';
import { boot, closeBooted, type BootOptions } from '../../support/nest-app.js';
import { NEST } from '../../support/nest-version.js';
import {
  describeWithNginx,
  startNginx,
  type NginxServer,
} from '../../support/nginx-server.js';
import { Guide } from '../guide.js';
import { runMain } from '../run-main.js';
import { readPage } from '../snippets/page.js';
import { proxiedModule, State } from './proxied-app.js';

const PAGE = 'docs/guides/reverse-proxy.md';
const guide = new Guide(PAGE);
const CONF = guide.file('app.conf');
const TOO_BIG =
  'upstream sent too big header while reading response header from upstream';

type Change = (conf: string) => string;

interface Proxy {
  readonly nginx: NginxServer;
  /** One that drops cookies whose names forbid their attributes, as real ones do. */
  browser(): Browser;
}

const proxies: NginxServer[] = [];

/** Starts nginx with the configuration of the page, in front of a server of this machine. */
async function openProxy(upstream: number, change: Change = (conf) => conf) {
  const port = await freePort();
  const { key, cert } = selfSigned('app.example');
  const nginx = await startNginx(port, {
    'app.conf': change(CONF)
      .replace('listen 443', `listen 127.0.0.1:${port}`)
      .replaceAll('/etc/ssl/', '')
      .replaceAll('127.0.0.1:3000', `127.0.0.1:${upstream}`),
    'app.example.key': key,
    'app.example.pem': cert,
  });
  proxies.push(nginx);
  return {
    port,
    nginx,
    browser: () => {
      const jar = new CookieJar(undefined, { prefixSecurity: 'strict' });
      return new Browser(port, jar, true);
    },
  };
}

const without =
  (directive: string): Change =>
  (conf) => {
    const changed = conf.replaceAll(
      new RegExp(`^ *${directive}.*\n`, 'gm'),
      '',
    );
    expect(changed).not.toBe(conf);
    return changed;
  };

const inLocation =
  (line: string): Change =>
  (conf) =>
    conf.replace('proxy_pass', `${line} proxy_pass`);

/** nginx without the line, where a page of memory has 4 KB. */
const defaultBuffer: Change = (conf) =>
  inLocation('proxy_buffer_size 4k;')(without('proxy_buffer_size')(conf));

const CLIENT = '198.51.100.7';
/** The address that the client claims to have. */
const CHOSEN = '203.0.113.1';

/** Every request comes from {@link CLIENT}. */
const fromClient: Change = (conf) =>
  inLocation('set_real_ip_from 127.0.0.1; real_ip_header X-Client;')(conf);

async function addressSeen({ browser }: Proxy): Promise<string> {
  const headers = { 'X-Client': CLIENT, 'X-Forwarded-For': CHOSEN };
  return (await browser().get('/ip', headers)).json.ip;
}

async function signIn({ browser }: Proxy): Promise<Browser> {
  const signedIn = browser();
  const { status } = await signedIn.post('/login', { user: 'ada' });
  expect(status).toBe(200);
  return signedIn;
}

async function start(
  session: Partial<SessionJwtModuleOptions> = {},
  options: BootOptions = {},
  clock = new TestSessionClock(),
) {
  const state = new State();
  const app = await boot(
    { imports: [proxiedModule(state, session)] },
    {
      clock,
      ...options,
    },
  );
  const events: SessionEvent[] = [];
  app.get(SessionService).events$.subscribe((event) => events.push(event));
  return { app, state, clock, events };
}

/** A response that arrives piece by piece. */
class Stream {
  text = '';
  readonly #response: Promise<IncomingMessage>;

  constructor(port: number, path: string, cookie: string) {
    const outgoing = request({
      port,
      path,
      host: '127.0.0.1',
      headers: { Host: 'app.example', Cookie: cookie },
      rejectUnauthorized: false,
    });
    this.#response = once(outgoing.end(), 'response').then(([response]) => {
      response.on('data', (chunk: Buffer) => (this.text += String(chunk)));
      return response;
    });
  }

  async status(): Promise<number> {
    return (await this.#response).statusCode!;
  }

  /** Waits for the first piece. */
  async begin(): Promise<string> {
    await once(await this.#response, 'data');
    return this.text;
  }

  /** Waits for the end; rejects if the connection ends before it. */
  async end(): Promise<string> {
    const response = await this.#response;
    if (!response.readableEnded) await once(response, 'end');
    return this.text;
  }
}

afterEach(async () => {
  await Promise.all(proxies.splice(0).map((nginx) => nginx.stop()));
  await closeBooted();
});

describeWithNginx('the application of the page behind nginx', () => {
  const logs = new CapturedLogs();
  let app: INestApplication & { set(name: string, value: unknown): void };
  let upstream: number;

  beforeAll(async () => {
    upstream = await freePort();
    process.env['PORT'] = String(upstream);
    const rest = join(ROOT, 'test/docs/guides/proxied-app.ts');
    const folder = guide.write({
      'src/app.module.ts': `import { proxiedModule, State } from '${rest}';
        export const AppModule = proxiedModule(new State(), {});`,
    });
    app = (await runMain(folder.pathOf('src/main.ts'), logs)) as typeof app;
    folder.remove();
  });
  afterAll(() => app.close());

  it('sees the addresses of clients, which cannot choose them', async () => {
    const proxy = await openProxy(upstream, fromClient);
    expect(await addressSeen(proxy)).toBe(CLIENT);
    app.set('trust proxy', true);
    expect(await addressSeen(proxy)).toBe(CHOSEN);
    app.set('trust proxy', false);
    expect(await addressSeen(proxy)).toBe('127.0.0.1');
  });

  /** A browser that does not send `Sec-Fetch-Site`. */
  const post = (proxy: Proxy, origin: string) =>
    proxy
      .browser()
      .post(
        '/login',
        { user: 'ada' },
        { Origin: origin, 'Sec-Fetch-Site': '' },
      );

  it('refuses its own pages if nginx replaces the host, and logs why', async () => {
    const proxy = await openProxy(upstream, without('proxy_set_header Host'));
    expect((await post(proxy, ORIGIN)).status).toBe(403);
    const { code } = guide.blocks.find(({ language }) => language === 'text')!;
    const line = code.trim().replace('127.0.0.1:3000', `127.0.0.1:${upstream}`);
    expect(logs.matching('foreign-origin; ')[0]).toContain(line);
    await signIn(proxy);
  });

  it('admits its own pages, and no others', async () => {
    const proxy = await openProxy(upstream);
    expect((await post(proxy, ORIGIN)).status).toBe(200);
    expect((await post(proxy, 'https://evil.example')).status).toBe(403);
  });

  it('needs the port in the host where it is not 443', async () => {
    const proxy = await openProxy(upstream);
    const headers = {
      Host: 'app.example:8443',
      Origin: 'https://app.example:8443',
      'Sec-Fetch-Site': '',
    };
    const signInAt = ({ browser }: Proxy) =>
      browser().post('/login', { user: 'ada' }, headers);
    expect((await signInAt(proxy)).status).toBe(403);
    const other = await openProxy(upstream, (conf) =>
      conf.replace('Host $host', 'Host $http_host'),
    );
    expect((await signInAt(other)).status).toBe(200);
  });
});

describeWithNginx('the size of the data behind nginx', () => {
  const table = [
    ...readPage(PAGE).matchAll(
      /^\| (session.*?) \| ([\d,]+) \| ([\d,]+) \|$/gm,
    ),
  ];
  const bytes = (text: string | undefined) => Number(text?.replace(',', ''));

  it('has five rows', () => expect(table).toHaveLength(5));

  it.each(table.map((row) => row.slice(1) as [string, string, string]))(
    '%s: %s bytes, or %s',
    async (what, safe, raised) => {
      const has = (part: string): boolean => what.includes(part);
      const { app, state } = await start(
        {
          ...(has('refresh') && { refreshToken: {} }),
          ...(has('CSRF') && { csrf: { token: { cookie: 'XSRF-TOKEN' } } }),
          encrypt: has('encrypt'),
          store: new MemorySessionStore(),
        },
        { configure: (it) => void (has('helmet') && it.use(helmet())) },
      );
      /** Whether a sign-in with so much data succeeds: nginx breaks off where the head fills its buffer exactly. */
      const succeeds = async ({ browser }: Proxy, size: number) => {
        state.dataBytes = size;
        const { status } = await browser()
          .post('/login', { user: 'ada' })
          .catch(() => ({ status: 0 }));
        return status === 200;
      };
      /** In hundreds of bytes, rounded down. */
      const largest = async (proxy: Proxy) => {
        let [least, most] = [0, 41];
        while (most - least > 1) {
          const middle = Math.floor((least + most) / 2);
          if (await succeeds(proxy, middle * 100)) least = middle;
          else most = middle;
        }
        return least * 100;
      };
      const byDefault = await openProxy(app.port, defaultBuffer);
      expect(await largest(byDefault)).toBe(bytes(safe));
      expect(await byDefault.nginx.log()).toContain(TOO_BIG);
      const ofPage = await openProxy(app.port);
      expect(await largest(ofPage)).toBe(bytes(raised));
      expect(await ofPage.nginx.log()).toBe('');
    },
  );

  it('locks a user out at the next reload if the data has grown, until they sign out', async () => {
    const { app, state, clock } = await start();
    const browser = await signIn(await openProxy(app.port, defaultBuffer));
    state.dataBytes = 2500;
    clock.advance('16m');
    expect((await browser.get('/me')).status).toBe(502);
    expect((await browser.get('/me')).status).toBe(502);
    expect((await browser.post('/session/logout')).status).toBe(204);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('leaves room for other cookies in requests', async () => {
    const { app, state } = await start({
      refreshToken: {},
      csrf: { token: { cookie: 'XSRF-TOKEN' } },
    });
    state.dataBytes = 2600;
    const ofPage = await openProxy(app.port);
    const byDefault = await openProxy(
      app.port,
      without('large_client_header_buffers'),
    );
    const browser = await signIn(byDefault);
    const cookie = await browser.jar.getCookieString(ORIGIN);
    const rest =
      8192 - 'Cookie: \r\n'.length - cookie.length - '; other='.length;
    expect(Math.floor(rest / 100) * 100).toBe(
      bytes(/leave at least ([\d,]+)/.exec(readPage(PAGE))?.[1]),
    );
    const get = (proxy: Proxy, size: number) =>
      proxy
        .browser()
        .get('/me', { Cookie: `${cookie}; other=${'x'.repeat(size)}` });
    expect((await get(byDefault, rest)).status).toBe(200);
    expect((await get(byDefault, rest + 1)).status).toBe(400);
    expect((await get(ofPage, rest + 1)).status).toBe(200);
    expect((await get(ofPage, rest + 8192)).status).toBe(431);
  });
});

describeWithNginx('what else passes through nginx', () => {
  it.each([
    ['127.0.0.1', CLIENT],
    // The Fastify of Nest 11 is older than 5.12, which trusts no number of proxies.
    [1, NEST < 12 ? CLIENT : '127.0.0.1'],
    [true, CHOSEN],
  ])('on Fastify, trustProxy: %j shows %s', async (trustProxy, address) => {
    expect(guide.file('src/main.ts')).toContain("{ trustProxy: '127.0.0.1' }");
    const adapter = new FastifyAdapter({ trustProxy } as object);
    const { app } = await start({}, { adapter });
    const proxy = await openProxy(app.port, fromClient);
    expect(await addressSeen(proxy)).toBe(address);
  });

  it('a stream of events arrives immediately, any other stream with its end', async () => {
    const { app, state } = await start();
    const proxy = await openProxy(app.port);
    const browser = await signIn(proxy);
    const cookie = await browser.jar.getCookieString(ORIGIN);
    const held = new Stream(proxy.port, '/export', cookie);
    const events = new Stream(proxy.port, '/events', cookie);
    expect(await events.begin()).toContain('data: first');
    for (let i = 0; i < 20; i += 1) await browser.get('/me');
    expect(held.text).toBe('');
    state.gate.open();
    expect(await held.end()).toBe('firstend');
    expect(await events.end()).toContain('data: end');
  });

  it('a connection ends on which the application is silent', async () => {
    const { app, state } = await start();
    const browser = await signIn(await openProxy(app.port));
    const cookie = await browser.jar.getCookieString(ORIGIN);
    const limit = inLocation('proxy_read_timeout 100ms;');
    const { port } = await openProxy(app.port, limit);
    let events: Stream;
    do {
      events = new Stream(port, '/events', cookie);
      // On a busy machine the head may take longer.
    } while ((await events.status()) === 504);
    await expect(events.end()).rejects.toThrow('aborted');
    state.gate.open();
  });

  const connect = async (
    proxy: { port: number },
    headers: Record<string, string>,
  ) => {
    const socket = new WebSocket(`wss://127.0.0.1:${proxy.port}/live`, {
      headers: { Host: 'app.example', ...headers },
      rejectUnauthorized: false,
    });
    const result = await Promise.race([
      once(socket, 'message').then(([data]) => String(data)),
      once(socket, 'close').then(([code]) => Number(code)),
    ]).catch(({ message }: Error) => message);
    socket.on('error', () => undefined).terminate();
    return result;
  };

  it('a WebSocket opens for pages of the application', async () => {
    const { app } = await start(
      {},
      { configure: (it) => it.useWebSocketAdapter(new WsAdapter(it)) },
    );
    const proxy = await openProxy(app.port);
    const browser = await signIn(proxy);
    const Cookie = await browser.jar.getCookieString(ORIGIN);
    expect(await connect(proxy, { Cookie, Origin: ORIGIN })).toBe('ada');
    expect(
      await connect(proxy, { Cookie, Origin: 'https://evil.example' }),
    ).toBe(4401);
    expect(await connect(proxy, { Origin: ORIGIN })).toBe(4401);
    const hostless = await openProxy(
      app.port,
      without('proxy_set_header Host'),
    );
    expect(await connect(hostless, { Cookie, Origin: ORIGIN })).toBe(4401);
    const plain = await openProxy(
      app.port,
      without('proxy_set_header Upgrade'),
    );
    expect(await connect(plain, { Cookie, Origin: ORIGIN })).toBe(
      'Unexpected server response: 404',
    );
  });

  it('a refresh that nginx repeats at the next server returns the same tokens', async () => {
    const clock = new TestSessionClock();
    const session = { refreshToken: {}, store: new MemorySessionStore() };
    const [first, second] = [
      await start(session, {}, clock),
      await start(session, {}, clock),
    ];
    const servers: Change = (conf) =>
      `upstream app { server 127.0.0.1:3000 max_fails=0; server 127.0.0.1:${second.app.port} backup; }\n${conf.replace('proxy_pass http://127.0.0.1:3000', 'proxy_pass http://app')}`;
    const proxy = await openProxy(first.app.port, servers);
    const browser = await signIn(proxy);
    first.state.losesAnswers = true;
    clock.advance('16m');
    expect((await browser.get('/lost')).status).toBe(200);
    const refreshed = { type: 'refreshed', repeated: false };
    const ofRefreshes = (events: SessionEvent[]) =>
      events.filter(({ type }) => type.startsWith('refresh'));
    expect(ofRefreshes(first.events)).toMatchObject([refreshed]);
    expect(ofRefreshes(second.events)).toMatchObject([
      { ...refreshed, repeated: true },
    ]);
    expect([first, second].map(({ state }) => state.handled)).toEqual([1, 1]);
    expect((await browser.get('/me')).status).toBe(200);

    clock.advance('16m');
    expect((await browser.post('/lost')).status).toBe(502);
    expect([first, second].map(({ state }) => state.handled)).toEqual([3, 1]);
    const repeat = 'proxy_next_upstream error timeout non_idempotent;';
    const eager = await openProxy(first.app.port, (conf) =>
      inLocation(repeat)(servers(conf)),
    );
    expect((await browser.at(eager).post('/lost')).status).toBe(201);
    expect([first, second].map(({ state }) => state.handled)).toEqual([4, 2]);
    expect(ofRefreshes(first.events).map(({ type }) => type)).not.toContain(
      'refreshReused',
    );
  });
});

describeWithNginx('a path prefix and a cache of nginx', () => {
  const [, location, pass, refresh, binding] =
    /`(location \/api\/)` with `(proxy_pass .*?;)`[^]*?`refreshToken: \{ cookie: \{ path: '(.*)' \} \}`, `deviceBinding: \{ path: '(.*)' \}`/.exec(
      readPage(PAGE),
    )!;
  const prefixed: Change = (conf) =>
    conf.replace('location /', location!).replace(/proxy_pass .*;/, pass!);

  it('cookies have the paths that browsers see', async () => {
    const { app, clock } = await start({
      refreshToken: { cookie: { path: refresh! } },
      deviceBinding: { path: binding! },
      store: new MemorySessionStore(),
    });
    const { browser } = await openProxy(app.port, prefixed);
    const ada = browser();
    const { headers } = await ada.post('/api/login', { user: 'ada' });
    expect(headers['secure-session-registration']).toContain(
      'path="/api/session/device"',
    );
    expect((await ada.get('/api/me')).status).toBe(200);
    clock.advance('16m');
    expect((await ada.get('/api/me')).status).toBe(401);
    expect((await ada.post('/api/session/refresh')).status).toBe(200);
    expect((await ada.get('/api/me')).status).toBe(200);
  });

  it('are dropped by browsers if nginx changes their paths', async () => {
    const { app } = await start();
    const { browser } = await openProxy(app.port, (conf) =>
      inLocation('proxy_cookie_path / /api/;')(prefixed(conf)),
    );
    const ada = browser();
    const { setCookie } = await ada
      .post('/api/login', { user: 'ada' })
      .catch(() => ({ setCookie: [] }));
    expect(setCookie).toEqual([]);
    expect((await ada.get('/api/me')).status).toBe(401);
  });

  it('a cache keeps users apart, and outlives sessions', async () => {
    const { app } = await start();
    const cached: Change = (conf) =>
      `proxy_cache_path cache keys_zone=all:1m;\n${inLocation('proxy_cache all; proxy_cache_valid 200 1m;')(conf)}`;
    const proxy = await openProxy(app.port, cached);
    const ada = await signIn(proxy);
    const Cookie = await ada.jar.getCookieString(ORIGIN);
    const handled = async (browser: Browser, headers = {}) =>
      (await browser.get('/me', headers)).json.handled;
    expect([await handled(ada), await handled(ada)]).toEqual([1, 1]);
    expect(await handled(await signIn(proxy))).toBe(2);
    expect((await ada.post('/session/logout')).status).toBe(204);
    expect(await handled(proxy.browser(), { Cookie })).toBe(1);
  });
});
