import fc from 'fast-check';
import { parseTokenHeader } from '../../lib/tokens/token-header.js';
import { encodeSegment, type SegmentContent } from '../support/forged-token.js';
import { rows } from '../support/titles.js';

const GOOD = { alg: 'HS256', typ: 'session+jwt', kid: 'k-1_2.3' };

function parse(content: SegmentContent): unknown {
  return parseTokenHeader(encodeSegment(content), 'session+jwt');
}

describe('the header of a token', () => {
  it('is read when it holds exactly alg, typ and kid', () => {
    expect(parse(GOOD)).toEqual(GOOD);
    expect(parse({ kid: 'x', typ: 'session+jwt', alg: 'HS256' })).toEqual({
      alg: 'HS256',
      typ: 'session+jwt',
      kid: 'x',
    });
    expect(
      parse('\n{ "alg" : "HS256", "typ":"session+jwt","kid":"x" }'),
    ).toEqual({
      alg: 'HS256',
      typ: 'session+jwt',
      kid: 'x',
    });
  });

  it.each(
    rows([
      'none',
      'None',
      'NONE',
      'nOnE',
      'none ',
      'hs256',
      'Hs256',
      'HS256\0',
      ' HS256',
      'HS256 ',
      'HS384',
      'HS512',
      'RS256',
      'PS256',
      'ES256',
      'EdDSA',
      'dir',
      'PBES2-HS256+A128KW',
      '',
      null,
      0,
      true,
      false,
      ['HS256'],
      {},
      { alg: 'HS256' },
    ]),
  )(
    'is refused when alg is %s (A-002, A-003, A-004, A-005, S-002)',
    (_title, alg) => {
      expect(parse({ ...GOOD, alg })).toBeUndefined();
    },
  );

  it.each(
    rows([
      'JWT',
      'jwt',
      'at+jwt',
      'logout+jwt',
      'dpop+jwt',
      'session-refresh+jwt',
      'session-csrf+jwt',
      'application/session+jwt',
      'Session+JWT',
      'session+jwt ',
      'session+jwt\0',
      '',
      null,
      0,
      true,
      ['session+jwt'],
      {},
    ]),
  )('is refused when typ is %s (A-025, A-073, S-017, S-018)', (_title, typ) => {
    expect(parse({ ...GOOD, typ })).toBeUndefined();
  });

  it.each(
    rows([
      '',
      ' ',
      'a b',
      'a\0',
      'a\n',
      'k'.repeat(129),
      'k'.repeat(5_000),
      '../../../../dev/null',
      '/dev/null',
      "' OR 1=1--",
      '; id',
      '%00',
      'https://evil.example/keys',
      'k\u00e9y',
      'a:b',
      'a+b',
      null,
      0,
      1,
      true,
      [],
      ['k'],
      {},
      { kid: 'k' },
    ]),
  )('is refused when kid is %s (A-020, S-015)', (_title, kid) => {
    expect(parse({ ...GOOD, kid })).toBeUndefined();
  });

  it.each(
    rows([
      'k',
      'k'.repeat(128),
      'A-Z_a.z0',
      '__proto__',
      'constructor',
      '.',
      '-',
    ]),
  )(
    'may have the kid %s, which is looked up as it is (S-015)',
    (_title, kid) => {
      expect(parse({ ...GOOD, kid })).toEqual({ ...GOOD, kid });
    },
  );

  it.each(['alg', 'typ', 'kid'])('is refused without %s', (name) => {
    const header: Record<string, unknown> = { ...GOOD };
    delete header[name];
    expect(parse(header)).toBeUndefined();
    // One more name does not make up for the one that is missing.
    expect(parse({ ...header, other: 'x' })).toBeUndefined();
    expect(parse({ ...header, [name.toUpperCase()]: 'x' })).toBeUndefined();
  });

  it.each([
    ['jku', 'https://evil.example/keys'],
    ['x5u', 'https://evil.example/cert'],
    ['jwk', { kty: 'oct', k: 'AAAA' }],
    ['x5c', ['AAAA']],
    ['x5t', 'AAAA'],
    ['x5t#S256', 'AAAA'],
    ['crit', ['exp']],
    ['crit', []],
    ['crit', ['alg']],
    ['crit', 'b64'],
    ['crit', ['b64', 'b64']],
    ['crit', null],
    ['b64', false],
    ['b64', true],
    ['zip', 'DEF'],
    ['cty', 'JWT'],
    ['enc', 'A128GCM'],
    ['epk', {}],
    ['p2c', 2 ** 31],
    ['p2s', 'AAAA'],
    ['iv', 'AAAA'],
    ['tag', 'AAAA'],
    ['url', 'https://evil.example'],
    ['nonce', 'x'],
    ['x', 1],
    ['', 1],
    ['constructor', 1],
    ['toString', null],
  ])(
    'is refused with the further member %s: %p (A-021, A-022, A-023, A-024, A-026, A-030, S-010, S-016, S-030, V-03, V-22)',
    (name, value) => {
      expect(parse({ ...GOOD, [name]: value })).toBeUndefined();
    },
  );

  it.each([
    ['[]', []],
    ['a list of a good header', [GOOD]],
    ['null', 'null'],
    ['a text', '"HS256"'],
    ['a number', '3'],
    ['true', 'true'],
    ['an empty object', {}],
  ])('is refused when it is %s (A-028)', (_case, content) => {
    expect(parse(content)).toBeUndefined();
  });

  it.each([
    ['alg twice', '{"alg":"HS256","alg":"none","typ":"session+jwt","kid":"k"}'],
    [
      'alg twice, the good one last',
      '{"alg":"none","alg":"HS256","typ":"session+jwt","kid":"k"}',
    ],
    [
      'alg twice, once escaped',
      '{"alg":"none","\\u0061lg":"HS256","typ":"session+jwt","kid":"k"}',
    ],
    [
      'kid twice with equal values',
      '{"alg":"HS256","typ":"session+jwt","kid":"k","kid":"k"}',
    ],
    [
      '__proto__ in place of alg',
      '{"__proto__":{"alg":"HS256"},"typ":"session+jwt","kid":"k"}',
    ],
    ['a trailing comma', '{"alg":"HS256","typ":"session+jwt","kid":"k",}'],
    ['a comment', '{"alg":"HS256",/**/"typ":"session+jwt","kid":"k"}'],
    ['two documents', '{"alg":"HS256","typ":"session+jwt","kid":"k"}{}'],
    ['a BOM', '\ufeff{"alg":"HS256","typ":"session+jwt","kid":"k"}'],
  ])('is refused as JSON: %s (A-027, A-050, A-051)', (_case, text) => {
    expect(parse(text)).toBeUndefined();
  });

  it('is refused with 1,000 members (A-029)', () => {
    const members = Array.from({ length: 1_000 }, (_, i) => [`m${i}`, i]);
    expect(parse({ ...GOOD, ...Object.fromEntries(members) })).toBeUndefined();
  });

  it('is a good one or none at all, whatever stands there', () => {
    const text = fc.oneof(
      fc.constantFrom('HS256', 'session+jwt', 'k', 'none', 'JWT'),
      fc.string(),
    );
    const header = fc.oneof(
      fc.record(
        { alg: text, typ: text, kid: text, x: fc.jsonValue() },
        { requiredKeys: [] },
      ),
      fc.record({
        alg: fc.constantFrom('HS256', 'hs256', 'none'),
        typ: fc.constantFrom('session+jwt', 'JWT'),
        kid: fc.oneof(fc.constant('k'), fc.jsonValue()),
      }),
      fc.jsonValue(),
    );
    let read = 0;
    fc.assert(
      fc.property(header, (value) => {
        const parsed = parseTokenHeader(
          Buffer.from(JSON.stringify(value)).toString('base64url'),
          'session+jwt',
        );
        if (parsed === undefined) {
          return;
        }
        read += 1;
        expect(parsed).toEqual(value);
        expect(parsed.alg).toBe('HS256');
        expect(parsed.typ).toBe('session+jwt');
        expect(parsed.kid).toMatch(/^[A-Za-z0-9._-]{1,128}$/);
      }),
      { seed: 20, numRuns: 2_000 },
    );
    expect(read).toBeGreaterThan(10);
  });
});

describe('the type in the header', () => {
  const TYPES = ['session+jwt', 'session-refresh+jwt'] as const;
  const parseAs = (typ: unknown, type: (typeof TYPES)[number]) =>
    parseTokenHeader(encodeSegment({ ...GOOD, typ }), type);

  it.each(TYPES.flatMap((typ) => TYPES.map((type) => [typ, type] as const)))(
    'of %s is good in the place of a %s only if that is the same (A-073, S-018)',
    (typ, type) => {
      expect(parseAs(typ, type)).toEqual(
        typ === type ? { ...GOOD, typ } : undefined,
      );
    },
  );

  it.each(
    rows([
      'JWT',
      'refresh+jwt',
      'session-refresh+JWT',
      'Session-Refresh+jwt',
      'session-refresh+jwt ',
      'session-refresh',
      'session-refresh+jwt\0',
      'application/session-refresh+jwt',
      'session-csrf+jwt',
      'session+jwt,session-refresh+jwt',
      '',
      null,
      true,
      ['session-refresh+jwt'],
      {},
      undefined,
    ]),
  )(
    'is refused for a refresh token when it is %s (A-025, A-073, S-017)',
    (_title, typ) => {
      expect(parseAs(typ, 'session-refresh+jwt')).toBeUndefined();
    },
  );
});
