import fc from 'fast-check';
import {
  parseRefreshClaims,
  parseSessionClaims,
  type ClaimsExpectation,
} from '../../lib/tokens/claims-profile.js';
import { rounds } from '../support/effort.js';
import { rows } from '../support/titles.js';
import { isProofStated } from './profile.js';

const NOW = 1_893_456_000;
const DAY = 86_400;
const SID = 'A'.repeat(43);
const LINK = 'B'.repeat(42) + 'E';

const EXPECTED: ClaimsExpectation = {
  issuer: 'https://app.example',
  audience: 'https://api.example',
  paramsAreData: false,
  isReference: false,
  isRecorded: false,
};

type Claims = Record<string, unknown>;
type Kind = 'stateless' | 'recorded';
const KINDS: Kind[] = ['stateless', 'recorded'];

function sharedClaims(): Claims {
  return {
    v: 1,
    iss: EXPECTED.issuer,
    aud: EXPECTED.audience,
    sub: 'ada',
    sid: SID,
    jti: LINK,
    iat: NOW,
    exp: NOW + 7 * DAY,
    oiat: NOW - 200,
    auth_time: NOW - 300,
  };
}

/** A good refresh token: without a store with the content of the session, with one with its place in the chain. */
function goodClaims(kind: Kind): Claims {
  return kind === 'stateless'
    ? { ...sharedClaims(), params: 'ada', attrs: { theme: 'dark' }, rev: 3 }
    : { ...sharedClaims(), gen: 7 };
}

const expected = (kind: Kind): ClaimsExpectation => ({
  ...EXPECTED,
  isRecorded: kind === 'recorded',
});

function parseWith(kind: Kind, changes: Claims): unknown {
  const claims = { ...structuredClone(goodClaims(kind)), ...changes };
  return parseRefreshClaims(claims, expected(kind));
}

function without(kind: Kind, name: string): unknown {
  const { [name]: _, ...claims } = goodClaims(kind);
  return parseRefreshClaims(claims, expected(kind));
}

const SHARED = Object.keys(sharedClaims());
const OPTIONAL = ['nbf', 'idl', 'abs', 'int', 'per', 'acr', 'amr'];

describe.each(KINDS)('the claims of a %s refresh token', (kind) => {
  it('come back as they are', () => {
    expect(parseWith(kind, {})).toEqual(goodClaims(kind));
  });

  it.each(
    rows([undefined, null, true, 1, 'claims', [], {}, [goodClaims(kind)]]),
  )('are refused when the payload is %s (A-060, S-036)', (_title, payload) => {
    expect(parseRefreshClaims(payload, expected(kind))).toBe('claims');
  });

  it.each(SHARED)('are refused without %s (V-32)', (name) => {
    expect(without(kind, name)).toBe('claims');
  });

  it.each<[string, unknown[]]>([
    ['v', [0, -1, 1.5, '1', null, true, [1], {}]],
    ['iss', ['https://api.example', 'https://app.example/', '', null, 0, []]],
    ['aud', ['https://app.example', '', null, 0, ['https://api.example'], {}]],
    ['sub', ['', 'x'.repeat(256), '\ud800', 5, null, true, ['ada'], {}]],
    [
      'sid',
      [
        '',
        'A'.repeat(42),
        'A'.repeat(44),
        `${'A'.repeat(42)}B`,
        `${SID}\n`,
        null,
        5,
        [SID],
        {},
      ],
    ],
    ['jti', ['', 'a'.repeat(15), 'a'.repeat(129), `${LINK}=`, null, 5, {}]],
    ['per', [true, null, 0, '', 'false', [], {}]],
  ])(
    'are refused where %s has a wrong value (A-068 to A-071)',
    (name, values) => {
      for (const value of values) {
        expect([value, parseWith(kind, { [name]: value })]).toEqual([
          value,
          'claims',
        ]);
      }
    },
  );

  it.each(['iat', 'exp', 'oiat', 'auth_time', 'nbf', 'idl', 'abs', 'int'])(
    'are refused where %s is no time (A-063, A-064, S-034, S-125)',
    (name) => {
      for (const value of [
        0,
        -1,
        NOW + 0.5,
        NOW * 1000,
        2 ** 33,
        1e300,
        Infinity,
        NaN,
        String(NOW),
        '',
        null,
        true,
        [NOW],
        {},
      ]) {
        expect([value, parseWith(kind, { [name]: value })]).toEqual([
          value,
          'claims',
        ]);
      }
    },
  );

  it.each<[string, Claims, boolean]>([
    ['oiat = iat', { oiat: NOW }, true],
    ['oiat after iat', { oiat: NOW + 1 }, false],
    ['auth_time = iat', { auth_time: NOW }, true],
    ['auth_time after iat', { auth_time: NOW + 1 }, false],
    ['exp a second after iat', { exp: NOW + 1 }, true],
    ['exp = iat', { exp: NOW }, false],
    ['exp 400 days after iat', { exp: NOW + 400 * DAY }, true],
    ['exp a second more than that', { exp: NOW + 400 * DAY + 1 }, false],
  ])('are in order: %s (A-064, A-066, A-067)', (_case, times, isGood) => {
    expect(parseWith(kind, times)).toEqual(
      isGood ? { ...goodClaims(kind), ...times } : 'claims',
    );
  });

  it.each(OPTIONAL)('may have %s, which goes into the next token', (name) => {
    const values: Record<string, unknown> = {
      per: false,
      acr: '1',
      amr: ['1'],
    };
    const value = values[name] ?? 3_600;
    expect(parseWith(kind, { [name]: value })).toMatchObject({ [name]: value });
  });

  it.each([2, 3, 2 ** 33 - 1])(
    'of version %p are newer: refused, and told apart from bad ones',
    (v) => {
      expect(parseWith(kind, { v })).toBe('newer-version');
    },
  );

  it('may have claims that nobody names, and need no lat and no data', () => {
    const further = { azp: 'x', scope: ['a'], lat: 'x', data: 5 };
    expect(parseWith(kind, further)).toMatchObject(further);
    for (const name of ['lat', 'data']) {
      expect(name in goodClaims(kind)).toBe(false);
    }
  });

  it('are frozen through and through (A-146)', () => {
    const further = { params: { a: [{}] }, attrs: { a: { b: {} } }, rev: 0 };
    const claims = parseWith(kind, further) as typeof further;
    expect(claims).toMatchObject(further);
    for (const value of [
      claims,
      claims.params,
      claims.params.a,
      claims.params.a[0],
      claims.attrs,
      claims.attrs.a,
      claims.attrs.a.b,
    ]) {
      expect(Object.isFrozen(value)).toBe(true);
    }
  });

  it.each([30, 31, 32, 2_500])(
    'may be nested 32 levels deep, the payload included: %i more (A-049, V-47)',
    (levels) => {
      let value: unknown = 1;
      for (let i = 0; i < levels; i += 1) value = [value];
      for (const name of ['params', 'ignored']) {
        const parsed = parseWith(kind, { [name]: value });
        expect(typeof parsed).toBe(levels <= 31 ? 'object' : 'string');
      }
    },
  );
});

describe('a stateless refresh token', () => {
  it.each(['params', 'attrs', 'rev'])('needs %s', (name) => {
    expect(without('stateless', name)).toBe('claims');
  });

  it.each([null, false, 0, '', 'ada', [], {}, { id: 5 }])(
    'may have the params %p: only the loader knows their type',
    (params) => {
      expect(parseWith('stateless', { params })).toMatchObject({ params });
    },
  );

  it.each([null, [], ['theme'], 'theme', 5, true])(
    'is refused with the attributes %p',
    (attrs) => {
      expect(parseWith('stateless', { attrs })).toBe('claims');
    },
  );

  it.each([-1, 0.5, 2 ** 53, Infinity, NaN, '0', null, true, [0], {}])(
    'is refused with revision %p',
    (rev) => {
      expect(parseWith('stateless', { rev })).toBe('claims');
    },
  );

  it.each([0, 1, Number.MAX_SAFE_INTEGER])('may have revision %p', (rev) => {
    expect(parseWith('stateless', { rev })).toMatchObject({ rev });
  });

  it.each([0, 7, null, 'x'])(
    'has no place in a chain: it is refused with gen %p',
    (gen) => {
      expect(parseWith('stateless', { gen })).toBe('claims');
    },
  );

  it('may have a short token id, for it proves nothing', () => {
    const jti = 'abcdefghijklmnop';
    expect(parseWith('stateless', { jti })).toMatchObject({ jti });
  });

  it('is refused where a store keeps the chain, and the other way round (A-073)', () => {
    for (const [claims, other] of [
      [goodClaims('stateless'), 'recorded'],
      [goodClaims('recorded'), 'stateless'],
    ] as const) {
      expect(parseRefreshClaims(claims, expected(other))).toBe('claims');
    }
  });

  it('is read alike where the params are the data', () => {
    const paramsAreData = { ...EXPECTED, paramsAreData: true };
    expect(parseRefreshClaims(goodClaims('stateless'), paramsAreData)).toEqual(
      goodClaims('stateless'),
    );
  });
});

describe('a refresh token of which a store keeps the chain', () => {
  it('needs its generation', () => {
    expect(without('recorded', 'gen')).toBe('claims');
  });

  it.each([0, 1, 7, Number.MAX_SAFE_INTEGER])(
    'may be of generation %p',
    (gen) => {
      expect(parseWith('recorded', { gen })).toMatchObject({ gen });
    },
  );

  it.each([
    -1,
    0.5,
    2 ** 53,
    1e300,
    Infinity,
    NaN,
    '0',
    '',
    null,
    true,
    [0],
    {},
  ])('is refused with generation %p', (gen) => {
    expect(parseWith('recorded', { gen })).toBe('claims');
  });

  it('has a secret part of any 32 bytes in canonical base64url (S-053)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const jti = Buffer.from(bytes).toString('base64url');
        expect(jti).toHaveLength(43);
        expect(parseWith('recorded', { jti })).toMatchObject({ jti });
      }),
      { seed: 53, numRuns: 500 },
    );
  });

  it.each([
    ['16 characters, good in other tokens', 'abcdefghijklmnop'],
    ['22 characters', 'abcdefghijklmnopqrstug'],
    ['42 characters', 'A'.repeat(42)],
    ['44 characters', 'A'.repeat(44)],
    ['86 characters', 'A'.repeat(86)],
    ['128 characters', 'A'.repeat(128)],
    ['spare bits', `${'A'.repeat(42)}B`],
    ['padding', `${LINK}=`],
    ['the standard alphabet', `${'A'.repeat(41)}+A`],
    ['a line end after it', `${LINK}\n`],
  ])('is refused when its secret part has %s (S-053)', (_case, jti) => {
    expect(parseWith('recorded', { jti })).toBe('claims');
  });
});

describe('a session token that is only a reference', () => {
  const REFERENCE: ClaimsExpectation = {
    ...EXPECTED,
    isReference: true,
    isRecorded: true,
  };
  const parse = (changes: Claims, expectation = REFERENCE) =>
    parseSessionClaims({ ...sharedClaims(), ...changes }, expectation);

  it('gets empty content, loaded when it was issued', () => {
    expect(parse({})).toEqual({
      ...sharedClaims(),
      lat: NOW,
      params: null,
      attrs: {},
      rev: 0,
    });
    expect('data' in (parse({}) as object)).toBe(false);
  });

  it('is frozen, its empty content too, which all of them share', () => {
    const claims = parse({}) as { attrs: object };
    expect(Object.isFrozen(claims)).toBe(true);
    expect(Object.isFrozen(claims.attrs)).toBe(true);
  });

  it.each<[string, Claims]>([
    ['params', { params: 'ada' }],
    ['params of null', { params: null }],
    ['data', { data: { role: 'admin' } }],
    ['attributes', { attrs: {} }],
    [
      'all of it',
      { lat: NOW, params: 'ada', data: {}, attrs: { role: 'admin' }, rev: 9 },
    ],
  ])(
    'is refused with %s: what it says is the record’s to say',
    (_case, content) => {
      expect(parse(content)).toBe('claims');
    },
  );

  it('has no say in the revision and the age of what the record holds', () => {
    expect(parse({ rev: 99, lat: NOW + 5 * DAY })).toMatchObject({
      rev: 0,
      lat: NOW,
    });
  });

  it('is refused where tokens hold the content', () => {
    for (const isRecorded of [true, false]) {
      const holding = { ...EXPECTED, isRecorded };
      expect(parse({}, holding)).toBe('claims');
      expect(parse({}, { ...holding, paramsAreData: true })).toBe('claims');
    }
  });

  it('is judged by all its other claims as any token', () => {
    for (const name of SHARED) {
      const { [name]: _, ...claims } = sharedClaims();
      expect([name, parseSessionClaims(claims, REFERENCE)]).toEqual([
        name,
        'claims',
      ]);
    }
    expect(parse({ v: 2 })).toBe('newer-version');
    expect(parse({ exp: NOW })).toBe('claims');
    expect(parse({ per: true })).toBe('claims');
    expect(parse({ int: 60, per: false })).toMatchObject({ int: 60 });
  });
});

describe('any claim of a refresh token replaced by any JSON value', () => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.integer({ min: -10, max: 10 }),
    fc.integer({ min: NOW - 1_000, max: NOW + 401 * DAY }),
    fc.double(),
    fc.constantFrom<unknown>(1, 2, '', SID, LINK, EXPECTED.issuer),
    fc.constantFrom<unknown>(null, false, true, [], {}, 2 ** 33, 2 ** 53),
    fc
      .uint8Array({ minLength: 31, maxLength: 33 })
      .map((bytes) => Buffer.from(bytes).toString('base64url')),
  );
  const names = [...SHARED, ...OPTIONAL, 'params', 'attrs', 'rev', 'gen'];

  it('gives claims that satisfy the profile, or a refusal, and never an exception (S-125)', () => {
    const seen = new Map<unknown, number>();
    fc.assert(
      fc.property(
        fc.constantFrom(...KINDS),
        fc.array(fc.tuple(fc.constantFrom(...names), value), {
          minLength: 1,
          maxLength: 2,
        }),
        (kind, changes) => {
          const claims = {
            ...goodClaims(kind),
            ...Object.fromEntries(changes),
          };
          const verdict = verdictOf(claims, kind);
          const reached = `${kind} ${verdict}`;
          seen.set(reached, (seen.get(reached) ?? 0) + 1);
          const parsed = parseRefreshClaims(
            structuredClone(claims),
            expected(kind),
          );
          expect(parsed).toEqual(verdict === 'good' ? claims : verdict);
        },
      ),
      { seed: 126, numRuns: rounds(6_000, 2_000) },
    );
    // Every verdict was reached, so that none of them went untested.
    for (const kind of KINDS) {
      expect(seen.get(`${kind} good`)).toBeGreaterThan(rounds(100, 30));
      expect(seen.get(`${kind} claims`)).toBeGreaterThan(rounds(500, 150));
      expect(seen.get(`${kind} newer-version`)).toBeGreaterThan(rounds(5, 1));
    }
  });
});

/** The profile once more, as the contract words it. */
function verdictOf(c: Claims, kind: Kind): 'good' | 'claims' | 'newer-version' {
  const isTime = (claim: unknown): claim is number =>
    typeof claim === 'number' &&
    Number.isInteger(claim) &&
    claim >= 1 &&
    claim <= 8_589_934_591;
  const isCount = (claim: unknown) =>
    Number.isSafeInteger(claim) && Number(claim) >= 0;
  const is32Bytes = (claim: unknown) =>
    typeof claim === 'string' &&
    /^[A-Za-z0-9_-]{43}$/.test(claim) &&
    Buffer.from(claim, 'base64url').toString('base64url') === claim;
  if (isTime(c['v']) && c['v'] >= 2) {
    return 'newer-version';
  }
  const { iat, exp, oiat, auth_time: authenticated, jti, sub } = c;
  const isShared =
    c['v'] === 1 &&
    c['iss'] === EXPECTED.issuer &&
    c['aud'] === EXPECTED.audience &&
    typeof sub === 'string' &&
    sub.length >= 1 &&
    sub.length <= 255 &&
    Buffer.from(sub).toString() === sub &&
    is32Bytes(c['sid']) &&
    typeof jti === 'string' &&
    /^[A-Za-z0-9_-]{16,128}$/.test(jti) &&
    isTime(iat) &&
    isTime(exp) &&
    isTime(oiat) &&
    isTime(authenticated) &&
    oiat <= iat &&
    authenticated <= iat &&
    iat < exp &&
    exp - iat <= 34_560_000 &&
    (!('per' in c) || c['per'] === false) &&
    isProofStated(c) &&
    ['nbf', 'idl', 'abs', 'int'].every(
      (name) => !(name in c) || isTime(c[name]),
    );
  const isOfItsKind =
    kind === 'recorded'
      ? isCount(c['gen']) && is32Bytes(jti)
      : !('gen' in c) &&
        Object.prototype.toString.call(c['attrs']) === '[object Object]' &&
        isCount(c['rev']);
  return isShared && isOfItsKind ? 'good' : 'claims';
}
