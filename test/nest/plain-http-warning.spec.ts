import type { TestAppOptions } from '../support/test-app.js';
import { CapturedLogs } from '../support/captured-logs.js';
import {
  bothAdapters as adapters,
  startTestApp,
  type TestApp,
} from '../support/test-app.js';

describe.each(adapters)('a Secure cookie over plain HTTP on %s', (adapter) => {
  let app: TestApp | undefined;
  let logs: CapturedLogs;

  const start = async (
    session: TestAppOptions['session'] = {},
  ): Promise<TestApp> => {
    logs = new CapturedLogs();
    app = await startTestApp(adapter, {
      session,
      configure: (nest) => nest.useLogger(logs),
    });
    return app;
  };
  const warnings = (): string[] => logs.matching('', 'warn');
  const signInWith = (
    of: TestApp,
    headers: Record<string, string> = {},
  ): Promise<{ setCookie: string[]; status: number }> =>
    of.browser().post('/login', { user: 'ada' }, headers);

  afterEach(() => app?.close());

  it('is written all the same, with one warning in the life of the process (A-109)', async () => {
    const started = await start();
    const first = await signInWith(started);
    expect(first.setCookie).toHaveLength(1);
    expect(first.setCookie[0]).toMatch(/^__Host-Http-session=.*; Secure/);
    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toContain('plain HTTP');
    expect(warnings()[0]).toContain('X-Forwarded-Proto');

    started.clock.advance('2h');
    await signInWith(started);
    await signInWith(started);
    expect(warnings()).toHaveLength(1);
  });

  it('is not warned of behind proxies, the first of which says it ended TLS (A-110)', async () => {
    const started = await start();
    for (const proto of [
      'https',
      'HTTPS',
      ' https ',
      'https,http',
      'https, http, http',
      'Https\t,\thttp',
      'https,https',
    ]) {
      const response = await signInWith(started, {
        'X-Forwarded-Proto': proto,
      });
      expect(response.setCookie).toHaveLength(1);
      expect(warnings()).toEqual([]);
    }
  });

  it.each([
    ['http'],
    ['http,https'],
    [',https'],
    ['httpsx'],
    ['https://'],
    [''],
  ])('is warned of when the proxy says %p', async (proto) => {
    await signInWith(await start(), { 'X-Forwarded-Proto': proto });
    expect(warnings()).toHaveLength(1);
  });

  it('looks the same whatever forwarded headers say: they decide nothing (A-110, S-129, V-49)', async () => {
    const started = await start();
    const attributesWith = async (headers: Record<string, string>) => {
      const { setCookie } = await signInWith(started, headers);
      return setCookie.map((line) => line.replace(/=[^;]*/, ''));
    };
    const plain = await attributesWith({});
    expect(plain).toEqual([
      '__Host-Http-session; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax',
    ]);
    for (const headers of [
      { 'X-Forwarded-Proto': 'https' },
      { 'X-Forwarded-Proto': 'http' },
      { 'X-Forwarded-Host': 'evil.example' },
      { Forwarded: 'proto=https;host=evil.example' },
    ]) {
      expect(await attributesWith(headers as Record<string, string>)).toEqual(
        plain,
      );
    }
  });

  it.each<[string, NonNullable<TestAppOptions['session']>]>([
    ['a cookie that is not Secure', { cookie: { secure: false } }],
    ['the header transport', { transport: 'header' }],
  ])('is not warned of with %s', async (_name, session) => {
    const response = await signInWith(await start(session));
    expect(response.status).toBe(200);
    expect(warnings()).toEqual([]);
  });
});
