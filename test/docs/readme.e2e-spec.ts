import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Controller, Get } from '@nestjs/common';
import { createTestSession } from '../../lib/testing/index.js';
import { Browser } from '../support/browser.js';
import { boot, closeBooted, type BootedApp } from '../support/nest-app.js';
import { adapters, SECRET } from '../support/test-app.js';
import { Guide, type GuideFolder } from './guide.js';

const ADA = { name: 'ada', password: 'lovelace' };
const itWithCurl = spawnSync('curl', ['--version']).status === 0 ? it : it.skip;
let folder: GuideFolder;

beforeAll(() => {
  process.env['SESSION_SECRET'] = SECRET;
  folder = new Guide('README.md').write();
});
afterAll(() => folder.remove());

describe.each(adapters)('the three steps of the README on %s', (adapter) => {
  let app: BootedApp;
  let browser: Browser;

  beforeAll(async () => {
    const { AppModule } = await import(folder.pathOf('src/app.module.ts'));
    const { Roles } = await import(folder.pathOf('src/session-types.ts'));
    @Controller()
    class RolesController {
      @Roles('admin') @Get('admin') admin() {
        return 'secret';
      }
      @Roles('owner') @Get('owner') owner() {
        return 'secret';
      }
    }
    app = await boot(
      { imports: [AppModule], controllers: [RolesController] },
      { adapter },
    );
  });
  beforeEach(() => {
    browser = new Browser(app.port);
  });
  afterAll(closeBooted);

  it('sign a user in, and out', async () => {
    expect((await browser.get('/me')).status).toBe(401);
    const signIn = await browser.post('/login', ADA);
    expect(signIn.status).toBe(201);
    expect(signIn.text).not.toContain('eyJ');
    const me = await browser.get('/me');
    expect(me.json).toEqual({ name: 'ada', roles: ['admin'] });
    expect((await browser.post('/logout')).status).toBe(204);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('refuse a wrong password, and values that are no password', async () => {
    for (const password of [
      'Lovelace',
      '',
      undefined,
      null,
      ['lovelace'],
      {},
    ]) {
      const signIn = await browser.post('/login', { name: 'ada', password });
      expect(signIn.status).toBe(401);
    }
    expect((await browser.post('/login', { name: 'ada' })).status).toBe(401);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('refuse a sign-in and a sign-out by another site', async () => {
    const forge = (path: string, headers: Record<string, string>) =>
      app.send({
        method: 'POST',
        path,
        body: ADA,
        headers: { origin: 'https://evil.example', ...headers },
      });
    expect((await forge('/login', {})).status).toBe(403);
    const { cookie } = await createTestSession(app.app, 'u1');
    expect((await forge('/logout', { cookie })).status).toBe(403);
    const me = await app.send({ path: '/me', headers: { cookie } });
    expect(me.status).toBe(200);
  });

  itWithCurl(
    'show the user to curl, with the commands of the page',
    async () => {
      const commands = new Guide('README.md').blocks
        .flatMap(({ code }) => code.split('\n'))
        .filter((line) => line.startsWith('curl '));
      const printed: string[] = [];
      for (const command of commands) {
        const { stdout } = await promisify(execFile)('sh', [
          '-c',
          command
            .replace('curl ', "curl -sS -w ' %{http_code}' ")
            .replaceAll(' jar ', ` ${join(folder.path, `jar-${adapter}`)} `)
            .replace('localhost:3000', `localhost:${app.port}`),
        ]);
        printed.push(stdout);
      }
      expect(printed).toEqual([
        expect.stringMatching(/^\{.*"name":"ada".*\} 201$/),
        '{"name":"ada","roles":["admin"]} 200',
        ' 204',
      ]);
    },
  );

  it('admit roles by one line', async () => {
    await browser.post('/login', ADA);
    expect((await browser.get('/admin')).status).toBe(200);
    expect((await browser.get('/owner')).status).toBe(403);
  });
});
