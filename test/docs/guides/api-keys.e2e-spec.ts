import { Controller, Get, Post } from '@nestjs/common';
import { Authorize, Public } from '../../../lib/index.js';
import { createTestSession } from '../../../lib/testing/index.js';
import { platforms } from '../../support/effort.js';
import { boot, closeBooted, type BootedApp } from '../../support/nest-app.js';
import { SECRET } from '../../support/secrets.js';
import { Guide, type GuideFolder } from '../guide.js';

const guide = new Guide('docs/guides/api-keys.md');
let folder: GuideFolder;

beforeAll(() => {
  process.env['SESSION_SECRET'] = SECRET;
  folder = guide.write();
});
afterAll(() => folder.remove());

describe.each(platforms('express'))('API key or session, on %s', (adapter) => {
  let app: BootedApp;
  let cookie: string;
  let key: string;
  let keys: any;

  beforeAll(async () => {
    const { AppModule } = await import(folder.pathOf('src/app.module.ts'));
    const { ApiKeysService } = await import(
      folder.pathOf('src/api-keys.service.ts')
    );
    const { AllowApiKeys } = await import(
      folder.pathOf('src/api-key-or-session.guard.ts')
    );

    @AllowApiKeys()
    @Controller()
    class OtherController {
      @Authorize(() => true) @Get('restricted') restricted() {
        return 'secret';
      }
      @Post('orders') order() {
        return { ordered: true };
      }
      @Public() @Get('open') open() {
        return 'open';
      }
    }

    app = await boot(
      { imports: [AppModule], controllers: [OtherController] },
      { adapter },
    );
    ({ cookie } = await createTestSession(app.app, 'ada'));
    keys = app.get(ApiKeysService);
    key = await keys.create({ id: 'key-1', owner: 'shop' });
  });
  afterAll(closeBooted);

  const get = (path: string, headers: Record<string, string> = {}) =>
    app.send({ path, headers });

  it('admits either on routes that allow both', async () => {
    expect((await get('/orders', { cookie })).json).toEqual({ owner: 'ada' });
    const client = await get('/orders', { 'x-api-key': key });
    expect(client.json).toEqual({ owner: 'shop' });
  });

  it('admits neither a stranger nor a wrong key', async () => {
    for (const headers of [
      {},
      { 'x-api-key': '' },
      { 'x-api-key': 'wrong' },
      { 'x-api-key': `${key}x` },
      { 'x-api-key': 'wrong', cookie },
    ]) {
      expect((await get('/orders', headers)).status).toBe(401);
    }
  });

  it('requires a session on every other route', async () => {
    expect((await get('/account', { cookie })).json).toEqual({ user: 'ada' });
    expect((await get('/account', { 'x-api-key': key })).status).toBe(401);
  });

  it('leaves open routes open, and routes with @Authorize() to sessions', async () => {
    const headers = { 'x-api-key': key };
    expect((await get('/open')).status).toBe(200);
    expect((await get('/open', headers)).status).toBe(200);
    expect((await get('/restricted', headers)).status).toBe(401);
    expect((await get('/restricted', { cookie })).status).toBe(200);
  });

  it('finds no session in a request with a key', async () => {
    const both = await get('/orders', { 'x-api-key': key, cookie });
    expect(both.json).toEqual({ owner: 'shop' });
  });

  it('keeps other sites out of sessions, and lets clients with a key write', async () => {
    // Fastify takes a body whose length is unknown for one of an unknown type.
    const headers = { origin: 'https://evil.example', 'content-length': '0' };
    const write = (more: Record<string, string>) =>
      app.send({
        method: 'POST',
        path: '/orders',
        headers: { ...headers, ...more },
      });
    expect((await write({ cookie })).status).toBe(403);
    expect((await write({ 'x-api-key': key })).status).toBe(201);
  });

  it('refuses a revoked key', async () => {
    const revoked = await keys.create({ id: 'key-2', owner: 'shop' });
    await keys.revoke('key-2');
    const answer = await get('/orders', { 'x-api-key': revoked });
    expect(answer.status).toBe(401);
  });
});
