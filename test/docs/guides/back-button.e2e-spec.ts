import type { Server } from 'node:http';
import {
  Controller,
  Get,
  Header,
  Module,
  Param,
  Post,
  Req,
  Res,
  type Type,
} from '@nestjs/common';
import { transform } from '@swc/core';
import type { Page } from 'playwright-core';
import {
  MemorySessionStore,
  Public,
  Session,
  SessionJwtModule,
  SessionService,
} from '../../../lib/index.js';
import { createGate } from '../../support/asynchrony.js';
import { atFullEffort } from '../../support/at-full-effort.js';
import { openWholeBrowser, type Browser } from '../../support/chromium.js';
import { clientScripts } from '../../support/client-script.js';
import { isFull } from '../../support/effort.js';
import { until } from '../../support/redis-server.js';
import { boot, type BootedApp } from '../../support/nest-app.js';
import { SECRET } from '../../support/secrets.js';
import { Guide } from '../guide.js';
import { readPage } from '../snippets/page.js';

const PATH = 'docs/guides/back-button.md';
const guide = new Guide(PATH);
const SCRIPT = '<script type="module" src="/back-button.js"></script>';
const ACCOUNT = 'The account of ';
const nothing = async (): Promise<void> => undefined;

let app: BootedApp;
let browser: Browser;
let page: Page;
let scripts: ReadonlyMap<string, string>;
let ownScript: string;
/** Called before the ready-made routes answer. */
let onCheck: () => Promise<void> = nothing;

@Controller()
class OtherController {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Post('login/:user')
  async login(
    @Param('user') user: string,
    @Res({ passthrough: true }) response: object,
  ) {
    await this.sessions.generate(user, { response });
  }

  @Public()
  @Post('sign-out')
  async signOut(
    @Req() request: Request,
    @Res({ passthrough: true }) response: object,
  ) {
    await this.sessions.revoke(request as never, { response });
  }

  @Public()
  @Get('sign-in')
  @Header('Content-Type', 'text/html')
  signIn() {
    return '<!doctype html><link rel="icon" href="data:,"><p>Sign in</p>';
  }

  @Public()
  @Get('client/:file')
  @Header('Content-Type', 'text/javascript')
  script(@Param('file') file: string) {
    return scripts.get(file);
  }

  /** Bundlers put the address of the client there. */
  @Public()
  @Get('back-button.js')
  @Header('Content-Type', 'text/javascript')
  backButton() {
    return ownScript;
  }

  @Get('neither')
  @Header('Content-Type', 'text/html')
  neither(@Session('subject') user: string) {
    return `<!doctype html><p>${ACCOUNT}${user}</p>`;
  }

  @Get('private')
  @Header('Content-Type', 'text/html')
  @Header('Cache-Control', 'private, no-cache')
  private(@Session('subject') user: string) {
    return this.neither(user);
  }

  @Get('no-store')
  @Header('Content-Type', 'text/html')
  @Header('Cache-Control', 'no-store')
  noStore(@Session('subject') user: string) {
    return this.neither(user);
  }

  @Get('script')
  @Header('Content-Type', 'text/html')
  onlyScript(@Session('subject') user: string) {
    return `${this.neither(user)}${SCRIPT}`;
  }
}

beforeAll(async () => {
  const folder = guide.write();
  const { AccountController } = (await import(
    folder.pathOf('src/account.controller.ts')
  )) as { AccountController: Type };
  folder.remove();
  scripts = await clientScripts();
  const { code } = await transform(guide.file('src/back-button.ts'), {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
  });
  ownScript = code.replace('nestjs-session-jwt/client', '/client/index.js');

  @Module({
    imports: [
      SessionJwtModule.forRoot({
        secret: SECRET,
        dataLoader: false,
        routes: { clearSiteData: ['cache'] },
        store: new MemorySessionStore(),
        revocationCheck: 'always',
      }),
    ],
    controllers: [AccountController, OtherController],
  })
  class TestModule {}
  app = await boot(
    { imports: [TestModule] },
    {
      configure: (it) =>
        it.use('/session', (_: unknown, __: unknown, next: () => void) =>
          onCheck().then(next),
        ),
    },
  );
  browser = await openWholeBrowser({
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  });
});

afterAll(async () => {
  await browser?.close();
  const closed = app.app.close();
  (app.app.getHttpServer() as Server).closeAllConnections();
  await closed;
});

beforeEach(async () => {
  page = await browser.context.newPage();
});
afterEach(async () => {
  await browser.context.setOffline(false);
  await page.close();
  await browser.context.clearCookies();
});

const url = (path: string): string => `http://localhost:${app.port}/${path}`;
const post = (path: string) => (): Promise<unknown> =>
  page.evaluate(`fetch('/${path}', { method: 'POST' })
    .then(({ ok }) => ok || Promise.reject(new Error('refused')))`);

interface Meanwhile {
  /** On the page, before it is left. */
  before?: () => Promise<unknown>;
  after?: () => Promise<unknown>;
}

const MEANWHILE: Record<string, Meanwhile> = {
  'the session goes on': {},
  'sign-out on the page itself': { before: post('sign-out') },
  'sign-out on a later page': { after: post('sign-out') },
  'another user signs in': { after: post('login/bob') },
  'the session is revoked elsewhere': {
    after: () => app.get(SessionService).revokeAll('ada'),
  },
  'the network is gone': { after: () => browser.context.setOffline(true) },
};

/** What the user sees after leaving a page and coming back, and whether the page was kept. */
async function comeBack(
  path: string,
  { before = nothing, after = nothing }: Meanwhile,
) {
  await page.goto(url('sign-in'));
  await post('login/ada')();
  await page.goto(url(path));
  expect(await page.innerText('body')).toBe(`${ACCOUNT}ada`);
  await page.evaluate('left = true');
  await before();
  await page.goto(url('sign-in'));
  await after();
  await page.goBack({ waitUntil: 'commit' }).catch(nothing);
  return settled();
}

/** What is shown in the end: a page may be replaced at any time until then. */
async function settled(): Promise<{ isShown: boolean; isKept: boolean }> {
  let shown: { text: string; isKept: boolean } | undefined;
  await until(async () => {
    shown = await page.evaluate(`document.readyState === 'complete' && {
      text: document.body.innerText, isKept: globalThis.left ?? false,
    }`);
    return Boolean(shown?.text);
  });
  const { text, isKept } = shown!;
  return { isShown: text === `${ACCOUNT}ada`, isKept };
}

/** Each cell of the table, and the page that it is about. */
const CELLS = [...readPage(PATH).matchAll(/^\| (.*) \|$/gm)]
  .map(([, row]) => row!.split(' | '))
  .filter(([what = '']) => Object.hasOwn(MEANWHILE, what))
  .flatMap(([what, ...cells]) =>
    ['neither', 'no-store', 'account'].map(
      (path, i) => [what!, path, cells[i]!] as const,
    ),
  );

const OUTCOMES: Record<string, object> = {
  kept: { isShown: true, isKept: true },
  '**shown**': { isShown: true, isKept: true },
  'loaded anew': { isShown: false, isKept: false },
  'not shown': { isShown: false, isKept: false },
};

it('has a table of 18 cells', () => expect(CELLS).toHaveLength(18));

it.each(CELLS.filter(([, path]) => isFull || path === 'account'))(
  '%s: /%s is %s',
  async (what, path, outcome) => {
    expect(await comeBack(path, MEANWHILE[what]!)).toEqual(OUTCOMES[outcome]);
  },
);

atFullEffort('neither no-cache nor private removes a page', async () => {
  const after = post('sign-out');
  expect(await comeBack('private', { after })).toEqual(OUTCOMES['kept']);
});

atFullEffort(
  'Clear-Site-Data removes what is in the cache, but not the page that signs out',
  async () => {
    const signOut = post('session/logout');
    const later = await comeBack('neither', { after: signOut });
    expect(later).toEqual(OUTCOMES['loaded anew']);
    const itself = await comeBack('neither', { before: signOut });
    expect(itself).toEqual(OUTCOMES['kept']);
  },
);

atFullEffort(
  'a new client drops a cached page, and without no-store it comes back unchecked',
  async () => {
    const after = async () => {
      await page.evaluate(`import('/client/index.js').then(({ SessionClient }) => {
      new SessionClient();
    })`);
      await app.get(SessionService).revokeAll('ada');
    };
    expect(await comeBack('script', { after })).toEqual({
      isShown: true,
      isKept: false,
    });
    expect(await comeBack('account', { after })).toEqual(
      OUTCOMES['loaded anew'],
    );
  },
);

it('shows nothing until the server has answered', async () => {
  const [asked, answer] = [createGate(), createGate()];
  onCheck = () => {
    asked.open();
    return answer.promise;
  };
  const shown = comeBack('account', {});
  await asked.promise;
  expect(await page.innerText('body')).toBe('');
  answer.open();
  onCheck = nothing;
  expect(await shown).toEqual(OUTCOMES['kept']);
});
