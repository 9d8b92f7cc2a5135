import fc from 'fast-check';
import { SessionConfigError } from '../../lib/errors/session-config-error.js';
import { createSessionRuntime } from '../../lib/nest/create-session-runtime.js';
import {
  readGenerateOptions,
  readMetadata,
  toFrozenAttributes,
  type GenerateOptions,
} from '../../lib/session/generate-options.js';
import type { SessionDataLoader } from '../../lib/session/model/session-data-loader.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import {
  claimsIn,
  DAY,
  headerIn,
  HOUR,
  NOW,
  POLICY,
} from '../support/session-claims.js';
import { SECRET } from '../support/secrets.js';

type Options = GenerateOptions<any>;

const read = (params: unknown, options: Options = {}) =>
  readGenerateOptions(params, options, POLICY, NOW);

function faultsOf(options: unknown): readonly string[] {
  try {
    read('ada', options as Options);
  } catch (error) {
    expect(error).toBeInstanceOf(SessionConfigError);
    return (error as SessionConfigError).faults;
  }
  return [];
}

describe('readGenerateOptions', () => {
  it('needs nothing but params', () => {
    expect(read('ada')).toEqual({
      sub: 'ada',
      params: 'ada',
      attrs: {},
      auth_time: NOW,
    });
  });

  describe('finds the subject', () => {
    it.each<[string, unknown, Options, string]>([
      ['a string', 'ada', {}, 'ada'],
      ['a string of one character', 'a', {}, 'a'],
      ['a string of 255 characters', 'x'.repeat(255), {}, 'x'.repeat(255)],
      ['a string of digits', '0042', {}, '0042'],
      ['zero', 0, {}, '0'],
      ['a safe integer', 42, {}, '42'],
      ['the largest safe integer', 2 ** 53 - 1, {}, '9007199254740991'],
      ['the smallest safe integer', 1 - 2 ** 53, {}, '-9007199254740991'],
      ['an object with a subject', { tenant: 1 }, { subject: 'ada' }, 'ada'],
      ['null with a subject', null, { subject: 'ada' }, 'ada'],
      ['a long string with a subject', 'x'.repeat(256), { subject: 'a' }, 'a'],
      [
        'an object with a subject of 255 characters',
        {},
        { subject: 'é'.repeat(255) },
        'é'.repeat(255),
      ],
      ['a string with another subject', 'ada', { subject: 'bob' }, 'bob'],
      ['an integer with another subject', 42, { subject: 'bob' }, 'bob'],
    ])('of %s', (_kind, params, options, expected) => {
      expect(read(params, options).sub).toBe(expected);
    });

    it('and keeps other normal forms of a name apart (A-070)', () => {
      const [composed, decomposed] = ['\u00e9', 'e\u0301'];
      expect(read(composed).sub).toBe(composed);
      expect(read(decomposed).sub).toBe(decomposed);
    });

    it.each<[string, unknown, Options]>([
      ['an empty string', '', {}],
      ['256 characters', 'x'.repeat(256), {}],
      ['a fraction', 1.5, {}],
      ['an unsafe integer', 2 ** 53, {}],
      ['NaN', NaN, {}],
      ['a BigInt', 42n, {}],
      ['an object', { id: 'ada' }, {}],
      ['an array', ['ada'], {}],
      ['null', null, {}],
      ['undefined', undefined, {}],
      ['a boolean', true, {}],
      ['a boxed string', new String('ada'), {}],
      ['a lone surrogate', '\ud800', {}],
      ['an empty subject', 'ada', { subject: '' }],
      ['a subject of 256 characters', 'ada', { subject: 'x'.repeat(256) }],
      ['a subject that is a number', 'ada', { subject: 42 as never }],
      [
        'a subject that is null and params that are an object',
        {},
        { subject: null as never },
      ],
    ])('and does not guess one of %s', (_kind, params, options) => {
      expect(() => read(params, options)).toThrow(
        expect.objectContaining({ code: 'SUBJECT_REQUIRED' }),
      );
    });
  });

  describe('copies what it is given', () => {
    it('and freezes it', () => {
      const params = { id: 1, tenants: ['a'] };
      const attributes = { theme: { name: 'dark' } };
      const claims = read(params, { subject: 'ada', attributes });
      params.tenants.push('b');
      attributes.theme.name = 'light';
      expect(claims.params).toEqual({ id: 1, tenants: ['a'] });
      expect(claims.attrs).toEqual({ theme: { name: 'dark' } });
      expect(Object.isFrozen(claims.params)).toBe(true);
      expect(Object.isFrozen(claims.attrs)).toBe(true);
    });

    it.each<[string, unknown, Options, string]>([
      [
        'params',
        { at: new Date(0) },
        {},
        'params.at is a Date; pass a string, for example its toISOString()',
      ],
      ['attributes', 1, { attributes: { n: 1n } }, 'attributes.n is a bigint'],
      ['attributes', 1, { attributes: [1] }, 'attributes is not an object'],
      ['attributes', 1, { attributes: 'dark' }, 'attributes is not an object'],
    ])(
      'but refuses %s that JSON would change, with the path (%#)',
      (_kind, params, options, message) => {
        expect(() => read(params, { subject: 'ada', ...options })).toThrow(
          expect.objectContaining({ code: 'NOT_SERIALIZABLE', message }),
        );
      },
    );
  });

  describe('reads durations', () => {
    it.each<[string, Options, object]>([
      ['none', {}, {}],
      ['an idle time', { lifetime: { idle: '1h' } }, { idl: HOUR }],
      ['an absolute time', { lifetime: { absolute: '1d' } }, { abs: DAY }],
      ['an interval', { dataRefreshInterval: 60 }, { int: 60 }],
      [
        'all three',
        {
          lifetime: { idle: 120, absolute: 3_600 },
          dataRefreshInterval: '1m',
        },
        { idl: 120, abs: 3_600, int: 60 },
      ],
      [
        'one second less',
        { lifetime: { idle: 7 * DAY - 1 } },
        { idl: 7 * DAY - 1 },
      ],
      ['the configured idle time', { lifetime: { idle: '7d' } }, {}],
      ['a longer idle time', { lifetime: { idle: '8d' } }, {}],
      ['a longer absolute time', { lifetime: { absolute: '31d' } }, {}],
      ['a longer interval', { dataRefreshInterval: '1h' }, {}],
    ])('%s, which only shorten', (_kind, options, expected) => {
      const { idl, abs, int } = read('ada', options);
      expect({
        ...(idl !== undefined && { idl }),
        ...(abs !== undefined && { abs }),
        ...(int !== undefined && { int }),
      }).toEqual(expected);
    });

    it.each<[string, unknown]>([
      ['no unit', '900'],
      ['two units', '1h 30m'],
      ['a unit that does not exist', '1mo'],
      ['an ISO duration', 'PT1H'],
      ['a comma', '1,5h'],
      ['blanks around it', ' 1h '],
      ['nothing in it', ''],
      ['a fraction of a second', 900.5],
      ['zero', 0],
      ['a negative number', -900],
      ['NaN', NaN],
      ['Infinity', Infinity],
      ['null', null],
      ['true', true],
      ['a Date', new Date(NOW * 1000)],
    ])('V-14: and refuses one with %s', (_kind, duration) => {
      for (const options of [
        { lifetime: { idle: duration } },
        { lifetime: { absolute: duration } },
        { dataRefreshInterval: duration },
      ]) {
        expect(faultsOf(options)).toHaveLength(1);
      }
    });

    it.each<[string, Options, boolean]>([
      ['idle = interval', { lifetime: { idle: 900 } }, false],
      ['idle = interval + 1 s', { lifetime: { idle: 901 } }, true],
      ['absolute = interval', { lifetime: { absolute: 900 } }, false],
      ['absolute = interval + 1 s', { lifetime: { absolute: 901 } }, true],
      [
        'a short idle time with a shorter interval',
        { lifetime: { idle: 61 }, dataRefreshInterval: 60 },
        true,
      ],
      [
        'a short idle time with an interval as short',
        { lifetime: { idle: 60 }, dataRefreshInterval: 60 },
        false,
      ],
    ])(
      'and lets no session end before its first reload: %s',
      (_name, options, isGood) => {
        expect(faultsOf(options)).toHaveLength(Number(!isGood));
      },
    );
  });

  describe('reads authenticatedAt', () => {
    it.each([
      ['an hour ago', new Date((NOW - HOUR) * 1000), NOW - HOUR],
      ['half a second ago', new Date(NOW * 1000 - 500), NOW - 1],
      ['now', new Date(NOW * 1000), NOW],
      ['ahead of now, as now', new Date((NOW + HOUR) * 1000), NOW],
    ])('%s', (_name, authenticatedAt, expected) => {
      expect(
        read('ada', { authentication: { time: authenticatedAt } }).auth_time,
      ).toBe(expected);
    });

    it.each<[string, unknown]>([
      ['a number', NOW],
      ['a string', '2029-12-31'],
      ['an invalid Date', new Date(NaN)],
      ['1970', new Date(0)],
      ['null', null],
    ])('and refuses %s', (_kind, authenticatedAt) => {
      expect(
        faultsOf({ authentication: { time: authenticatedAt } }),
      ).toHaveLength(1);
    });
  });

  describe('reads how the user proved who they are', () => {
    it('as claims, copied and frozen', () => {
      const amr = ['pwd', 'otp'];
      const claims = read('ada', { authentication: { acr: 'urn:a', amr } });
      amr.push('hwk');
      expect(claims).toMatchObject({
        auth_time: NOW,
        acr: 'urn:a',
        amr: ['pwd', 'otp'],
      });
      expect(Object.isFrozen(claims.amr)).toBe(true);
      expect(read('ada', {})).not.toHaveProperty('acr');
      expect(read('ada', {})).not.toHaveProperty('amr');
    });

    it.each<[name: string, value: unknown]>([
      ['acr', ''],
      ['acr', 2],
      ['acr', 'a"b'],
      ['acr', 'a'.repeat(257)],
      ['acr', null],
      ['amr', 'pwd'],
      ['amr', []],
      ['amr', ['pwd', 1]],
      ['amr', Array(17).fill('pwd')],
    ])('and names %s when it is %j', (name, value) => {
      const faults = faultsOf({ authentication: { [name]: value } });
      expect(faults).toEqual([
        expect.stringContaining(`generate: authentication.${name}: expected`),
      ]);
    });
  });

  it.each([
    [undefined, undefined],
    [true, undefined],
    [false, false],
  ])('of persistent: %s makes per: %s', (persistent, per) => {
    const options = persistent === undefined ? {} : { persistent };
    expect(read('ada', options).per).toBe(per);
  });

  it.each([['false'], [0], [null]])('refuses persistent: %p', (persistent) => {
    expect(faultsOf({ persistent })).toHaveLength(1);
  });

  it.each([
    ['aud'],
    ['audience'],
    ['iss'],
    ['exp'],
    ['expiresIn'],
    ['noTimestamp'],
    ['mutatePayload'],
    ['algorithm'],
    ['header'],
    ['jwtid'],
    ['sid'],
    ['id'],
    ['ttl'],
    ['maxAge'],
    ['persistant'],
    ['constructor'],
    ['__proto__'],
  ])('V-15: refuses the unknown option %s by name', (name) => {
    const options = JSON.parse(`{"${name}":{"a":1}}`) as Options;
    const faults = faultsOf(options);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`generate: ${name}: unknown option`);
  });

  it('refuses an unknown lifetime by name', () => {
    const faults = faultsOf({ lifetime: { idel: '1h' } });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('lifetime.idel: unknown option');
  });

  describe('reads metadata', () => {
    const ALL = {
      ip: '192.0.2.1',
      userAgent: 'Mozilla/5.0',
      label: 'Ada\u2019s phone',
    };

    it.each<[string, object | undefined]>([
      ['none', undefined],
      ['nothing in it', {}],
      ['all of it', ALL],
      ['one of them', { label: 'phone' }],
      ['undefined members', { ip: undefined, userAgent: undefined }],
      ['empty texts', { ip: '', userAgent: '', label: '' }],
      ['more than is kept', { userAgent: 'x'.repeat(100_000) }],
    ])('and takes %s', (_kind, metadata) => {
      expect(faultsOf({ metadata })).toEqual([]);
    });

    it('and puts none of it into the token', () => {
      expect(read('ada', { metadata: ALL })).toEqual(read('ada'));
    });

    it.each(
      ['ip', 'userAgent', 'label'].flatMap((name) =>
        [null, 5, true, {}, [], ['x'], Object('x'), Symbol('x'), 1n].map(
          (value) => [name, value] as const,
        ),
      ),
    )('and refuses %s: %p', (name, value) => {
      const faults = faultsOf({ metadata: { [name]: value } });
      expect(faults).toHaveLength(1);
      expect(faults[0]).toContain(
        `generate: metadata.${name}: expected a string`,
      );
    });

    it.each(['IP', 'useragent', 'name', 'token', 'constructor', '__proto__'])(
      'and refuses the unknown name %s',
      (name) => {
        const metadata = JSON.parse(`{"${name}":"x"}`) as object;
        const faults = faultsOf({ metadata });
        expect(faults).toHaveLength(1);
        expect(faults[0]).toContain(
          `generate: metadata.${name}: unknown option (known here: ip, userAgent, label)`,
        );
      },
    );

    it.each<[unknown]>([[null], ['x'], [5], [true], [[]], [() => ({})]])(
      'and refuses %p, which is no object',
      (metadata) => {
        const faults = faultsOf({ metadata });
        expect(faults).toHaveLength(1);
        expect(faults[0]).toContain('generate: metadata: expected an object');
      },
    );
  });

  it('names every fault at once', () => {
    const faults = faultsOf({
      persistent: 'no',
      dataRefreshInterval: '900',
      lifetime: { idle: -1 },
      authentication: { time: 'now' },
      metadata: { ip: 5, userAgent: null, host: 'x' },
      ttl: 1,
    });
    expect(faults).toHaveLength(8);
  });
});

describe('readMetadata', () => {
  it.each([
    [undefined, {}],
    [{}, {}],
    [{ ip: undefined }, {}],
    [
      { ip: '', label: 'phone' },
      { ip: '', label: 'phone' },
    ],
    [
      { label: 'b', userAgent: 'a' },
      { userAgent: 'a', label: 'b' },
    ],
  ])('of %j is %j', (given, expected) => {
    expect(readMetadata(given as never)).toEqual(expected);
    expect(Object.keys(readMetadata(given as never))).toEqual(
      Object.keys(expected),
    );
  });

  it.each(['ip', 'userAgent', 'label'] as const)(
    'cuts %s to 512 characters',
    (name) => {
      const lengthOf = (length: number) =>
        readMetadata({ [name]: 'x'.repeat(length) })[name]?.length;
      expect([511, 512, 513, 1_000_000].map(lengthOf)).toEqual([
        511, 512, 512, 512,
      ]);
    },
  );

  it.each([
    ['a lone high surrogate', 'a\ud800b', 'a\ufffdb'],
    ['a lone low surrogate', 'a\udc00b', 'a\ufffdb'],
    ['a pair the wrong way round', '\udc00\ud800', '\ufffd\ufffd'],
    ['a whole pair', 'a\u{1f4f1}b', 'a\u{1f4f1}b'],
    [
      'one cut off at the end',
      `${'x'.repeat(511)}\u{1f4f1}`,
      `${'x'.repeat(511)}\ufffd`,
    ],
    [
      'one that just fits',
      `${'x'.repeat(510)}\u{1f4f1}`,
      `${'x'.repeat(510)}\u{1f4f1}`,
    ],
    ['a byte order mark', '\ufeffx', '\ufeffx'],
    ['other letters', 'M\u00fcnchen \u6771\u4eac', 'M\u00fcnchen \u6771\u4eac'],
  ])('keeps to what UTF-8 can express: %s', (_case, given, expected) => {
    const { label } = readMetadata({ label: given });
    expect(label).toBe(expected);
    expect(Buffer.from(label!).toString()).toBe(label);
  });

  it('is a copy that nobody changes', () => {
    const given = { label: 'phone' };
    const metadata = readMetadata(given);
    given.label = 'other';
    expect(metadata).toEqual({ label: 'phone' });
    expect(Object.isFrozen(metadata)).toBe(true);
  });
});

describe('toFrozenAttributes', () => {
  it.each<[unknown]>([[null], [[]], ['a'], [1], [true]])(
    'refuses %p, which is no object',
    (attributes) => {
      expect(() => toFrozenAttributes(attributes)).toThrow(
        expect.objectContaining({ code: 'NOT_SERIALIZABLE' }),
      );
    },
  );
});

describe('a token from generate', () => {
  const loader = {
    load: () => ({ exp: 1, sid: 'data', iss: 'data', roles: ['a'] }),
  } as unknown as SessionDataLoader<unknown, unknown>;
  const clock = new TestSessionClock(NOW);
  const opened = createSessionRuntime(
    { secret: SECRET, issuer: 'app', transport: ['cookie', 'header'] },
    clock,
    { loader },
  );

  const HOSTILE = { exp: 1, iat: 1, sid: 'x', iss: 'y', aud: 'z', typ: 'JWT' };
  const arbitraries = {
    attributes: fc.oneof(
      fc.constant(HOSTILE),
      fc.dictionary(
        fc.string().filter((name) => name !== '__proto__'),
        fc.integer(),
        { maxKeys: 3 },
      ),
    ),
    subject: fc.string({ minLength: 1, maxLength: 40 }),
    lifetime: fc.record(
      {
        idle: fc.oneof(
          fc.integer({ min: 1_000, max: 400 * DAY }),
          fc.constantFrom('1h', '7d', '300d'),
        ),
        absolute: fc.integer({ min: 1_000, max: 500 * DAY }),
      },
      { requiredKeys: [] },
    ),
    dataRefreshInterval: fc.integer({ min: 1, max: 900 }),
    persistent: fc.boolean(),
    transport: fc.constantFrom('cookie', 'header'),
    authentication: fc.record({
      time: fc.date({
        min: new Date(1_000),
        max: new Date((NOW + DAY) * 1000),
        noInvalidDate: true,
      }),
    }),
    crossSite: fc.boolean(),
  };
  const names = Object.keys(arbitraries) as (keyof typeof arbitraries)[];
  const subsets = Array.from({ length: 2 ** names.length }, (_, bits) =>
    names.filter((_name, i) => bits & (1 << i)),
  );

  it('V-15: always has exp, iss, aud, typ and sid, for all 256 subsets of the options', async () => {
    const { issuing, inspection } = await opened;
    const sids = new Set<string>();
    let tokens = 0;
    for (const subset of subsets) {
      const options = fc.record(
        Object.fromEntries(subset.map((name) => [name, arbitraries[name]])),
      ) as unknown as fc.Arbitrary<Options>;
      await fc.assert(
        fc.asyncProperty(
          options,
          fc.constantFrom('ada', 42, { ...HOSTILE }),
          async (given, params) => {
            const withSubject =
              typeof params === 'object' ? { subject: 'ada', ...given } : given;
            const { token } = await issuing!.issuer.generate(
              params,
              withSubject,
              undefined,
            );
            tokens += 1;
            const header = headerIn(token) as Record<string, unknown>;
            expect(Object.keys(header).toSorted()).toEqual([
              'alg',
              'kid',
              'typ',
            ]);
            expect(header['alg']).toBe('HS256');
            expect(header['typ']).toBe('session+jwt');
            const claims = claimsIn(token);
            expect(claims).toMatchObject({
              v: 1,
              iss: 'app',
              aud: 'app',
              sub: withSubject.subject ?? `${params as string | number}`,
              iat: NOW,
              oiat: NOW,
              lat: NOW,
              rev: 0,
            });
            expect(claims.sid).toMatch(/^[\w-]{43}$/);
            expect(claims.jti).toMatch(/^[\w-]{22}$/);
            expect(Number.isInteger(claims.exp)).toBe(true);
            expect(claims.exp).toBeGreaterThan(claims.iat);
            expect(claims.exp).toBeLessThanOrEqual(NOW + 7 * DAY);
            expect(claims.auth_time).toBeLessThanOrEqual(NOW);
            sids.add(claims.sid);
            // What generate signs, verify accepts.
            expect(await inspection.inspect(token)).toMatchObject({
              kind: 'authenticated',
            });
          },
        ),
        { numRuns: 4 },
      );
    }
    expect(tokens).toBe(4 * 256);
    expect(sids.size).toBe(tokens);
  });

  it('refuses a transport that is not configured', async () => {
    const { issuing } = await opened;
    await expect(
      issuing!.issuer.generate('ada', { transport: 'query' }, undefined),
    ).rejects.toThrow(
      "generate: transport: expected 'cookie', 'header', got 'query'",
    );
  });
});
