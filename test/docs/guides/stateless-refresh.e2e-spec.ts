import { Controller, Get, Post } from '@nestjs/common';
import {
  MemoryRevocationLog,
  MemorySessionStore,
  Session,
  SessionJwtModule,
  SessionService,
  type ActiveSession,
  type SessionJwtModuleOptions,
} from '../../../lib/index.js';
import {
  createTestSession,
  TestSessionClock,
  type TestSession,
} from '../../../lib/testing/index.js';
import { boot, closeBooted, type BootedApp } from '../../support/nest-app.js';
import { SECRET } from '../../support/secrets.js';
import { Guide, type GuideFolder } from '../guide.js';
import { readPage } from '../snippets/page.js';

const PATH = 'docs/guides/stateless-refresh.md';
const DAY = 86_400;
const guide = new Guide(PATH);
let folder: GuideFolder;

beforeAll(() => {
  process.env['SESSION_SECRET'] = SECRET;
  folder = guide.write();
});
afterEach(closeBooted);
afterAll(() => folder.remove());

@Controller()
class AccountController {
  constructor(private readonly sessions: SessionService) {}

  @Get('account') account(@Session('subject') user: string) {
    return { user };
  }
  @Post('sign-out-here') async signOut(@Session() session: ActiveSession) {
    await this.sessions.revoke(session);
  }
  @Post('sign-out-everywhere') async everywhere(
    @Session('subject') user: string,
  ) {
    await this.sessions.revokeAll(user);
  }
  @Post('sign-out-device') async device(
    @Session() { id, subject }: ActiveSession,
  ) {
    await this.sessions.revoke({ id, subject });
  }
}

/** Processes of one application: each call boots another one. */
interface Profile {
  readonly clock: TestSessionClock;
  readonly signOut: string;
  boot(): Promise<BootedApp>;
}

function profileWith(options: Partial<SessionJwtModuleOptions>): Profile {
  const clock = new TestSessionClock();
  return {
    clock,
    signOut: '/sign-out-here',
    boot: () =>
      boot(
        {
          imports: [
            SessionJwtModule.forRoot({
              secret: SECRET,
              dataLoader: false,
              routes: true,
              transport: 'header',
              refreshToken: {},
              ...options,
            }),
          ],
          controllers: [AccountController],
        },
        {
          clock,
        },
      ),
  };
}

/** The application of the guide; its table is the same for all processes. */
async function profileOfGuide(): Promise<Profile> {
  const { AppModule } = await import(folder.pathOf('src/app.module.ts'));
  const { EndedSessionsService } = await import(
    folder.pathOf('src/ended-sessions.service.ts')
  );
  const clock = new TestSessionClock();
  const table = new EndedSessionsService();
  return {
    clock,
    signOut: '/sign-out',
    boot: () =>
      boot(
        { imports: [AppModule], controllers: [AccountController] },
        {
          clock,
          override: (app) =>
            app.overrideProvider(EndedSessionsService).useValue(table),
        },
      ),
  };
}

const PROFILES: Record<string, () => Profile | Promise<Profile>> = {
  '`refreshToken: {}`': () => profileWith({}),
  'and the loader below': profileOfGuide,
  'and `store`': () => profileWith({ store: new MemorySessionStore() }),
  "and `store`, `revocationCheck: 'always'`": () =>
    profileWith({ store: new MemorySessionStore(), revocationCheck: 'always' }),
  'and `revocations`': () =>
    profileWith({ revocations: new MemoryRevocationLog() }),
};

/** What the page says, by profile. */
const rows = new Map(
  [...readPage(PATH).matchAll(/^\| (.+) \| (.+) \| (.+) \| (.+) \| (.+) \|$/gm)]
    .map(([, ...cells]) => cells)
    .slice(2)
    .map(([profile, ...cells]) => [profile!, cells]),
);

const use = (app: BootedApp, token: string) =>
  app.send({ path: '/account', headers: { Authorization: `Bearer ${token}` } });

const refresh = (app: BootedApp, refreshToken: string) =>
  app.send({
    method: 'POST',
    path: '/session/refresh',
    body: { refreshToken },
  });

const post = (app: BootedApp, path: string, { token }: { token: string }) =>
  app.send({
    method: 'POST',
    path,
    headers: { Authorization: `Bearer ${token}` },
  });

/** How long a process accepts a session token. */
async function lifeOfToken(
  app: BootedApp,
  { token }: TestSession,
  clock: TestSessionClock,
): Promise<string> {
  const now = clock.nowSeconds();
  if ((await use(app, token)).status === 401) return 'never';
  clock.advance('15m');
  const { status } = await use(app, token);
  clock.set(now);
  return status === 401 ? 'until its `exp`' : 'longer';
}

/** How long a process accepts a refresh token, and the ones that it gives in exchange. */
async function lifeOfRefreshToken(
  app: BootedApp,
  { refreshToken }: TestSession,
  clock: TestSessionClock,
): Promise<string> {
  const now = clock.nowSeconds();
  let current = refreshToken!;
  for (let day = 0; ; day += 6) {
    clock.set(now + day * DAY);
    const { status, json } = await refresh(app, current);
    if (status !== 200) {
      clock.set(now);
      if (day === 0) return 'never';
      return day === 30 ? 'until the absolute end' : `until day ${day}`;
    }
    current = json.refreshToken;
  }
}

it('has a row for each profile', () => {
  expect([...rows.keys()]).toEqual(Object.keys(PROFILES));
});

describe.each([...rows])('after a sign-out, with %s', (name, cells) => {
  it(`accepts a session token ${cells[0]} and ${cells[1]}, a refresh token ${cells[2]} and ${cells[3]}`, async () => {
    const profile = await PROFILES[name]!();
    const { clock } = profile;
    const [there, other] = [await profile.boot(), await profile.boot()];
    const stolen = await createTestSession(there.app, 'ada');
    expect((await use(other, stolen.token)).status).toBe(200);
    const signedOut = await post(there, profile.signOut, stolen);
    expect([201, 204]).toContain(signedOut.status);
    const restarted = await profile.boot();

    const observe = async (app: BootedApp): Promise<string[]> => [
      await lifeOfToken(app, stolen, clock),
      await lifeOfRefreshToken(app, stolen, clock),
    ];
    const [token, refreshToken] = await observe(there);
    const elsewhere = await observe(other);
    expect(await observe(restarted)).toEqual(elsewhere);
    expect([token, elsewhere[0], refreshToken, elsewhere[1]]).toEqual(cells);
  });
});

describe('without a store', () => {
  it('a thief gets tokens elsewhere, which the process that ended the session refuses', async () => {
    const profile = profileWith({});
    const [there, other] = [await profile.boot(), await profile.boot()];
    const stolen = await createTestSession(there.app, 'ada');
    await post(there, '/sign-out-here', stolen);
    const { json } = await refresh(other, stolen.refreshToken!);
    expect((await use(other, json.token)).status).toBe(200);
    expect((await use(there, json.token)).status).toBe(401);
    expect((await refresh(there, json.refreshToken)).status).toBe(401);
  });

  it.each([
    ['unnoticed', {}, [200, 200], []],
    [
      'once with a store',
      { store: new MemorySessionStore() },
      [200, 401],
      ['refreshReused'],
    ],
  ])('two copies are exchanged %s', async (_how, options, statuses, events) => {
    const profile = profileWith(options);
    const app = await profile.boot();
    const seen: string[] = [];
    app.get(SessionService).events$.subscribe(({ type }) => seen.push(type));
    const { refreshToken } = await createTestSession(app.app, 'ada');
    const owner = await refresh(app, refreshToken!);
    await use(app, owner.json.token);
    profile.clock.advance('10m');
    const thief = await refresh(app, refreshToken!);
    expect([owner.status, thief.status]).toEqual(statuses);
    expect(seen.filter((type) => type === 'refreshReused')).toEqual(events);
  });

  it.each(['/sign-out-everywhere', '/sign-out-device'])(
    '%s ends nothing, and says so',
    async (path) => {
      const app = await profileWith({}).boot();
      const session = await createTestSession(app.app, 'ada');
      expect((await post(app, path, session)).status).toBe(500);
      expect((await use(app, session.token)).status).toBe(200);
    },
  );
});
