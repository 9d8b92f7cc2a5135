import type { Server } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import request from 'supertest';
import { SnippetFiles } from './snippets/page.js';
import { source } from './testing-snippets.js';

const ADA = { user: 'ada' };
let files: SnippetFiles;
let snippets: Record<string, any>;
const running: INestApplication[] = [];

beforeAll(async () => {
  files = new SnippetFiles([['testing', source]]);
  snippets = await import(files.pathOf('testing'));
});

afterAll(async () => {
  await Promise.all(running.map((app) => app.close()));
  files.remove();
});

async function start(run: () => Promise<INestApplication>): Promise<Server> {
  const app = await run();
  running.push(app);
  return app.getHttpServer() as Server;
}

/** The status of a route after a sign-in by an agent, which keeps cookies as it does. */
async function signedInAgent(server: Server): Promise<number> {
  const agent = request.agent(server);
  await agent.post('/login').send(ADA).expect(200);
  return (await agent.get('/me')).status;
}

describe('docs/testing.md', () => {
  it('shows lines that run, and an agent loses the Secure cookie as they say', async () => {
    const server = await start(() => snippets['run']());
    expect(await signedInAgent(server)).toBe(401);
  });

  it('says what makes an agent keep the session', async () => {
    const AppModule = snippets['appModule']({ cookie: { secure: false } });
    const server = await start(() => snippets['run'](AppModule));
    expect(await signedInAgent(server)).toBe(200);
    const { headers } = await request(server).post('/login').send(ADA);
    expect(headers['set-cookie']).toEqual([expect.stringMatching(/^session=/)]);
  });

  it('says how to let every request through', async () => {
    const server = await start(() => snippets['runWithoutGuard']());
    await request(server).get('/me').expect(200);
  });
});
