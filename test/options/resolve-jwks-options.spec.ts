import { Test } from '@nestjs/testing';
import { SessionConfigError, SessionJwtModule } from '../../lib/index.js';
import { resolveJwks } from '../../lib/options/resolve-jwks-options.js';
import { keyPairs } from '../support/key-pairs.js';
import { SECRET } from '../support/secrets.js';
import { rows } from '../support/titles.js';

const DEFAULTS = { path: '.well-known/jwks.json', maxAgeSeconds: 300 };
const KEYS = [
  { algorithm: 'ES256' as const, privateKey: keyPairs.ES256.privateKey },
];

describe('the option jwks', () => {
  it.each([undefined, false])('publishes nothing when it is %p', (value) => {
    expect(resolveJwks(value)).toEqual({ jwks: undefined, faults: [] });
  });

  it.each([true, {}, { path: undefined, maxAge: undefined }])(
    'is the well-known path and five minutes when it is %j',
    (value) => {
      expect(resolveJwks(value as true)).toEqual({
        jwks: DEFAULTS,
        faults: [],
      });
    },
  );

  it.each([
    'jwks.json',
    'keys',
    'a/b/c',
    '.well-known/openid/keys.json',
    'v1/keys_1-2.json',
  ])('may be the path %p', (path) => {
    expect(resolveJwks({ path })).toEqual({
      jwks: { ...DEFAULTS, path },
      faults: [],
    });
  });

  it.each(
    rows([
      '',
      '/',
      '/keys',
      'keys/',
      'a//b',
      'a b',
      'keys?x=1',
      'keys#x',
      'a:b',
      ':id',
      '*',
      'a/*rest',
      '{keys}',
      'a%2fb',
      'https://a.example/keys',
      'm\u00fcnchen',
      'keys\n',
      '..\\keys',
      null,
      5,
      true,
      ['keys'],
    ]),
  )('stops the boot with the path %s', (_title, path) => {
    expect(resolveJwks({ path: path as string }).faults).toEqual([
      expect.stringMatching(
        /^jwks\.path: expected a path without a leading slash/,
      ),
    ]);
  });

  it.each<[given: string | number, seconds: number]>([
    [1, 1],
    ['10m', 600],
    [86_400, 86_400],
    ['1d', 86_400],
  ])('may let clients use an answer for %p', (maxAge, maxAgeSeconds) => {
    expect(resolveJwks({ maxAge })).toEqual({
      jwks: { ...DEFAULTS, maxAgeSeconds },
      faults: [],
    });
  });

  it.each(rows([0, -1, 0.5, 86_401, '2d', '300', NaN, null, true, {}]))(
    'stops the boot with the age %s',
    (_title, maxAge) => {
      expect(resolveJwks({ maxAge: maxAge as number }).faults).toEqual([
        expect.stringMatching(
          /^jwks\.maxAge: expected whole seconds from 1 to 86400/,
        ),
      ]);
    },
  );

  it.each(rows([null, 'keys', 5, 0, '', [], () => true]))(
    'stops the boot when it is %s',
    (_title, value) => {
      expect(resolveJwks(value as never).faults).toEqual([
        expect.stringMatching(/^jwks: expected an object, got /),
      ]);
    },
  );

  it('has known members only', () => {
    const value = { path: 'keys', url: 'keys', maxage: 5 };
    expect(resolveJwks(value).faults).toEqual([
      'jwks.url: unknown option (known here: path, maxAge)',
      'jwks.maxage: unknown option (known here: path, maxAge)',
    ]);
  });
});

describe('publishing the keys of a module', () => {
  const start = async (options: object) => {
    const moduleRef = await Test.createTestingModule({
      imports: [
        SessionJwtModule.forRoot({ dataLoader: false, ...options } as never),
      ],
    }).compile();
    await moduleRef.close();
  };

  it.each<[what: string, options: object]>([
    ['a secret', { secret: SECRET }],
    ['an encryption key', { encrypt: { key: SECRET } }],
  ])(
    'needs key pairs: %s has no public half (S-040)',
    async (_what, options) => {
      await expect(start({ ...options, jwks: true })).rejects.toThrow(
        /jwks: expected `keys`, got a secret or encrypted tokens/,
      );
      await start(options);
    },
  );

  it('starts with key pairs', async () => {
    await start({ keys: KEYS, jwks: true });
  });

  it('has its faults told together with those of the other options', async () => {
    const error = await start({
      secret: 'short',
      jwks: { path: '/keys', maxAge: 0 },
    }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SessionConfigError);
    const { faults } = error as SessionConfigError;
    expect(faults.map((fault) => fault.split(':')[0])).toEqual([
      'secret',
      'jwks',
      'jwks.path',
      'jwks.maxAge',
    ]);
  });
});
