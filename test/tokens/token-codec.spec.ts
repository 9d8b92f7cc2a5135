import { createHmac, createSecretKey, hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { SessionError } from '../../lib/errors/session-error.js';
import { KeySet, type SessionKey } from '../../lib/keys/key-set.js';
import { JwtServiceSigner } from '../../lib/nest/jwt-service-signer.js';
import type { SessionClaims } from '../../lib/tokens/session-claims.js';
import { sessionTokens, TokenCodec } from '../../lib/tokens/token-codec.js';
import type { TokenHeader } from '../../lib/tokens/token-header.js';
import type { TokenSigner } from '../../lib/tokens/token-signer.js';
import {
  encodeSegment,
  forgeToken,
  readToken,
  type SegmentContent,
} from '../support/forged-token.js';
import { OTHER_SECRET, SECRET } from '../support/test-app.js';

const NOW = 1_893_456_000;
const EXPECTED = sessionTokens({
  issuer: 'app',
  audience: 'app',
  paramsAreData: false,
  isReference: false,
  isRecorded: false,
});
const KEYS = KeySet.fromSecrets(
  [SECRET, OTHER_SECRET].map((secret) => createSecretKey(Buffer.from(secret))),
);
const SIGNER = new JwtServiceSigner();
const CODEC = new TokenCodec(KEYS, SIGNER, EXPECTED);

const CLAIMS: SessionClaims = {
  v: 1,
  iss: 'app',
  aud: 'app',
  sub: 'ada',
  sid: 'A'.repeat(43),
  jti: 'abcdefghijklmnopqrstuv',
  iat: NOW,
  exp: NOW + 3_600,
  oiat: NOW,
  auth_time: NOW,
  lat: NOW,
  params: 'ada',
  data: { name: 'Ad\u00e9', roles: ['admin'] },
  attrs: {},
  rev: 0,
};
const HEADER = {
  alg: 'HS256',
  typ: 'session+jwt',
  kid: KEYS.signing.kid,
} as const;
const GOOD = forgeToken(HEADER, CLAIMS);

/** A signer and a key set that write down what they are asked. */
function watched(): { codec: TokenCodec; calls: string[] } {
  const calls: string[] = [];
  const keys = KeySet.fromSecrets([createSecretKey(Buffer.from(SECRET))]);
  const find = keys.find.bind(keys);
  keys.find = (kid) => {
    calls.push('key');
    return find(kid);
  };
  const signer: TokenSigner = {
    sign: (claims: object, header: TokenHeader, key: SessionKey) =>
      SIGNER.sign(claims, header, key),
    verify(token: string, key: SessionKey) {
      calls.push('signature');
      return SIGNER.verify(token, key);
    },
  };
  const kind: typeof EXPECTED = {
    ...EXPECTED,
    parse(value) {
      if (value !== undefined) calls.push('claims');
      return EXPECTED.parse(value);
    },
  };
  return { codec: new TokenCodec(keys, signer, kind), calls };
}

describe('the codec', () => {
  it('reads what it signed', () => {
    expect(CODEC.verify(CODEC.sign(CLAIMS))).toEqual(CLAIMS);
  });

  it('reads what anybody signed who has the secret: it is plain HS256', () => {
    expect(CODEC.verify(GOOD)).toEqual(CLAIMS);
  });

  it('signs with the first secret and reads those of all', () => {
    const token = CODEC.sign(CLAIMS);
    expect(readToken(token).header).toEqual(HEADER);
    const [others] = [OTHER_SECRET].map((secret) =>
      KeySet.fromSecrets([createSecretKey(Buffer.from(secret))]),
    );
    const byOther = new TokenCodec(others!, SIGNER, EXPECTED).sign(CLAIMS);
    expect(readToken(byOther).header['kid']).not.toBe(HEADER.kid);
    expect(CODEC.verify(byOther)).toEqual(CLAIMS);
  });

  it('refuses a token of a secret that was taken away: its key is unknown (A-012)', () => {
    const remaining = KeySet.fromSecrets([
      createSecretKey(Buffer.from(OTHER_SECRET)),
    ]);
    const codec = new TokenCodec(remaining, SIGNER, EXPECTED);
    expect(codec.verify(GOOD)).toBe('unknown-key');
  });

  it('refuses a token of one secret that names the key of the other (S-003)', () => {
    expect(CODEC.verify(forgeToken(HEADER, CLAIMS, OTHER_SECRET))).toBe(
      'signature',
    );
  });

  it.each([
    ['kid', Buffer.from(SECRET)],
    ['session-name', Buffer.from(SECRET)],
    ['refresh', Buffer.from(SECRET)],
    ['csrf', Buffer.from(SECRET)],
  ])(
    'refuses a MAC made with a key that is derived from the secret for %s (S-020, V-23)',
    (purpose, secret) => {
      const derived = Buffer.from(
        hkdfSync('sha256', secret, '', `nestjs-session-jwt:${purpose}:v1`, 32),
      );
      expect(CODEC.verify(forgeToken(HEADER, CLAIMS, derived))).toBe(
        'signature',
      );
    },
  );

  it('refuses to issue more than 8,192 characters and says how many it were', () => {
    const sizeOf = (length: number) => {
      const claims = { ...CLAIMS, data: 'x'.repeat(length) };
      return forgeToken(HEADER, claims).length;
    };
    let length = 5_000;
    while (sizeOf(length + 1) <= 8_192) {
      length += 1;
    }
    expect(sizeOf(length)).toBeLessThanOrEqual(8_192);
    const token = CODEC.sign({ ...CLAIMS, data: 'x'.repeat(length) });
    expect(token.length).toBe(sizeOf(length));
    expect(CODEC.verify(token)).toMatchObject({ sub: 'ada' });

    let error: unknown;
    try {
      CODEC.sign({ ...CLAIMS, data: 'x'.repeat(length + 1) });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SessionError);
    expect((error as SessionError).code).toBe('SESSION_TOO_LARGE');
    expect((error as SessionError).message).toContain(
      String(sizeOf(length + 1)),
    );
    expect((error as SessionError).message).toContain('8192');
  });
});

describe('the order of the checks (S-109)', () => {
  const BAD_CLAIMS = { ...CLAIMS, iss: 'other' };

  it('of a good token is key, signature, claims', () => {
    const { codec, calls } = watched();
    expect(codec.verify(GOOD)).toEqual(CLAIMS);
    expect(calls).toEqual(['key', 'signature', 'claims']);
  });

  it.each<[step: string, token: string, refusal: string, calls: string[]]>([
    ['the front gate', `${GOOD}=`, 'malformed', []],
    [
      'the front gate, for its size',
      `${GOOD}${'A'.repeat(8_192)}`,
      'malformed',
      [],
    ],
    [
      'the header, before any key is looked up (S-001)',
      forgeToken({ ...HEADER, alg: 'none' }, BAD_CLAIMS, 'x'),
      'header',
      [],
    ],
    [
      'the type in the header',
      forgeToken({ ...HEADER, typ: 'JWT' }, BAD_CLAIMS, 'x'),
      'header',
      [],
    ],
    [
      'the key, before any crypto',
      forgeToken({ ...HEADER, kid: 'unknown' }, BAD_CLAIMS, 'x'),
      'unknown-key',
      ['key'],
    ],
    [
      'the signature, before any claim is read',
      forgeToken(HEADER, BAD_CLAIMS, 'x'),
      'signature',
      ['key', 'signature'],
    ],
    [
      'the signature, although the payload is no JSON',
      forgeToken(HEADER, 'no JSON', 'x'),
      'signature',
      ['key', 'signature'],
    ],
    [
      'the signature, although the format is newer',
      forgeToken(HEADER, { v: 2 }, 'x'),
      'signature',
      ['key', 'signature'],
    ],
    [
      'the claims, last',
      forgeToken(HEADER, BAD_CLAIMS),
      'claims',
      ['key', 'signature', 'claims'],
    ],
  ])('ends at %s', (_step, token, refusal, expected) => {
    const { codec, calls } = watched();
    expect(codec.verify(token)).toBe(refusal);
    expect(calls).toEqual(expected);
  });

  it('takes a signer that throws, and one that says no, for a wrong signature (A-166)', () => {
    for (const verify of [
      () => false,
      () => {
        throw new Error('broken');
      },
    ]) {
      const codec = new TokenCodec(KEYS, { sign: () => '', verify }, EXPECTED);
      expect(codec.verify(GOOD)).toBe('signature');
    }
  });
});

describe('the signature', () => {
  const [header, payload] = GOOD.split('.');
  const content = `${header}.${payload}`;
  const mac = createHmac('sha256', SECRET).update(content).digest();
  const withSignature = (bytes: Uint8Array) =>
    `${content}.${Buffer.from(bytes).toString('base64url')}`;

  it('is checked whole', () => {
    expect(CODEC.verify(withSignature(mac))).toEqual(CLAIMS);
  });

  it.each([
    ['cut to 16 bytes', mac.subarray(0, 16)],
    ['cut to 31 bytes', mac.subarray(0, 31)],
    ['cut to one byte', mac.subarray(0, 1)],
    ['33 bytes', Buffer.concat([mac, Buffer.from([0])])],
    ['twice', Buffer.concat([mac, mac])],
    ['32 zero bytes', Buffer.alloc(32)],
    ['one zero byte', Buffer.alloc(1)],
    ['64 zero bytes', Buffer.alloc(64)],
    ['backwards', mac.toReversed()],
    ['its own hex', Buffer.from(mac.toString('hex'))],
  ])('is refused when it is %s (A-011, A-166)', (_case, bytes) => {
    expect(CODEC.verify(withSignature(bytes))).toBe('signature');
  });

  it.each([
    ['the empty key', ''],
    ['one zero byte', Buffer.alloc(1)],
    ['32 zero bytes', Buffer.alloc(32)],
    ['the text undefined', 'undefined'],
    ['the text null', 'null'],
    ['the kid', HEADER.kid],
    ['the secret with a line end', `${SECRET}\n`],
    ['the bytes behind the secret', Buffer.from(SECRET, 'base64url')],
  ])(
    'is refused when it was made with %s (A-014, V-08, V-09)',
    (_case, secret) => {
      expect(CODEC.verify(forgeToken(HEADER, CLAIMS, secret))).toBe(
        'signature',
      );
    },
  );

  it.each(['sha512', 'sha384', 'sha1', 'md5'])(
    'is refused when it is an HMAC with %s over the right secret (A-005)',
    (hash) => {
      expect(CODEC.verify(forgeToken(HEADER, CLAIMS, SECRET, hash))).toBe(
        'signature',
      );
    },
  );
});

describe('one token', () => {
  it('is refused as soon as any single character of it is another one (S-052)', () => {
    const alphabet =
      'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ %\0\u00e9';
    let changed = 0;
    const accepted: number[] = [];
    for (let at = 0; at < GOOD.length; at += 1) {
      for (const character of alphabet) {
        if (character === GOOD[at]) {
          continue;
        }
        changed += 1;
        const token = GOOD.slice(0, at) + character + GOOD.slice(at + 1);
        if (typeof CODEC.verify(token) !== 'string') {
          accepted.push(at);
        }
      }
    }
    expect(accepted).toEqual([]);
    expect(changed).toBeGreaterThan(20_000);
  });

  it('is refused as soon as any single character is missing, doubled or swapped with the next', () => {
    const accepted: number[] = [];
    for (let at = 0; at < GOOD.length; at += 1) {
      const [before, c, next] = [
        GOOD.slice(0, at),
        GOOD.charAt(at),
        GOOD.charAt(at + 1),
      ];
      for (const token of [
        before + GOOD.slice(at + 1),
        before + c + GOOD.slice(at),
        before + next + c + GOOD.slice(at + 2),
      ]) {
        if (token !== GOOD && typeof CODEC.verify(token) !== 'string') {
          accepted.push(at);
        }
      }
    }
    expect(accepted).toEqual([]);
  });

  it('has one spelling: 100 others that lenient decoders read alike are refused (A-052)', () => {
    const segments = GOOD.split('.') as [string, string, string];
    const spellings = new Set<string>();
    const spell = (index: number, spelled: string) =>
      spellings.add(segments.with(index, spelled).join('.'));
    for (const [index, segment] of segments.entries()) {
      const padding = '='.repeat((4 - (segment.length % 4)) % 4);
      if (padding) {
        spell(index, segment + padding);
        spell(index, `${segment}=`);
        // The last character again, with the bits set that it has to spare.
        for (const last of 'BCDEFGHIJKLMNOPRSTUVWXYZabcdefhijklmnopqrstuvxyz123456789-_') {
          const spelled = segment.slice(0, -1) + last;
          if (
            spelled !== segment &&
            Buffer.from(spelled, 'base64url').equals(
              Buffer.from(segment, 'base64url'),
            )
          ) {
            spell(index, spelled);
          }
        }
      }
      for (const blank of [
        ' ',
        '\t',
        '\n',
        '\r',
        '\r\n',
        '\v',
        '\f',
        '\0',
        '\u200b',
        '\ufeff',
        '\u00a0',
        '!',
        '~',
      ]) {
        for (const at of [
          0,
          1,
          Math.floor(segment.length / 2),
          segment.length,
        ]) {
          spell(index, segment.slice(0, at) + blank + segment.slice(at));
        }
      }
      const standard = segment.replaceAll('-', '+').replaceAll('_', '/');
      if (standard !== segment) {
        spell(index, standard);
      }
    }
    const same = [...spellings].filter((spelling) =>
      spelling
        .split('.')
        .every((segment, i) =>
          Buffer.from(segment, 'base64url').equals(
            Buffer.from(segments[i] ?? '', 'base64url'),
          ),
        ),
    );
    expect(same.length).toBeGreaterThanOrEqual(100);
    expect(
      same.filter((spelling) => CODEC.verify(spelling) !== 'malformed'),
    ).toEqual([]);
    expect(CODEC.verify(GOOD)).toEqual(CLAIMS);
  });

  it('keeps its own claims: no part of another token stands in for it (V-01, V-02)', () => {
    const other = forgeToken(HEADER, { ...CLAIMS, sub: 'bob' });
    const [a, b] = [GOOD.split('.'), other.split('.')] as [string[], string[]];
    for (const choice of [1, 2, 3, 4, 5, 6]) {
      const mixed = [0, 1, 2].map((i) => (choice & (1 << i) ? a : b)[i]);
      const expected =
        mixed.join('.') === GOOD
          ? 'ada'
          : mixed.join('.') === other
            ? 'bob'
            : 'signature';
      const verified = CODEC.verify(mixed.join('.'));
      expect(typeof verified === 'string' ? verified : verified.sub).toBe(
        expected,
      );
    }
  });
});

describe('a payload under a good signature', () => {
  const text = JSON.stringify(CLAIMS);

  it.each<[what: string, payload: SegmentContent]>([
    ['a list', []],
    ['a list of claims', [CLAIMS]],
    ['a text', '"x"'],
    ['a number', '5'],
    ['null', 'null'],
    ['true', 'true'],
    ['no JSON', 'claims'],
    ['two documents', text + text],
    ['a trailing byte', `${text}\0`],
    ['a BOM', `\ufeff${text}`],
    ['UTF-16', Buffer.from(text, 'utf16le')],
    ['invalid UTF-8', Buffer.from(text, 'latin1')],
    ['a name twice', text.replace('"sub":', '"sub":"bob","sub":')],
    [
      'a name twice, once escaped',
      text.replace('"exp":', '"\\u0065xp":1,"exp":'),
    ],
    ['a member __proto__', text.replace('"sub":', '"__proto__":{},"sub":')],
    [
      'a member __proto__ in the data',
      text.replace('"roles":', '"__proto__":{},"roles":'),
    ],
    [
      '2,000 nested lists',
      text.replace('["admin"]', '['.repeat(2_000) + ']'.repeat(2_000)),
    ],
  ])(
    'is refused when it is %s (A-049, A-050, A-051, A-060, A-061, A-062)',
    (_what, payload) => {
      expect(CODEC.verify(forgeToken(HEADER, payload))).toBe('claims');
    },
  );

  it('may be written in another way than ours, as long as it says the same', () => {
    const reordered = Object.fromEntries(Object.entries(CLAIMS).toReversed());
    for (const payload of [
      JSON.stringify(reordered),
      JSON.stringify(CLAIMS, null, 2),
      text.replace('"ada"', '"\\u0061da"'),
    ]) {
      expect(CODEC.verify(forgeToken(HEADER, payload))).toEqual(CLAIMS);
    }
  });

  it('is never an exception, whatever it is (V-40)', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue().map((value) => JSON.stringify(value)),
          fc.string(),
          fc.uint8Array({ minLength: 1 }),
        ),
        (payload) => {
          fc.pre(payload.length > 0);
          expect(CODEC.verify(forgeToken(HEADER, payload))).toBe('claims');
        },
      ),
      { seed: 401, numRuns: 500 },
    );
  });
});

describe('hostile sizes', () => {
  const big = (count: number) => 'A'.repeat(count);
  const members = JSON.stringify(
    Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`m${i}`, i])),
  );

  it.each<[what: string, token: string]>([
    ['a signature of 200 KB', `${GOOD}${big(200_000)}`],
    [
      'a payload of 200 KB',
      forgeToken(HEADER, { ...CLAIMS, data: big(150_000) }),
    ],
    [
      'a header of 200 KB',
      forgeToken({ ...HEADER, kid: big(150_000) }, CLAIMS),
    ],
    ['a header of 64 KB of members', forgeToken(members, CLAIMS)],
    ['a kid of 1 MB', forgeToken({ ...HEADER, kid: big(1_000_000) }, CLAIMS)],
    ['200 KB of dots', '.'.repeat(200_000)],
    ['200 KB of blanks', ' '.repeat(200_000)],
    ['200 KB of letters', big(200_000)],
    [
      '5,000 nested lists',
      forgeToken(HEADER, '['.repeat(5_000) + ']'.repeat(5_000)),
    ],
    ['100,000 nested lists', forgeToken(HEADER, '['.repeat(100_000))],
    ['100,000 nested objects', forgeToken(HEADER, '{"a":'.repeat(100_000))],
    [
      '100,000 nested lists in the header',
      forgeToken('['.repeat(100_000), CLAIMS),
    ],
  ])(
    'are refused before anything is decoded, in less than 1 ms: %s (A-029, A-048, A-049, V-22)',
    (_what, token) => {
      expect(token.length).toBeGreaterThan(8_192);
      const { codec, calls } = watched();
      const times = Array.from({ length: 201 }, () => {
        const start = performance.now();
        const verdict = codec.verify(token);
        const time = performance.now() - start;
        expect(verdict).toBe('malformed');
        return time;
      }).toSorted((a, b) => a - b);
      expect(times[100]).toBeLessThan(1);
      expect(calls).toEqual([]);
    },
  );

  it('within the limit are refused, too', () => {
    const nested = '['.repeat(2_900) + ']'.repeat(2_900);
    const token = forgeToken(HEADER, nested);
    expect(token.length).toBeLessThan(8_192);
    expect(CODEC.verify(token)).toBe('claims');
    const header = `${encodeSegment(nested)}.AAAA.AAAA`;
    expect(header.length).toBeLessThan(8_192);
    expect(CODEC.verify(header)).toBe('header');
  });
});
