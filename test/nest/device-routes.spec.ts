import {
  RequestMethod,
  VersioningType,
  type INestApplication,
} from '@nestjs/common';
import {
  SessionConfigError,
  type SessionJwtModuleExtras,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { send } from '../support/browser.js';
import { openTestApp } from '../support/opened-apps.js';
import {
  bothAdapters as adapters,
  type AdapterName,
} from '../support/test-app.js';

const PATHS = ['/session/device', '/session/device/refresh'];

interface Given {
  readonly session?: Partial<SessionJwtModuleOptions>;
  readonly routes?: SessionJwtModuleExtras['routes'];
  readonly configure?: (app: INestApplication) => unknown;
}

function open(adapter: AdapterName, given: Given) {
  const { session, routes = true, configure } = given;
  return openTestApp(adapter, {
    session: { refreshToken: {}, deviceBinding: true, ...session },
    extras: { routes },
    configure: (app) => void configure?.(app),
  });
}

/** The faults with which an application does not start. */
async function faultsOf(adapter: AdapterName, given: Given) {
  const error: unknown = await open(adapter, given).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SessionConfigError);
  return (error as SessionConfigError).faults;
}

describe.each(adapters)('the routes of bound sessions on %s', (adapter) => {
  it.each<[string, string, string, Given]>([
    ['alone', '/login', '/session/device', {}],
    [
      'at a custom path',
      '/login',
      '/auth/me/device',
      { routes: { path: 'auth/me' } },
    ],
    [
      'below a prefix',
      '/api/login',
      '/api/session/device',
      { configure: (app) => app.setGlobalPrefix('api') },
    ],
    [
      'below a prefix with slashes',
      '/api/v1/login',
      '/api/v1/session/device',
      { configure: (app) => app.setGlobalPrefix('/api/v1/') },
    ],
    [
      'excluded from a prefix',
      '/api/login',
      '/session/device',
      {
        configure: (app) =>
          app.setGlobalPrefix('api', { exclude: ['session/{*path}'] }),
      },
    ],
    [
      'excluded from a prefix one by one',
      '/api/login',
      '/session/device',
      {
        configure: (app) =>
          app.setGlobalPrefix('api', {
            exclude: PATHS.map((path) => ({
              path,
              method: RequestMethod.POST,
            })),
          }),
      },
    ],
    [
      'excluded from a prefix for another method',
      '/api/login',
      '/api/session/device',
      {
        configure: (app) =>
          app.setGlobalPrefix('api', {
            exclude: [{ path: 'session/{*path}', method: RequestMethod.GET }],
          }),
      },
    ],
    [
      'with versions',
      '/v1/login',
      '/session/device',
      {
        configure: (app) =>
          app.enableVersioning({
            type: VersioningType.URI,
            defaultVersion: '1',
          }),
      },
    ],
    [
      'with versions below a prefix',
      '/api/v1/login',
      '/api/session/device',
      {
        configure: (app) =>
          app.setGlobalPrefix('api').enableVersioning({
            type: VersioningType.URI,
            defaultVersion: '1',
          }),
      },
    ],
  ])(
    'are where the sign-in says: %s',
    async (_case, login, expected, given) => {
      const app = await open(adapter, given);
      const signIn = await app.browser().post(login, { user: 'ada' });
      expect(signIn.status).toBe(200);
      const offer = String(signIn.headers['secure-session-registration']);
      const path = /path="([^"]+)"/.exec(offer)![1]!;
      expect(path).toBe(expected);
      const post = (to: string) =>
        send(app.port, {
          method: 'POST',
          path: to,
          headers: { 'Content-Length': '0' },
        });
      // Without a proof, and without a cookie.
      expect((await post(path)).status).toBe(401);
      const refresh = await post(`${path}/refresh`);
      expect(refresh).toMatchObject({ status: 200, json: { continue: false } });
    },
  );

  it.each<[('cookie' | 'header')[], boolean]>([
    [['cookie', 'header'], true],
    [['header', 'cookie'], false],
  ])('are offered to clients with cookies only: %p', async (transport, is) => {
    const app = await open(adapter, { session: { transport } });
    const signIn = await app.browser().post('/login', { user: 'ada' });
    expect(signIn.status).toBe(200);
    const offer = signIn.headers['secure-session-registration'];
    expect(offer !== undefined).toBe(is);
  });

  it.each([PATHS.slice(0, 1), PATHS.slice(1)])(
    'do not start if a prefix excludes only one of them: %s',
    async (excluded) => {
      const faults = await faultsOf(adapter, {
        configure: (app) => app.setGlobalPrefix('api', { exclude: [excluded] }),
      });
      expect(faults).toEqual([
        "deviceBinding: expected setGlobalPrefix to apply to '/session/device' and '/session/device/refresh' alike, got an exclusion of one of them; exclude 'session/{*path}' or neither",
      ]);
    },
  );

  it.each<[string, Given, string[]]>([
    [
      'of the session',
      { session: { cookie: { path: '/app' } } },
      ['cookie.path', 'refreshToken.cookie.path'],
    ],
    [
      'of the refresh token',
      { session: { refreshToken: { cookie: { path: '/session/refresh' } } } },
      ['refreshToken.cookie.path'],
    ],
    [
      'of the session, below another prefix',
      {
        session: { cookie: { path: '/session' } },
        configure: (app) => app.setGlobalPrefix('api'),
      },
      ['cookie.path', 'refreshToken.cookie.path'],
    ],
    [
      'of both, at a proxy',
      {
        session: {
          cookie: { path: '/session' },
          refreshToken: { cookie: { path: '/' } },
          deviceBinding: { path: '/app/session' },
        },
      },
      ['cookie.path'],
    ],
  ])(
    'do not start if browsers would not send the cookie there: %s',
    async (_case, given, paths) => {
      const faults = await faultsOf(adapter, given);
      expect(faults.map((fault) => fault.split(':')[0])).toEqual(paths);
      expect(faults[0]).toMatch(
        /: deviceBinding needs a path that covers '\/[a-z/]+\/device', where browsers refresh bound sessions, got '\/[a-z/]+'; set a shorter one, or deviceBinding\.path if a proxy changes paths$/,
      );
    },
  );

  it.each<[string, Given]>([
    ['the default', { session: {} }],
    [
      'a prefix',
      {
        session: { cookie: { path: '/app' } },
        configure: (app) => app.setGlobalPrefix('app'),
      },
    ],
    [
      'a proxy',
      {
        session: {
          cookie: { path: '/app' },
          deviceBinding: { path: '/app/session' },
        },
      },
    ],
    [
      'no binding',
      { session: { cookie: { path: '/app' }, deviceBinding: false } },
    ],
  ])('start with cookies whose paths cover them: %s', async (_case, given) => {
    await expect(open(adapter, given)).resolves.toBeDefined();
  });
});
