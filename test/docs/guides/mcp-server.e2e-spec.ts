import {
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Controller, Get, Module, Param, Post, Res } from '@nestjs/common';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import {
  Public,
  SessionJwtModule,
  SessionService,
} from '../../../lib/index.js';
import { Browser } from '../../support/browser.js';
import { keyPairs, otherKeyPairs } from '../../support/key-pairs.js';
import { boot, closeBooted, type BootedApp } from '../../support/nest-app.js';
import { startRedis, type RedisServer } from '../../support/redis-server.js';
import { SECRET } from '../../support/secrets.js';
import { Guide, type GuideFolder } from '../guide.js';

const MCP = 'https://mcp.example/mcp';
const METADATA = 'https://mcp.example/.well-known/oauth-protected-resource/mcp';
const realFetch = globalThis.fetch;

const guide = new Guide('docs/guides/mcp-server.md');
let folder: GuideFolder;
let redis: RedisServer;
let web: BootedApp;
let mcp: BootedApp;
/** The service of the module that issues the tokens. */
let issuing: SessionService;
let cookie: string;

beforeAll(async () => {
  redis = await startRedis();
  Object.assign(process.env, {
    REDIS_URL: redis.url,
    MCP_PRIVATE_KEY: keyPairs.ES256.privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    }),
  });
  folder = guide.write();
  // The names of both applications lead to this machine.
  globalThis.fetch = (input, init) =>
    realFetch(
      (input instanceof Request ? input.url : new URL(input).href)
        .replace('https://auth.example', `http://127.0.0.1:${web?.port}`)
        .replace('https://mcp.example', `http://127.0.0.1:${mcp?.port}`),
      init,
    );
  const { McpTokensModule, McpTokenController } = await import(
    folder.pathOf('auth-server/src/mcp-tokens.module.ts')
  );

  @Controller()
  class AccountController {
    constructor(private readonly sessions: SessionService) {}

    @Public() @Post('sign-in/:user') async signIn(
      @Param('user') user: string,
      @Res({ passthrough: true }) response: object,
    ) {
      await this.sessions.generate(user, { response });
    }
    @Get('account') account() {
      return 'mine';
    }
  }
  @Module({
    imports: [
      SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false }),
      McpTokensModule,
    ],
    controllers: [AccountController],
  })
  class WebModule {}

  web = await boot({ imports: [WebModule] });
  issuing = web.get<{ sessions: SessionService }>(McpTokenController).sessions;
  cookie = await cookieOf('ada');
  const { AppModule } = await import(
    folder.pathOf('mcp-server/src/app.module.ts')
  );
  mcp = await boot({ imports: [AppModule] });
});

afterAll(async () => {
  await closeBooted();
  const { redis: client } = await import(folder.pathOf('src/revocations.ts'));
  client.disconnect();
  globalThis.fetch = realFetch;
  await redis.stop();
  folder.remove();
});

async function cookieOf(user: string): Promise<string> {
  const path = `/sign-in/${user}`;
  const { setCookie } = await web.send({ method: 'POST', path });
  return setCookie[0]!.split(';')[0]!;
}

/** The token that a signed-in user gets for the MCP server. */
async function tokenOf(user: string): Promise<string> {
  const response = await web.send({
    method: 'POST',
    path: '/mcp-token',
    headers: { cookie: await cookieOf(user), origin: 'https://app.example' },
  });
  expect(response.status).toBe(201);
  return response.json.token;
}

async function connect(headers: Record<string, string>): Promise<Client> {
  const client = new Client({ name: 'agent', version: '1.0.0' });
  const transport = new StreamableHTTPClientTransport(new URL(MCP), {
    fetch: globalThis.fetch,
    requestInit: { headers },
  });
  await client.connect(transport);
  return client;
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

const whoami = async (client: Client): Promise<unknown> =>
  (await client.callTool({ name: 'whoami', arguments: {} })).content;

/** A token with other claims, signed with the key of the issuer or another one. */
function resign(
  token: string,
  claims: object,
  privateKey = keyPairs.ES256.privateKey,
): Promise<string> {
  const header = decodeProtectedHeader(token) as { alg: string };
  return new SignJWT({ ...decodeJwt(token), ...claims })
    .setProtectedHeader(header)
    .sign(privateKey);
}

const initialize = (headers: Record<string, string>, query = '') =>
  fetch(MCP + query, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: {
        protocolVersion: '2025-06-18',
        capabilities: {},
        clientInfo: { name: 'agent', version: '1.0.0' },
      },
    }),
  });

/** Settles when the log has reached the MCP server. */
async function refused(token: string): Promise<void> {
  for (let i = 0; i < 1000; i += 1) {
    if ((await initialize(bearer(token))).status === 401) return;
  }
  throw new Error('the token is still accepted');
}

describe('a client of the MCP server', () => {
  it('initializes, lists tools, and calls one as the user of its token', async () => {
    const client = await connect(bearer(await tokenOf('ada')));
    expect(client.getServerVersion()?.name).toBe('orders');
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['whoami']);
    expect(await whoami(client)).toEqual([{ type: 'text', text: 'ada' }]);
    await client.close();
  });

  it('gets its own session in parallel with others', async () => {
    const users = ['ada', 'bob', 'eve'];
    const clients = await Promise.all(
      users.map(async (user) => connect(bearer(await tokenOf(user)))),
    );
    const calls = Array.from({ length: 5 }, () => clients.map(whoami)).flat();
    expect(await Promise.all(calls)).toEqual(
      calls.map((_, i) => [{ type: 'text', text: users[i % 3] }]),
    );
    await Promise.all(clients.map((client) => client.close()));
  });

  it('is refused after a revocation, alone', async () => {
    const [token, other] = [await tokenOf('ada'), await tokenOf('ada')];
    const client = await connect(bearer(token));
    const { sid } = decodeJwt<{ sid: string }>(token);
    await issuing.revoke({ id: sid, subject: 'ada' });
    await refused(token);
    await expect(client.listTools()).rejects.toThrow(/401|Unauthorized/);
    expect((await initialize(bearer(other))).status).toBe(200);
    await issuing.revokeAll('ada');
    await refused(other);
    // The session of the web application goes on.
    const account = await web.send({ path: '/account', headers: { cookie } });
    expect(account.status).toBe(200);
  });

  it('finds no other methods than POST', async () => {
    const headers = bearer(await tokenOf('ada'));
    for (const method of ['GET', 'DELETE']) {
      const response = await fetch(MCP, { method, headers });
      expect([response.status, response.headers.get('allow')]).toEqual([
        405,
        'POST',
      ]);
    }
  });
});

describe('the challenge', () => {
  it('leads to the metadata of the resource', async () => {
    const { resourceMetadataUrl } = extractWWWAuthenticateParams(
      await initialize({}),
    );
    expect(resourceMetadataUrl?.href).toBe(METADATA);
    const metadata = await discoverOAuthProtectedResourceMetadata(
      MCP,
      { resourceMetadataUrl: resourceMetadataUrl! },
      globalThis.fetch,
    );
    expect(metadata).toEqual({
      resource: MCP,
      authorization_servers: ['https://auth.example'],
      bearer_methods_supported: ['header'],
    });
    // Where a client looks that saw no challenge.
    expect(
      await discoverOAuthProtectedResourceMetadata(MCP, {}, globalThis.fetch),
    ).toEqual(metadata);
  });

  const now = Math.floor(Date.now() / 1000);
  it.each<[string, (token: string) => Promise<[object, string?]>]>([
    ['no token', async () => [{}]],
    [
      'an expired token',
      async (token) => [
        bearer(await resign(token, { exp: now - 60, iat: now - 3600 })),
      ],
    ],
    [
      'data that is too old',
      async (token) => [
        bearer(
          await resign(token, {
            exp: now + 3600,
            iat: now - 72_000,
            oiat: now - 72_000,
            lat: now - 72_000,
          }),
        ),
      ],
    ],
    [
      'a foreign audience',
      async (token) => [
        bearer(await resign(token, { aud: 'https://other.example/mcp' })),
      ],
    ],
    [
      'several audiences',
      async (token) => [
        bearer(await resign(token, { aud: [MCP, 'https://other.example'] })),
      ],
    ],
    [
      'a foreign issuer',
      async (token) => [
        bearer(await resign(token, { iss: 'https://evil.example' })),
      ],
    ],
    [
      'a foreign key',
      async (token) => [
        bearer(await resign(token, {}, otherKeyPairs.ES256.privateKey)),
      ],
    ],
    [
      'a token in the query',
      async (token) => [{}, `?access_token=${token}&token=${token}`],
    ],
    ['a token in a cookie', async (token) => [{ Cookie: `session=${token}` }]],
    ['the cookie of the web application', async () => [{ Cookie: cookie }]],
    [
      'the token of the web application',
      async () => [bearer(cookie.replace(/^[^=]+=/, ''))],
    ],
    ['another scheme', async (token) => [{ Authorization: `Basic ${token}` }]],
  ])('answers %s', async (_what, make) => {
    const token = await tokenOf('ada');
    const control = bearer(await resign(token, {}));
    expect((await initialize(control)).status).toBe(200);
    const [headers, query] = await make(token);
    const response = await initialize(headers as Record<string, string>, query);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer resource_metadata="${METADATA}"`,
    );
    expect(await response.json()).toEqual({
      statusCode: 401,
      message: 'Unauthorized',
      errorCode: 'SESSION_REQUIRED',
    });
  });
});

describe('the application that issues the tokens', () => {
  it('issues none without a session, or to another site', async () => {
    const post = (headers: Record<string, string>) =>
      web.send({ method: 'POST', path: '/mcp-token', headers });
    expect((await post({})).status).toBe(401);
    const foreign = { cookie, origin: 'https://evil.example' };
    expect((await post(foreign)).status).toBe(403);
  });

  it('does not accept a token for the MCP server, which cannot get another', async () => {
    const token = await tokenOf('ada');
    const browser = new Browser(web.port);
    expect((await browser.get('/account', bearer(token))).status).toBe(401);
    const own = { cookie: `__Host-Http-session=${token}` };
    expect((await browser.get('/account', own)).status).toBe(401);
    const answer = await browser.post('/mcp-token', {}, bearer(token));
    expect(answer.status).toBe(401);
  });
});
