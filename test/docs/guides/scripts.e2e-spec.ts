import { execFile, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  Body,
  Controller,
  Get,
  Post,
  Res,
  UnauthorizedException,
} from '@nestjs/common';
import { decodeJwt } from 'jose';
import {
  SessionClient,
  type SessionTokens,
} from '../../../lib/client/index.js';
import {
  MemorySessionStore,
  Public,
  Session,
  SessionJwtModule,
  SessionService,
  type SessionJwtModuleOptions,
} from '../../../lib/index.js';
import { TestSessionClock } from '../../../lib/testing/index.js';
import { combinations, rounds } from '../../support/effort.js';
import { clientScripts } from '../../support/client-script.js';
import { openHttpsFront } from '../../support/https-front.js';
import { boot, closeBooted, type BootedApp } from '../../support/nest-app.js';
import { SECRET } from '../../support/secrets.js';
import { Guide, type GuideFolder } from '../guide.js';

const guide = new Guide('docs/guides/scripts.md');
const run = promisify(execFile);
/** How many processes wait for one another. */
const PROCESSES = rounds(4, 2);
/** How often what a script keeps is used again. */
const RUNS = rounds(3, 2);
const LOGIN = { user: 'ada', password: 'correct' };

let folder: GuideFolder;
let app: BootedApp;
let clock: TestSessionClock;
let tokenFile: string;
/** How many requests of each kind have arrived. */
let counts: { orders: number; logins: number; refreshes: number };

@Controller()
class OrdersController {
  constructor(private readonly sessions: SessionService) {}

  @Public() @Post('login') async login(
    @Body() body: typeof LOGIN,
    @Res({ passthrough: true }) response: object,
  ) {
    counts.logins += 1;
    if (body.password !== 'correct') throw new UnauthorizedException();
    return this.sessions.generate(body.user, { response });
  }
  @Get('orders') orders(@Session('subject') owner: string) {
    counts.orders += 1;
    return [{ owner }];
  }
  @Post('orders') order(@Body() body: { id: number }) {
    return body;
  }
}

async function start(
  options: Partial<SessionJwtModuleOptions> = {},
): Promise<void> {
  clock = new TestSessionClock();
  app = await boot(
    {
      imports: [
        SessionJwtModule.forRoot({
          secret: SECRET,
          dataLoader: false,
          routes: true,
          transport: 'header',
          refreshToken: {},
          store: new MemorySessionStore(),
          storeTimeout: '20s',
          ...options,
        }),
      ],
      controllers: [OrdersController],
    },
    { clock },
  );
  app.get(SessionService).events$.subscribe(({ type }) => {
    if (type === 'refreshed') counts.refreshes += 1;
  });
}

beforeAll(async () => {
  folder = guide.write();
  // The client from its sources, where the scripts find it.
  mkdirSync(folder.pathOf('client'));
  for (const [name, code] of await clientScripts()) {
    writeFileSync(folder.pathOf(`client/${name}`), code);
  }
  for (const name of ['scripts/report.mjs', 'scripts/orders.mjs']) {
    const text = guide
      .file(name)
      .replace('nestjs-session-jwt/client', '../client/index.js');
    writeFileSync(folder.pathOf(name), text);
  }
  tokenFile = folder.pathOf('tokens.json');
});

beforeEach(() => {
  counts = { orders: 0, logins: 0, refreshes: 0 };
  rmSync(tokenFile, { force: true });
});
afterEach(closeBooted);
afterAll(() => folder.remove());

const url = (): string => `http://127.0.0.1:${app.port}`;
const sessions = (): Promise<unknown[]> => app.get(SessionService).list('ada');

const environment = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  API_URL: url(),
  API_USER: LOGIN.user,
  API_PASSWORD: LOGIN.password,
  TOKEN_FILE: tokenFile,
});

/** Runs a script of the guide as a process, and returns what it prints. */
async function node(script: string, env: object = {}): Promise<string> {
  const { stdout, stderr } = await run(
    process.execPath,
    [folder.pathOf(script)],
    { env: { ...environment(), ...env } },
  );
  expect(stderr).toBe('');
  return stdout;
}

const PRINTED = `${JSON.stringify([{ owner: 'ada' }])}\n`;

async function signedIn(tokens: 'memory' | object): Promise<SessionClient> {
  const client = new SessionClient({
    url: `${url()}/session`,
    tokens: tokens as 'memory',
  });
  const response = await fetch(`${url()}/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(LOGIN),
  });
  client.use((await response.json()) as SessionTokens);
  return client;
}

describe('a job', () => {
  it('works, ends, and leaves no session', async () => {
    await start();
    expect(await node('scripts/report.mjs')).toBe(PRINTED);
    expect(await node('scripts/report.mjs')).toBe(PRINTED);
    expect(await sessions()).toEqual([]);
  });

  it('leaves a session with each run if it does not sign out', async () => {
    await start();
    const text = readFileSync(folder.pathOf('scripts/report.mjs'), 'utf8');
    const careless = text.replace('await client.signOut();', '');
    expect(careless).not.toBe(text);
    writeFileSync(folder.pathOf('scripts/careless.mjs'), careless);
    expect(await node('scripts/careless.mjs')).toBe(PRINTED);
    expect(await node('scripts/careless.mjs')).toBe(PRINTED);
    expect(await sessions()).toHaveLength(2);
  });

  it('fails with a wrong password, and does not print it', async () => {
    await start();
    const failed = node('scripts/report.mjs', { API_PASSWORD: 'hunter2' });
    const { code, stdout, stderr } = await failed.catch((error) => error);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('sign-in failed: 401');
    expect(stderr).not.toContain('hunter2');
    expect(counts.logins).toBe(1);
  });

  it('refreshes once for all parallel requests, and repeats them', async () => {
    await start();
    const client = await signedIn('memory');
    clock.advance('15m');
    const writes = Array.from({ length: 10 }, (_, id) =>
      client.fetch(`${url()}/orders`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ id }),
      }),
    );
    const answers = await Promise.all(
      (await Promise.all(writes)).map((response) => response.json()),
    );
    expect(answers).toEqual(writes.map((_, id) => ({ id })));
    expect(counts.refreshes).toBe(1);
  });
});

describe('a CLI', () => {
  it('signs in once, refreshes in later runs, and keeps its file to itself', async () => {
    await start();
    for (let round = 0; round < RUNS; round += 1) {
      expect(await node('scripts/orders.mjs')).toBe(PRINTED);
      clock.advance('1h');
    }
    expect(counts).toMatchObject({ logins: 1, refreshes: RUNS - 1 });
    expect(statSync(tokenFile).mode & 0o777).toBe(0o600);
    expect(existsSync(`${tokenFile}.new`)).toBe(false);
    expect(await sessions()).toHaveLength(1);
  });

  it('signs in again when its session has ended', async () => {
    await start();
    await node('scripts/orders.mjs');
    await app.get(SessionService).revokeAll('ada');
    clock.advance('15m');
    expect(await node('scripts/orders.mjs')).toBe(PRINTED);
    expect(counts.logins).toBe(2);
  });

  it.each(combinations(['{"x":1}', '{}'], 1))(
    'signs in if the file contains %s',
    async (text) => {
      await start();
      writeFileSync(tokenFile, text, { mode: 0o600 });
      expect(await node('scripts/orders.mjs')).toBe(PRINTED);
    },
  );

  const { status } = spawnSync('flock', ['--version']);
  (status === 0 ? it : it.skip)(
    'waits for its turn with the command of the guide',
    async () => {
      await start();
      const command = guide.blocks.find(({ code }) =>
        code.startsWith('flock'),
      )!.code;
      const outputs = await Promise.all(
        Array.from({ length: PROCESSES }, () =>
          run('sh', ['-c', command], { cwd: folder.path, env: environment() }),
        ),
      );
      expect(outputs.map(({ stdout }) => stdout)).toEqual(
        Array.from({ length: PROCESSES }, () => PRINTED),
      );
      expect([counts.logins, counts.orders]).toEqual([1, PROCESSES]);
    },
  );
});

describe('two processes with one file', () => {
  /** Two clients that have read the same tokens. In Node, clients share nothing, as in two processes. */
  async function twoClients(): Promise<SessionClient[]> {
    const { fileStorage } = await import(
      folder.pathOf('scripts/file-storage.mjs')
    );
    const client = await signedIn(fileStorage(tokenFile));
    await client.fetch(`${url()}/orders`);
    const other = new SessionClient({
      url: `${url()}/session`,
      tokens: fileStorage(tokenFile),
    });
    await other.fetch(`${url()}/orders`);
    clock.advance('15m');
    return [client, other];
  }
  const orders = async (client?: SessionClient): Promise<number> =>
    (await client!.fetch(`${url()}/orders`)).status;

  it('get the same tokens within the grace period', async () => {
    await start();
    const [one, other] = await twoClients();
    expect(await orders(one)).toBe(200);
    clock.advance('29s');
    expect(await orders(other)).toBe(200);
    const idOf = async (client?: SessionClient) =>
      decodeJwt((await client!.refreshToken())!).jti;
    expect(await idOf(other)).toBe(await idOf(one));
  });

  it('end their session later', async () => {
    await start();
    const [one, other] = await twoClients();
    expect(await orders(one)).toBe(200);
    clock.advance('1m');
    expect(await orders(other)).toBe(401);
    expect(await orders(one)).toBe(401);
    expect(await sessions()).toEqual([]);
    expect(readFileSync(tokenFile, 'utf8')).not.toContain('eyJ');
  });
});

describe('curl', () => {
  it('signs in, refreshes and signs out with the commands of the guide', async () => {
    await start({ transport: 'cookie' });
    const front = await openHttpsFront(app.port, 'api.example');
    writeFileSync(join(folder.path, 'login.json'), JSON.stringify(LOGIN));
    // The certificate is of this test alone, and so is the name.
    writeFileSync(
      join(folder.path, '.curlrc'),
      `insecure\nsilent\nconnect-to = "api.example:443:127.0.0.1:${front.port}"\n`,
    );
    const commands = guide.blocks
      .find(({ code }) => code.includes('curl'))!
      .code.trim()
      .split('\n');
    const shell = async (command: string): Promise<string> => {
      const { stdout } = await run('sh', ['-c', `umask 077\n${command}`], {
        cwd: folder.path,
        env: { PATH: process.env['PATH'], HOME: folder.path },
      });
      return stdout;
    };
    const [umask, login, orders, logout, remove] = commands as [
      string,
      string,
      string,
      string,
      string,
    ];
    expect(umask).toBe('umask 077');
    expect(JSON.parse(await shell(login))).not.toHaveProperty('token');
    expect(statSync(folder.pathOf('jar.txt')).mode & 0o777).toBe(0o600);
    for (let round = 0; round < RUNS; round += 1) {
      expect(JSON.parse(await shell(orders))).toEqual([{ owner: 'ada' }]);
      clock.advance('1h');
    }
    expect(counts.refreshes).toBe(RUNS - 1);
    await shell(logout);
    expect(await sessions()).toEqual([]);
    // What --fail makes of a 401.
    await expect(shell(orders)).rejects.toMatchObject({ code: 22 });
    await shell(remove);
    expect(existsSync(folder.pathOf('jar.txt'))).toBe(false);
    await front.close();
  });
});
