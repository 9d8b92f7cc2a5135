import { createHmac, createSecretKey, hkdfSync } from 'node:crypto';
import { Socket } from 'node:net';
import fc from 'fast-check';
import { SessionError } from '../../lib/errors/session-error.js';
import type { CurrentKeys } from '../../lib/keys/key-ring.js';
import { keysOfSecrets, type KeySet } from '../../lib/keys/key-set.js';
import { TokenCodec } from '../../lib/tokens/token-codec.js';
import type { TokenFormat } from '../../lib/tokens/token-format.js';
import { sessionTokens } from '../../lib/tokens/token-kind.js';
import {
  encodeSegment,
  forgeToken,
  readHeader,
  type SegmentContent,
} from '../support/forged-token.js';
import { keyPairs, otherKeyPairs } from '../support/key-pairs.js';
import { costOver } from '../support/relative-cost.js';
import { DAY, NOW } from '../support/session-claims.js';
import { SECRET } from '../support/secrets.js';
import { fixedKeys, signingKeyOf } from '../support/token-keys.js';
import {
  CLAIMS,
  codecOf,
  EXPECTED,
  modes,
  pairKeys,
  pairModes,
  pairOf,
  secretMode,
  signedModes,
  type Mode,
} from './modes.js';

const NO_KEYS: KeySet = {
  signing: undefined,
  isEmpty: true,
  validUntil: Infinity,
  fingerprint: '',
  find: () => undefined,
};

/** A codec that writes down each stage of a verification as it begins. */
function watched(mode: Mode): { watchedCodec: TokenCodec; stages: string[] } {
  const stages: string[] = [];
  const format: TokenFormat = {
    ...mode.format,
    open(token) {
      stages.push('gate');
      const open = mode.format.open(token);
      return (
        open && {
          headerSegment: open.headerSegment,
          header(type) {
            stages.push('header');
            return open.header(type);
          },
          payload(key) {
            stages.push('signature');
            return open.payload(key);
          },
        }
      );
    },
  };
  const keys: KeySet = {
    ...NO_KEYS,
    find(kid) {
      stages.push('key');
      return mode.keys.find(kid);
    },
  };
  const kind = sessionTokens(EXPECTED);
  const parse = (value: unknown) => {
    stages.push('claims');
    return kind.parse(value);
  };
  const watchedCodec = new TokenCodec(fixedKeys(keys), format, {
    ...kind,
    parse,
  });
  return { watchedCodec, stages };
}

function inOtherCase(text: string): string {
  return text === text.toLowerCase() ? text.toUpperCase() : text.toLowerCase();
}

/** The good claims as JSON text, with one claim replaced by other JSON, or left out. */
function textWith(name: string, json: string | undefined): string {
  const members = { ...CLAIMS, [name]: undefined };
  const others = JSON.stringify(members).slice(1, -1);
  return json === undefined ? `{${others}}` : `{${others},"${name}":${json}}`;
}

describe.each(modes)('the codec with $name', (mode) => {
  const codec = codecOf(mode);
  const { header, forge } = mode;
  const good = forge(header, CLAIMS);

  it('reads what it protected', () => {
    const token = codec.sign(CLAIMS);
    expect(readHeader(token)).toEqual(header);
    expect(codec.verify(token)).toEqual(CLAIMS);
  });

  it('reads what anybody protected who has the key: it is plain JWS or JWE', () => {
    expect(codec.verify(good)).toEqual(CLAIMS);
  });

  it('uses its first key and reads those of all: a key is accepted before it signs (A-013)', () => {
    const byOther = codecOf(mode, mode.otherKeys).sign(CLAIMS);
    const { kid } = signingKeyOf(mode.otherKeys);
    expect(readHeader(byOther)).toEqual({ ...header, kid });
    expect(kid).not.toBe(header['kid']);
    expect(codec.verify(byOther)).toEqual(CLAIMS);
    expect(readHeader(codec.sign(CLAIMS))).toEqual(header);
  });

  it('refuses a token of a key that was taken away: it is unknown (A-012)', () => {
    expect(codecOf(mode, mode.otherKeys).verify(good)).toBe('unknown-key');
  });

  it('refuses a token of one key that names another (S-003, S-012)', () => {
    const { kid, signingKey } = signingKeyOf(mode.otherKeys);
    expect(codec.verify(forge(header, CLAIMS, signingKey))).toBe('signature');
    expect(codec.verify(forge({ ...header, kid }, CLAIMS))).toBe('signature');
    expect(codec.verify(forge({ ...header, kid }, CLAIMS, signingKey))).toEqual(
      CLAIMS,
    );
  });

  it('refuses a token of a key that is not configured (A-014, S-001)', () => {
    const key = mode.strangersKey();
    expect(codec.verify(forge(header, CLAIMS, key))).toBe('signature');
    for (const kid of ['unknown', signingKeyOf(mode.keys).kid.slice(1)]) {
      expect(codec.verify(forge({ ...header, kid }, CLAIMS, key))).toBe(
        'unknown-key',
      );
    }
  });

  it('protects nothing without a key, and says so', () => {
    const verifying = codecOf(mode, {
      ...NO_KEYS,
      find: (kid) => mode.keys.find(kid),
    });
    expect(verifying.verify(good)).toEqual(CLAIMS);
    expect(() => verifying.sign(CLAIMS)).toThrow(
      expect.objectContaining({ code: 'SIGNING_KEY_REQUIRED' }),
    );
  });

  it('verifies with the present keys, and caches no verdict (A-185, V-13, V-44)', () => {
    const state = { current: NO_KEYS };
    const keys: CurrentKeys = {
      get current() {
        return state.current;
      },
      ready: () => undefined,
      learn: () => undefined,
    };
    const changing = new TokenCodec(keys, mode.format, sessionTokens(EXPECTED));
    for (const [current, verdict] of [
      [NO_KEYS, 'unknown-key'],
      [mode.keys, CLAIMS],
      [mode.otherKeys, 'unknown-key'],
      [mode.keys, CLAIMS],
      [NO_KEYS, 'unknown-key'],
    ] as const) {
      state.current = current;
      expect(changing.keys).toBe(current);
      expect(changing.verify(good)).toEqual(verdict);
    }
  });

  it('gives one answer to one token, however often it is verified (V-04)', () => {
    const bad = forge(header, { ...CLAIMS, aud: 'other' });
    for (let i = 0; i < 100; i += 1) {
      expect(codec.verify(good)).toEqual(CLAIMS);
      expect(codec.verify(bad)).toBe('claims');
    }
  });

  it('refuses to issue more than 8,192 characters and says how many it were', () => {
    const payloadBytes = (length: number) =>
      Buffer.byteLength(
        JSON.stringify({ ...CLAIMS, data: 'x'.repeat(length) }),
      );
    const encoded = (bytes: number) => Math.ceil((bytes * 4) / 3);
    const empty = codec.sign({ ...CLAIMS, data: '' }).length;
    const sizeOf = (length: number) =>
      empty - encoded(payloadBytes(0)) + encoded(payloadBytes(length));
    let length = 5_000;
    while (sizeOf(length + 1) <= 8_192) {
      length += 1;
    }
    const token = codec.sign({ ...CLAIMS, data: 'x'.repeat(length) });
    expect(token).toHaveLength(sizeOf(length));
    expect(token.length).toBeGreaterThan(8_188);
    expect(codec.verify(token)).toMatchObject({ sub: 'ada' });

    let error: unknown;
    try {
      codec.sign({ ...CLAIMS, data: 'x'.repeat(length + 1) });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SessionError);
    expect((error as SessionError).code).toBe('SESSION_TOO_LARGE');
    expect((error as SessionError).message).toBe(
      `the session token has ${sizeOf(length + 1)} bytes, at most 8192 are allowed`,
    );
  });

  describe('checks in order (S-109, V-16, V-54)', () => {
    const BAD_CLAIMS = { ...CLAIMS, iss: 'other' };
    const strangersKey = mode.strangersKey();
    const badlySigned = (
      changes: object,
      payload: SegmentContent = BAD_CLAIMS,
    ) => forge({ ...header, ...changes }, payload, strangersKey);

    it('of a good token the gate, the header, the key, the signature and the claims', () => {
      const { watchedCodec, stages } = watched(mode);
      expect(watchedCodec.verify(good)).toEqual(CLAIMS);
      expect(stages).toEqual(['gate', 'header', 'key', 'signature', 'claims']);
    });

    it.each<[where: string, token: string, refusal: string, stages: string[]]>([
      ['the gate', `${good}=`, 'malformed', ['gate']],
      [
        'the gate, for its size',
        `${good}${'A'.repeat(8_192)}`,
        'malformed',
        ['gate'],
      ],
      [
        'the header, for its algorithm',
        badlySigned({ alg: 'none' }),
        'header',
        ['gate', 'header'],
      ],
      [
        'the header, for the algorithm of another mode (S-001)',
        badlySigned({ alg: mode === secretMode ? 'ES256' : 'HS256' }),
        'header',
        ['gate', 'header'],
      ],
      [
        'the header, for its type',
        badlySigned({ typ: 'JWT' }),
        'header',
        ['gate', 'header'],
      ],
      [
        'the header, for one member more',
        badlySigned({ crit: ['exp'] }),
        'header',
        ['gate', 'header'],
      ],
      [
        'the key, before any cryptography',
        badlySigned({ kid: 'unknown' }),
        'unknown-key',
        ['gate', 'header', 'key'],
      ],
      [
        'the signature, before any claim is read',
        badlySigned({}),
        'signature',
        ['gate', 'header', 'key', 'signature'],
      ],
      [
        'the signature, although the payload is no JSON',
        badlySigned({}, 'no JSON'),
        'signature',
        ['gate', 'header', 'key', 'signature'],
      ],
      [
        'the signature, although the format is newer',
        badlySigned({}, { v: 2 }),
        'signature',
        ['gate', 'header', 'key', 'signature'],
      ],
      [
        'the claims, last',
        forge(header, BAD_CLAIMS),
        'claims',
        ['gate', 'header', 'key', 'signature', 'claims'],
      ],
    ])('and ends at %s', (_where, token, refusal, expected) => {
      const { watchedCodec, stages } = watched(mode);
      expect(watchedCodec.verify(token)).toBe(refusal);
      expect(stages).toEqual(expected);
    });

    it('reads the header of an authentic token once, and that of a forged one each time', () => {
      const { watchedCodec, stages } = watched(mode);
      const [segment, ...rest] = good.split('.');
      const forged = [segment, ...rest.slice(0, -1), 'A'.repeat(22)].join('.');
      const unknown = badlySigned({ kid: 'unknown' });
      for (const token of [forged, unknown, forged, unknown]) {
        expect(['signature', 'unknown-key', 'malformed']).toContain(
          watchedCodec.verify(token),
        );
      }
      expect(stages).not.toContain('claims');
      stages.length = 0;
      expect(watchedCodec.verify(good)).toEqual(CLAIMS);
      expect(watchedCodec.verify(good)).toEqual(CLAIMS);
      expect(stages.join(' ')).toBe(
        'gate header key signature claims gate key signature claims',
      );
      stages.length = 0;
      expect(watchedCodec.verify(unknown)).toBe('unknown-key');
      expect(stages).toEqual(['gate', 'header', 'key']);
    });

    it('remembers 100 spellings of headers at most', () => {
      const { watchedCodec, stages } = watched(mode);
      const blanks = (count: number) =>
        forge(JSON.stringify(header) + ' '.repeat(count), CLAIMS);
      const readsHeaderOf = (token: string) => {
        stages.length = 0;
        expect(watchedCodec.verify(token)).toEqual(CLAIMS);
        return stages.includes('header');
      };
      const tokens = Array.from({ length: 100 }, (_, i) => blanks(i));
      expect(tokens.map(readsHeaderOf)).not.toContain(false);
      expect(tokens.map(readsHeaderOf)).not.toContain(true);
      expect(readsHeaderOf(blanks(100))).toBe(true);
      expect(readsHeaderOf(tokens[0]!)).toBe(true);
    });

    it('takes a format that throws, and one that says no, for a wrong signature (A-166)', () => {
      for (const payload of [
        () => undefined,
        () => {
          throw new Error('broken');
        },
      ]) {
        const broken: TokenFormat = {
          ...mode.format,
          open(token) {
            const open = mode.format.open(token);
            return open && { ...open, payload };
          },
        };
        expect(codecOf({ ...mode, format: broken }).verify(good)).toBe(
          'signature',
        );
      }
    });
  });

  describe('refuses in a header under a good signature', () => {
    it.each<[what: string, changes: object]>([
      ['alg none (A-001)', { alg: 'none' }],
      ['alg None (A-002)', { alg: 'None' }],
      ['alg NONE (A-002)', { alg: 'NONE' }],
      ['alg nOnE (A-002)', { alg: 'nOnE' }],
      ['alg none and a blank (A-002)', { alg: 'none ' }],
      ['no alg (A-003)', { alg: undefined }],
      ['alg null (A-003)', { alg: null }],
      ['alg 0 (A-003)', { alg: 0 }],
      ['alg true (A-003)', { alg: true }],
      ['a list of alg (A-003)', { alg: [header['alg']] }],
      ['an object as alg (A-003)', { alg: {} }],
      ['alg in other case (A-004)', { alg: inOtherCase(header['alg']!) }],
      ['alg with a NUL (A-004)', { alg: `${header['alg']}\0` }],
      ['alg with a blank before it (A-004)', { alg: ` ${header['alg']}` }],
      ['a foreign alg (A-005)', { alg: 'HS512' }],
      ['an empty kid (A-020)', { kid: '' }],
      ['a kid of 129 characters (A-020)', { kid: 'k'.repeat(129) }],
      ['a list as kid (A-020)', { kid: [header['kid']] }],
      ['an object as kid (A-020)', { kid: {} }],
      ['a number as kid (A-020)', { kid: 5 }],
      ['a path as kid (A-020)', { kid: '../../../../dev/null' }],
      ['SQL as kid (A-020)', { kid: "' OR 1=1--" }],
      ['a command as kid (A-020)', { kid: '; id' }],
      ['a NUL in the kid (A-020)', { kid: '%00' }],
      ['an address as kid (A-020)', { kid: 'https://evil.example/keys' }],
      ['jku (A-021, S-016)', { jku: 'https://evil.example/keys' }],
      ['x5u (A-021, S-016)', { x5u: 'https://evil.example/cert' }],
      ['jwk (A-021, S-016)', { jwk: { kty: 'oct', k: 'AAAA' } }],
      ['x5c (A-021, S-016)', { x5c: ['AAAA'] }],
      ['x5t (A-021)', { x5t: 'AAAA' }],
      ['crit that names nothing known (A-022, S-030, V-03)', { crit: ['x'] }],
      ['an empty crit (A-022, S-030)', { crit: [] }],
      ['crit that names a claim (A-022, S-030)', { crit: ['exp'] }],
      ['a text as crit (A-022, S-030)', { crit: 'b64' }],
      [
        'crit that names one twice (A-022)',
        { crit: ['b64', 'b64'], b64: true },
      ],
      ['b64 without crit (A-023)', { b64: false }],
      ['b64 with crit (A-023)', { b64: false, crit: ['b64'] }],
      ['zip (A-024, S-010)', { zip: 'DEF' }],
      ['no typ (A-025, S-017)', { typ: undefined }],
      ['typ JWT (A-025, S-017)', { typ: 'JWT' }],
      ['typ at+jwt (A-025)', { typ: 'at+jwt' }],
      ['typ logout+jwt (A-025)', { typ: 'logout+jwt' }],
      ['a list as typ (A-025)', { typ: ['session+jwt'] }],
      ['typ null (A-025)', { typ: null }],
      [
        'the typ of a refresh token (A-073, S-018)',
        { typ: 'session-refresh+jwt' },
      ],
      ['cty (A-026)', { cty: 'JWT' }],
      ['p2c (S-005, V-22)', { p2c: 2 ** 31 }],
      ['epk (S-008)', { epk: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' } }],
      ['any other member (A-030)', { x: 1 }],
    ])('%s', (_what, changes) => {
      expect(codec.verify(forge({ ...header, ...changes }, CLAIMS))).toBe(
        'header',
      );
    });

    const text = JSON.stringify(header);

    it.each<[what: string, content: SegmentContent]>([
      ['a name twice (A-027, S-031)', text.replace('{', '{"alg":"none",')],
      ['a list (A-028)', [header]],
      ['a text (A-028)', '"x"'],
      ['a number (A-028)', '5'],
      ['null (A-028)', 'null'],
      [
        '500 members (A-029)',
        Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`m${i}`, i])),
      ],
      ['a byte order mark (A-050, S-011)', `\ufeff${text}`],
      ['UTF-16 (A-050, S-011)', Buffer.from(text, 'utf16le')],
      ['no JSON (A-051)', `${text.slice(0, -1)},}`],
    ])('the whole of which is %s', (_what, content) => {
      expect(codec.verify(forge(content, CLAIMS))).toBe('header');
    });

    it.each([
      'unknown',
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      'k'.repeat(128),
      '.',
      'undefined',
      'null',
    ])('a kid that names nothing: %s (A-020, S-015)', (kid) => {
      expect(codec.verify(forge({ ...header, kid }, CLAIMS))).toBe(
        'unknown-key',
      );
    });

    it('addresses, without going there (A-021, S-016)', async () => {
      const { connect } = Socket.prototype;
      const fetched = globalThis.fetch;
      let connections = 0;
      Socket.prototype.connect = function (this: Socket) {
        connections += 1;
        return this;
      };
      globalThis.fetch = () => {
        connections += 1;
        return Promise.reject(new Error('nobody may ask'));
      };
      try {
        for (const name of ['jku', 'x5u', 'kid', 'jwk', 'x5c']) {
          const address = 'http://127.0.0.1:1/keys';
          const token = forge({ ...header, [name]: address }, CLAIMS);
          expect(codec.verify(token)).toBe('header');
        }
        await new Promise((resolve) => setImmediate(resolve));
        expect(connections).toBe(0);
      } finally {
        Socket.prototype.connect = connect;
        globalThis.fetch = fetched;
      }
    });
  });

  describe('refuses in a payload under a good signature', () => {
    it.each<[ids: string, name: string, json: string | undefined]>([
      ['A-063, V-32', 'exp', undefined],
      ['A-063, S-034', 'exp', `"${NOW + 60}"`],
      ['A-063, S-034', 'exp', 'null'],
      ['A-063, S-034', 'exp', 'true'],
      ['A-063, S-034', 'exp', `[${NOW + 60}]`],
      ['A-063, S-034', 'exp', '-1'],
      ['A-063, S-034', 'exp', '0'],
      ['A-064, S-034', 'exp', '1e999'],
      ['A-064, S-034', 'exp', '9e15'],
      ['A-064, S-034', 'exp', `${NOW * 1000}`],
      ['A-064, S-034', 'exp', `${NOW + 60}.5`],
      ['A-064', 'exp', `${NOW + 400 * DAY + 1}`],
      ['A-065, S-034', 'nbf', `"${NOW}"`],
      ['A-065, S-034', 'nbf', '1e999'],
      ['A-065, S-034', 'nbf', 'null'],
      ['A-066', 'iat', undefined],
      ['A-066, S-034', 'iat', '-1e999'],
      ['A-066, S-034', 'iat', `"${NOW}"`],
      ['A-066', 'iat', `${CLAIMS.exp + 1}`],
      ['A-067', 'oiat', `${NOW + 1}`],
      ['A-067', 'oiat', undefined],
      ['A-068, A-072, S-012', 'iss', '"other"'],
      ['A-068, S-012', 'iss', '["app"]'],
      ['A-068, S-012', 'iss', undefined],
      ['A-068, S-012', 'iss', '"APP"'],
      ['A-068, S-012', 'iss', '"app/"'],
      ['A-068, S-012', 'iss', '"__proto__"'],
      ['A-069, A-072, S-014', 'aud', '"other"'],
      ['A-069, S-014', 'aud', undefined],
      ['A-069, S-014', 'aud', '[]'],
      ['A-069, S-014', 'aud', '["app"]'],
      ['A-069, S-014', 'aud', '["app","other"]'],
      ['A-069, S-014', 'aud', '{}'],
      ['A-069, S-014', 'aud', '"app/"'],
      ['S-014, V-05', 'aud', `"${'a'.repeat(4_000)}"`],
      ['A-070, S-013', 'sub', '5'],
      ['A-070, S-013', 'sub', '{}'],
      ['A-070, S-013', 'sub', '[]'],
      ['A-070, S-013', 'sub', '""'],
      ['A-070, S-013', 'sub', `"${'x'.repeat(256)}"`],
      ['A-070, A-050', 'sub', '"\\ud800"'],
      ['A-071', 'sid', undefined],
      ['A-071', 'sid', `"${'A'.repeat(42)}B"`],
      ['A-071', 'sid', '5'],
      ['A-071', 'jti', undefined],
      ['A-071', 'jti', '"short"'],
      ['A-061, S-031', 'sub', '"ada","sub":"bob"'],
      ['A-061, S-031', 'sid', `"${CLAIMS.sid}","\\u0073id":"${CLAIMS.sid}"`],
      ['A-061, S-031', 'exp', `${CLAIMS.exp},"exp":${CLAIMS.exp}`],
      ['A-062', '__proto__', '{"admin":true}'],
      ['A-062', 'attrs', '{"__proto__":{"admin":true}}'],
      ['A-049', 'data', '['.repeat(32) + ']'.repeat(32)],
    ])('%s: %s that is %s', (_ids, name, json) => {
      expect(codec.verify(forge(header, textWith(name, json)))).toBe('claims');
      expect(({} as { admin?: unknown }).admin).toBeUndefined();
    });

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
      ['a trailing comma', text.replace(/}$/, ',}')],
      ['a comment', `/**/${text}`],
      ['NaN', textWith('data', 'NaN')],
      ['single quotes', text.replaceAll('"', "'")],
      ['a BOM', `\ufeff${text}`],
      ['UTF-16', Buffer.from(text, 'utf16le')],
      ['invalid UTF-8', Buffer.from(text, 'latin1')],
      [
        '2,000 nested lists',
        textWith('data', '['.repeat(2_000) + ']'.repeat(2_000)),
      ],
      [
        '2,800 nested lists and nothing else',
        '['.repeat(2_800) + ']'.repeat(2_800),
      ],
    ])(
      'that is %s (A-049, A-050, A-051, A-060, S-011, S-036, V-10)',
      (_what, payload) => {
        const token = forge(header, payload);
        expect(token.length).toBeLessThan(8_192);
        expect(codec.verify(token)).toBe('claims');
      },
    );

    it('that is newer, and says that it is newer', () => {
      expect(codec.verify(forge(header, textWith('v', '2')))).toBe(
        'newer-version',
      );
    });
  });

  describe('reads in a payload', () => {
    it('what is written in another way than ours, as long as it says the same', () => {
      const text = JSON.stringify(CLAIMS);
      const reordered = Object.fromEntries(Object.entries(CLAIMS).toReversed());
      for (const payload of [
        JSON.stringify(reordered),
        JSON.stringify(CLAIMS, null, 2),
        text.replace('"ada"', '"\\u0061da"'),
      ]) {
        expect(codec.verify(forge(header, payload))).toEqual(CLAIMS);
      }
    });

    it('subjects as they are, two spellings of one letter as two (A-070)', () => {
      for (const sub of ['\u00e9', 'e\u0301']) {
        expect(codec.verify(forge(header, { ...CLAIMS, sub }))).toMatchObject({
          sub,
        });
      }
    });

    it('params of any type as they are: the loader checks them (A-074)', () => {
      for (const params of [null, 5, '', [], { id: 5 }, [[]], false]) {
        const verified = codec.verify(forge(header, { ...CLAIMS, params }));
        expect(verified).toEqual({ ...CLAIMS, params });
      }
    });

    it('members that are named like those of every object, which mean nothing (A-062)', () => {
      const data = {
        constructor: { prototype: { admin: true } },
        prototype: {},
      };
      expect(codec.verify(forge(header, { ...CLAIMS, data }))).toMatchObject({
        data,
      });
      expect(({} as { admin?: unknown }).admin).toBeUndefined();
    });
  });

  describe('is given hostile sizes', () => {
    const big = (count: number) => 'A'.repeat(count);
    const members = JSON.stringify(
      Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`m${i}`, i])),
    );

    it.each<[what: string, token: string]>([
      ['a signature of 200 KB', `${good}${big(200_000)}`],
      ['a payload of 200 KB', forge(header, { ...CLAIMS, data: big(150_000) })],
      ['a header of 200 KB', forge({ ...header, kid: big(150_000) }, CLAIMS)],
      ['a header of 64 KB of members', forge(members, CLAIMS)],
      ['a kid of 1 MB', forge({ ...header, kid: big(1_000_000) }, CLAIMS)],
      ['200 KB of dots', '.'.repeat(200_000)],
      ['200 KB of blanks', ' '.repeat(200_000)],
      ['200 KB of letters', big(200_000)],
      [
        '5,000 nested lists',
        forge(header, '['.repeat(5_000) + ']'.repeat(5_000)),
      ],
      ['100,000 nested lists', forge(header, '['.repeat(100_000))],
      ['100,000 nested objects', forge(header, '{"a":'.repeat(100_000))],
      [
        '100,000 nested lists in the header',
        forge('['.repeat(100_000), CLAIMS),
      ],
    ])(
      'and refuses them before anything is decoded, sooner than it verifies a good one: %s (A-029, A-048, A-049)',
      (_what, token) => {
        expect(token.length).toBeGreaterThan(8_192);
        const { watchedCodec, stages } = watched(mode);
        expect(watchedCodec.verify(token)).toBe('malformed');
        expect(stages).toEqual(['gate']);
        expect(
          costOver(
            () => void codec.verify(token),
            () => void codec.verify(good),
          ),
        ).toBeLessThan(1);
      },
    );

    it('and refuses nesting within the limit, too', () => {
      const nested = '['.repeat(2_500) + ']'.repeat(2_500);
      const token = forge(nested, {});
      expect(token.length).toBeLessThan(8_192);
      expect(codec.verify(token)).toBe('header');
    });
  });

  describe('knows one spelling of one token', () => {
    it('and refuses it as soon as any single character is another one (S-052)', () => {
      // The whole alphabet where verification is fast, one character of each kind elsewhere.
      const alphabet = pairModes.includes(mode)
        ? 'AQg0_.='
        : 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ %\0\u00e9';
      let changed = 0;
      const accepted: number[] = [];
      for (let at = 0; at < good.length; at += 1) {
        for (const character of alphabet) {
          if (character === good[at]) {
            continue;
          }
          changed += 1;
          const token = good.slice(0, at) + character + good.slice(at + 1);
          if (typeof codec.verify(token) !== 'string') {
            accepted.push(at);
          }
        }
      }
      expect(accepted).toEqual([]);
      expect(changed).toBeGreaterThan(good.length * (alphabet.length - 1) - 1);
    });

    it('and refuses it as soon as any single character is missing, doubled or swapped with the next', () => {
      const accepted: number[] = [];
      for (let at = 0; at < good.length; at += 1) {
        const [before, c, next] = [
          good.slice(0, at),
          good.charAt(at),
          good.charAt(at + 1),
        ];
        for (const token of [
          before + good.slice(at + 1),
          before + c + good.slice(at),
          before + next + c + good.slice(at + 2),
        ]) {
          if (token !== good && typeof codec.verify(token) !== 'string') {
            accepted.push(at);
          }
        }
      }
      expect(accepted).toEqual([]);
    });

    it('and refuses 100 others that lenient decoders read alike (A-040 to A-044, A-052, V-12)', () => {
      const segments = good.split('.');
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
        same.filter((spelling) => codec.verify(spelling) !== 'malformed'),
      ).toEqual([]);
      expect(codec.verify(good)).toEqual(CLAIMS);
    });

    it.each([
      ['one segment', good.slice(0, good.indexOf('.'))],
      ['two segments', good.split('.').slice(0, 2).join('.')],
      ['four segments', good.split('.').concat('AAAA').slice(-4).join('.')],
      ['one segment more', `${good}.AAAA`],
      ['a trailing dot', `${good}.`],
      ['only dots', good.replace(/[^.]/g, '')],
      ['nothing', ''],
      ['no signature', good.slice(0, good.lastIndexOf('.') + 1)],
      ['a JSON serialisation', JSON.stringify({ payload: good })],
      ['two tokens', `${good},${good}`],
      ['two tokens in a row', good + good],
    ])('and refuses %s (A-045, A-046, S-037)', (_what, token) => {
      expect(codec.verify(token)).toBe('malformed');
    });

    it('and takes no part of another token for its own (V-01, V-02)', () => {
      const other = forge(header, { ...CLAIMS, sub: 'bob' });
      const [a, b] = [good.split('.'), other.split('.')] as const;
      const verdicts = new Set<string>();
      for (let choice = 0; choice < 2 ** a.length; choice += 1) {
        const mixed = a
          .map((segment, i) => (choice & (1 << i) ? segment : b[i]))
          .join('.');
        const expected =
          mixed === good ? 'ada' : mixed === other ? 'bob' : 'signature';
        const verified = codec.verify(mixed);
        expect(typeof verified === 'string' ? verified : verified.sub).toBe(
          expected,
        );
        verdicts.add(expected);
      }
      expect(verdicts.size).toBe(3);
    });
  });
});

describe.each(modes)(
  'S-007, A-073: where tokens are protected with $name',
  (mode) => {
    const codec = codecOf(mode);

    it.each(modes.filter((each) => each !== mode))(
      'those protected with $name are refused, our own keys or not',
      (other) => {
        const { kid } = mode.header;
        const isOfOneFormat =
          (mode.name === 'A256GCM') === (other.name === 'A256GCM');
        const arePairs = pairModes.includes(mode) && pairModes.includes(other);
        for (const [token, refusal] of [
          [codecOf(other).sign(CLAIMS), arePairs ? 'unknown-key' : 'header'],
          // With the kid of a key of ours, which is then of another algorithm.
          [other.forge({ ...other.header, kid }, CLAIMS), 'header'],
        ] as const) {
          expect(codec.verify(token)).toBe(
            isOfOneFormat ? refusal : 'malformed',
          );
        }
        // Under the name of our algorithm the cryptography says no.
        const renamed = other.forge(mode.header, CLAIMS);
        expect(codec.verify(renamed)).toBe(
          isOfOneFormat ? 'signature' : 'malformed',
        );
      },
    );
  },
);

describe.each(signedModes)('a signature with $name', (mode) => {
  const codec = codecOf(mode);
  const good = mode.forge(mode.header, CLAIMS);
  const end = good.lastIndexOf('.') + 1;
  const signature = Buffer.from(good.slice(end), 'base64url');
  const withSignature = (bytes: Uint8Array) =>
    good.slice(0, end) + Buffer.from(bytes).toString('base64url');

  it('is checked whole', () => {
    expect(codec.verify(withSignature(signature))).toEqual(CLAIMS);
  });

  it.each([
    ['cut to 16 bytes', signature.subarray(0, 16)],
    ['cut by one byte', signature.subarray(0, -1)],
    ['cut to one byte', signature.subarray(0, 1)],
    ['one byte longer', Buffer.concat([signature, Buffer.from([0])])],
    [
      'one byte longer at its beginning',
      Buffer.concat([Buffer.from([0]), signature]),
    ],
    ['twice', Buffer.concat([signature, signature])],
    ['32 zero bytes', Buffer.alloc(32)],
    ['64 zero bytes', Buffer.alloc(64)],
    ['256 zero bytes', Buffer.alloc(256)],
    ['one zero byte', Buffer.alloc(1)],
    ['all ones', Buffer.alloc(signature.length, 0xff)],
    ['backwards', signature.toReversed()],
    ['its own hex', Buffer.from(signature.toString('hex'))],
  ])('is refused when it is %s (A-011, A-166)', (_case, bytes) => {
    expect(codec.verify(withSignature(bytes))).toBe('signature');
  });
});

describe('a MAC', () => {
  const { header } = secretMode;
  const codec = codecOf(secretMode);

  it.each([
    ['the empty key', ''],
    ['one zero byte', Buffer.alloc(1)],
    ['32 zero bytes', Buffer.alloc(32)],
    ['the text undefined', 'undefined'],
    ['the text null', 'null'],
    ['the kid', header['kid']!],
    ['the secret with a line end', `${SECRET}\n`],
    ['the bytes behind the secret', Buffer.from(SECRET, 'base64url')],
  ])(
    'is refused when it was made with %s (A-014, V-08, V-09)',
    (_case, secret) => {
      expect(codec.verify(forgeToken(header, CLAIMS, secret))).toBe(
        'signature',
      );
      const unknown = { ...header, kid: 'unknown' };
      expect(codec.verify(forgeToken(unknown, CLAIMS, secret))).toBe(
        'unknown-key',
      );
    },
  );

  it.each(['sha512', 'sha384', 'sha1', 'md5'])(
    'is refused when it is an HMAC with %s over the right secret (A-005)',
    (hash) => {
      expect(codec.verify(forgeToken(header, CLAIMS, SECRET, hash))).toBe(
        'signature',
      );
    },
  );

  it.each([
    'kid',
    'session-name',
    'refresh',
    'csrf',
    'encrypt-session',
    'day 1',
  ])(
    'is refused when it was made with a key that is derived from the secret for %s (S-020, V-23)',
    (purpose) => {
      const derived = Buffer.from(
        hkdfSync('sha256', SECRET, '', `nestjs-session-jwt:${purpose}:v1`, 32),
      );
      expect(codec.verify(forgeToken(header, CLAIMS, derived))).toBe(
        'signature',
      );
    },
  );

  it('with our secret is no signature where key pairs sign (V-17, V-20)', () => {
    for (const mode of pairModes) {
      const { kid } = mode.header;
      const pairCodec = codecOf(mode);
      for (const alg of ['HS256', mode.name]) {
        expect(
          pairCodec.verify(forgeToken({ ...mode.header, alg, kid }, CLAIMS)),
        ).toBe(alg === 'HS256' ? 'header' : 'signature');
      }
    }
  });
});

describe('keys that may change', () => {
  it('are waited for and learned as their owner says', async () => {
    const asked: string[] = [];
    const answer = (name: string) => {
      asked.push(name);
      return Promise.resolve();
    };
    const { format, keys } = secretMode;
    const codec = new TokenCodec(
      {
        current: keys,
        ready: () => answer('ready'),
        learn: () => answer('learn'),
      },
      format,
      sessionTokens(EXPECTED),
    );
    await codec.ready();
    await codec.learn();
    expect(asked).toEqual(['ready', 'learn']);
    expect(codecOf(secretMode).ready()).toBeUndefined();
    expect(codecOf(secretMode).learn()).toBeUndefined();
  });

  it.each(['ES256', 'EdDSA', 'RS256', 'PS256'] as const)(
    'of %s verify from their announcement to their end (A-012, A-013, V-44)',
    (algorithm) => {
      const active = pairOf(algorithm, keyPairs[algorithm]);
      const other = otherKeyPairs[algorithm];
      const mode = pairModes.find(({ name }) => name === algorithm)!;
      const token = codecOf(mode, pairKeys(pairOf(algorithm, other))).sign(
        CLAIMS,
      );
      for (const [state, endsAt, verdict] of [
        ['next', Infinity, CLAIMS],
        ['retiring', Infinity, CLAIMS],
        ['retiring', NOW + 1, CLAIMS],
        ['retiring', NOW, 'unknown-key'],
        ['retiring', NOW - 1, 'unknown-key'],
      ] as const) {
        const keys = pairKeys(active, pairOf(algorithm, other, state, endsAt));
        expect(codecOf(mode, keys).verify(token)).toEqual(verdict);
        expect(signingKeyOf(keys).kid).toBe(mode.header['kid']);
      }
    },
  );

  it('verify without signing where the process only verifies', () => {
    const keys = keysOfSecrets([createSecretKey(Buffer.from(SECRET))], true);
    const codec = codecOf(secretMode, keys);
    expect(codec.verify(forgeToken(secretMode.header, CLAIMS))).toEqual(CLAIMS);
    expect(() => codec.sign(CLAIMS)).toThrow(SessionError);
  });
});

describe('a payload of any bytes', () => {
  it('is never an exception, whatever it is (V-40)', () => {
    for (const mode of modes) {
      const codec = codecOf(mode);
      fc.assert(
        fc.property(
          fc.oneof(
            fc.jsonValue().map((value) => JSON.stringify(value)),
            fc.string(),
            fc.uint8Array({ minLength: 1 }),
          ),
          (payload) => {
            fc.pre(payload.length > 0);
            expect(codec.verify(mode.forge(mode.header, payload))).toBe(
              'claims',
            );
          },
        ),
        { seed: 401, numRuns: 200 },
      );
    }
  });

  it('is none at all when it is empty', () => {
    for (const mode of modes) {
      expect(codecOf(mode).verify(mode.forge(mode.header, ''))).toBe(
        'malformed',
      );
    }
    const content = `${encodeSegment(secretMode.header)}.`;
    const mac = createHmac('sha256', SECRET)
      .update(content)
      .digest('base64url');
    expect(codecOf(secretMode).verify(`${content}.${mac}`)).toBe('malformed');
  });
});
