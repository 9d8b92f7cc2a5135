import { jest } from '@jest/globals';
import { SessionError } from '../../lib/errors/session-error.js';
import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import type { Handling } from '../../lib/session/model/handling.js';
import type { RequestFacts } from '../../lib/ports/request-facts.js';
import {
  signedTokenOf,
  type VerifiedSession,
} from '../../lib/session/model/verified-session.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { keyOf, withoutSecret } from '../support/key-kinds.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { claimsIn, DAY } from '../support/session-claims.js';
import { Vault } from '../support/vault.js';
import {
  carrying,
  COOKIE,
  forged,
  OtherTransport,
  REFRESH_COOKIE,
  told,
  type CarriedTokens,
} from './carried-tokens.js';
import {
  factsOf,
  HANDLING,
  openRuntime,
  withBearer,
} from './session-runtime.js';

async function open(...[options, load, clock]: Parameters<typeof openRuntime>) {
  const runtime = await openRuntime(options, load, clock);
  return {
    ...runtime,
    signIn: (subject = 'ada') =>
      runtime.issuing!.issuer.generate(subject, {}, undefined),
    authenticate: (facts: RequestFacts, handling: Partial<Handling> = {}) =>
      runtime.authenticator.authenticate(facts, { ...HANDLING, ...handling }),
  };
}

const ADA = { subject: 'ada', sends: [] };

describe('the session of a request', () => {
  it('is none where no transport carries a token', async () => {
    const { authenticate, heard } = await open({
      transport: ['cookie', 'header'],
    });
    expect(authenticate(factsOf())).toEqual({ kind: 'anonymous' });
    expect(heard).toEqual([]);
  });

  it('is found without a promise while its token is fresh', async () => {
    const { authenticate, signIn, heard } = await open();
    const { token, session } = await signIn();
    heard.length = 0;
    expect(authenticate(carrying({ cookie: token }))).toMatchObject({
      kind: 'authenticated',
      claims: session.claims,
      dispatch: undefined,
    });
    expect(heard).toEqual([]);
  });

  it.each<[string, (token: string) => CarriedTokens, string, string[]]>([
    [
      'two cookies',
      (token) => ({ cookie: `${token}; ${COOKIE}=x` }),
      'ambiguous',
      [COOKIE],
    ],
    ['no text', () => ({ other: 'unreadable' }), 'malformed', ['X-Other']],
    ['no token', () => ({ cookie: 'x' }), 'malformed', [COOKIE]],
    [
      'a forged signature',
      (token) => ({ cookie: `${token.slice(0, -43)}${'A'.repeat(43)}` }),
      'signature',
      [COOKIE],
    ],
    [
      'a forged token in the last place',
      (token) => ({ cookie: token, other: 'x' }),
      'malformed',
      ['X-Other'],
    ],
    [
      'a forged token in the first place',
      (token) => ({ cookie: 'x', other: token }),
      'malformed',
      [COOKIE],
    ],
    ['a forged bearer token', () => ({ bearer: 'x' }), 'malformed', []],
  ])(
    'is refused for %s, and only its transport is cleared',
    async (_case, tokensOf, refusal, clears) => {
      const { authenticate, signIn, heard, clock } = await open({
        transport: ['cookie', 'header', new OtherTransport()],
      });
      const { token } = await signIn();
      heard.length = 0;
      const outcome = await authenticate(carrying(tokensOf(token)));
      expect(told(outcome)).toMatchObject({ refusal });
      expect(new Set((told(outcome) as { clears: string[] }).clears)).toEqual(
        new Set(clears),
      );
      expect(heard).toEqual([
        {
          type: 'rejected',
          at: new Date(clock.nowSeconds() * 1000),
          code: refusal === 'ambiguous' ? 'TOKEN_CONFLICT' : 'TOKEN_INVALID',
          reason: refusal,
        },
      ]);
    },
  );

  it('is the one of the first transport where several carry it', async () => {
    const { authenticate, signIn, issuing, transports } = await open({
      transport: ['cookie', 'header'],
    });
    const { token, session } = await signIn();
    const updated = await issuing!.issuer.update(
      session,
      { theme: 'dark' },
      transports.all,
      undefined,
      false,
    );
    const newer = 'token' in updated ? updated.token : '';
    expect(
      await authenticate(carrying({ cookie: newer, bearer: token })),
    ).toMatchObject({ claims: claimsIn(newer), dispatch: undefined });
  });

  it.each<[string, boolean, boolean, string[]]>([
    ['both are of the browser', true, true, [COOKIE, 'X-Other']],
    ['one is of a script', true, false, []],
    ['the one is not known by then', false, true, []],
  ])(
    'is refused where two transports name two, and cleared where %s',
    async (_case, isCookie, isAmbient, clears) => {
      const { authenticate, signIn, heard } = await open({
        transport: ['cookie', 'header', new OtherTransport(isAmbient)],
      });
      const [one, two] = [await signIn(), await signIn('bob')];
      heard.length = 0;
      const outcome = await authenticate(
        carrying({
          [isCookie ? 'cookie' : 'bearer']: one.token,
          other: two.token,
        }),
      );
      expect(told(outcome)).toEqual({ refusal: 'conflict', clears });
      expect(heard).toMatchObject([
        { type: 'rejected', code: 'TOKEN_CONFLICT', reason: 'conflict' },
      ]);
    },
  );

  it('is refused where two sessions are of one user', async () => {
    const { authenticate, signIn } = await open({
      transport: ['cookie', 'header'],
    });
    const [one, two] = [await signIn(), await signIn()];
    expect(
      told(
        await authenticate(carrying({ cookie: one.token, bearer: two.token })),
      ),
    ).toEqual({ refusal: 'conflict', clears: [] });
  });

  it.each([
    [-1, ADA],
    [0, { refusal: 'expired', clears: [COOKIE] }],
    [1, { refusal: 'expired', clears: [COOKIE] }],
  ])(
    'has expired at the end of its token and %i s',
    async (seconds, expected) => {
      const { authenticate, signIn, clock } = await open({
        dataRefreshInterval: '30d',
        lifetime: { idle: '31d', absolute: '31d' },
        transport: ['cookie', new OtherTransport()],
      });
      const { token, session } = await signIn();
      clock.set(session.endsAt + seconds);
      const outcome = await authenticate(
        carrying({ cookie: token, other: token }),
        { canDeliver: false },
      );
      expect(told(outcome)).toEqual(expected);
    },
  );

  it.each([
    [-1, { refusal: 'not-yet-valid', clears: [] }],
    [0, ADA],
  ])('begins where its token does and %i s', async (seconds, expected) => {
    const { authenticate, signIn, clock } = await open();
    const { token, session } = await signIn();
    clock.set(session.validFrom + seconds);
    expect(told(await authenticate(carrying({ cookie: token })))).toEqual(
      expected,
    );
  });

  it('is refused once it has ended in this process, and cleared wherever it is carried', async () => {
    const { authenticate, signIn, revocation, heard } = await open({
      transport: ['cookie', new OtherTransport()],
    });
    const { token, session } = await signIn();
    await revocation.end(session.claims);
    heard.length = 0;
    const both = carrying({ cookie: token, other: token });
    expect(told(await authenticate(both))).toEqual({
      refusal: 'ended',
      clears: [COOKIE, 'X-Other'],
    });
    expect(told(await authenticate(carrying({ other: token })))).toEqual({
      refusal: 'ended',
      clears: ['X-Other'],
    });
    expect(heard).toMatchObject([
      { type: 'rejected', code: 'SESSION_ENDED', reason: 'ended' },
      { type: 'rejected', code: 'SESSION_ENDED', reason: 'ended' },
    ]);
  });

  it('is cleared in every shape that its cookie may have where a request carries two', async () => {
    const { authenticate, transports } = await open();
    const facts = carrying({ cookie: `x; ${COOKIE}=y` });
    const outcome = await authenticate(facts);
    const { deliveries } = transports.clearing(facts);
    expect(deliveries.length).toBeGreaterThan(1);
    expect(outcome).toMatchObject({ dispatch: { deliveries } });
  });

  it('was carried by the only transport there is, or by those that name it', async () => {
    const one = await open();
    const { token, session } = await one.signIn();
    expect(one.refusals.carriersOf(session, factsOf())).toEqual(
      one.transports.all,
    );
    const { refusals, transports } = await open({
      transport: ['cookie', 'header'],
    });
    const carriers = (tokens: CarriedTokens) =>
      refusals.carriersOf(session, carrying(tokens));
    expect(carriers({})).toEqual([]);
    expect(carriers({ bearer: token })).toEqual([transports.named('header')]);
    expect(carriers({ cookie: token, bearer: 'x' })).toEqual([
      transports.named('cookie'),
    ]);
  });

  it('is refused but not cleared where a new sign-in has replaced it', async () => {
    const { authenticate, signIn, issuing } = await open();
    const { token } = await signIn();
    const facts = carrying({ cookie: token });
    await issuing!.issuer.generate('ada', {}, facts);
    expect(told(await authenticate(facts))).toEqual({
      refusal: 'replaced',
      clears: [],
    });
  });
});

describe('a request that another site forged', () => {
  it.each<[string, boolean, (token: string) => RequestFacts]>([
    ['a cookie', false, (token) => forged({ cookie: token })],
    ['a header', true, (token) => forged({ bearer: token })],
    [
      'a header, and a cookie of the browser',
      false,
      (token) => forged({ bearer: token, cookie: token }),
    ],
    [
      'a cookie, but is safe',
      true,
      (token) =>
        carrying({ cookie: token }, { 'sec-fetch-site': 'cross-site' }),
    ],
    [
      'a cookie, but comes from our own page',
      true,
      (token) =>
        carrying(
          { cookie: token },
          { 'sec-fetch-site': 'same-origin' },
          'POST',
        ),
    ],
  ])('with %s has a session: %s', async (_case, isAllowed, factsFor) => {
    const { authenticate, signIn, heard } = await open({
      transport: ['header', 'cookie'],
    });
    const { token } = await signIn();
    heard.length = 0;
    expect(told(await authenticate(factsFor(token)))).toEqual(
      isAllowed ? ADA : { refusal: 'cross-site', clears: [] },
    );
    expect(heard).toMatchObject(
      isAllowed
        ? []
        : [{ type: 'rejected', code: 'CSRF_REFUSED', reason: 'cross-site' }],
    );
  });

  it('needs a CSRF token of its own session', async () => {
    const { authenticate, signIn, csrfTokens } = await open({
      csrf: { token: true },
    });
    const [one, two] = [await signIn(), await signIn('bob')];
    const post = (sid: string) =>
      authenticate(
        carrying(
          { cookie: one.token },
          { 'x-csrf-token': csrfTokens.issue(sid), 'sec-fetch-site': 'none' },
          'POST',
        ),
      );
    expect(told(await post(one.session.claims.sid))).toEqual(ADA);
    expect(told(await post(two.session.claims.sid))).toEqual({
      refusal: 'csrf-token',
      clears: [],
    });
  });

  it('is refused for its session first: an ended one is cleared', async () => {
    const { authenticate, signIn, revocation } = await open();
    const { token, session } = await signIn();
    await revocation.end(session.claims);
    expect(told(await authenticate(forged({ cookie: token })))).toEqual({
      refusal: 'ended',
      clears: [COOKIE],
    });
  });

  it('is no forgery where the sender is known', async () => {
    const { authenticator, signIn } = await open();
    const { token, session } = await signIn();
    const facts = forged({ cookie: token });
    const evaluate = (isRead: boolean | undefined) =>
      authenticator.evaluateSession(session, isRead, facts, HANDLING);
    expect(evaluate(undefined)).toBe(session);
    expect(evaluate(false)).toMatchObject({ refusal: 'cross-site' });
    expect(evaluate(true)).toMatchObject({ refusal: 'cross-site' });
  });
});

describe('a session that is given', () => {
  it('is refused by its clocks and its end, as one that was read', async () => {
    const { authenticator, signIn, clock, revocation } = await open();
    const { token, session } = await signIn();
    const evaluate = () =>
      authenticator.evaluateSession(
        session,
        undefined,
        carrying({ cookie: token }),
        { ...HANDLING, canDeliver: false },
      );
    clock.set(session.validFrom - 1);
    expect(evaluate()).toMatchObject({ refusal: 'not-yet-valid' });
    clock.set(session.endsAt);
    expect(evaluate()).toMatchObject({ refusal: 'expired' });
    clock.set(session.endsAt - 1);
    expect(await evaluate()).toMatchObject({ kind: 'authenticated' });
    await revocation.end(session.claims);
    expect(evaluate()).toMatchObject({ refusal: 'ended' });
  });
});

describe('a token of an unknown key', () => {
  const foreign = async (options: Partial<SessionJwtModuleOptions> = {}) => {
    const { signIn } = await open({ secret: OTHER_SECRET, ...options });
    return signIn();
  };

  it('is refused and stays with the client', async () => {
    const { authenticate, heard } = await open();
    const { token } = await foreign();
    expect(told(await authenticate(carrying({ cookie: token })))).toEqual({
      refusal: 'unknown-key',
      clears: [],
    });
    expect(heard).toMatchObject([
      { type: 'rejected', code: 'KEY_UNKNOWN', reason: 'unknown-key' },
    ]);
  });

  it('is valid once its key is found, which is looked for at most once per cool-down', async () => {
    const vault = new Vault<string[]>([SECRET]);
    const { authenticate, clock } = await open({ secret: vault.provide });
    const { token } = await foreign();
    const facts = carrying({ cookie: token });
    expect(told(await authenticate(facts))).toMatchObject({
      refusal: 'unknown-key',
    });
    expect(vault.asked).toBe(2);
    vault.content = [SECRET, OTHER_SECRET];
    expect(told(await authenticate(facts))).toMatchObject({
      refusal: 'unknown-key',
    });
    expect(vault.asked).toBe(2);
    clock.advance('30s');
    expect(told(await authenticate(facts))).toEqual(ADA);
    expect(vault.asked).toBe(3);
  });

  it('is evaluated after the keys have come: a removed one is not used once more', async () => {
    const vault = new Vault<string[]>([SECRET]);
    const { authenticate, signIn, clock } = await open({
      secret: vault.provide,
    });
    const { token } = await signIn();
    vault.content = [OTHER_SECRET];
    clock.advance('5m');
    expect(told(await authenticate(carrying({ cookie: token })))).toEqual({
      refusal: 'unknown-key',
      clears: [],
    });
  });

  it('is unavailable while there is no key at all', async () => {
    const { authenticate, heard } = await open(
      withoutSecret({
        verifyOnly: { jwksUri: 'http://127.0.0.1:1/jwks.json' },
      }),
    );
    const { token } = await foreign(withoutSecret({ keys: [keyOf('ES256')] }));
    heard.length = 0;
    expect(told(await authenticate(carrying({ cookie: token })))).toEqual({
      unavailable: 'KEYS_UNAVAILABLE',
    });
    expect(heard.filter(({ type }) => type === 'rejected')).toEqual([]);
  });

  describe('with refresh tokens', () => {
    const REFRESH_SECRET = 'q7Zt2Vb9XcN4mKs8LpR1yHd6JwGf3UaE5oTiBv0nCxQ';
    const refreshToken = { secret: REFRESH_SECRET };

    it('is replaced by those of its refresh token', async () => {
      const { authenticate, heard } = await open({ refreshToken });
      const old = await foreign({ refreshToken });
      const outcome = await authenticate(
        carrying({ cookie: old.token, refreshCookie: old.refreshToken }),
      );
      expect(told(outcome)).toEqual({
        subject: 'ada',
        sends: [COOKIE, REFRESH_COOKIE],
      });
      expect(heard).toMatchObject([{ type: 'refreshed' }]);
    });

    it.each<[string, boolean, Partial<Handling>]>([
      ['there is none', false, {}],
      ['nothing can be delivered', true, { canDeliver: false }],
    ])('is refused where %s', async (_case, isCarried, handling) => {
      const { authenticate, heard } = await open({ refreshToken });
      const old = await foreign({ refreshToken });
      const outcome = await authenticate(
        carrying({
          cookie: old.token,
          refreshCookie: isCarried ? old.refreshToken : undefined,
        }),
        handling,
      );
      expect(told(outcome)).toEqual({ refusal: 'unknown-key', clears: [] });
      expect(heard).toMatchObject([{ reason: 'unknown-key' }]);
    });

    it('is refused once where both tokens have one', async () => {
      const { authenticate, heard } = await open({ refreshToken: {} });
      const old = await foreign({ refreshToken: {} });
      const outcome = await authenticate(
        carrying({ cookie: old.token, refreshCookie: old.refreshToken }),
      );
      expect(told(outcome)).toEqual({ refusal: 'unknown-key', clears: [] });
      expect(heard).toMatchObject([{ reason: 'unknown-key' }]);
    });
  });
});

describe('a session whose data is due', () => {
  it.each([
    [-1, 0],
    [0, 1],
    [1, 1],
  ])(
    'is loaded again from then on: due and %i s, %i loads',
    async (seconds, loads) => {
      const load = jest.fn(() => ({ role: 'owner' }));
      const { authenticate, signIn, clock, heard } = await open({}, load);
      const { token, session } = await signIn();
      load.mockClear();
      heard.length = 0;
      clock.set(session.dueAt + seconds);
      const outcome = await authenticate(carrying({ cookie: token }));
      expect(told(outcome)).toEqual({
        subject: 'ada',
        sends: loads ? [COOKIE] : [],
      });
      expect(load).toHaveBeenCalledTimes(loads);
      expect(heard).toMatchObject(loads ? [{ type: 'reloaded' }] : []);
    },
  );

  it.each<[CarriedTokens, string[]]>([
    [{ cookie: '' }, [COOKIE]],
    [{ bearer: '' }, ['Session-Token']],
    [{ cookie: '', bearer: '' }, [COOKIE, 'Session-Token']],
  ])('goes back where its token came from: %o', async (carriers, sends) => {
    const { authenticate, signIn, clock } = await open(
      { transport: ['cookie', 'header'] },
      () => ({}),
    );
    const { token, session } = await signIn();
    clock.set(session.dueAt);
    const tokens = Object.fromEntries(
      Object.keys(carriers).map((name) => [name, token]),
    );
    expect(told(await authenticate(carrying(tokens)))).toEqual({
      subject: 'ada',
      sends,
    });
  });

  it('does not go where only a refresh token was', async () => {
    const { authenticate, signIn, clock } = await open(
      {
        transport: ['cookie', new OtherTransport()],
        refreshToken: { accessLifetime: '1h' },
      },
      () => ({}),
    );
    const { token, refreshToken, session } = await signIn();
    clock.set(session.dueAt);
    const facts = carrying({ other: token, refreshCookie: refreshToken });
    expect(told(await authenticate(facts))).toEqual({
      subject: 'ada',
      sends: ['X-Other'],
    });
  });

  it('is loaded where nothing can be delivered, and sends nothing', async () => {
    const data = { role: 'user' };
    const { authenticate, signIn, clock } = await open({}, () => ({ ...data }));
    const { token, session } = await signIn();
    data.role = 'owner';
    clock.set(session.dueAt);
    const outcome = (await authenticate(carrying({ cookie: token }), {
      canDeliver: false,
    })) as VerifiedSession;
    expect(told(outcome)).toEqual(ADA);
    expect(outcome.claims.data).toEqual({ role: 'owner' });
  });

  it.each([
    [false, 'moves'],
    [true, 'keeps'],
  ])('and whose request is passive (%s) %s its idle end', async (isPassive) => {
    const { authenticate, signIn, clock } = await open({}, () => ({}));
    const { token, session } = await signIn();
    clock.set(session.dueAt);
    const outcome = (await authenticate(carrying({ cookie: token }), {
      isPassive,
    })) as VerifiedSession;
    expect(outcome.claims.exp - session.claims.exp).toBe(
      isPassive ? 0 : session.dueAt - session.claims.lat,
    );
  });

  it.each([
    [true, 0],
    [false, 7 * DAY],
  ])(
    'was loaded by passive requests: a passive one (%s) does not move its idle end either',
    async (isPassive, idle) => {
      const load = jest.fn(() => ({}));
      const { authenticate, signIn, clock } = await open({}, load);
      const { token, session } = await signIn();
      clock.set(session.dueAt);
      const loaded = (await authenticate(carrying({ cookie: token }), {
        isPassive: true,
      })) as VerifiedSession;
      load.mockClear();
      clock.set(loaded.extendAt);
      const cookie = signedTokenOf(loaded);
      const outcome = (await authenticate(carrying({ cookie }), {
        isPassive,
      })) as VerifiedSession;
      expect(outcome.claims.exp).toBe(
        isPassive ? session.claims.exp : loaded.extendAt + idle,
      );
      expect(load).not.toHaveBeenCalled();
    },
  );

  it('is loaded once for two requests in parallel', async () => {
    const load = jest.fn(() => Promise.resolve({}));
    const { authenticate, signIn, clock } = await open({}, load);
    const { token, session } = await signIn();
    load.mockClear();
    clock.set(session.dueAt);
    const facts = carrying({ cookie: token });
    const both = await Promise.all([authenticate(facts), authenticate(facts)]);
    const sent = { subject: 'ada', sends: [COOKIE] };
    expect(both.map(told)).toEqual([sent, sent]);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('is refused and cleared wherever it is carried where the loader ends it', async () => {
    const found: { data: object | null } = { data: {} };
    const { authenticate, signIn, clock, heard } = await open(
      { transport: ['cookie', new OtherTransport(), 'header'] },
      () => found.data,
    );
    const { token, session } = await signIn();
    heard.length = 0;
    found.data = null;
    clock.set(session.dueAt);
    const facts = carrying({ cookie: token, other: token });
    const ended = { refusal: 'ended', clears: [COOKIE, 'X-Other'] };
    expect(told(await authenticate(facts))).toEqual(ended);
    expect(heard).toMatchObject([
      { type: 'ended', reason: 'loader' },
      { type: 'rejected', code: 'SESSION_ENDED', reason: 'ended' },
    ]);
    expect(told(await authenticate(facts))).toEqual(ended);
  });

  it.each([
    [-1, ADA],
    [0, { unavailable: 'LOADER_UNAVAILABLE' }],
  ])(
    'keeps its data while the loader fails, until it is stale and %i s',
    async (seconds, expected) => {
      const source = { isDown: false };
      const { authenticate, signIn, clock, heard } = await open({}, () => {
        if (source.isDown) throw new Error('down');
        return {};
      });
      const { token, session } = await signIn();
      heard.length = 0;
      source.isDown = true;
      clock.set(session.staleUntil + seconds);
      const facts = carrying({ cookie: token });
      expect(told(await authenticate(facts))).toEqual(expected);
      expect(told(await authenticate(facts))).toEqual(expected);
      // The second request does not call a loader that has failed a moment ago.
      expect(heard).toMatchObject([{ type: 'loaderFailed' }]);
    },
  );

  it.each([
    [-1, ADA],
    [0, { refusal: 'stale', clears: [] }],
    [1, { refusal: 'stale', clears: [] }],
  ])(
    'is used by a service that only verifies until it is stale and %i s',
    async (seconds, expected) => {
      const { signIn } = await open({}, () => ({}));
      const { token, session } = await signIn();
      const { authenticate, clock, heard } = await open({ verifyOnly: true });
      clock.set(session.staleUntil + seconds);
      const outcome = authenticate(carrying({ cookie: token }));
      expect(outcome).not.toBeInstanceOf(Promise);
      expect(told(await outcome)).toEqual(expected);
      expect(heard).toMatchObject(
        seconds < 0 ? [] : [{ code: 'TOKEN_EXPIRED', reason: 'stale' }],
      );
    },
  );
});

describe('the first use of a token', () => {
  async function openStored() {
    const store = new MemorySessionStore();
    const confirmUse = jest.spyOn(store, 'confirmUse');
    const read = jest.spyOn(store, 'read');
    const opened = await open({ store, refreshToken: {} });
    const { token, session } = await opened.signIn();
    const { sid } = session.claims;
    return {
      ...opened,
      confirmUse,
      read,
      facts: carrying({ cookie: token }),
      sid,
    };
  }

  it('is reported to the store once', async () => {
    const { authenticate, confirmUse, facts, sid } = await openStored();
    for (let i = 0; i < 3; i += 1) {
      expect(told(await authenticate(facts))).toEqual(ADA);
    }
    expect(confirmUse.mock.calls).toEqual([[sid, 'ada', 0]]);
  });

  it('is reported with the question where the store is asked anyway', async () => {
    const { authenticate, confirmUse, read, facts, sid } = await openStored();
    for (let i = 0; i < 2; i += 1) {
      await authenticate(facts, { asksStore: true });
    }
    expect(confirmUse).not.toHaveBeenCalled();
    expect(read.mock.calls).toEqual([
      [sid, 'ada', 'seen', 0],
      [sid, 'ada', 'seen', undefined],
    ]);
  });

  it('is not reported for a session that is refused', async () => {
    const { authenticate, confirmUse, facts, revocation, sid } =
      await openStored();
    await revocation.end({ sid, sub: 'ada' });
    expect(told(await authenticate(facts))).toMatchObject({ refusal: 'ended' });
    expect(confirmUse).not.toHaveBeenCalled();
  });
});

/** A clock that a test can break, as a fault of the library would be. */
class BreakableClock extends TestSessionClock {
  fault: Error | undefined;

  override nowSeconds(): number {
    if (this.fault) throw this.fault;
    return super.nowSeconds();
  }
}

describe('a session that the store must confirm', () => {
  async function openBreakable() {
    const clock = new BreakableClock();
    const store = new MemorySessionStore();
    const { authenticator, issuing } = await openRuntime(
      { store, revocationCheck: 'always', transport: 'header' },
      undefined,
      clock,
    );
    const { token } = await issuing!.issuer.generate('ada', {}, undefined);
    const authenticate = () =>
      authenticator.authenticate(withBearer(token), {
        ...HANDLING,
        asksStore: true,
      });
    return { clock, store, authenticate };
  }

  async function openStored(
    options: Partial<SessionJwtModuleOptions> = {},
    load?: Parameters<typeof openRuntime>[1],
  ) {
    const store = new MemorySessionStore();
    const opened = await open({ store, ...options }, load);
    const { token, session } = await opened.signIn();
    const { sid } = session.claims;
    opened.heard.length = 0;
    const ask = (handling: Partial<Handling> = {}) =>
      opened.authenticate(carrying({ cookie: token }), {
        asksStore: true,
        ...handling,
      });
    return { ...opened, store, token, session, sid, ask };
  }

  it('is the one of its token where the store knows nothing newer', async () => {
    const { ask, heard } = await openStored();
    expect(told(await ask())).toEqual(ADA);
    expect(heard).toEqual([]);
  });

  it.each([
    [true, { refusal: 'unknown', clears: [COOKIE] }],
    [false, ADA],
  ])(
    'is refused where the store has ended it, and only if asked: %s',
    async (asksStore, expected) => {
      const { ask, store, sid, heard } = await openStored();
      await store.end(sid, 'ada');
      expect(told(await ask({ asksStore }))).toEqual(expected);
      expect(heard).toMatchObject(
        asksStore ? [{ code: 'SESSION_UNKNOWN', reason: 'unknown' }] : [],
      );
    },
  );

  it('is refused as ended where that happens while the store is asked', async () => {
    const { ask, store, session, revocation } = await openStored();
    const read = store.read.bind(store);
    store.read = async (...call) => {
      const record = await read(...call);
      await revocation.end(session.claims);
      return record;
    };
    expect(told(await ask())).toEqual({ refusal: 'ended', clears: [COOKIE] });
  });

  it('has the attributes of its record', async () => {
    const { ask, store, sid, session } = await openStored();
    await store.update(sid, 'ada', { attributes: { theme: 'dark' } });
    const outcome = (await ask()) as VerifiedSession;
    expect(outcome.claims).toMatchObject({ attrs: { theme: 'dark' }, rev: 1 });
    expect(session.claims.attrs).toEqual({});
  });

  it.each([
    [false, 'seen'],
    [true, undefined],
  ])(
    'is seen there, unless the request is passive (%s)',
    async (isPassive, use) => {
      const { ask, store, sid } = await openStored();
      const read = jest.spyOn(store, 'read');
      expect(told(await ask({ isPassive }))).toEqual(ADA);
      expect(read.mock.calls).toEqual([[sid, 'ada', use, undefined]]);
    },
  );

  it('is refused without a store: the application asked for what nothing can answer', async () => {
    const { authenticate, signIn } = await open();
    const { token } = await signIn();
    await expect(
      authenticate(carrying({ cookie: token }), { asksStore: true }),
    ).rejects.toMatchObject({ code: 'STORE_REQUIRED' });
  });

  it('is loaded where its data has become due while the store was asked', async () => {
    const load = jest.fn(() => ({}));
    const { ask, store, session, clock } = await openStored({}, load);
    load.mockClear();
    const read = store.read.bind(store);
    store.read = async (...call) => {
      const record = await read(...call);
      clock.set(session.dueAt);
      return record;
    };
    expect(told(await ask())).toEqual({ subject: 'ada', sends: [COOKIE] });
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('is not asked about where the session is refused anyway', async () => {
    const { ask, store, session, revocation } = await openStored();
    await revocation.end(session.claims);
    const read = jest.spyOn(store, 'read');
    expect(told(await ask())).toEqual({ refusal: 'ended', clears: [COOKIE] });
    expect(read).not.toHaveBeenCalled();
  });

  it.each([
    [true, [COOKIE]],
    [false, []],
  ])(
    'is loaded when due, and sent if that can be delivered: %s',
    async (canDeliver, sends) => {
      const { ask, session, clock } = await openStored({}, () => ({}));
      clock.set(session.dueAt);
      expect(told(await ask({ canDeliver }))).toEqual({
        subject: 'ada',
        sends,
      });
    },
  );

  it('is unavailable while the store fails', async () => {
    const { store, authenticate } = await openBreakable();
    expect(await authenticate()).toMatchObject({ kind: 'authenticated' });
    store.read = () => Promise.reject(new Error('down'));
    expect(await authenticate()).toMatchObject({
      kind: 'unavailable',
      error: expect.any(SessionError),
    });
  });

  it('is not unavailable where the library itself is at fault', async () => {
    const { clock, store, authenticate } = await openBreakable();
    const fault = new TypeError('a fault of ours');
    const read = store.read.bind(store);
    store.read = async (...call) => {
      const answer = await read(...call);
      clock.fault = fault;
      return answer;
    };
    await expect(authenticate()).rejects.toBe(fault);
  });
});
