import fc from 'fast-check';
import {
  parseEncryptedHeader,
  parseSignedHeader,
  type TokenType,
} from '../../lib/tokens/token-header.js';
import { encodeSegment, type SegmentContent } from '../support/forged-token.js';
import { rows } from '../support/titles.js';

interface Dialect {
  readonly good: Readonly<Record<string, string>>;
  readonly algorithm: string;
  readonly parse: (
    segment: string,
    type: TokenType,
  ) => ReturnType<typeof parseSignedHeader>;
}

const OTHERS = { typ: 'session+jwt', kid: 'k-1_2.3' };
const readSigned =
  (arePairs: boolean): Dialect['parse'] =>
  (segment, type) =>
    parseSignedHeader(segment, type, arePairs);

/** What a token says in its header where tokens are protected in one of these ways. */
const DIALECTS: Record<string, Dialect> = {
  'shared secrets': {
    good: { alg: 'HS256', ...OTHERS },
    algorithm: 'HS256',
    parse: readSigned(false),
  },
  'ES256 keys': {
    good: { alg: 'ES256', ...OTHERS },
    algorithm: 'ES256',
    parse: readSigned(true),
  },
  'EdDSA keys': {
    good: { alg: 'EdDSA', ...OTHERS },
    algorithm: 'EdDSA',
    parse: readSigned(true),
  },
  'RS256 keys': {
    good: { alg: 'RS256', ...OTHERS },
    algorithm: 'RS256',
    parse: readSigned(true),
  },
  'PS256 keys': {
    good: { alg: 'PS256', ...OTHERS },
    algorithm: 'PS256',
    parse: readSigned(true),
  },
  encryption: {
    good: { alg: 'dir', enc: 'A256GCM', ...OTHERS },
    algorithm: 'A256GCM',
    parse: parseEncryptedHeader,
  },
};

const ALGORITHMS = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES256K',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'Ed448',
  'dir',
  'RSA1_5',
  'RSA-OAEP',
  'RSA-OAEP-256',
  'A128KW',
  'A256KW',
  'A256GCMKW',
  'ECDH-ES',
  'ECDH-ES+A256KW',
  'PBES2-HS256+A128KW',
  'PBES2-HS512+A256KW',
];

function inOtherCase(text: string): string {
  return text === text.toLowerCase() ? text.toUpperCase() : text.toLowerCase();
}

describe.each(Object.entries(DIALECTS))(
  'the header of a token under %s',
  (_dialect, { good, algorithm, parse: parseAs }) => {
    const parse = (content: SegmentContent) =>
      parseAs(encodeSegment(content), 'session+jwt');
    const expected = { algorithm, kid: good['kid'] };

    it('is read when it holds exactly its members, in any order', () => {
      expect(parse(good)).toEqual(expected);
      expect(
        parse(Object.fromEntries(Object.entries(good).toReversed())),
      ).toEqual(expected);
      expect(parse(`\n${JSON.stringify(good, null, ' ')} `)).toEqual(expected);
    });

    it.each(
      rows([
        'none',
        'None',
        'NONE',
        'nOnE',
        'noNE',
        'none ',
        inOtherCase(good['alg']!),
        `${good['alg']}\0`,
        ` ${good['alg']}`,
        `${good['alg']} `,
        '',
        null,
        0,
        true,
        false,
        [good['alg']],
        {},
        { alg: good['alg'] },
      ]),
    )(
      'is refused when alg is %s (A-002, A-003, A-004, S-001, S-002, S-004, V-16, V-54)',
      (_title, alg) => {
        expect(parse({ ...good, alg })).toBeUndefined();
      },
    );

    it('has one of the algorithms of the application (A-005, S-001, S-005, S-008, V-20)', () => {
      const accepted = ALGORITHMS.filter((alg) => parse({ ...good, alg }));
      expect(accepted).toEqual(
        algorithm === 'HS256' || algorithm === 'A256GCM'
          ? [good['alg']]
          : ['RS256', 'PS256', 'ES256', 'EdDSA'],
      );
    });

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
    )(
      'is refused when typ is %s (A-025, A-073, S-017, S-018)',
      (_title, typ) => {
        expect(parse({ ...good, typ })).toBeUndefined();
      },
    );

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
      expect(parse({ ...good, kid })).toBeUndefined();
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
        expect(parse({ ...good, kid })).toEqual({ algorithm, kid });
      },
    );

    it.each(Object.keys(good))(
      'is refused without %s (A-003, A-025)',
      (name) => {
        const header: Record<string, unknown> = { ...good };
        delete header[name];
        expect(parse(header)).toBeUndefined();
        // One more name does not make up for the one that is missing.
        expect(parse({ ...header, other: 'x' })).toBeUndefined();
        expect(parse({ ...header, [name.toUpperCase()]: 'x' })).toBeUndefined();
      },
    );

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
        expect(parse({ ...good, [name]: value })).toBeUndefined();
      },
    );

    it.each([
      ['[]', []],
      ['a list of a good header', [good]],
      ['null', 'null'],
      ['a text', '"HS256"'],
      ['a number', '3'],
      ['true', 'true'],
      ['an empty object', {}],
    ])('is refused when it is %s (A-028)', (_case, content) => {
      expect(parse(content)).toBeUndefined();
    });

    const text = JSON.stringify(good);
    const alg = `"alg":"${good['alg']}"`;

    it.each([
      ['alg twice', text.replace(alg, `${alg},"alg":"none"`)],
      [
        'alg twice, the good one last',
        text.replace(alg, `"alg":"none",${alg}`),
      ],
      [
        'alg twice, once escaped',
        text.replace(alg, `"alg":"none","\\u0061lg":"${good['alg']}"`),
      ],
      ['alg twice with equal values', text.replace(alg, `${alg},${alg}`)],
      ['kid twice', text.replace('"kid":', '"kid":"k","kid":')],
      ['__proto__ in place of alg', text.replace(alg, `"__proto__":{${alg}}`)],
      ['__proto__ besides', text.replace(alg, `${alg},"__proto__":{}`)],
      ['a trailing comma', text.replace('}', ',}')],
      ['a comment', text.replace(',', ',/**/')],
      ['two documents', `${text}{}`],
      ['a BOM', `\ufeff${text}`],
      ['UTF-16', Buffer.from(text, 'utf16le')],
      [
        'a byte that is no UTF-8',
        Buffer.from(`${text.slice(0, -1)}\xff}`, 'latin1'),
      ],
    ])(
      'is refused as JSON: %s (A-027, A-050, A-051, S-011, S-031)',
      (_case, content) => {
        expect(parse(text)).toEqual(expected);
        expect(parse(content)).toBeUndefined();
      },
    );

    it('is refused with 1,000 members (A-029)', () => {
      const members = Array.from({ length: 1_000 }, (_, i) => [`m${i}`, i]);
      expect(
        parse({ ...good, ...Object.fromEntries(members) }),
      ).toBeUndefined();
    });

    it('is a good one or none at all, whatever stands there', () => {
      const word = fc.oneof(
        fc.constantFrom(...Object.values(good), 'k', 'none', 'JWT'),
        fc.string(),
      );
      const oneOf = (name: string) => fc.constantFrom(good[name], 'none');
      const header = fc.oneof(
        fc.record(
          { alg: word, typ: word, kid: word, x: fc.jsonValue() },
          { requiredKeys: [] },
        ),
        fc.record({
          alg: oneOf('alg'),
          ...('enc' in good && { enc: oneOf('enc') }),
          typ: oneOf('typ'),
          kid: fc.oneof(fc.constant('k'), fc.jsonValue()),
        }),
        fc.jsonValue(),
      );
      let read = 0;
      fc.assert(
        fc.property(header, (value) => {
          const parsed = parse(JSON.stringify(value));
          if (parsed === undefined) {
            return;
          }
          read += 1;
          expect(value).toEqual({ ...good, kid: parsed.kid });
          expect(parsed).toEqual({ algorithm, kid: parsed.kid });
          expect(parsed.kid).toMatch(/^[A-Za-z0-9._-]{1,128}$/);
        }),
        { seed: 20, numRuns: 2_000 },
      );
      expect(read).toBeGreaterThan(10);
    });

    const TYPES = ['session+jwt', 'session-refresh+jwt'] as const;

    it.each(TYPES.flatMap((typ) => TYPES.map((type) => [typ, type] as const)))(
      'of type %s is good in the place of a %s only if that is the same (A-073, S-018)',
      (typ, type) => {
        expect(parseAs(encodeSegment({ ...good, typ }), type)).toEqual(
          typ === type ? expected : undefined,
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
      'is refused for a refresh token when typ is %s (A-025, A-073, S-017)',
      (_title, typ) => {
        expect(
          parseAs(encodeSegment({ ...good, typ }), 'session-refresh+jwt'),
        ).toBeUndefined();
      },
    );
  },
);

describe('the encryption in the header', () => {
  const { good, parse } = DIALECTS['encryption']!;
  const read = (header: object) => parse(encodeSegment(header), 'session+jwt');

  it.each(
    rows([
      'A128GCM',
      'A192GCM',
      'a256gcm',
      'A256GCM ',
      'A256GCM\0',
      'A128CBC-HS256',
      'A256CBC-HS512',
      'none',
      '',
      null,
      0,
      true,
      ['A256GCM'],
      {},
    ]),
  )('is refused when enc is %s (S-001, S-002, S-005)', (_title, enc) => {
    expect(read({ ...good, enc })).toBeUndefined();
  });

  it.each<[string, object]>([
    [
      'PBES2 with p2c 2^31 (V-22)',
      { alg: 'PBES2-HS256+A128KW', p2c: 2 ** 31, p2s: 'AAAA' },
    ],
    [
      'PBES2 in place of the kid (V-22)',
      { alg: 'PBES2-HS256+A128KW', p2c: 2 ** 31, kid: undefined },
    ],
    ['RSA1_5 (S-005)', { alg: 'RSA1_5' }],
    ['dir with compression (V-21)', { zip: 'DEF' }],
    ['compression in place of the kid (V-21)', { zip: 'DEF', kid: undefined }],
    ['compression in place of the type (V-21)', { zip: 'DEF', typ: undefined }],
    [
      'ECDH-ES with a point off its curve (S-008)',
      {
        alg: 'ECDH-ES',
        epk: { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' },
      },
    ],
    [
      'a wrapped key with an iv and a tag',
      { alg: 'A256GCMKW', iv: 'AAAA', tag: 'AAAA' },
    ],
    ['a nested token (S-006)', { cty: 'JWT' }],
  ])('is refused with %s', (_case, changes) => {
    expect(read({ ...good })).toBeDefined();
    expect(read({ ...good, ...changes })).toBeUndefined();
  });

  it('is none in the header of a signed token, and needs to be one of an encrypted token (S-007)', () => {
    for (const [name, { good: signed, parse: parseSigned }] of Object.entries(
      DIALECTS,
    )) {
      for (const [other, { good: header }] of Object.entries(DIALECTS)) {
        const isAlike =
          name === other || (name.endsWith('keys') && other.endsWith('keys'));
        expect([
          name,
          other,
          parseSigned(encodeSegment(header), 'session+jwt')?.kid,
        ]).toEqual([name, other, isAlike ? signed['kid'] : undefined]);
      }
    }
  });
});
