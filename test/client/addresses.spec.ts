import { createAddresses } from '../../lib/client/addresses.js';

const ROUTES = 'https://api.example/session';

describe('the addresses of a session client', () => {
  it.each([
    'https://api.example/session',
    'https://api.example/session/',
    'https://api.example/session//',
    'HTTPS://API.EXAMPLE:443/session',
    'https://user:password@api.example/session',
    'https://api.example/a/../session?query#hash',
    String.raw`https:\\api.example\session`,
    ' https://api.example/session\n',
    'https:api.example/session',
  ])('are the same routes for %p', (url) => {
    expect(createAddresses(url).routes).toBe(ROUTES);
  });

  it('may have routes at the root', () => {
    const { routes, isRoute } = createAddresses('https://api.example');
    expect(routes).toBe('https://api.example');
    expect(isRoute('https://api.example/refresh', '/refresh')).toBe(true);
    expect(isRoute('https://api.example/', '')).toBe(true);
  });

  const OWN: (string | URL | Request)[] = [
    'https://api.example/me',
    'HTTPS://API.EXAMPLE/me',
    'https://api.example:443/me',
    'https://%61pi.example/me',
    'https://user:password@api.example/me',
    'https:/api.example/me',
    '/me',
    'me',
    '../../me',
    '//api.example/me',
    '?query',
    new URL('https://API.example/me'),
    new Request('https://api.example:443/me'),
  ];
  it.each(OWN)('are own for %p', (input) => {
    const { resolve, isOwn } = createAddresses(ROUTES);
    expect(isOwn(resolve(input))).toBe(true);
  });

  const FOREIGN: (string | URL | Request)[] = [
    'http://api.example/me',
    'https://api.example:8443/me',
    'https://api.example./me',
    'https://sub.api.example/me',
    'https://api.example.evil.example/me',
    'https://api.example@evil.example/me',
    'https://evil.example/https://api.example/me',
    'https://evil.example#@api.example/me',
    'https://аpi.example/me', // The first letter is Cyrillic.
    '//evil.example/me',
    String.raw`\\evil.example\me`,
    '/\t/evil.example/me',
    'blob:https://api.example/1',
    'data:,https://api.example/me',
    'about:blank',
    'wss://api.example/me',
    'app://api.example/me',
    new URL('https://evil.example/me'),
    new Request('https://evil.example/me'),
  ];
  it.each(FOREIGN)('are foreign for %p', (input) => {
    const { resolve, isOwn } = createAddresses(ROUTES);
    expect(isOwn(resolve(input))).toBe(false);
  });

  it('tell the origins of apps from each other', () => {
    const { isOwn } = createAddresses('capacitor://localhost/session');
    expect(isOwn('capacitor://localhost/me')).toBe(true);
    expect(isOwn('capacitor://evil/me')).toBe(false);
    expect(isOwn('data:,x')).toBe(false);
  });

  it.each([
    '/refresh',
    '/refresh/',
    '//refresh',
    '/./refresh',
    '/x/../refresh',
    '/%2e%2e/session/refresh',
    '/REFRESH',
    '/%72efresh',
    '/refresh?query',
    '/refresh#hash',
  ])('know the refresh route as %p', (spelling) => {
    expect(createAddresses(ROUTES).isRoute(ROUTES + spelling, '/refresh')).toBe(
      true,
    );
  });

  it.each(['', '/refreshed', '/refresh/x', '/../refresh', '/%zzrefresh'])(
    'know another route as %p',
    (spelling) => {
      const { isRoute } = createAddresses(ROUTES);
      expect(isRoute(ROUTES + spelling, '/refresh')).toBe(false);
    },
  );
});
