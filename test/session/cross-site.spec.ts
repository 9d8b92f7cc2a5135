import { createSecretKey } from 'node:crypto';
import { CsrfTokens } from '../../lib/csrf/csrf-tokens.js';
import { AMBIGUOUS_TOKEN, type Transport } from '../../lib/ports/transport.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import type { RequestFacts } from '../../lib/ports/request-facts.js';
import { CarriedSessions } from '../../lib/session/request/carried-sessions.js';
import {
  forgeryOf,
  isAmbient,
  refuseCrossSite,
  refuseCrossSiteSignIn,
  type CrossSiteParts,
} from '../../lib/session/request/cross-site.js';
import type { SessionEvent } from '../../lib/session/model/session-event.js';
import { SessionEvents } from '../../lib/session/model/session-events.js';
import { SessionTransports } from '../../lib/session/request/session-transports.js';
import { claimsOf, NOW } from '../support/session-claims.js';
import { SECRET } from '../support/secrets.js';
import { createCodecs, refreshClaimsOf } from './codecs.js';

type Name = 'cookie' | 'header' | 'query';

/** What the request brings by each of three transports. */
interface Carried {
  readonly cookie?: unknown;
  readonly cookieRefresh?: unknown;
  readonly header?: unknown;
  readonly headerRefresh?: unknown;
  readonly query?: unknown;
  readonly queryRefresh?: unknown;
}

function transportsOf(
  carried: Carried,
): Record<Name, Transport> & { readonly all: SessionTransports } {
  const transport = (name: Name): Transport => ({
    name,
    ambient: name === 'cookie',
    read: () => carried[name] as string | undefined,
    readRefresh: () => carried[`${name}Refresh`] as string | undefined,
    // Of a query nothing is said, as in a transport that an application wrote.
    ...(name === 'header' && {
      provesOrigin: () =>
        (carried.header ?? carried.headerRefresh) !== undefined,
    }),
    write: () => [],
    clear: () => [],
  });
  const cookie = transport('cookie');
  const header = transport('header');
  const query = transport('query');
  const all = new SessionTransports([cookie, header, query]);
  return { all, cookie, header, query };
}

const EVIL = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
const OWN = { origin: 'https://app.example', 'sec-fetch-site': 'same-origin' };

const csrfTokens = new CsrfTokens(() => [createSecretKey(Buffer.from(SECRET))]);
const { codec, refreshCodec } = createCodecs();

function partsOf(transports: SessionTransports, csrf: object) {
  const events: SessionEvent[] = [];
  const told: string[] = [];
  const stream = new SessionEvents(() => NOW);
  stream.stream.subscribe((event) => events.push(event));
  const parts: CrossSiteParts = {
    transports,
    csrf: resolveOptions({ secret: SECRET, verifyOnly: true, csrf }).csrf,
    csrfTokens,
    onForgery: (_facts, reason) => told.push(reason),
    events: stream,
  };
  return { parts, events, told };
}

function factsWith(
  headers: Record<string, string>,
  method = 'POST',
): RequestFacts {
  return { method, headers: { host: 'app.example', ...headers } };
}

/** A request that another site posts, unless it is told otherwise. */
interface Request {
  readonly headers?: Record<string, string>;
  readonly method?: string;
  readonly crossSite?: unknown;
  readonly csrf?: object;
  readonly withFacts?: boolean;
  /** Whether it is a refresh or a sign-out, which have sessions to protect, and no sign-in. */
  readonly hasSessions?: boolean;
}

async function judge(
  carried: Carried,
  writes: readonly Name[],
  {
    headers = EVIL,
    method = 'POST',
    crossSite,
    csrf = {},
    withFacts = true,
    hasSessions = false,
  }: Request = {},
): Promise<{ code: string | undefined; events: SessionEvent[] }> {
  const { all, ...named } = transportsOf(carried);
  const { parts, events, told } = partsOf(all, csrf);
  let code: string | undefined;
  try {
    const change = {
      facts: withFacts ? factsWith(headers, method) : undefined,
      carriers: writes.map((name) => named[name]),
      crossSite,
    };
    if (hasSessions) {
      const sessions = new CarriedSessions(all, codec, refreshCodec);
      await refuseCrossSite(parts, change, sessions);
    } else {
      refuseCrossSiteSignIn(parts, change);
    }
  } catch (error) {
    code = (error as { code: string }).code;
  }
  // Whoever explains refusals hears of each, and of nothing else.
  expect(told).toEqual(
    events.map((event) => event.type === 'rejected' && event.reason),
  );
  return { code, events };
}

const codeOf = async (...given: Parameters<typeof judge>) =>
  (await judge(...given)).code;

describe('a request of another site that would write or end sessions', () => {
  it.each<[string, Carried, Name[], boolean]>([
    ['that carries nothing and writes cookies', {}, ['cookie'], true],
    ['that carries nothing and writes headers', {}, ['header'], false],
    ['that carries nothing and writes both', {}, ['header', 'cookie'], true],
    ['that carries nothing and writes nothing', {}, [], false],
    ['that carries a session cookie', { cookie: 'x' }, ['header'], true],
    ['that carries a refresh cookie', { cookieRefresh: 'x' }, ['header'], true],
    [
      'that carries a refresh cookie and writes cookies',
      { cookieRefresh: 'x' },
      ['cookie'],
      true,
    ],
    [
      'that carries two cookies of one name',
      { cookie: AMBIGUOUS_TOKEN },
      ['header'],
      true,
    ],
    [
      'that carries two refresh cookies',
      { cookieRefresh: AMBIGUOUS_TOKEN },
      ['header'],
      true,
    ],
    [
      'that carries a token of its own making, which no other site can send',
      { header: 'x' },
      ['cookie'],
      false,
    ],
    [
      'that carries a refresh token in a header of its own making',
      { headerRefresh: 'x' },
      ['cookie'],
      false,
    ],
    [
      'that carries a token in a query, which every site can send',
      { query: 'x' },
      ['cookie'],
      true,
    ],
    ['that carries an empty token in a query', { query: '' }, ['cookie'], true],
    [
      'that carries two tokens in a query',
      { query: AMBIGUOUS_TOKEN },
      ['cookie'],
      true,
    ],
    [
      'that carries a refresh token in a query',
      { queryRefresh: 'x' },
      ['cookie'],
      true,
    ],
    [
      'that carries a token in a query and writes no cookie',
      { query: 'x' },
      ['query', 'header'],
      false,
    ],
    [
      'that carries a token in a query and a cookie',
      { query: 'x', cookie: 'x' },
      ['query'],
      true,
    ],
    [
      'that carries a token in a query and a refresh cookie',
      { query: 'x', cookieRefresh: 'x' },
      ['query'],
      true,
    ],
    [
      'that carries a token of its own making beside one in a query',
      { header: 'x', query: 'x' },
      ['cookie'],
      false,
    ],
    [
      'that carries both, the cookie among them',
      { header: 'x', cookie: 'x' },
      ['header'],
      true,
    ],
    [
      'that carries both, the refresh cookie among them',
      { header: 'x', cookieRefresh: 'x' },
      ['header'],
      true,
    ],
  ])('%s', async (_case, carried, writes, isRefused) => {
    const { code, events } = await judge(carried, writes);
    expect(code).toBe(isRefused ? 'CSRF_REFUSED' : undefined);
    expect(events).toEqual(
      isRefused
        ? [
            {
              type: 'rejected',
              at: new Date(NOW * 1000),
              code: 'CSRF_REFUSED',
              reason: 'cross-site',
            },
          ]
        : [],
    );
    // Its own pages may do all of that.
    expect(await codeOf(carried, writes, { headers: OWN })).toBeUndefined();
  });

  it.each(['GET', 'HEAD', 'OPTIONS'])(
    'is not asked where it was sent with %s, which changes nothing',
    async (method) => {
      expect(await codeOf({ cookie: 'x' }, ['cookie'], { method })).toBe(
        undefined,
      );
    },
  );

  it.each(['POST', 'PUT', 'DELETE', 'get', '', 'X'])(
    'is refused where it was sent with %p',
    async (method) => {
      expect(await codeOf({ cookie: 'x' }, ['cookie'], { method })).toBe(
        'CSRF_REFUSED',
      );
    },
  );

  it('is refused where a GET opens a socket', async () => {
    const headers = { ...EVIL, upgrade: 'websocket' };
    expect(
      await codeOf({ cookie: 'x' }, ['cookie'], { method: 'GET', headers }),
    ).toBe('CSRF_REFUSED');
  });

  it('is let through where the application says so: with true, and nothing that only looks like it', async () => {
    const csrf = { header: 'X-CSRF', token: true };
    expect(
      await judge({ cookie: 'x' }, ['cookie'], { crossSite: true, csrf }),
    ).toEqual({ code: undefined, events: [] });
    for (const crossSite of [false, undefined, null, 'true', 1, {}, []]) {
      expect(await codeOf({ cookie: 'x' }, ['cookie'], { crossSite })).toBe(
        'CSRF_REFUSED',
      );
    }
  });

  it('is let through where there is no request, and where its origin is trusted', async () => {
    expect(
      await codeOf({ cookie: 'x' }, ['cookie'], { withFacts: false }),
    ).toBeUndefined();
    expect(
      await codeOf({ cookie: 'x' }, ['cookie'], {
        csrf: { origin: { trustedOrigins: ['https://evil.example'] } },
      }),
    ).toBeUndefined();
  });
});

const ADA = claimsOf({ sub: 'ada' });
const BOB = claimsOf({ sub: 'bob', sid: 'B'.repeat(42) + 'A' });
const session = codec.sign(ADA);
const refresh = refreshCodec.sign(refreshClaimsOf(ADA));
const ofAda = { 'x-csrf-token': csrfTokens.issue(ADA.sid) };
const ofBob = { 'x-csrf-token': csrfTokens.issue(BOB.sid) };
const CUSTOM = { 'x-csrf': '1' };
const TOKEN = { token: true };
const HEADER = { origin: false, header: 'X-CSRF' };

describe('the techniques that a sign-in, refresh or sign-out obeys', () => {
  type Row = [
    what: string,
    csrf: object,
    carried: Carried,
    headers: Record<string, string>,
    reason: string | undefined,
  ];

  it.each<Row>([
    ['the header: missing', HEADER, {}, OWN, 'csrf-header'],
    ['the header: present', HEADER, {}, CUSTOM, undefined],
    ['the header: empty', HEADER, {}, { 'x-csrf': '' }, 'csrf-header'],
    ['both: no header', { header: 'X-CSRF' }, {}, OWN, 'csrf-header'],
    [
      'both: another site',
      { header: 'X-CSRF' },
      {},
      { ...EVIL, ...CUSTOM },
      'cross-site',
    ],
    ['both hold', { header: 'X-CSRF' }, {}, { ...OWN, ...CUSTOM }, undefined],
  ])('S-158: %s', async (_what, csrf, carried, headers, reason) => {
    for (const hasSessions of [false, true]) {
      const { events } = await judge(carried, ['cookie'], {
        csrf,
        headers,
        hasSessions,
      });
      expect(events).toMatchObject(reason ? [{ reason }] : []);
    }
  });

  it.each<Row>([
    ['of the session', TOKEN, { cookie: session }, ofAda, undefined],
    ['missing', TOKEN, { cookie: session }, OWN, 'csrf-token'],
    ['of another session', TOKEN, { cookie: session }, ofBob, 'csrf-token'],
    [
      'of the refresh token',
      TOKEN,
      { cookieRefresh: refresh },
      ofAda,
      undefined,
    ],
    [
      'missing, with a refresh token',
      TOKEN,
      { cookieRefresh: refresh },
      OWN,
      'csrf-token',
    ],
    [
      'of both',
      TOKEN,
      { cookie: session, cookieRefresh: refresh },
      ofAda,
      undefined,
    ],
    [
      'of one of two different sessions',
      TOKEN,
      { cookie: codec.sign(BOB), cookieRefresh: refresh },
      ofAda,
      'csrf-token',
    ],
    [
      'of a session that the sender added to the one of the cookie',
      TOKEN,
      { cookie: session, query: codec.sign(BOB) },
      ofBob,
      'csrf-token',
    ],
    [
      'of the cookie, beside a session that the sender added',
      TOKEN,
      { cookie: session, query: codec.sign(BOB) },
      ofAda,
      undefined,
    ],
    [
      'of the session, from another site',
      TOKEN,
      { cookie: session },
      { ...EVIL, ...ofAda },
      'cross-site',
    ],
    ['missing, without a session', TOKEN, {}, OWN, undefined],
    [
      'missing, with a token that nobody can read',
      TOKEN,
      { cookie: 'x' },
      OWN,
      undefined,
    ],
    [
      'missing, from another site without a session',
      TOKEN,
      {},
      EVIL,
      'cross-site',
    ],
    [
      'missing, beside the header',
      { ...HEADER, ...TOKEN },
      { cookie: session },
      CUSTOM,
      'csrf-token',
    ],
    [
      'alone, of the session',
      { origin: false, ...TOKEN },
      { cookie: session },
      ofAda,
      undefined,
    ],
    [
      'alone, of a session that the sender brought',
      { origin: false, ...TOKEN },
      { query: codec.sign(BOB) },
      ofBob,
      'csrf-token',
    ],
    [
      'alone, without a session',
      { origin: false, ...TOKEN },
      {},
      ofAda,
      'csrf-token',
    ],
  ])(
    'S-158: a refresh or sign-out with a CSRF token %s',
    async (_what, csrf, carried, headers, reason) => {
      const given = { csrf, headers, hasSessions: true };
      const { events } = await judge(carried, ['cookie'], given);
      expect(events).toMatchObject(reason ? [{ reason }] : []);
    },
  );

  it('asks a sign-in for no CSRF token, not even over a session that is to be replaced', async () => {
    const given = { csrf: TOKEN, headers: OWN };
    expect(await codeOf({ cookie: session }, ['cookie'], given)).toBe(
      undefined,
    );
  });
});

describe('a request with a session that no browser sent on its own', () => {
  it.each<[string, Carried, boolean, string | undefined]>([
    ['alone', { query: 'x' }, false, undefined],
    ['beside nothing ambient', { query: 'x', header: 'x' }, false, undefined],
    [
      'beside the same in a cookie',
      { query: 'x', cookie: 'x' },
      true,
      'cross-site',
    ],
    [
      'beside a refresh cookie',
      { query: 'x', cookieRefresh: 'x' },
      false,
      'cross-site',
    ],
    [
      'beside two cookies',
      { query: 'x', cookie: AMBIGUOUS_TOKEN },
      false,
      'cross-site',
    ],
  ])(
    'proves its origin where it must: %s',
    (_what, carried, isRead, reason) => {
      const { parts, told } = partsOf(transportsOf(carried).all, {});
      const forgery = (facts: RequestFacts) =>
        forgeryOf(parts, facts, ADA.sid, isRead);
      expect(forgery(factsWith(EVIL))).toBe(reason);
      expect(told).toEqual(reason ? [reason] : []);
      expect(forgery(factsWith(OWN))).toBeUndefined();
      expect(forgery(factsWith(EVIL, 'GET'))).toBeUndefined();
    },
  );
});

describe('isAmbient', () => {
  it.each([
    [true, true],
    [undefined, true],
    [false, false],
  ])('of ambient: %p is %p', (ambient, expected) => {
    const transport = { ...transportsOf({}).cookie, ambient } as Transport;
    expect(isAmbient(transport)).toBe(expected);
  });
});
