import {
  bothAdapters as adapters,
  startTestApp,
  type TestApp,
} from '../support/test-app.js';

describe.each(adapters)('the life of a session on %s', (adapter) => {
  let app: TestApp;

  beforeEach(async () => {
    app = await startTestApp(adapter);
  });
  afterEach(() => app.close());

  it('begins at sign-in, is seen by handlers, and ends at sign-out', async () => {
    const browser = await app.signIn();
    const me = await browser.get('/me');
    expect(me.status).toBe(200);
    expect(me.json).toMatchObject({
      subject: 'ada',
      data: { id: 'ada', role: 'admin' },
      attributes: {},
    });
    expect(me.headers['vary']).toBe('Cookie');
    expect(me.setCookie).toEqual([]);

    const signedOut = await browser.post('/sign-out');
    expect(signedOut.status).toBe(204);
    expect(await browser.cookie()).toBeUndefined();
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('brings new data and a new token in the same response once the interval has passed', async () => {
    const browser = await app.signIn();
    const before = await browser.cookie();
    app.users.all.get('ada')!.role = 'owner';

    app.clock.advance('13m');
    expect((await browser.get('/me')).json.data.role).toBe('admin');

    app.clock.advance('2m');
    const me = await browser.get('/me');
    expect(me.json.data.role).toBe('owner');
    expect(me.setCookie).toHaveLength(1);
    expect(me.headers['cache-control']).toBe('no-store');
    expect(await browser.cookie()).not.toBe(before);
    expect(app.users.loads.map(({ context }) => context.reason)).toEqual([
      'generate',
      'reload',
    ]);
  });

  it('never logs out because the data source is down', async () => {
    const browser = await app.signIn();
    app.users.failure = new Error('connection refused');
    app.clock.advance('15m');
    const stale = await browser.get('/me');
    expect(stale.status).toBe(200);
    expect(stale.setCookie).toEqual([]);

    app.clock.advance('15m');
    const unavailable = await browser.get('/me');
    expect(unavailable.status).toBe(503);
    expect(unavailable.json).toEqual({
      statusCode: 503,
      message: 'Service Unavailable',
      errorCode: 'SESSION_UNAVAILABLE',
    });
    expect(unavailable.headers['retry-after']).toMatch(/^[1-5]$/);
    expect(unavailable.setCookie).toEqual([]);

    app.users.failure = undefined;
    app.clock.advance(30);
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('ends when the loader says so', async () => {
    const browser = await app.signIn();
    app.users.all.get('ada')!.disabled = true;
    app.clock.advance('15m');
    const me = await browser.get('/me');
    expect(me.status).toBe(401);
    expect(me.json).toEqual({
      statusCode: 401,
      message: 'Unauthorized',
      errorCode: 'SESSION_REQUIRED',
    });
    expect(await browser.cookie()).toBeUndefined();
    expect(app.eventsOf('ended')).toMatchObject([{ reason: 'loader' }]);
  });
});
