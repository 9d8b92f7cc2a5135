import type { INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import {
  ActiveSession,
  SessionConfigError,
  SessionError,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import { readToken } from '../support/forged-token.js';
import {
  bothAdapters as adapters,
  startTestApp,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';

interface Answer {
  status: number;
  body: any;
  cookies: string[];
}

/** Asks as users of the helper do: by supertest on Express, by `inject` on Fastify. */
async function ask(
  { app, adapter }: TestApp,
  headers: Record<string, string>,
  path = '/me',
): Promise<Answer> {
  if (adapter === 'fastify') {
    const response = await (app as NestFastifyApplication).inject({
      url: path,
      headers,
    });
    return {
      status: response.statusCode,
      body: response.json(),
      cookies: [response.headers['set-cookie'] ?? []].flat(),
    };
  }
  const server = app.getHttpServer() as Parameters<typeof request>[0];
  const response = await request(server).get(path).set(headers);
  const { 'set-cookie': cookies = [] } = response.headers as unknown as {
    'set-cookie'?: string[];
  };
  return { status: response.status, body: response.body, cookies };
}

describe.each(adapters)('createTestSession on %s', (adapter) => {
  let app: TestApp;

  const start = async (
    options: TestAppOptions = {},
  ): Promise<INestApplication> => {
    app = await startTestApp(adapter, options);
    return app.app;
  };
  const me = (headers: Record<string, string>): Promise<Answer> =>
    ask(app, headers);
  const ago = (seconds: number): Date =>
    new Date((app.clock.nowSeconds() - seconds) * 1000);

  afterEach(() => app.close());

  it('signs nobody in, and yet the cookie opens a protected route', async () => {
    const { cookie, session, token } = await createTestSession(
      await start(),
      'ada',
    );
    expect((await me({})).status).toBe(401);
    const response = await me({ cookie });
    expect(response.status).toBe(200);
    expect(response.cookies).toEqual([]);
    expect(response.body).toEqual(JSON.parse(JSON.stringify(session)));
    expect(session).toBeInstanceOf(ActiveSession);
    expect(session.subject).toBe('ada');
    expect(cookie).toBe(`__Host-Http-session=${token}`);
    expect(app.eventsOf('created')).toEqual([]);
  });

  it.each<[string, Partial<SessionJwtModuleOptions>, string]>([
    ['the default one', { transport: 'header' }, 'authorization'],
    [
      'one of its own',
      { transport: 'header', header: { name: 'X-Session', scheme: '' } },
      'x-session',
    ],
    [
      'a scheme of its own',
      { transport: 'header', header: { scheme: 'Session' } },
      'authorization',
    ],
  ])(
    'gives the value for the header transport: %s',
    async (_what, session, name) => {
      const { header } = await createTestSession(
        await start({ session }),
        'ada',
      );
      const response = await me({ [name]: header });
      expect(response.status).toBe(200);
      expect(response.body.subject).toBe('ada');
    },
  );

  it('names the cookie as the application does', async () => {
    const { cookie } = await createTestSession(
      await start({ session: { cookie: { domain: 'app.example' } } }),
      'ada',
    );
    expect(cookie).toMatch(/^__Secure-session=/);
    expect((await me({ cookie })).status).toBe(200);
  });

  it('loads the data once by the loader of the application', async () => {
    const { cookie } = await createTestSession(await start(), 'bob');
    expect(app.users.loads.map(({ params }) => params)).toEqual(['bob']);
    const response = await me({ cookie });
    expect(response.body.data).toEqual({ id: 'bob', role: 'member' });
    expect(app.users.loads).toHaveLength(1);
  });

  it('takes the data from the test, so that the loader need not know the user', async () => {
    const { cookie, session } = await createTestSession(
      await start(),
      'carol',
      {
        data: { id: 'carol', role: 'auditor' },
      },
    );
    expect(app.users.loads).toEqual([]);
    expect(session.data).toEqual({ id: 'carol', role: 'auditor' });
    const response = await me({ cookie });
    expect(response.body.data).toEqual({ id: 'carol', role: 'auditor' });
  });

  it('refuses data that a token would change, as generate does', async () => {
    const nest = await start();
    const creating = createTestSession(nest, 'ada', {
      data: { since: new Date(0) },
    });
    // Not by `rejects`, which prints what it got instead: a token.
    const outcome = await creating.then(
      () => 'created',
      (error: SessionError) => error.code,
    );
    expect(outcome).toBe('NOT_SERIALIZABLE');
  });

  it('moves the sign-in into the past by issuedAt', async () => {
    const nest = await start();
    const { cookie, session } = await createTestSession(nest, 'ada', {
      issuedAt: ago(3 * 86_400),
    });
    expect(session.issuedAt).toEqual(ago(3 * 86_400));
    expect(session.authenticatedAt).toEqual(ago(3 * 86_400));
    expect((await me({ cookie })).body.issuedAt).toBe(
      ago(3 * 86_400).toISOString(),
    );
  });

  it('gives a session that is over when issuedAt is beyond the absolute end', async () => {
    const nest = await start();
    for (const [days, status] of [
      [29, 200],
      [30, 401],
      [31, 401],
    ] as const) {
      const { cookie } = await createTestSession(nest, 'ada', {
        issuedAt: ago(days * 86_400),
      });
      expect({ days, status: (await me({ cookie })).status }).toEqual({
        days,
        status,
      });
    }
  });

  it('makes the first request reload by loadedAt alone', async () => {
    const nest = await start();
    const { cookie } = await createTestSession(nest, 'ada', {
      data: { id: 'ada', role: 'before' },
      loadedAt: ago(1_000),
    });
    const response = await me({ cookie });
    expect(response.status).toBe(200);
    expect(response.body.data.role).toBe('admin');
    expect(response.cookies).toHaveLength(1);
    expect(app.users.loads.map(({ context }) => context.reason)).toEqual([
      'reload',
    ]);
  });

  it('makes the first request reload by loadedAt together with issuedAt', async () => {
    const nest = await start();
    const { cookie, session } = await createTestSession(nest, 'ada', {
      data: { id: 'ada', role: 'before' },
      issuedAt: ago(5_000),
      loadedAt: ago(1_000),
    });
    expect(session.loadedAt).toEqual(ago(1_000));
    const response = await me({ cookie });
    expect(response.body.data.role).toBe('admin');
    expect(response.body.issuedAt).toBe(ago(5_000).toISOString());
  });

  it('tells the loader when the sign-in was, for "log out everywhere"', async () => {
    const nest = await start();
    const { cookie } = await createTestSession(nest, 'ada', {
      issuedAt: ago(5_000),
      loadedAt: ago(1_000),
    });
    app.users.all.get('ada')!.sessionsValidFrom = ago(2_000);
    const response = await me({ cookie });
    expect(response.status).toBe(401);
    expect(response.cookies).toHaveLength(1);
  });

  it('takes the options of generate', async () => {
    const nest = await start();
    const { cookie, session, token } = await createTestSession(
      nest,
      { tenant: 1, user: 'ada' },
      {
        data: { id: 'ada' },
        subject: 'tenant-1:ada',
        attributes: { theme: 'dark' },
        persistent: false,
        lifetime: { idle: '2h', absolute: '4h' },
        dataRefreshInterval: '5m',
        authentication: { time: ago(60) },
      },
    );
    expect(session).toMatchObject({
      subject: 'tenant-1:ada',
      params: { tenant: 1, user: 'ada' },
      attributes: { theme: 'dark' },
    });
    expect(session.expiresAt).toEqual(ago(-2 * 3600));
    expect(session.authenticatedAt).toEqual(ago(60));
    expect(readToken(token).claims).toMatchObject({
      per: false,
      idl: 7_200,
      abs: 14_400,
      int: 300,
    });
    const response = await me({ cookie });
    expect(response.body).toMatchObject({
      subject: 'tenant-1:ada',
      attributes: { theme: 'dark' },
    });
  });

  it('keeps a session of this browser only, when it is reloaded', async () => {
    const nest = await start();
    const { cookie } = await createTestSession(nest, 'ada', {
      persistent: false,
      issuedAt: ago(5_000),
      loadedAt: ago(1_000),
    });
    const { cookies } = await me({ cookie });
    expect(cookies).toHaveLength(1);
    expect(cookies[0]).not.toContain('Max-Age');
  });

  it('fails as generate does', async () => {
    const nest = await start();
    await expect(createTestSession(nest, 'nobody')).rejects.toMatchObject({
      code: 'SESSION_ENDED',
    });
    await expect(createTestSession(nest, { id: 1 })).rejects.toMatchObject({
      code: 'SUBJECT_REQUIRED',
    });
    await expect(
      createTestSession(nest, 'ada', { attributes: { at: new Date() } }),
    ).rejects.toBeInstanceOf(SessionError);
    await expect(
      createTestSession(nest, 'ada', { lifetme: 1 } as never),
    ).rejects.toBeInstanceOf(SessionConfigError);
  });

  it('works where the params are the data', async () => {
    const nest = await start({ extras: { dataLoader: false } });
    const { cookie, session } = await createTestSession(nest, 'ada');
    expect(session.data).toBe('ada');
    expect((await me({ cookie })).body.data).toBe('ada');
  });

  it('gives sessions of their own each time', async () => {
    const nest = await start();
    const first = await createTestSession(nest, 'ada');
    const second = await createTestSession(nest, 'ada');
    expect(first.session.id).not.toBe(second.session.id);
    await app.sessions.revoke(first.session);
    expect((await me({ cookie: first.cookie })).status).toBe(401);
    expect((await me({ cookie: second.cookie })).status).toBe(200);
  });

  it('gives a session that the service takes like any other', async () => {
    const nest = await start();
    const { session, token } = await createTestSession(nest, 'ada');
    const updated = await app.sessions.update(session, { theme: 'dark' });
    expect(updated.session.attributes).toEqual({ theme: 'dark' });
    expect((await app.sessions.verify(token)).id).toBe(session.id);
  });
});
