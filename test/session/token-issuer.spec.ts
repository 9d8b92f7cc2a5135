import { SessionError } from '../../lib/errors/session-error.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import type { CookieOptions } from '../../lib/options/option-groups.js';
import type { Delivery, Transport } from '../../lib/ports/transport.js';
import type { ClockPolicy } from '../../lib/session/model/freshness.js';
import { SessionMemory } from '../../lib/session/model/session-memory.js';
import { TokenIssuer } from '../../lib/session/tokens/token-issuer.js';
import type {
  RefreshClaims,
  SessionClaims,
} from '../../lib/tokens/session-claims.js';
import { createTransports } from '../../lib/transports/create-transports.js';
import {
  claimsIn,
  claimsOf,
  DAY,
  HOUR,
  MINUTE,
  NOW,
  POLICY,
} from '../support/session-claims.js';
import { SECRET } from '../support/secrets.js';
import { createCodecs, sharedClaimsOf } from './codecs.js';

const ACCESS: ClockPolicy = { ...POLICY, accessSeconds: 15 * MINUTE };
const LINK = { gen: 3, jti: 'B'.repeat(42) + 'E' };

interface Start {
  readonly refreshes?: boolean;
  readonly isRecorded?: boolean;
  readonly cookie?: CookieOptions;
  readonly refreshCookie?: CookieOptions;
  readonly policy?: Partial<ClockPolicy>;
}

function start({
  refreshes = true,
  isRecorded = true,
  cookie = {},
  refreshCookie = {},
  policy = {},
}: Start = {}) {
  const { codec, refreshCodec } = createCodecs({ isRecorded });
  const memory = new SessionMemory();
  const issuer = new TokenIssuer(
    codec,
    refreshes ? refreshCodec : undefined,
    { ...(refreshes ? ACCESS : POLICY), ...policy },
    memory,
  );
  const transports = createTransports(
    resolveOptions({
      secret: SECRET,
      transport: ['cookie', 'header'],
      cookie,
      ...(refreshes && { refreshToken: { cookie: refreshCookie } }),
    }),
  ) as [Transport, Transport];
  return { codec, refreshCodec, memory, issuer, transports };
}

const begun = (overrides: Partial<SessionClaims> = {}) =>
  claimsOf({ exp: 0, ...overrides });

function lineOf(deliveries: readonly Delivery[], name: string): string {
  const found = deliveries.filter((each) => each.name === name);
  expect(found).toHaveLength(1);
  const [delivery] = found;
  return delivery!.kind === 'cookie' ? delivery!.line : delivery!.value;
}

describe('the claims of a session token', () => {
  it('of a session that begins or is refreshed end with the access lifetime, a tenth of it taken off at most', () => {
    const { issuer } = start();
    for (let i = 0; i < 200; i += 1) {
      const claims = issuer.extended(begun(), NOW + 60);
      expect(claims.iat).toBe(NOW + 60);
      expect(claims.exp - claims.iat).toBeGreaterThanOrEqual(810);
      expect(claims.exp - claims.iat).toBeLessThanOrEqual(900);
    }
  });

  it('of such a session end with its idle time where there are no refresh tokens', () => {
    const { issuer } = start({ refreshes: false });
    expect(issuer.extended(begun(), NOW + 60).exp).toBe(NOW + 60 + 7 * DAY);
  });

  it('of a reload keep their end where there are refresh tokens: without them the token would extend itself (S-054)', () => {
    const { issuer } = start();
    const claims = claimsOf({ exp: NOW + 600 });
    const reloaded = issuer.reissued({ ...claims, lat: NOW + 500 }, NOW + 500);
    expect(reloaded).toEqual({
      ...claims,
      lat: NOW + 500,
      iat: NOW + 500,
      jti: reloaded.jti,
    });
  });

  it.each([
    ['there are none', false, 'exp'],
    ['there are refresh tokens, which say it', true, 'rexp'],
  ] as const)(
    'have the idle end from now where %s, and a passive one where it was',
    (_case, refreshes, claim) => {
      const { issuer } = start({ refreshes });
      const active = issuer.extended(begun(), NOW + HOUR);
      expect(active[claim]).toBe(NOW + HOUR + 7 * DAY);
      const passive = issuer.extended(begun(), NOW + HOUR, NOW + 7 * DAY);
      expect(passive[claim]).toBe(NOW + 7 * DAY);
      expect('rexp' in passive).toBe(refreshes);
    },
  );

  it('end with the idle end when that comes before the access lifetime is over', () => {
    const { issuer } = start();
    const { exp, rexp } = issuer.extended(begun(), NOW, NOW + 60);
    expect([exp, rexp]).toEqual([NOW + 60, NOW + 60]);
  });

  it('of an update keep their end in both', () => {
    for (const refreshes of [true, false]) {
      const { issuer } = start({ refreshes });
      const claims = claimsOf({ exp: NOW + 600, rev: 1 });
      const reissued = issuer.reissued(claims, NOW + 60);
      expect(reissued).toEqual({
        ...claims,
        iat: NOW + 60,
        jti: reissued.jti,
      });
    }
  });

  it('have a token id of their own each time', () => {
    const { issuer } = start();
    const claims = claimsOf();
    const ids = new Set([claims.jti]);
    for (let i = 0; i < 300; i += 1) {
      for (const next of [
        issuer.extended(claims, NOW),
        issuer.reissued(claims, NOW),
      ]) {
        expect(next.jti).toMatch(/^[\w-]{22}$/);
        ids.add(next.jti);
      }
    }
    expect(ids.size).toBe(601);
  });

  it('are never issued before their data was loaded, on a node whose clock is behind (F-15)', () => {
    const { issuer, codec } = start({ refreshes: false });
    const ahead = begun({ lat: NOW + 4, iat: NOW + 4, oiat: NOW + 4 });
    const claims = issuer.extended(ahead, NOW);
    expect(claims.iat).toBe(NOW + 4);
    expect(codec.verify(codec.sign(claims))).toEqual(claims);
  });

  it('keep sign-in, authentication and what generate was told', () => {
    const { issuer } = start();
    const own = { oiat: NOW - HOUR, auth_time: NOW - DAY, abs: DAY, int: 60 };
    const claims = claimsOf({ ...own, per: false, iat: NOW, exp: NOW + 600 });
    for (const next of [
      issuer.extended(claims, NOW + 60),
      issuer.reissued(claims, NOW + 60),
      issuer.refreshClaims(claims, LINK),
      issuer.refreshClaims(claims, undefined),
    ]) {
      expect(next).toMatchObject({ ...own, per: false, sid: claims.sid });
    }
  });
});

describe('the claims of a refresh token', () => {
  it('are none where there are no refresh tokens', () => {
    const { issuer } = start({ refreshes: false });
    expect(issuer.refreshClaims(claimsOf(), LINK)).toBeUndefined();
  });

  it('with a store are its place in the chain, and nothing of what the session is about', () => {
    const { issuer } = start();
    const session = claimsOf();
    expect(issuer.refreshClaims(session, LINK)).toEqual({
      ...sharedClaimsOf(session),
      ...LINK,
      exp: NOW + 7 * DAY,
    });
  });

  it('without a store are what the next session token needs, and no data', () => {
    const { issuer } = start({ isRecorded: false });
    const session = claimsOf({ attrs: { theme: 'dark' }, rev: 2 });
    const claims = issuer.refreshClaims(session, undefined)!;
    expect(claims).toEqual({
      ...sharedClaimsOf(session),
      params: 'ada',
      attrs: { theme: 'dark' },
      rev: 2,
      exp: NOW + 7 * DAY,
      jti: claims.jti,
    });
    expect(claims.jti).toMatch(/^[\w-]{22}$/);
    expect(claims.jti).not.toBe(session.jti);
  });

  it.each<[string, Partial<SessionClaims>, number, number]>([
    ['the idle end from now', {}, NOW + HOUR, NOW + HOUR + 7 * DAY],
    ['the absolute end', {}, NOW + 29 * DAY, NOW + 30 * DAY],
    ['its own idle end', { idl: HOUR }, NOW, NOW + HOUR],
    ['its own absolute end', { abs: DAY }, NOW + HOUR, NOW + DAY],
  ])('end at %s (S-054)', (_case, overrides, now, expected) => {
    const { issuer } = start();
    const session = issuer.extended(begun(overrides), now);
    expect(issuer.refreshClaims(session, LINK)?.exp).toBe(expected);
  });

  it('never end before the session token that they go with', () => {
    const { issuer } = start();
    const session = claimsOf({ exp: NOW + 20 * DAY });
    expect(issuer.refreshClaims(session, LINK)?.exp).toBe(NOW + 20 * DAY);
  });
});

describe('signing', () => {
  function claimsFor({ issuer }: ReturnType<typeof start>, now = NOW) {
    const session = issuer.extended(begun(), now);
    return { session, refresh: issuer.refreshClaims(session, LINK)! };
  }

  it('gives both tokens, each good in its own place', () => {
    const started = start();
    const claims = claimsFor(started);
    const signed = started.issuer.sign(claims, started.transports, NOW);
    expect(started.codec.verify(signed.token)).toEqual(claims.session);
    expect(started.refreshCodec.verify(signed.refreshToken!)).toEqual(
      claims.refresh,
    );
    expect(started.codec.verify(signed.refreshToken!)).toBe('header');
    expect(signed.session.claims).toBe(claims.session);
  });

  it('gives no refresh token where none is due', () => {
    const started = start();
    const { session } = claimsFor(started);
    const { issuer, transports } = started;
    const signed = issuer.sign({ session }, transports, NOW);
    expect(signed.refreshToken).toBeUndefined();
    expect(signed.session.dispatch.deliveries.map(({ name }) => name)).toEqual([
      '__Host-Http-session',
      'Session-Token',
    ]);
  });

  it('gives every transport both tokens, and cookies the seconds that each token has left', () => {
    const started = start();
    const claims = claimsFor(started);
    const { token, refreshToken, session } = started.issuer.sign(
      claims,
      started.transports,
      NOW + 60,
    );
    const { deliveries } = session.dispatch;
    expect(deliveries).toHaveLength(4);
    expect(lineOf(deliveries, '__Host-Http-session')).toBe(
      `__Host-Http-session=${token}; Max-Age=${claims.session.exp - NOW - 60}; Path=/; HttpOnly; Secure; SameSite=Lax`,
    );
    expect(lineOf(deliveries, '__Host-Http-session-refresh')).toBe(
      `__Host-Http-session-refresh=${refreshToken}; Max-Age=${7 * DAY - 60}; Path=/; HttpOnly; Secure; SameSite=Lax`,
    );
    expect(lineOf(deliveries, 'Session-Token')).toBe(token);
    expect(lineOf(deliveries, 'Session-Refresh-Token')).toBe(refreshToken);
  });

  it('lets no cookie live longer than an absolute lifetime that was shortened since', () => {
    const started = start({ policy: { absoluteSeconds: 120 } });
    const session = claimsOf({ exp: NOW + 800 });
    const refresh: RefreshClaims = { ...session, ...LINK, exp: NOW + 7 * DAY };
    const { deliveries } = started.issuer.sign(
      { session, refresh },
      started.transports,
      NOW + 20,
    ).session.dispatch;
    for (const name of ['__Host-Http-session', '__Host-Http-session-refresh']) {
      expect(lineOf(deliveries, name)).toContain('; Max-Age=100;');
    }
  });

  it('gives both cookies no Max-Age in a session that ends with the browser', () => {
    const started = start();
    const { issuer, transports } = started;
    const session = issuer.extended(begun({ per: false }), NOW);
    const refresh = issuer.refreshClaims(session, LINK);
    const { deliveries } = issuer.sign({ session, refresh }, transports, NOW)
      .session.dispatch;
    for (const name of ['__Host-Http-session', '__Host-Http-session-refresh']) {
      expect(lineOf(deliveries, name)).not.toContain('Max-Age');
    }
  });

  describe('refuses what does not fit', () => {
    function errorOf(work: () => unknown): SessionError {
      try {
        work();
      } catch (error) {
        expect(error).toBeInstanceOf(SessionError);
        return error as SessionError;
      }
      throw new Error('it fitted');
    }

    it('into the cookie of the session, and names the largest parts (F-23)', () => {
      const { issuer, transports } = start();
      const data = { note: 'x'.repeat(3_000), id: 'ada' };
      const session = issuer.extended(begun({ data }), NOW);
      const error = errorOf(() => issuer.sign({ session }, transports, NOW));
      expect(error.code).toBe('SESSION_TOO_LARGE');
      expect(error.message).toMatch(
        /^the cookie __Host-Http-session has \d{4} bytes, but browsers keep at most 4096; the largest parts: data\.note \(3002 bytes\), /,
      );
    });

    it('into the cookie of the refresh token, to the byte (F-23)', () => {
      const sign = (pathLength: number) => {
        const path = `/${'p'.repeat(pathLength - 1)}`;
        const { issuer, transports } = start({
          isRecorded: false,
          refreshCookie: { path },
        });
        const params = 'x'.repeat(2_000);
        const session = issuer.extended(
          begun({ sid: 'A'.repeat(43), params, data: 1 }),
          NOW,
        );
        const refresh = issuer.refreshClaims(session, undefined);
        return issuer.sign({ session, refresh }, transports, NOW);
      };
      const bytesOf = (pathLength: number) =>
        lineOf(
          sign(pathLength).session.dispatch.deliveries,
          '__Secure-session-refresh',
        ).length;
      const fitting = 2 + 4_096 - bytesOf(2);
      expect(fitting).toBeGreaterThan(2);
      expect(fitting).toBeLessThan(1_024);
      expect(bytesOf(fitting)).toBe(4_096);
      const error = errorOf(() => sign(fitting + 1));
      expect(error.code).toBe('SESSION_TOO_LARGE');
      expect(error.message).toMatch(
        /^the cookie __Secure-session-refresh has 4097 bytes, but browsers keep at most 4096; the largest parts: params \(2002 bytes\)/,
      );
    });

    it('into a refresh token at all, where no cookie is in its way', () => {
      const { issuer, transports } = start({ isRecorded: false });
      const session = claimsOf();
      const refresh: RefreshClaims = {
        ...issuer.refreshClaims(session, undefined)!,
        params: 'x'.repeat(9_000),
      };
      const error = errorOf(() =>
        issuer.sign({ session, refresh }, [transports[1]], NOW),
      );
      expect(error.code).toBe('SESSION_TOO_LARGE');
      expect(error.message).toMatch(/^the refresh token has \d{5} bytes/);
    });

    it('and passes other errors on as they are', () => {
      const { issuer, transports } = start();
      const thrown = new TypeError('a bug of a transport');
      const broken: Transport = {
        ...transports[1],
        name: 'broken',
        read: () => undefined,
        clear: () => [],
        write() {
          throw thrown;
        },
      };
      expect(() => issuer.sign({ session: claimsOf() }, [broken], NOW)).toThrow(
        thrown,
      );
    });
  });
});

describe('what goes out after this process has moved the idle end', () => {
  const LATER = NOW + 8 * DAY;

  it.each([
    ['a session token', false, undefined],
    ['the tokens of a pair', true, 'Session-Refresh-Token'],
  ])(
    'says so in %s, signed before or after that: no answer carries an earlier end',
    (_what, refreshes, refreshName) => {
      const { issuer, memory, transports, codec, refreshCodec } = start({
        refreshes,
      });
      const session = issuer.extended(begun(), NOW);
      const refresh = issuer.refreshClaims(session, LINK);
      const sign = () => issuer.sign({ session, refresh }, transports, NOW);
      const before = sign();
      const early = before.session.dispatch.deliveries;
      memory.extend(session.sid, LATER);
      for (const { dispatch } of [before.session, sign().session]) {
        const { deliveries } = dispatch;
        expect(deliveries.map(({ name }) => name)).toEqual(
          early.map(({ name }) => name),
        );
        const claims = codec.verify(lineOf(deliveries, 'Session-Token'));
        expect(claims).toMatchObject(
          refreshes ? { exp: session.exp, rexp: LATER } : { exp: LATER },
        );
        expect(lineOf(deliveries, '__Host-Http-session')).toContain(
          lineOf(deliveries, 'Session-Token'),
        );
        if (refreshName !== undefined) {
          expect(
            refreshCodec.verify(lineOf(deliveries, refreshName)),
          ).toMatchObject({ ...LINK, exp: LATER });
        }
      }
      expect(issuer.isGood(before, NOW)).toBe(false);
      expect(issuer.isGood(sign(), NOW)).toBe(true);
    },
  );

  it('is as it was signed where the end is earlier, or the tokens of 0.1 do not say it', () => {
    const { issuer, memory, transports } = start();
    for (const session of [issuer.extended(begun(), NOW), claimsOf()]) {
      const signed = issuer.sign({ session }, transports, NOW);
      memory.extend(session.sid, NOW + 7 * DAY);
      const { deliveries } = signed.session.dispatch;
      expect(lineOf(deliveries, 'Session-Token')).toBe(signed.token);
      expect(issuer.isGood(signed, NOW)).toBe(true);
    }
  });
});

describe('what is dispatched', () => {
  function dispatched(gen = 3, rev = 2) {
    const started = start();
    const { issuer, transports } = started;
    const session = issuer.extended(begun({ rev }), NOW);
    const refresh = issuer.refreshClaims(session, { ...LINK, gen });
    const signed = issuer.sign({ session, refresh }, transports, NOW);
    const { sid } = session;
    return { ...started, sid, signed, dispatch: signed.session.dispatch };
  }

  it('is current at first', () => {
    expect(dispatched().dispatch.isCurrent()).toBe(true);
  });

  it.each([
    ['an older generation', 2, true],
    ['its own generation', 3, true],
    ['a newer generation', 4, false],
  ])('after %s was issued is current: %p %s', (_case, generation, expected) => {
    const { memory, sid, dispatch } = dispatched();
    memory.refresh(sid, generation);
    expect(dispatch.isCurrent()).toBe(expected);
  });

  it('sends nothing of generation 0 once generation 1 was issued', () => {
    const { memory, sid, dispatch } = dispatched(0);
    memory.refresh(sid, 0);
    expect(dispatch.isCurrent()).toBe(true);
    memory.refresh(sid, 1);
    expect(dispatch.isCurrent()).toBe(false);
  });

  it('of a refresh token goes out although the attributes were changed meanwhile: nothing else can replace it', () => {
    const { memory, sid, dispatch } = dispatched();
    memory.update(sid, { rev: 3, attrs: {} });
    expect(dispatch.isCurrent()).toBe(true);
  });

  it.each([
    [1, true],
    [2, true],
    [3, false],
  ])(
    'of a session token alone, after revision %i of the attributes, is current: %s',
    (rev, expected) => {
      const { issuer, memory, transports } = start();
      const session = claimsOf({ rev: 2 });
      const { dispatch } = issuer.sign({ session }, transports, NOW).session;
      memory.update(session.sid, { rev, attrs: {} });
      expect(dispatch.isCurrent()).toBe(expected);
    },
  );

  it('sends nothing once the session has ended', () => {
    const { memory, sid, dispatch } = dispatched();
    memory.end(sid);
    expect(dispatch.isCurrent()).toBe(false);
  });

  it('of a session token alone goes out whatever was refreshed meanwhile', () => {
    const { issuer, memory, transports } = start();
    const session = claimsOf();
    const { dispatch } = issuer.sign({ session }, transports, NOW).session;
    memory.refresh(session.sid, 9);
    expect(dispatch.isCurrent()).toBe(true);
  });
});

describe('offering a session token again', () => {
  it('brings the same session token to another response, and never a refresh token', () => {
    const { issuer, transports, memory } = start();
    const session = issuer.extended(begun(), NOW);
    const refresh = issuer.refreshClaims(session, LINK);
    const signed = issuer.sign({ session, refresh }, transports, NOW);
    const offered = issuer.offer(signed, transports, NOW + 60);
    expect(offered.token).toBe(signed.token);
    expect(offered.refreshToken).toBeUndefined();
    const { deliveries } = offered.session.dispatch;
    expect(deliveries.map(({ name }) => name)).toEqual([
      '__Host-Http-session',
      'Session-Token',
    ]);
    expect(lineOf(deliveries, '__Host-Http-session')).toBe(
      `__Host-Http-session=${signed.token}; Max-Age=${session.exp - NOW - 60}; Path=/; HttpOnly; Secure; SameSite=Lax`,
    );
    expect(claimsIn(offered.token)).toEqual(session);
    memory.refresh(session.sid, 99);
    expect(offered.session.dispatch.isCurrent()).toBe(true);
    memory.end(session.sid);
    expect(offered.session.dispatch.isCurrent()).toBe(false);
  });
});
