import { coversPath } from '../../lib/options/resolve-binding-options.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { faultsOf, faultyPathsOf, resolve } from './faults.js';
import { SECRET } from '../support/secrets.js';
import { rows } from '../support/titles.js';

const PAIR = { refreshToken: {} };

describe('deviceBinding', () => {
  it.each<[unknown, object | undefined]>([
    [undefined, undefined],
    [false, undefined],
    [true, { isRequired: false, path: undefined }],
    [{}, { isRequired: false, path: undefined }],
    [{ required: true }, { isRequired: true, path: undefined }],
    [{ required: false }, { isRequired: false, path: undefined }],
    [{ path: '/api/session' }, { isRequired: false, path: '/api/session' }],
  ])('%p is resolved to %p', (deviceBinding, expected) => {
    expect(resolve({ ...PAIR, deviceBinding }).deviceBinding).toEqual(expected);
  });

  it.each<[string, object, string]>([
    [
      'deviceBinding',
      {},
      'deviceBinding: needs refreshToken, which only the device can then use',
    ],
    [
      'deviceBinding',
      { ...PAIR, verifyOnly: true },
      'deviceBinding: has no effect with verifyOnly, which refreshes no session',
    ],
    [
      'deviceBinding',
      { ...PAIR, transport: 'header' },
      "deviceBinding: needs the 'cookie' transport: browsers bind cookies",
    ],
    [
      'deviceBinding',
      { ...PAIR, cookie: { partitioned: true } },
      'deviceBinding: needs cookies that are not partitioned',
    ],
    [
      'deviceBinding',
      { refreshToken: { cookie: { partitioned: true } } },
      'deviceBinding: needs cookies that are not partitioned',
    ],
    [
      'deviceBinding',
      { ...PAIR, store: withoutBind() },
      'deviceBinding: needs a store with the method bind',
    ],
  ])('%s stops the boot with %p', (_path, options, fault) => {
    const faults = faultsOf({
      secret: SECRET,
      ...options,
      deviceBinding: true,
    });
    expect(faults).toContain(fault);
    expect(faultsOf({ secret: SECRET, ...options })).not.toContain(fault);
  });

  it.each([
    ['both transports', { ...PAIR, transport: ['header', 'cookie'] }],
    ['a store that binds', { ...PAIR, store: new MemorySessionStore() }],
    ['a domain', { ...PAIR, cookie: { domain: 'app.example' } }],
    ['encrypted tokens', { ...PAIR, encrypt: true }],
  ])('is accepted with %s', (_case, options) => {
    expect(faultyPathsOf({ ...options, deviceBinding: true })).toEqual([]);
  });

  it.each(rows([0, 1, '', 'true', null, []]))(
    'stops the boot when it is %s',
    (_title, deviceBinding) => {
      expect(faultyPathsOf({ ...PAIR, deviceBinding })).toContain(
        'deviceBinding',
      );
    },
  );

  it('names options that do not exist', () => {
    expect(
      faultyPathsOf({ ...PAIR, deviceBinding: { require: true } }),
    ).toEqual(['deviceBinding.require']);
  });

  it.each(rows([0, 'true', null]))(
    'stops the boot when required is %s',
    (_title, required) => {
      expect(faultyPathsOf({ ...PAIR, deviceBinding: { required } })).toEqual([
        'deviceBinding.required',
      ]);
    },
  );

  it.each([
    '/a',
    '/api/session',
    '/a.b/~c_d-e',
    '/..a/b..',
    `/${'a'.repeat(255)}`,
  ])('has the path %s', (path) => {
    expect(faultyPathsOf({ ...PAIR, deviceBinding: { path } })).toEqual([]);
  });

  it.each(
    rows([
      '/',
      'api',
      'api/session',
      '/api/',
      '//evil.example',
      '/a//b',
      'https://app.example/a',
      '/a?b',
      '/a#b',
      '/a b',
      '/a"b',
      '/a;b',
      '/a%2fb',
      '/é',
      '/a\\b',
      '/a\n',
      '/.',
      '/..',
      '/a/../b',
      '/a/./b',
      '/a/..',
      `/${'a'.repeat(256)}`,
      null,
      5,
    ]),
  )('stops the boot with the path %s', (_title, path) => {
    expect(faultyPathsOf({ ...PAIR, deviceBinding: { path } })).toEqual([
      'deviceBinding.path',
    ]);
  });
});

describe('the names of the cookies of bound sessions', () => {
  const namesOf = (options: object) => {
    const { cookie, refresh } = resolve({ ...PAIR, ...options });
    return [cookie.name, refresh!.cookie.name];
  };

  it.each([
    [false, {}, '__Host-Http-session', '__Host-Http-session-refresh'],
    [true, {}, '__Host-session', '__Host-Http-session-refresh'],
    [
      true,
      { domain: 'app.example' },
      '__Secure-session',
      '__Secure-session-refresh',
    ],
    [true, { path: '/app' }, '__Secure-session', '__Secure-session-refresh'],
    [true, { secure: false }, 'session', 'session-refresh'],
    [true, { name: '__Host-sid' }, '__Host-sid', '__Host-Http-sid-refresh'],
    [true, { name: 'sid' }, 'sid', '__Host-Http-sid-refresh'],
  ])(
    'bound: %s, with %p: %s, %s',
    (deviceBinding, cookie, session, refresh) => {
      expect(namesOf({ deviceBinding, cookie })).toEqual([session, refresh]);
    },
  );

  it('are none that browsers do not bind', () => {
    const cookie = { name: '__Host-Http-sid' };
    expect(faultyPathsOf({ ...PAIR, cookie })).toEqual([]);
    expect(faultyPathsOf({ ...PAIR, cookie, deviceBinding: true })).toEqual([
      'cookie.name',
    ]);
  });

  it('may have any prefix for the refresh token, which browsers do not bind', () => {
    const cookie = { name: '__Host-Http-mine' };
    expect(
      faultyPathsOf({ refreshToken: { cookie }, deviceBinding: true }),
    ).toEqual([]);
  });
});

describe('a cookie with a path', () => {
  it.each([
    ['/', '/session/device', true],
    ['/session', '/session/device', true],
    ['/session/', '/session/device', true],
    ['/session/device', '/session/device', true],
    ['/session/device/', '/session/device', false],
    ['/session/device/refresh', '/session/device', false],
    ['/sess', '/session/device', false],
    ['/api', '/session/device', false],
    ['/Session', '/session/device', false],
    ['/api', '/api/session/device', true],
    ['/api/v1', '/api/session/device', false],
    ['/', '/a;b/device', false],
    ['/', 'session/device', false],
  ])('%s is sent to %s: %s (RFC 6265bis, section 5.1.4)', (...row) => {
    const [path, address, expected] = row;
    expect(coversPath(path, address)).toBe(expected);
  });
});

function withoutBind(): MemorySessionStore {
  return Object.assign(new MemorySessionStore(), { bind: undefined });
}
