import { Controller, Get, Res, type Provider } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import {
  MemorySessionStore,
  Public,
  SessionEndedError,
  SessionJwtModule,
  SessionService,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import {
  createTestSession,
  TestSessionClock,
} from '../../lib/testing/index.js';
import { Browser } from '../support/browser.js';
import { boot, closeBooted, type BootedApp } from '../support/nest-app.js';
import { writeRecipes } from './recipes-snippets.js';
import { secret, UsersModule, UsersService } from './snippets/application.js';
import type { SnippetFiles } from './snippets/page.js';

/** Runs what a test gives it, in a request. */
@Public()
@Controller('run')
class RunController {
  static statements: (response: object) => unknown;

  @Get()
  async run(@Res({ passthrough: true }) response: object) {
    await RunController.statements(response);
  }
}

/** Who is signed in. */
@Controller('me')
class MeController {
  @Get()
  me() {
    return 'me';
  }
}

let files: SnippetFiles;
const clock = new TestSessionClock();
const user = { id: 'ada' };

beforeAll(() => {
  files = writeRecipes();
});

beforeEach(() => {
  RunController.statements = () => undefined;
});

afterEach(closeBooted);

afterAll(() => files.remove());

interface Recipe {
  app: BootedApp;
  snippets: Record<string, any>;
  /** The statements of the recipe, by the order in which the page shows them. */
  statements: Record<string, (scope: object) => Promise<unknown>>;
}

async function start(
  title: string,
  options: Partial<SessionJwtModuleOptions> = {},
  providers: (snippets: Record<string, any>) => Provider[] = () => [],
): Promise<Recipe> {
  const snippets = await import(files.pathOf(title));
  const app = await boot(
    {
      imports: [
        UsersModule,
        SessionJwtModule.forRootAsync({
          imports: [UsersModule],
          dataLoader: snippets.UserSessionLoader,
          useFactory: () => ({ secret, ...options }),
        }),
      ],
      controllers: [RunController, MeController],
      providers: providers(snippets),
    },
    {
      clock,
    },
  );
  const { RecipeController } = snippets;
  const statements = new RecipeController(
    app.get(SessionService),
    app.get(UsersService),
  );
  return { app, snippets, statements };
}

const statusOf = async (
  { app }: Recipe,
  { cookie }: { cookie: string },
): Promise<number> =>
  (await app.send({ path: '/me', headers: { Cookie: cookie } })).status;

/** Runs statements in a request, and returns what it answers. */
async function run(
  { app }: Recipe,
  statements: (response: any) => Promise<unknown>,
) {
  RunController.statements = statements;
  return new Browser(app.port).get('/run');
}

describe('the recipe to sign out everywhere', () => {
  it('ends every older session at its next reload, and spares later ones', async () => {
    const recipe = await start('Sign out everywhere');
    const { app, statements } = recipe;
    // The statement reads the clock of the machine.
    clock.set(new Date(Date.now() - 60_000));
    const early = [
      await createTestSession(app.app, 'ada'),
      await createTestSession(app.app, 'ada'),
    ];
    await statements['statements0']!({ user });
    clock.advance('2m');
    const later = await createTestSession(app.app, 'ada');
    expect(await statusOf(recipe, early[0]!)).toBe(200);
    clock.advance('15m');
    expect([
      await statusOf(recipe, early[0]!),
      await statusOf(recipe, early[1]!),
      await statusOf(recipe, later),
    ]).toEqual([401, 401, 200]);
  });

  it.each([
    [true, SessionEndedError],
    [false, undefined],
  ])('ends a session in its loader: %s', async (isOlder, error) => {
    const { statements } = await start('Sign out everywhere');
    const context = { issuedBefore: () => isOlder };
    const result = await statements['statements1']!({ context, user }).catch(
      (reason: Error) => reason.constructor,
    );
    expect(result).toBe(error);
  });

  it.each([
    ['reload', 200],
    ['always', 401],
  ] as const)(
    'ends all other devices of a store; with revocationCheck %s the next request gets %i',
    async (revocationCheck, next) => {
      const store = new MemorySessionStore();
      const recipe = await start('Sign out everywhere', {
        store,
        revocationCheck,
      });
      const { app, statements } = recipe;
      const own = await createTestSession(app.app, 'ada');
      const other = await createTestSession(app.app, 'ada');
      await statements['statements2']!({ user, session: own.session });
      expect(await statusOf(recipe, other)).toBe(next);
      expect(await statusOf(recipe, own)).toBe(200);
      clock.advance('15m');
      expect(await statusOf(recipe, other)).toBe(401);
      expect(await statusOf(recipe, own)).toBe(200);
    },
  );
});

it('lists devices with the metadata of their sign-in, also of a client that does not say what it is', async () => {
  const recipe = await start('A page of devices', {
    store: new MemorySessionStore(),
  });
  const { app, statements } = recipe;
  for (const userAgent of ['Browser', undefined]) {
    const request = { ip: '192.0.2.1', headers: { 'user-agent': userAgent } };
    const { status } = await run(recipe, (response) =>
      statements['statements0']!({ user, request, response }),
    );
    expect(status).toBe(200);
  }
  const listed = await app.get(SessionService).list('ada');
  expect(new Set(listed.map(({ metadata }) => metadata))).toEqual(
    new Set([{ ip: '192.0.2.1', userAgent: 'Browser' }, { ip: '192.0.2.1' }]),
  );
});

it.each([
  [true, true],
  [false, false],
  [undefined, false],
  [null, false],
  ['false', false],
])('remembers a user whose box is %j: %s', async (rememberMe, isKept) => {
  const recipe = await start('Remember me');
  const { setCookie } = await run(recipe, (response) =>
    recipe.statements['statements0']!({ user, response, body: { rememberMe } }),
  );
  expect(setCookie).toHaveLength(1);
  expect(/; (Max-Age|Expires)=/i.test(setCookie[0]!)).toBe(isKept);
});

it('keeps the answers to our errors with a catch-all filter', async () => {
  const recipe = await start(
    'A custom catch-all filter',
    {},
    ({ AllErrorsFilter }) => [
      { provide: APP_FILTER, useClass: AllErrorsFilter },
    ],
  );
  const sessions = recipe.app.get(SessionService);
  const ended = await run(recipe, () => sessions.generate('nobody'));
  expect([ended.status, ended.json.errorCode]).toEqual([
    401,
    'SESSION_REQUIRED',
  ]);
  const failed = await run(recipe, () => Promise.reject(new Error('bug')));
  expect(failed.status).toBe(500);
  const me = await new Browser(recipe.app.port).get('/me');
  expect([me.status, me.json.errorCode]).toEqual([401, 'SESSION_REQUIRED']);
});

describe('the recipe for another service that only checks tokens', () => {
  it('accepts session tokens, and refuses refresh tokens and those of other applications', async () => {
    const recipe = await start('Another service that only checks tokens', {
      refreshToken: {},
    });
    const { checkToken } = recipe.snippets;
    clock.set(new Date());
    const good = await createTestSession(recipe.app.app, 'ada');
    expect((await checkToken(good.token)).payload.sub).toBe('ada');
    await expect(checkToken(good.refreshToken)).rejects.toThrow();
    const [header, payload] = good.token.split('.');
    await expect(checkToken(`${header}.${payload}.`)).rejects.toThrow();

    const other = await start('Another service that only checks tokens', {
      issuer: 'https://other.example',
    });
    const { token } = await createTestSession(other.app.app, 'ada');
    await expect(checkToken(token)).rejects.toThrow(/"iss"|"aud"/);
  });
});
