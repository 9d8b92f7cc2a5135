import type { KeyObject } from 'node:crypto';
import { connect, Socket } from 'node:net';
import type { Refusal, SessionErrorCode } from '../../lib/index.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import { send, type TestResponse } from '../support/browser.js';
import { ofThisSpec } from '../support/effort.js';
import type { SegmentContent } from '../support/forged-token.js';
import type { TestApp } from '../support/test-app.js';
import { titleOf } from '../support/titles.js';

const HOUR = 3_600;
const DAY = 24 * HOUR;

export const COOKIE = '__Host-Http-session';
export const BODY = {
  statusCode: 401,
  message: 'Unauthorized',
  errorCode: 'SESSION_REQUIRED',
};
export const CLEARING =
  '__Host-Http-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax';

/** What the contract says of each reason: the code in the event, and whether the client's cookie is cleared. */
const VERDICTS: Partial<
  Record<Refusal, readonly [code: SessionErrorCode, clears: boolean]>
> = {
  missing: ['TOKEN_MISSING', false],
  malformed: ['TOKEN_INVALID', true],
  header: ['TOKEN_INVALID', true],
  signature: ['TOKEN_INVALID', true],
  claims: ['TOKEN_INVALID', true],
  params: ['TOKEN_INVALID', true],
  expired: ['TOKEN_EXPIRED', true],
  ended: ['SESSION_ENDED', true],
  stale: ['TOKEN_EXPIRED', false],
  'unknown-key': ['KEY_UNKNOWN', false],
  'newer-version': ['TOKEN_INVALID', false],
  'not-yet-valid': ['TOKEN_NOT_YET_VALID', false],
};

export type Slot = 'cookie' | 'header';
/** Where a token is sent: at modest effort in one of both. */
export const slots = ofThisSpec<[Slot]>([['cookie'], ['header']]);

/** Bytes of UTF-8, one character each, as node's client wants them. */
const wire = (text: string) => Buffer.from(text).toString('latin1');

export function headersFor(slot: Slot, token: string): Record<string, string> {
  return slot === 'cookie'
    ? { Cookie: `${COOKIE}=${wire(token)}` }
    : { Authorization: `Bearer ${wire(token)}` };
}

export const present = (app: TestApp, slot: Slot, token: string) =>
  send(app.port, { path: '/me', headers: headersFor(slot, token) });

/** Refused as the contract wants it: one body, one event, no handler, no loader. */
export async function expectRefused(
  app: TestApp,
  request: () => Promise<TestResponse>,
  reason: Refusal,
): Promise<void> {
  const { handled } = app.account;
  const loads = app.users.loads.length;
  app.events.length = 0;
  const response = await request();
  const [code, clears] = VERDICTS[reason]!;
  expect({ status: response.status, events: app.events }).toEqual({
    status: 401,
    events: [{ type: 'rejected', at: expect.any(Date), code, reason }],
  });
  expect(response.json).toEqual(BODY);
  expect(app.account.handled).toBe(handled);
  expect(app.users.loads).toHaveLength(loads);
  // A bad token in a header costs no cookie.
  expect(response.setCookie).toEqual(
    clears && response.sentCookies ? [CLEARING] : [],
  );
}

export async function expectAccepted(
  app: TestApp,
  slot: Slot,
  token: string,
  subject = 'ada',
): Promise<void> {
  const { handled } = app.account;
  app.events.length = 0;
  const response = await present(app, slot, token);
  expect({ status: response.status, events: app.events }).toEqual({
    status: 200,
    events: [],
  });
  expect(response.json.subject).toBe(subject);
  expect(app.account.handled).toBe(handled + 1);
}

/** The key that an application protects session tokens with now. */
export function protectingKeyOf(app: TestApp): KeyObject {
  const { codec } = app.app.get<SessionRuntime>(SESSION_RUNTIME).keys;
  return codec.keys.signing!.signingKey!;
}

export interface Context {
  /** A good token, and what it holds. */
  readonly token: string;
  readonly header: Record<string, unknown>;
  readonly claims: Record<string, unknown>;
  readonly now: number;
  /** A server that nobody may call. */
  readonly trapUrl: string;
  /** A token with exactly this content, protected with the right key. */
  readonly protect: (header: SegmentContent, payload: SegmentContent) => string;
}

export type Make = (context: Context) => string;
export type Row = [title: string, make: Make, reason: Refusal];
export type Changes = Record<string, unknown>;
type Changing = Changes | ((context: Context) => Changes);

const changed = (context: Context, changes: Changing) =>
  typeof changes === 'function' ? changes(context) : changes;

/** A token with another header, rightly protected. */
export const withHeader =
  (changes: Changing): Make =>
  (c) =>
    c.protect({ ...c.header, ...changed(c, changes) }, c.claims);

/** A token with other claims, rightly protected. */
export const withClaims =
  (changes: Changing): Make =>
  (c) =>
    c.protect(c.header, { ...c.claims, ...changed(c, changes) });

/** A token with exactly this payload, rightly protected. */
export const withPayload =
  (
    payload: SegmentContent | ((claims: string, c: Context) => SegmentContent),
  ): Make =>
  (c) =>
    c.protect(
      c.header,
      typeof payload === 'function'
        ? edited(JSON.stringify(c.claims), (text) => payload(text, c))
        : payload,
    );

export const withHeaderText =
  (edit: (header: string) => SegmentContent): Make =>
  (c) =>
    c.protect(edited(JSON.stringify(c.header), edit), c.claims);

function edited(
  text: string,
  edit: (text: string) => SegmentContent,
): SegmentContent {
  const result = edit(text);
  if (result === text) {
    throw new Error('the edit changed nothing');
  }
  return result;
}

/** The token, its segments replaced by what `edit` makes of them. */
export const spelled =
  (edit: (segments: string[]) => string[]): Make =>
  ({ token }) =>
    edit(token.split('.')).join('.');

/** The same bytes with bits set that the last character has to spare. */
export function withSpareBits(segment: string): string {
  const alphabet =
    'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  expect(segment.length % 4).toBeGreaterThan(1);
  const last = alphabet.indexOf(segment.slice(-1));
  return segment.slice(0, -1) + alphabet.charAt(last + 1);
}

/** JSON with as many blanks behind it as make base64url end with spare bits. */
export function withRoom(value: object): string {
  const text = JSON.stringify(value);
  return text + ' '.repeat(Buffer.byteLength(text) % 3 === 0 ? 1 : 0);
}

export function nested(levels: number, kind: 'lists' | 'objects'): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) {
    value = kind === 'lists' ? [value] : { a: value };
  }
  return value;
}

const shown = (value: unknown) =>
  value === undefined ? 'absent' : titleOf(value);

/** Headers that no token may have, whatever protects it. */
export const HEADER_ROWS: Row[] = [
  ...[
    'unknown',
    '__proto__',
    'constructor',
    'toString',
    'k'.repeat(128),
    '.',
    '0',
  ].map((kid): Row => [
    `A-020 the kid ${titleOf(kid)}`,
    withHeader({ kid }),
    'unknown-key',
  ]),
  ...[
    undefined,
    null,
    '',
    'k'.repeat(129),
    [],
    ['unknown'],
    {},
    0,
    5,
    true,
    '../../../../dev/null',
    '/dev/null',
    "' OR 1=1--",
    '; id',
    '%00',
    'a\0b',
    'a\r\nb',
    'http://127.0.0.1/key',
  ].map((kid): Row => [
    `A-020 the kid ${shown(kid)}`,
    withHeader({ kid }),
    'header',
  ]),
  [
    'A-020 a kid of 7,000 characters',
    withHeader({ kid: 'k'.repeat(7_000) }),
    'malformed',
  ],
  [
    'A-020 the good kid within a list',
    withHeader((c) => ({ kid: [c.header['kid']] })),
    'header',
  ],
  [
    'A-020 the good kid and a blank',
    withHeader((c) => ({ kid: `${c.header['kid'] as string} ` })),
    'header',
  ],
  ['A-021 S-016 jku', withHeader((c) => ({ jku: c.trapUrl })), 'header'],
  ['A-021 S-016 x5u', withHeader((c) => ({ x5u: c.trapUrl })), 'header'],
  [
    'A-021 S-016 a kid that is a URL',
    withHeader((c) => ({ kid: c.trapUrl })),
    'header',
  ],
  ['A-021 S-016 x5c', withHeader({ x5c: ['MIIB'] }), 'header'],
  ['A-021 S-016 x5t', withHeader({ x5t: 'AAAA' }), 'header'],
  ...[['x'], [], ['alg'], ['exp'], 'b64', ['b64', 'b64'], null, {}].map(
    (crit): Row => [
      `A-022 crit ${JSON.stringify(crit)}`,
      withHeader({ crit }),
      'header',
    ],
  ),
  ['A-023 b64 false without crit', withHeader({ b64: false }), 'header'],
  [
    'A-023 b64 false with crit and an encoded payload',
    withHeader({ b64: false, crit: ['b64'] }),
    'header',
  ],
  ['A-024 V-21 zip', withHeader({ zip: 'DEF' }), 'header'],
  ...[
    undefined,
    null,
    'JWT',
    'jwt',
    'at+jwt',
    'logout+jwt',
    'session-refresh+jwt',
    'Session+jwt',
    'application/session+jwt',
    '',
    [],
    ['session+jwt'],
    {},
    0,
  ].map((typ): Row => [
    `A-025 typ ${shown(typ)}`,
    withHeader({ typ }),
    'header',
  ]),
  ['A-026 cty', withHeader({ cty: 'JWT' }), 'header'],
  [
    'A-027 alg twice',
    withHeaderText((text) => text.replace('{', '{"alg":"none",')),
    'header',
  ],
  [
    'A-027 alg twice, once escaped',
    withHeaderText((text) =>
      text.replace('"alg":', '"\\u0061lg":"HS256","alg":'),
    ),
    'header',
  ],
  [
    'A-027 kid twice',
    withHeaderText((text) => text.replace('"kid":', '"kid":"x","kid":')),
    'header',
  ],
  ...(['[]', '"ES256"', 'null', '5', 'true'] as const).map((text): Row => [
    `A-028 the header ${text}`,
    withHeaderText(() => text),
    'header',
  ]),
  [
    'A-028 a list of the good header',
    withHeaderText((text) => `[${text}]`),
    'header',
  ],
  [
    'A-029 a header of 400 members',
    withHeader(
      Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`m${i}`, i])),
    ),
    'header',
  ],
  [
    'A-029 a header of 1,000 members',
    withHeader(
      Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [i, 0])),
    ),
    'malformed',
  ],
  ...['x', '', 'exp', 'iss', 'nonce', 'constructor', 'ALG', 'url', 'iv'].map(
    (name): Row => [
      `A-030 the further header member ${JSON.stringify(name)}`,
      withHeader({ [name]: 1 }),
      'header',
    ],
  ),
];

const replaced = (name: string, number: string) =>
  withPayload((text) =>
    text.replace(new RegExp(`"${name}":\\d+`), `"${name}":${number}`),
  );

/** Payloads that are no claims, or hide what they claim, rightly protected. */
export const PAYLOAD_ROWS: Row[] = [
  ...(['lists', 'objects'] as const).flatMap((kind): Row[] => [
    [
      `A-049 data of 700 nested ${kind}`,
      withClaims({ data: nested(700, kind) }),
      'claims',
    ],
    [
      `A-049 params of 32 nested ${kind}`,
      withClaims({ params: nested(32, kind) }),
      'claims',
    ],
  ]),
  [
    'A-049 a payload of 2,500 nested lists',
    withPayload('['.repeat(2_500) + ']'.repeat(2_500)),
    'claims',
  ],
  [
    'A-049 a payload of 5,000 nested lists',
    withPayload('['.repeat(5_000) + ']'.repeat(5_000)),
    'malformed',
  ],
  [
    'A-049 a header of 2,500 nested lists',
    withHeaderText(() => '['.repeat(2_500) + ']'.repeat(2_500)),
    'header',
  ],
  ...(
    [
      ['a BOM', (text) => `\ufeff${text}`],
      ['UTF-16', (text) => Buffer.from(text, 'utf16le')],
      [
        'a byte that is no UTF-8',
        (text) =>
          Buffer.from(
            text.replace('session', 'sessi\u00ff').replace('ada', 'ad\u00ff'),
            'latin1',
          ),
      ],
      [
        'an overlong quote',
        (text) => Buffer.from(text.replace('"', '\u00c0\u00a2'), 'latin1'),
      ],
      [
        'a raw lone surrogate',
        (text) =>
          Buffer.from(text.replace('{', '{"x\u00ed\u00a0\u0080":1,'), 'latin1'),
      ],
    ] as [string, (text: string) => SegmentContent][]
  ).flatMap(([what, edit]): Row[] => [
    [
      `A-050 a payload with ${what}`,
      withPayload((text) => edit(text)),
      'claims',
    ],
    [`A-050 a header with ${what}`, withHeaderText(edit), 'header'],
  ]),
  ...(
    [
      ['a trailing comma', (text) => text.replace(/\}$/, ',}')],
      ['a comment', (text) => text.replace('{', '{/**/')],
      ['NaN', (text) => text.replace('{', '{"x":NaN,')],
      ['single quotes', (text) => text.replaceAll('"', "'")],
      ['two documents', (text) => text + text],
      ['a trailing NUL', (text) => `${text}\0`],
      ['nothing but a brace', () => '{'],
    ] as [string, (text: string) => string][]
  ).flatMap(([what, edit]): Row[] => [
    [
      `A-051 a payload with ${what}`,
      withPayload((text) => edit(text)),
      'claims',
    ],
    [`A-051 a header with ${what}`, withHeaderText(edit), 'header'],
  ]),
  ...(['[]', '"ada"', '5', 'null', 'true', 'false', '{}'] as const).map(
    (text): Row => [
      `A-060 V-10 the payload ${text}`,
      withPayload(text),
      'claims',
    ],
  ),
  [
    'A-060 V-10 a list of good claims',
    withPayload((text) => `[${text}]`),
    'claims',
  ],
  ...['sub', 'exp', 'sid', 'iss', 'params'].flatMap((name): Row[] => [
    [
      `A-061 ${name} twice, the good one last`,
      withPayload((text) => text.replace('{', `{"${name}":"x",`)),
      'claims',
    ],
    [
      `A-061 ${name} twice with equal values, once escaped`,
      withPayload((text, c) => {
        const escaped = `\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}`;
        return text.replace(
          '{',
          `{"${escaped}":${JSON.stringify(c.claims[name])},`,
        );
      }),
      'claims',
    ],
  ]),
  ...(
    [
      ['at the top', '{', '{"__proto__":{"admin":true},'],
      ['escaped', '{', '{"__pr\\u006fto__":{"admin":true},'],
      ['in the data', '"data":{', '"data":{"__proto__":{"admin":true},'],
    ] as const
  ).map(([where, from, to]): Row => [
    `A-062 a member __proto__ ${where}`,
    withPayload((text) => text.replace(from, to)),
    'claims',
  ]),
];

const ago = (seconds: number) => (c: Context) => ({
  iat: c.now - seconds,
  lat: c.now - seconds,
  oiat: c.now - seconds,
  auth_time: c.now - seconds,
});
const NOT_TIMES = ['soon', null, true, [1_893_456_000], {}, -1, 0, 0.5];
const NOT_OURS = [
  undefined,
  'other-app',
  'NESTJS-SESSION-JWT',
  'nestjs-session-jwt/',
  '',
  '__proto__',
  null,
  5,
  {},
  [],
  ['nestjs-session-jwt'],
  ['nestjs-session-jwt', 'other-app'],
];

/** Claims that do not satisfy the profile or the clocks, rightly protected. */
export const CLAIM_ROWS: Row[] = [
  ...['exp', 'iat', 'lat', 'oiat', 'auth_time'].flatMap((name): Row[] => {
    const id =
      name === 'exp' ? 'A-063 V-32' : name === 'oiat' ? 'A-067' : 'A-066';
    return [undefined, ...NOT_TIMES].map((value): Row => [
      `${id} ${name} ${shown(value)}`,
      withClaims({ [name]: value }),
      'claims',
    ]);
  }),
  [
    'A-063 exp equal to now',
    withClaims((c) => ({ ...ago(60)(c), exp: c.now })),
    'expired',
  ],
  [
    'A-063 exp a second ago, within the clock tolerance that exp does not have',
    withClaims((c) => ({ ...ago(60)(c), exp: c.now - 1 })),
    'expired',
  ],
  ['A-064 exp 1e999', replaced('exp', '1e999'), 'claims'],
  ['A-064 exp 9e15', replaced('exp', '9e15'), 'claims'],
  [
    'A-064 exp in milliseconds',
    withClaims((c) => ({ exp: (c.now + DAY) * 1000 })),
    'claims',
  ],
  [
    'A-064 exp more than 400 days after iat',
    withClaims((c) => ({ exp: c.now + 400 * DAY + 1 })),
    'claims',
  ],
  [
    'A-065 nbf an hour ahead',
    withClaims((c) => ({ nbf: c.now + HOUR })),
    'not-yet-valid',
  ],
  [
    'A-065 nbf 1e999',
    withPayload((text) => text.replace('{', '{"nbf":1e999,')),
    'claims',
  ],
  ...NOT_TIMES.map((nbf): Row => [
    `A-065 nbf ${JSON.stringify(nbf)}`,
    withClaims({ nbf }),
    'claims',
  ]),
  [
    'A-066 iat, lat and oiat an hour ahead',
    withClaims((c) => ({ ...ago(-HOUR)(c) })),
    'not-yet-valid',
  ],
  ['A-066 iat -1e999', replaced('iat', '-1e999'), 'claims'],
  [
    'A-066 iat after exp',
    withClaims((c) => ({ iat: Number(c.claims['exp']) + 1 })),
    'claims',
  ],
  ['A-067 oiat after iat', withClaims((c) => ({ oiat: c.now + 1 })), 'claims'],
  [
    'A-067 oiat as old as the absolute lifetime',
    withClaims((c) => ({
      oiat: c.now - 30 * DAY,
      auth_time: c.now - 30 * DAY,
    })),
    'expired',
  ],
  ...NOT_OURS.flatMap((value): Row[] => [
    [`A-068 A-072 iss ${shown(value)}`, withClaims({ iss: value }), 'claims'],
    [`A-069 A-072 aud ${shown(value)}`, withClaims({ aud: value }), 'claims'],
  ]),
  [
    'A-072 a good token of another application with the same key',
    withClaims({ iss: 'other-app', aud: 'other-app' }),
    'claims',
  ],
  ...[undefined, 5, {}, [], ['ada'], null, true, '', 'x'.repeat(256)].map(
    (sub): Row => [`A-070 sub ${shown(sub)}`, withClaims({ sub }), 'claims'],
  ),
  ...[
    undefined,
    '',
    'A'.repeat(42),
    'A'.repeat(44),
    `${'A'.repeat(42)}B`,
    null,
    5,
    [],
    {},
  ].map((sid): Row => [
    `A-071 sid ${shown(sid)}`,
    withClaims({ sid }),
    'claims',
  ]),
  ...[undefined, '', 'short', null, 5, [], {}].map((jti): Row => [
    `A-071 jti ${shown(jti)}`,
    withClaims({ jti }),
    'claims',
  ]),
  [
    'A-073 the claims of a refresh token as a session token',
    withClaims({ lat: undefined, data: undefined }),
    'claims',
  ],
  [
    'A-073 the claims of an id token',
    withPayload((_, c) =>
      JSON.stringify({
        iss: c.claims['iss'],
        aud: c.claims['aud'],
        sub: 'ada',
        iat: c.now,
        exp: c.now + HOUR,
        auth_time: c.now,
        nonce: 'n',
        azp: 'app',
      }),
    ),
    'claims',
  ],
  [
    'A-073 a token as the payload of a token',
    (c) => c.protect(c.header, c.token),
    'claims',
  ],
];

/** What stands in no segment of base64url. */
export const FOREIGN_CHARACTERS = [
  ['a blank', ' '],
  ['a tab', '\t'],
  ['padding', '='],
  ['a plus sign', '+'],
  ['a slash', '/'],
  ['a zero-width blank', '\u200b'],
  ['a full-width digit', '\uff11'],
  ['a quote', '"'],
  ['a percent sign', '%'],
] as const;

/** Values of `Authorization` that are not quite right. */
export const SCHEME_ROWS: [
  title: string,
  make: (token: string) => string,
  reason: Refusal,
][] = [
  ['Bearer twice', (token) => `Bearer Bearer ${token}`, 'malformed'],
  ['two blanks', (token) => `Bearer  ${token}`, 'malformed'],
  ['two tokens', (token) => `Bearer ${token},${token}`, 'malformed'],
  [
    'two values joined by a comma',
    (token) => `Bearer ${token}, Bearer ${token}`,
    'malformed',
  ],
  ['quotes', (token) => `Bearer "${token}"`, 'malformed'],
  ['a tab', (token) => `Bearer\t${token}`, 'missing'],
  ['Basic', (token) => `Basic ${token}`, 'missing'],
  ['no scheme', (token) => token, 'missing'],
];

export function rawRequest(slot: Slot, value: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(
      'GET /me HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n',
    ),
    Buffer.from(
      slot === 'cookie' ? `Cookie: ${COOKIE}=` : 'Authorization: Bearer ',
    ),
    value,
    Buffer.from('\r\n\r\n'),
  ]);
}

/** The status of the first answer to bytes that no well-behaved client would send. */
export function sendRaw(port: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      answer += text;
    });
    // Node closes with a reset where it stopped reading; what counts is the answer.
    socket.on('error', () => {});
    socket.on('close', () => {
      const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? [];
      if (status === undefined) {
        reject(new Error('no answer'));
      } else {
        resolve(Number(status));
      }
    });
  });
}

/** Notes to which ports this process connects. */
export class OutgoingConnections {
  readonly ports: unknown[] = [];
  // oxlint-disable-next-line typescript/unbound-method -- called with its socket again
  readonly #connect = Socket.prototype.connect;

  start(): void {
    const { ports } = this;
    const original = this.#connect;
    Socket.prototype.connect = function (this: Socket, ...args: any[]) {
      const [first] = args as [unknown];
      const [target] = (Array.isArray(first) ? first : [first]) as [unknown];
      ports.push(
        typeof target === 'object'
          ? Number((target as { port?: unknown }).port)
          : Number(target),
      );
      return Reflect.apply(original, this, args) as Socket;
    };
  }

  stop(): void {
    Socket.prototype.connect = this.#connect;
  }
}
