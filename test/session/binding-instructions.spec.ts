import type { SessionJwtModuleOptions } from '../../lib/index.js';
import { factsOf, openRuntime } from './session-runtime.js';

interface Instructions {
  readonly session_identifier: string;
  readonly allowed_refresh_initiators?: readonly string[];
}

async function open(options: Partial<SessionJwtModuleOptions> = {}) {
  const { binding } = await openRuntime({
    refreshToken: {},
    deviceBinding: true,
    ...options,
  });
  const { instructions } = binding!;
  return {
    instructions,
    at: (host: string, headers: Record<string, string> = {}) =>
      instructions.of(factsOf({ host, ...headers })) as Instructions,
  };
}

describe('the instructions for bound sessions', () => {
  it.each<[string, string[], string | undefined, string[] | undefined]>([
    ['none', [], undefined, undefined],
    ['the host itself', ['https://app.example'], undefined, undefined],
    [
      'a host below it',
      ['https://docs.app.example'],
      undefined,
      ['docs.app.example'],
    ],
    [
      'another port',
      ['https://docs.app.example:8443'],
      undefined,
      ['docs.app.example'],
    ],
    ['a neighbour', ['https://other.example'], undefined, undefined],
    ['a host that ends alike', ['https://myapp.example'], undefined, undefined],
    ['the site above it', ['https://example'], undefined, undefined],
    [
      'hosts of the domain of the cookie',
      [
        'https://app.site.example',
        'https://site.example',
        'https://a.site.example',
        'https://site.example.evil',
      ],
      'site.example',
      ['app.site.example', 'site.example', 'a.site.example'],
    ],
  ])(
    'let pages of the same site cause a refresh: %s',
    async (_case, trustedOrigins, domain, expected) => {
      const { at } = await open({
        csrf: { origin: { trustedOrigins } },
        ...(domain && { cookie: { domain } }),
      });
      for (const host of ['app.example', 'APP.example:8443']) {
        expect(at(host).allowed_refresh_initiators).toEqual(expected);
      }
    },
  );

  it('name the binding by host, realm and cookie', async () => {
    const identifier = async (
      options: Partial<SessionJwtModuleOptions> = {},
      host = 'app.example',
      headers: Record<string, string> = {},
    ) => (await open(options)).at(host, headers).session_identifier;
    const expected = await identifier();
    expect(expected).toMatch(/^[\w-]{43}$/);
    expect(await identifier()).toBe(expected);
    expect(await identifier({}, 'APP.example')).toBe(expected);
    const forwarded = { 'x-forwarded-host': 'app.example, proxy.example' };
    expect(await identifier({}, 'inner:3000', forwarded)).toBe(expected);
    const others = await Promise.all([
      identifier({}, 'other.example'),
      identifier({}, 'app.example:8443'),
      identifier({ issuer: 'other' }),
      identifier({ audience: 'other' }),
      identifier({ cookie: { name: 'sid' } }),
      identifier({ cookie: { name: '__Secure-session', path: '/app' } }),
      identifier({ cookie: { name: '__Secure-session' } }),
    ]);
    expect(new Set([expected, ...others]).size).toBe(others.length + 1);
  });

  it.each([
    [20, true],
    [59, true],
    [60, false],
    [300, false],
  ])(
    'come with a challenge ahead if session tokens live %i s: %s',
    async (accessLifetime, isAhead) => {
      const { instructions } = await open({
        refreshToken: { accessLifetime },
        dataRefreshInterval: 1,
      });
      const ahead = instructions.challengeAhead(factsOf(), 'a');
      expect(ahead !== undefined).toBe(isAhead);
    },
  );
});
