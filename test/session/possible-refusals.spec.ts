import { resolveOptions } from '../../lib/options/resolve-options.js';
import type { SessionJwtModuleOptions } from '../../lib/index.js';
import { MemorySessionStore } from '../../lib/index.js';
import { SessionTransports } from '../../lib/session/request/session-transports.js';
import { possibleRefusals } from '../../lib/session/possible-refusals.js';
import { createTransports } from '../../lib/transports/create-transports.js';
import { keyPairs } from '../support/key-pairs.js';
import { SECRET } from '../support/secrets.js';

const LOADER = { load: () => ({}) };

function refusalsOf(
  options: Partial<SessionJwtModuleOptions>,
  route: Partial<Parameters<typeof possibleRefusals>[1]>,
  loader: unknown,
): string {
  const resolved = resolveOptions({ secret: SECRET, ...options });
  const transports = new SessionTransports(createTransports(resolved));
  return possibleRefusals(
    { options: resolved, transports, loader },
    { isOptional: false, method: 'GET', ...route },
  )
    .map((code) => NAMES[code])
    .join(' ');
}

const NAMES: Readonly<Record<string, string>> = {
  TOKEN_MISSING: '401',
  CSRF_REFUSED: '403',
  SESSION_FORBIDDEN: '403',
  LOADER_UNAVAILABLE: '503',
};

const custom = (name: string, ambient: boolean | undefined) => ({
  name,
  ...(ambient !== undefined && { ambient }),
  read: () => undefined,
  write: () => [],
  clear: () => [],
});

describe('the possible refusals', () => {
  it.each([
    ['a cookie', {}, '401 503', '401 403 503', '', '403'],
    ['a header', { transport: 'header' }, '401 503', '401 503', '', ''],
    [
      'a header or a cookie',
      { transport: ['header', 'cookie'] },
      '401 503',
      '401 403 503',
      '',
      '403',
    ],
    [
      'a custom transport that states nothing',
      { transport: custom('own', undefined) },
      '401 503',
      '401 403 503',
      '',
      '403',
    ],
    [
      'a custom transport that is not ambient',
      { transport: custom('own', false) },
      '401 503',
      '401 503',
      '',
      '',
    ],
    [
      'a custom header against CSRF alone',
      { csrf: { origin: false, header: 'X-App' } },
      '401 503',
      '401 403 503',
      '',
      '403',
    ],
    [
      'a token against CSRF alone',
      { csrf: { origin: false, token: true }, verifyOnly: true },
      '401',
      '401 403',
      '',
      '403',
    ],
    [
      'no technique against CSRF',
      { csrf: { origin: false }, verifyOnly: true },
      '401',
      '401',
      '',
      '',
    ],
  ] as [string, object, string, string, string, string][])(
    'are complete and no more with %s',
    (_title, options, get, post, optionalGet, optionalPost) => {
      for (const method of ['GET', 'HEAD', 'OPTIONS']) {
        expect(refusalsOf(options, { method }, LOADER)).toBe(get);
        expect(refusalsOf(options, { method, isOptional: true }, LOADER)).toBe(
          optionalGet,
        );
      }
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'SEARCH']) {
        expect(refusalsOf(options, { method }, LOADER)).toBe(post);
        expect(refusalsOf(options, { method, isOptional: true }, LOADER)).toBe(
          optionalPost,
        );
      }
    },
  );

  it('include that of a predicate', () => {
    const route = { isAuthorized: true };
    expect(refusalsOf({}, route, LOADER)).toBe('401 403 503');
    expect(refusalsOf({}, { ...route, method: 'POST' }, LOADER)).toBe(
      '401 403 403 503',
    );
  });

  it.each([
    ['nothing that can be down', {}, undefined, '401'],
    ['a loader', {}, LOADER, '401 503'],
    ['a loader that is never called', { verifyOnly: true }, LOADER, '401'],
    ['a store', { store: new MemorySessionStore() }, undefined, '401 503'],
    [
      'keys of another service',
      {
        secret: undefined,
        verifyOnly: { jwksUri: 'https://auth.example/keys' },
      },
      undefined,
      '401 503',
    ],
    ['secrets of a function', { secret: () => SECRET }, undefined, '401 503'],
    [
      'fixed keys',
      { secret: undefined, keys: [{ algorithm: 'ES256', ...keyPairs.ES256 }] },
      undefined,
      '401',
    ],
  ] as [string, object, unknown, string][])(
    'include an outage exactly if something can be down: %s',
    (_title, options, loader, expected) => {
      expect(refusalsOf(options, {}, loader)).toBe(expected);
    },
  );
});
