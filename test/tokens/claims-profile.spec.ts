import fc from 'fast-check';
import {
  isSubject,
  MAXIMUM_DEPTH,
  parseSessionClaims,
  type ClaimsExpectation,
} from '../../lib/tokens/claims-profile.js';
import type { SessionClaims } from '../../lib/tokens/session-claims.js';
import { rounds } from '../support/effort.js';
import { costOver } from '../support/relative-cost.js';
import { rows } from '../support/titles.js';
import { verdictOf } from './profile.js';

const EXPECTED: ClaimsExpectation = {
  issuer: 'https://app.example',
  audience: 'https://api.example',
  paramsAreData: false,
  isReference: false,
  isRecorded: false,
};
const NOW = 1_893_456_000;
const DAY = 86_400;
const SID = 'A'.repeat(43);

function goodClaims(): Record<string, unknown> {
  return {
    v: 1,
    iss: EXPECTED.issuer,
    aud: EXPECTED.audience,
    sub: 'ada',
    sid: SID,
    jti: 'abcdefghijklmnopqrstuv',
    iat: NOW,
    exp: NOW + DAY,
    oiat: NOW - 200,
    auth_time: NOW - 300,
    lat: NOW - 100,
    params: 'ada',
    data: { id: 'ada', roles: ['admin'] },
    attrs: {},
    rev: 0,
  };
}

const REQUIRED = Object.keys(goodClaims());
const OPTIONAL = ['nbf', 'idl', 'abs', 'int', 'per', 'acr', 'amr'];

/** As they come out of a token: plain JSON. */
function parse(claims: unknown, expected = EXPECTED): unknown {
  return parseSessionClaims(JSON.parse(JSON.stringify(claims)), expected);
}

function parseWith(changes: Record<string, unknown>): unknown {
  // Not through JSON, which has no Infinity and drops undefined; a token brings 1e999 as Infinity.
  return parseSessionClaims(
    { ...structuredClone(goodClaims()), ...changes },
    EXPECTED,
  );
}

function nested(levels: number, kind: 'list' | 'object' | 'both'): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) {
    value =
      kind === 'list' || (kind === 'both' && level % 2 === 0)
        ? [value]
        : { a: value };
  }
  return value;
}

describe('the claims profile', () => {
  it('gives back the claims of a good token as they are', () => {
    expect(parse(goodClaims())).toEqual(goodClaims());
  });

  it.each([
    ['[]', []],
    ['a list of good claims', [goodClaims()]],
    ['a text', 'claims'],
    ['a number', 1],
    ['null', null],
    ['true', true],
    ['false', false],
    ['an empty object', {}],
  ])('refuses a payload that is %s (A-060, S-036, V-10)', (_case, payload) => {
    expect(parse(payload)).toBe('claims');
  });

  it('refuses a payload that was no JSON', () => {
    expect(parseSessionClaims(undefined, EXPECTED)).toBe('claims');
  });

  it.each(REQUIRED)('refuses claims without %s', (name) => {
    const claims = goodClaims();
    delete claims[name];
    expect(parse(claims)).toBe('claims');
  });

  it.each(OPTIONAL)('takes claims without %s', (name) => {
    expect(name in goodClaims()).toBe(false);
    expect(parse(goodClaims())).toEqual(goodClaims());
  });

  it('ignores claims that it does not name', () => {
    const claims = {
      ...goodClaims(),
      azp: 'x',
      scope: ['a'],
      azr: 5,
    };
    expect(parse(claims)).toEqual(claims);
  });
});

describe('the version', () => {
  it.each([2, 3, 100, 2 ** 33 - 1])(
    '%p is newer: refused, and told apart from a bad one',
    (v) => {
      expect(parseWith({ v })).toBe('newer-version');
    },
  );

  it('decides before the other claims, whose meaning a newer format may change', () => {
    expect(parse({ v: 2 })).toBe('newer-version');
    expect(parse({ v: 2, exp: 'later', data: 5 })).toBe('newer-version');
  });

  it.each([0, -1, 1.5, '1', '2', null, true, [1], [2], {}, 2.5, Infinity, NaN])(
    '%p is none',
    (v) => {
      expect(parseWith({ v })).toBe('claims');
    },
  );
});

describe('issuer and audience', () => {
  it.each([
    'https://other.example',
    'https://app.example/',
    'https://APP.example',
    'HTTPS://app.example',
    ' https://app.example',
    'https://app.example ',
    'https://app.exampl',
    'https://api.example',
    '',
    '__proto__',
    'constructor',
    null,
    0,
    true,
    [],
    ['https://app.example'],
    {},
  ])('iss is refused when it is %p (A-068, A-072, S-012)', (iss) => {
    expect(parseWith({ iss })).toBe('claims');
  });

  it.each([
    'https://other.example',
    'https://api.example/',
    'https://API.example',
    'https://app.example',
    '',
    '__proto__',
    null,
    0,
    true,
    [],
    ['https://api.example'],
    ['https://api.example', 'https://other.example'],
    {},
    { 0: 'https://api.example' },
  ])('aud is refused when it is %p (A-069, S-014)', (aud) => {
    expect(parseWith({ aud })).toBe('claims');
  });

  it('is compared with 4 KB of anything in less time than a good one takes (V-05)', () => {
    const long = { aud: 'a'.repeat(4_000), iss: 'b'.repeat(4_000) };
    const times = (work: () => unknown) => () => {
      for (let i = 0; i < 50; i += 1) work();
    };
    expect(parseWith(long)).toBe('claims');
    expect(
      costOver(
        times(() => parseWith(long)),
        times(() => parseWith({})),
      ),
    ).toBeLessThan(5);
  });
});

describe('the subject', () => {
  it.each(
    rows([
      'a',
      'x'.repeat(255),
      '0',
      ' ',
      '\0',
      '\r\n',
      '\u{1f600}',
      '\u00e9',
      'e\u0301',
      '__proto__',
    ]),
  )('may be %s, and stays exactly that (A-070, S-013)', (_title, sub) => {
    expect(parseWith({ sub })).toMatchObject({ sub });
  });

  it('is not normalised: two spellings of one letter are two subjects (A-070)', () => {
    const [composed, decomposed] = ['\u00e9', 'e\u0301'].map(
      (sub) => parseWith({ sub }) as { sub: string },
    );
    expect(composed!.sub.normalize()).toBe(decomposed!.sub.normalize());
    expect(composed!.sub).not.toBe(decomposed!.sub);
  });

  it.each(
    rows([
      '',
      'x'.repeat(256),
      '\ud800',
      'a\udfff',
      '\udc00\ud800',
      5,
      0,
      null,
      true,
      [],
      ['ada'],
      {},
    ]),
  )('is refused when it is %s (A-070, A-050, S-013)', (_title, sub) => {
    expect(parseWith({ sub })).toBe('claims');
    expect(isSubject(sub)).toBe(false);
  });
});

describe('the session id', () => {
  it('is any 32 bytes in canonical base64url', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const sid = Buffer.from(bytes).toString('base64url');
        expect(parseWith({ sid })).toMatchObject({ sid });
      }),
      { seed: 71, numRuns: 500 },
    );
  });

  it.each([
    ['42 characters', 'A'.repeat(42)],
    ['44 characters', 'A'.repeat(44)],
    ['padding', `${SID}=`],
    ['spare bits', `${'A'.repeat(42)}B`],
    ['the standard alphabet', `${'A'.repeat(41)}/A`],
    ['a blank', `${'A'.repeat(41)} A`],
    ['a line end after it', `${SID}\n`],
    ['a UUID', '8f14e45f-ceea-467f-a0e6-b1c2d3e4f5a6'],
    ['the empty text', ''],
    ['null', null],
    ['a number', 5],
    ['a list', [SID]],
    ['an object', {}],
  ])('is refused when it has %s (A-071, S-101)', (_case, sid) => {
    expect(parseWith({ sid })).toBe('claims');
  });
});

describe('the token id', () => {
  it.each(['a'.repeat(16), 'a'.repeat(128), 'Az09-_Az09-_Az09'])(
    'may be %p',
    (jti) => {
      expect(parseWith({ jti })).toMatchObject({ jti });
    },
  );

  it.each(
    rows([
      '',
      'a'.repeat(15),
      'a'.repeat(129),
      'a'.repeat(15) + ' ',
      `${'a'.repeat(16)}\n`,
      'a'.repeat(15) + '+',
      null,
      1_234_567_890_123_456,
      ['a'.repeat(16)],
      {},
    ]),
  )('is refused when it is %s (A-071)', (_title, jti) => {
    expect(parseWith({ jti })).toBe('claims');
  });
});

describe('the times', () => {
  const NOT_TIMES = [
    0,
    -1,
    -NOW,
    0.5,
    NOW + 0.5,
    NOW * 1000,
    2 ** 33,
    9e15,
    Number.MAX_SAFE_INTEGER,
    1e300,
    Infinity,
    -Infinity,
    NaN,
    String(NOW),
    `${NOW}`,
    '',
    null,
    true,
    false,
    [],
    [NOW],
    {},
  ];

  it.each(
    [
      'iat',
      'exp',
      'oiat',
      'auth_time',
      'lat',
      'nbf',
      'idl',
      'abs',
      'int',
      'rexp',
    ].flatMap((name) => NOT_TIMES.map((value) => [name, value] as const)),
  )(
    '%s is refused when it is %p (A-063, A-064, A-065, A-066, S-034, S-125)',
    (name, value) => {
      expect(parseWith({ [name]: value })).toBe('claims');
    },
  );

  it.each(['nbf', 'idl', 'abs', 'int'])(
    '%s may be any whole number of seconds from 1 to 2^33 - 1',
    (name) => {
      for (const value of [1, 60, NOW + 3600, 2 ** 33 - 1]) {
        expect(parseWith({ [name]: value })).toMatchObject({ [name]: value });
      }
    },
  );

  it.each<[name: string, value: unknown]>([
    ['acr', ''],
    ['acr', 'a'.repeat(257)],
    ['acr', 'a"b'],
    ['acr', 'a\\b'],
    ['acr', 'a\nb'],
    ['acr', 'a\u0000'],
    ['acr', 'a\u007f'],
    ['acr', 'é'],
    ['acr', 1],
    ['acr', true],
    ['acr', null],
    ['acr', ['urn:a']],
    ['acr', { a: 1 }],
    ['amr', 'pwd'],
    ['amr', []],
    ['amr', Array(17).fill('pwd')],
    ['amr', ['pwd', '']],
    ['amr', ['pwd', 1]],
    ['amr', ['pwd', null]],
    ['amr', [['pwd']]],
    ['amr', ['a"b']],
    ['amr', ['a\r\nSet-Cookie: x']],
    ['amr', { 0: 'pwd', length: 1 }],
    ['amr', null],
  ])('%s is refused when it is %j', (name, value) => {
    expect(parseWith({ [name]: value })).toBe('claims');
  });

  it.each<[name: string, value: unknown]>([
    ['acr', '0'],
    ['acr', 'urn:mace:incommon:iap:silver'],
    ['acr', 'level of assurance 2'],
    ['acr', '~'.repeat(256)],
    ['amr', ['pwd']],
    ['amr', Array(16).fill('otp')],
  ])('%s may be %j', (name, value) => {
    const claims = parseWith({ [name]: value }) as Record<string, unknown>;
    expect(claims).toMatchObject({ [name]: value });
    expect(Object.isFrozen(claims[name])).toBe(true);
  });

  it.each([
    ['oiat = lat', { oiat: NOW - 100 }],
    ['lat = iat', { lat: NOW }],
    ['oiat = lat = iat', { oiat: NOW, lat: NOW }],
    ['auth_time = iat', { auth_time: NOW }],
    ['auth_time long before oiat', { auth_time: 1 }],
    ['auth_time after oiat', { auth_time: NOW - 150 }],
    ['exp a second after iat', { exp: NOW + 1 }],
    ['exp 400 days after iat', { exp: NOW + 400 * DAY }],
    ['nbf after exp, which no clock will ever accept', { nbf: NOW + 2 * DAY }],
    ['gen 0', { gen: 0 }],
    ['rexp = exp', { exp: NOW + 60, rexp: NOW + 60 }],
    ['rexp 400 days after iat', { rexp: NOW + 400 * DAY }],
  ])('are in order: %s (A-064, A-067)', (_case, times) => {
    expect(parseWith(times)).toMatchObject(times);
  });

  it.each([
    ['oiat after lat', { oiat: NOW - 99 }],
    ['oiat after iat', { oiat: NOW + 1 }],
    ['lat after iat', { lat: NOW + 1 }],
    ['auth_time after iat', { auth_time: NOW + 1 }],
    ['exp = iat', { exp: NOW }],
    ['exp before iat', { exp: NOW - 1 }],
    ['iat after exp', { iat: NOW + DAY + 1 }],
    ['exp a second more than 400 days after iat', { exp: NOW + 400 * DAY + 1 }],
    ['gen below 0', { gen: -1 }],
    ['gen that is no whole number', { gen: 1.5 }],
    ['gen in a text', { gen: '1' }],
    ['rexp before exp', { exp: NOW + 60, rexp: NOW + 59 }],
    ['rexp more than 400 days after iat', { rexp: NOW + 400 * DAY + 1 }],
  ])('are refused out of order: %s (A-064, A-066, A-067)', (_case, times) => {
    expect(parseWith(times)).toBe('claims');
  });
});

describe('the attributes and their revision', () => {
  it.each([{ theme: 'dark' }, { a: { b: [1, null] } }, {}])(
    'may be %p',
    (attrs) => {
      expect(parseWith({ attrs })).toMatchObject({ attrs });
    },
  );

  it.each([null, [], ['theme'], 'theme', 5, true])(
    'are refused when they are %p',
    (attrs) => {
      expect(parseWith({ attrs })).toBe('claims');
    },
  );

  it.each([0, 1, Number.MAX_SAFE_INTEGER])('may be of revision %p', (rev) => {
    expect(parseWith({ rev })).toMatchObject({ rev });
  });

  it.each([-1, 0.5, 2 ** 53, 1e300, Infinity, NaN, '0', null, true, [0], {}])(
    'are refused with revision %p',
    (rev) => {
      expect(parseWith({ rev })).toBe('claims');
    },
  );
});

describe('the mark of a browser session', () => {
  it('is false or absent', () => {
    expect(parseWith({ per: false })).toMatchObject({ per: false });
  });

  it.each([true, null, 0, '', 'false', [], {}])(
    'is refused when it is %p',
    (per) => {
      expect(parseWith({ per })).toBe('claims');
    },
  );
});

describe('params and data', () => {
  it.each([null, false, 0, '', 'ada', [], {}, { id: 5 }, [[[]]]])(
    'may be %p: only their owner knows their type',
    (value) => {
      expect(parseWith({ params: value, data: value })).toMatchObject({
        params: value,
        data: value,
      });
    },
  );

  it('are one where the params are the data: then a token with data is not ours', () => {
    const expected = { ...EXPECTED, paramsAreData: true };
    const { data: _, ...claims } = goodClaims();
    expect(parse(claims, expected)).toEqual(claims);
    expect(parse(goodClaims(), expected)).toBe('claims');
    expect(parse({ ...claims, data: null }, expected)).toBe('claims');
    expect(parse(claims, EXPECTED)).toBe('claims');
  });

  it('may have members named constructor and prototype, which are nothing but names (A-062)', () => {
    const data = JSON.parse(
      '{"constructor":{"prototype":{"admin":true}},"prototype":{"admin":true}}',
    ) as object;
    expect(parseWith({ data, params: data, attrs: data })).toMatchObject({
      data,
    });
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
    expect({}.constructor).toBe(Object);
  });
});

describe('nesting', () => {
  const KINDS = ['list', 'object', 'both'] as const;

  it('is counted with the payload itself as the first of at most 32', () => {
    expect(MAXIMUM_DEPTH).toBe(32);
  });

  it.each(
    ['params', 'data'].flatMap((name) =>
      KINDS.map((kind) => [name, kind] as const),
    ),
  )(
    'of %s (%s) ends at 32 levels of the payload (A-049, V-47)',
    (name, kind) => {
      for (const levels of [0, 1, 30, 31]) {
        expect(parseWith({ [name]: nested(levels, kind) })).toMatchObject({
          sub: 'ada',
        });
      }
      for (const levels of [32, 33, 100, 2_500, 5_000]) {
        expect(parseWith({ [name]: nested(levels, kind) })).toBe('claims');
      }
    },
  );

  it('of attributes ends there too (A-049, V-47)', () => {
    expect(parseWith({ attrs: nested(31, 'object') })).toMatchObject({
      sub: 'ada',
    });
    expect(parseWith({ attrs: nested(32, 'object') })).toBe('claims');
    expect(parseWith({ attrs: { a: nested(31, 'list') } })).toBe('claims');
  });

  it('is found wherever it is, not only in the first member', () => {
    const data = { a: 1, b: [1, { c: 2 }], d: [nested(30, 'both')] };
    expect(parseWith({ data })).toBe('claims');
    expect(
      parseWith({ data: { ...data, d: [nested(29, 'both')] } }),
    ).toMatchObject({ sub: 'ada' });
  });

  it('is bounded in claims that are ignored, too (A-049, V-47)', () => {
    expect(parseWith({ ignored: nested(31, 'both') })).toMatchObject({
      sub: 'ada',
    });
    expect(parseWith({ ignored: nested(32, 'both') })).toBe('claims');
    expect(parseWith({ ignored: nested(2_500, 'both') })).toBe('claims');
  });
});

describe('accepted claims', () => {
  it('are frozen through and through, so that no request changes what another sees (A-146)', () => {
    const claims = parseWith({
      params: { a: [{ b: 1 }] },
      data: [{ a: { b: [{}] } }, []],
      attrs: { a: { b: {} } },
    });
    const objects = everyObjectOf(claims);
    expect(objects.length).toBeGreaterThan(10);
    for (const value of objects) {
      expect(Object.isFrozen(value)).toBe(true);
    }
  });

  it('share their empty attributes, so that thousands of remembered tokens need room for one', () => {
    const [one, other] = ['ann', 'bob'].map(
      (sub) => parseWith({ sub, attrs: {} }) as SessionClaims,
    );
    expect(one!.attrs).toBe(other!.attrs);
    expect(one!.attrs).toEqual({});
    const theme = { theme: 'dark' };
    expect(parseWith({ attrs: theme })).toMatchObject({ attrs: theme });
  });
});

describe('any claim replaced by any JSON value', () => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.integer({ min: -10, max: 10 }),
    fc.integer({ min: NOW - 1_000, max: NOW + 401 * DAY }),
    fc.double(),
    fc.constantFrom<unknown>(1, 2, '', SID, EXPECTED.issuer, EXPECTED.audience),
    fc.constantFrom<unknown>(null, false, true, [], {}, 2 ** 33, 2 ** 33 - 1),
    fc.string({ maxLength: 300 }),
    fc
      .uint8Array({ minLength: 31, maxLength: 33 })
      .map((bytes) => Buffer.from(bytes).toString('base64url')),
    fc.integer({ min: 28, max: 34 }).map((levels) => nested(levels, 'both')),
  );
  const change = fc.oneof(
    {
      arbitrary: fc.tuple(fc.constantFrom(...REQUIRED, ...OPTIONAL), value),
      weight: 19,
    },
    {
      arbitrary: fc.tuple(fc.constant('other'), fc.jsonValue({ maxDepth: 3 })),
      weight: 1,
    },
  );

  it('gives claims that satisfy the profile, or a refusal, and never an exception (S-125)', () => {
    const seen = new Map<unknown, number>();
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 2 }),
        fc.boolean(),
        (changes, paramsAreData) => {
          const claims = { ...goodClaims(), ...Object.fromEntries(changes) };
          if (paramsAreData) {
            delete claims['data'];
          }
          const expected = { ...EXPECTED, paramsAreData };
          const verdict = verdictOf(claims, expected);
          seen.set(verdict, (seen.get(verdict) ?? 0) + 1);
          const parsed = parseSessionClaims(structuredClone(claims), expected);
          if (verdict === 'good') {
            expect(parsed).toEqual(claims);
            const { params, data, attrs } = parsed as SessionClaims;
            expect(
              everyObjectOf([params, data, attrs])
                .slice(1)
                .every((object) => Object.isFrozen(object)),
            ).toBe(true);
          } else {
            expect(parsed).toBe(verdict);
          }
        },
      ),
      { seed: 125, numRuns: rounds(5_000, 2_000) },
    );
    // Every verdict was reached, so that none of them went untested.
    expect(seen.get('good')).toBeGreaterThan(rounds(200, 70));
    expect(seen.get('claims')).toBeGreaterThan(rounds(1_000, 400));
    expect(seen.get('newer-version')).toBeGreaterThan(rounds(10, 2));
  });
});

function everyObjectOf(value: unknown): object[] {
  return typeof value === 'object' && value !== null
    ? [value, ...Object.values(value).flatMap(everyObjectOf)]
    : [];
}
