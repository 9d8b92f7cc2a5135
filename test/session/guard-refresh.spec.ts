import { jest } from '@jest/globals';
import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import type { RequestFacts } from '../../lib/ports/request-facts.js';
import type { Handling } from '../../lib/session/model/handling.js';
import type { VerifiedSession } from '../../lib/session/model/verified-session.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { createGate, until } from '../support/asynchrony.js';
import { DAY, MINUTE, NOW } from '../support/session-claims.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
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
import { factsOf, HANDLING, openRuntime } from './session-runtime.js';

const PAIR = [COOKIE, REFRESH_COOKIE];
const OTHER_PAIR = ['X-Other', 'X-Other-Refresh'];
const REFRESHED = { subject: 'ada', sends: PAIR };
const UNCHANGED = { subject: 'ada', sends: [] };

/** A runtime with refresh tokens, a store that can be watched, and a loader that can fail. */
async function open(options: Partial<SessionJwtModuleOptions> = {}) {
  const store = new MemorySessionStore();
  const source: { fault?: Error; data: object | null } = { data: {} };
  const load = jest.fn(() => {
    if (source.fault) throw source.fault;
    return source.data;
  });
  const runtime = await openRuntime(
    { refreshToken: {}, store, ...options },
    load,
  );
  const { authenticator, issuing, heard } = runtime;
  const signIn = async (subject = 'ada') => {
    const { token, refreshToken, session } = await issuing!.issuer.generate(
      subject,
      {},
      undefined,
    );
    heard.length = 0;
    load.mockClear();
    return { cookie: token, refreshCookie: refreshToken!, session };
  };
  const authenticate = async (
    facts: RequestFacts,
    handling: Partial<Handling> = {},
  ) => authenticator.authenticate(facts, { ...HANDLING, ...handling });
  return { ...runtime, store, source, load, signIn, authenticate };
}

describe('a session token that has expired', () => {
  it.each([
    [-1, UNCHANGED, []],
    [0, REFRESHED, [{ type: 'refreshed', repeated: false }]],
    [1, REFRESHED, [{ type: 'refreshed', repeated: false }]],
  ])(
    'is replaced with its refresh token, at its end and %i s',
    async (seconds, expected, events) => {
      const { signIn, authenticate, clock, heard } = await open();
      const tokens = await signIn();
      clock.set(tokens.session.endsAt + seconds);
      expect(told(await authenticate(carrying(tokens)))).toEqual(expected);
      expect(heard).toMatchObject(events);
    },
  );

  it('is replaced where it is missing as well', async () => {
    const { signIn, authenticate, load } = await open();
    const { refreshCookie, session } = await signIn();
    const outcome = await authenticate(carrying({ refreshCookie }));
    expect(told(outcome)).toEqual(REFRESHED);
    expect(outcome).toMatchObject({ claims: { sid: session.claims.sid } });
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('is replaced without a store as well', async () => {
    const { signIn, authenticate } = await openRuntimeWithoutStore();
    const { refreshCookie } = await signIn();
    expect(told(await authenticate(carrying({ refreshCookie })))).toEqual(
      REFRESHED,
    );
  });

  it.each<[string, keyof CarriedTokens | undefined, Partial<Handling>]>([
    ['carries no refresh token', undefined, {}],
    ['can deliver nothing', 'refreshCookie', { canDeliver: false }],
  ])(
    'is refused but not cleared where the request %s',
    async (_case, carried, handling) => {
      const { signIn, authenticate, clock, heard, store } = await open();
      const { cookie, refreshCookie, session } = await signIn();
      const rotate = jest.spyOn(store, 'rotate');
      clock.set(session.endsAt);
      const outcome = await authenticate(
        carrying({ cookie, ...(carried && { refreshCookie }) }),
        handling,
      );
      expect(told(outcome)).toEqual({ refusal: 'refresh-due', clears: [] });
      expect(heard).toMatchObject([
        { type: 'rejected', code: 'TOKEN_EXPIRED', reason: 'refresh-due' },
      ]);
      expect(rotate).not.toHaveBeenCalled();
    },
  );

  it('is no session at all where there is neither token, or a refresh token that cannot be used', async () => {
    const { signIn, authenticate, heard } = await open();
    const { refreshCookie } = await signIn();
    expect(await authenticate(factsOf())).toEqual({ kind: 'anonymous' });
    expect(
      await authenticate(carrying({ refreshCookie }), { canDeliver: false }),
    ).toEqual({ kind: 'anonymous' });
    expect(heard).toEqual([]);
  });

  it.each<[string, CarriedTokens, string, string[]]>([
    ['no text', { refreshOther: 'unreadable' }, 'malformed', ['X-Other']],
    ['no token', { refreshCookie: 'x' }, 'malformed', PAIR],
    ['no token of ours', { refreshOther: 'x' }, 'malformed', ['X-Other']],
    [
      'two cookies',
      { refreshCookie: `x; ${REFRESH_COOKIE}=y` },
      'ambiguous',
      PAIR,
    ],
  ])(
    'is refused for a refresh token that is %s, and only its transport is cleared',
    async (_case, tokens, refusal, clears) => {
      const { authenticate, heard } = await open({
        transport: ['cookie', new OtherTransport()],
      });
      const outcome = told(await authenticate(carrying(tokens)));
      expect(outcome).toMatchObject({ refusal });
      expect([...new Set((outcome as { clears: string[] }).clears)]).toEqual(
        clears,
      );
      expect(heard).toMatchObject([{ type: 'rejected', reason: refusal }]);
    },
  );

  it('is refused for a refresh token of another session, and both are cleared', async () => {
    const { signIn, authenticate, clock, heard } = await open({
      transport: ['cookie', 'header', new OtherTransport()],
    });
    const [one, two] = [await signIn(), await signIn('bob')];
    clock.set(Math.max(one.session.endsAt, two.session.endsAt));
    expect(
      told(
        await authenticate(
          carrying({ other: one.cookie, refreshCookie: two.refreshCookie }),
        ),
      ),
    ).toEqual({ refusal: 'conflict', clears: ['X-Other', ...PAIR] });
    expect(heard).toMatchObject([{ code: 'TOKEN_CONFLICT' }]);
    expect(
      told(
        await authenticate(
          carrying({ bearer: one.cookie, refreshCookie: two.refreshCookie }),
        ),
      ),
    ).toEqual({ refusal: 'conflict', clears: [] });
  });

  it('is refused for a refresh token of an unknown key, which stays', async () => {
    const { authenticate, heard } = await open();
    const { signIn } = await open({ secret: OTHER_SECRET });
    const { refreshCookie } = await signIn();
    expect(told(await authenticate(carrying({ refreshCookie })))).toEqual({
      refusal: 'unknown-key',
      clears: [],
    });
    expect(heard).toMatchObject([{ code: 'KEY_UNKNOWN' }]);
  });

  it('is replaced once the key of the refresh token is found', async () => {
    const vault = new Vault<string[]>([SECRET]);
    const store = new MemorySessionStore();
    const { authenticate } = await open({ secret: vault.provide, store });
    const { signIn } = await open({ secret: OTHER_SECRET, store });
    const { refreshCookie } = await signIn();
    vault.content = [SECRET, OTHER_SECRET];
    expect(told(await authenticate(carrying({ refreshCookie })))).toEqual(
      REFRESHED,
    );
    expect(vault.asked).toBe(2);
  });

  it.each<[string, CarriedTokens, string[]]>([
    ['both in cookies', { cookie: '', refreshCookie: '' }, PAIR],
    ['both elsewhere', { other: '', refreshOther: '' }, OTHER_PAIR],
    [
      'each in a place of its own',
      { other: '', refreshCookie: '' },
      [...PAIR, ...OTHER_PAIR],
    ],
    [
      'with a header',
      { bearer: '', refreshCookie: '' },
      [...PAIR, 'Session-Token', 'Session-Refresh-Token'],
    ],
  ])('is replaced wherever a token was: %s', async (_case, places, sends) => {
    const { signIn, authenticate, clock } = await open({
      transport: ['cookie', new OtherTransport(), 'header'],
    });
    const { cookie, refreshCookie, session } = await signIn();
    clock.set(session.endsAt);
    const tokens = Object.fromEntries(
      Object.keys(places).map((place) => [
        place,
        place.startsWith('refresh') ? refreshCookie : cookie,
      ]),
    );
    expect(told(await authenticate(carrying(tokens)))).toEqual({
      subject: 'ada',
      sends,
    });
  });

  it.each([
    [false, NOW + 7 * DAY + 15 * MINUTE],
    [true, NOW + 7 * DAY],
  ])(
    'is replaced for a passive request (%s) as well, which keeps the idle end',
    async (isPassive, end) => {
      const { signIn, authenticate, clock } = await open();
      const { refreshCookie } = await signIn();
      clock.advance('15m');
      const outcome = await authenticate(carrying({ refreshCookie }), {
        isPassive,
      });
      expect(told(outcome)).toEqual(REFRESHED);
      expect(outcome).toMatchObject({ claims: { rexp: end } });
    },
  );

  it('is replaced once for two requests in parallel', async () => {
    const { signIn, authenticate, clock, store, load, heard } = await open();
    const tokens = await signIn();
    const rotate = jest.spyOn(store, 'rotate');
    clock.set(tokens.session.endsAt);
    const [one, two] = await Promise.all([
      authenticate(carrying(tokens)),
      authenticate(carrying(tokens)),
    ]);
    expect(one).toBe(two);
    expect(told(one)).toEqual(REFRESHED);
    expect(rotate).toHaveBeenCalledTimes(1);
    expect(load).toHaveBeenCalledTimes(1);
    expect(heard).toMatchObject([{ type: 'refreshed', repeated: false }]);
  });

  it('is not replaced for a forged request, and its tokens stay', async () => {
    const { signIn, authenticate, clock, store, heard } = await open();
    const tokens = await signIn();
    const rotate = jest.spyOn(store, 'rotate');
    clock.set(tokens.session.endsAt);
    const refused = { refusal: 'cross-site', clears: [] };
    expect(told(await authenticate(forged(tokens)))).toEqual(refused);
    const { refreshCookie } = tokens;
    expect(told(await authenticate(forged({ refreshCookie })))).toEqual(
      refused,
    );
    expect(rotate).not.toHaveBeenCalled();
    expect(heard).toMatchObject([
      { type: 'rejected', code: 'CSRF_REFUSED', reason: 'cross-site' },
      { type: 'rejected', code: 'CSRF_REFUSED', reason: 'cross-site' },
    ]);
    expect(told(await authenticate(carrying(tokens)))).toEqual(REFRESHED);
  });

  it('is replaced for a POST that no browser sent on its own', async () => {
    const { signIn, authenticate } = await open({
      transport: ['cookie', new OtherTransport(false)],
    });
    const { refreshCookie } = await signIn();
    expect(
      told(await authenticate(forged({ refreshOther: refreshCookie }))),
    ).toEqual({ subject: 'ada', sends: OTHER_PAIR });
  });

  it('needs a CSRF token of the session of its refresh token', async () => {
    const { signIn, authenticate, csrfTokens } = await open({
      csrf: { token: true },
    });
    const { refreshCookie, session } = await signIn();
    const post = (sid: string) =>
      authenticate(
        carrying(
          { refreshCookie },
          { 'x-csrf-token': csrfTokens.issue(sid), 'sec-fetch-site': 'none' },
          'POST',
        ),
      );
    expect(told(await post('another'))).toEqual({
      refusal: 'csrf-token',
      clears: [],
    });
    expect(told(await post(session.claims.sid))).toEqual(REFRESHED);
  });

  it('is refused where the store has ended the session, and only what carried the refresh token is cleared', async () => {
    const { signIn, authenticate, clock, store, heard } = await open({
      transport: ['cookie', new OtherTransport()],
    });
    const { cookie, refreshCookie, session } = await signIn();
    await store.end(session.claims.sid, 'ada');
    clock.set(session.endsAt);
    expect(
      told(await authenticate(carrying({ other: cookie, refreshCookie }))),
    ).toEqual({ refusal: 'unknown', clears: PAIR });
    expect(heard).toMatchObject([
      { type: 'rejected', code: 'SESSION_UNKNOWN', reason: 'unknown' },
    ]);
  });

  it('is refused where its refresh token was copied and used', async () => {
    const { signIn, authenticate, clock, heard } = await open();
    const { refreshCookie } = await signIn();
    const facts = carrying({ refreshCookie });
    const first = (await authenticate(facts)) as VerifiedSession;
    // The new session token is used, so that the old refresh token no longer helps its owner.
    const line = first.dispatch!.deliveries[0]! as { line: string };
    const cookie = /=([^;]*)/.exec(line.line)![1]!;
    await authenticate(carrying({ cookie }));
    heard.length = 0;
    clock.advance('5m');
    expect(told(await authenticate(facts))).toEqual({
      refusal: 'reused',
      clears: PAIR,
    });
    expect(heard).toMatchObject([
      { type: 'refreshReused' },
      { type: 'ended', reason: 'reused' },
      { type: 'rejected', code: 'REFRESH_REUSED', reason: 'reused' },
    ]);
  });

  it('is refused where the loader ends the session', async () => {
    const { signIn, authenticate, source } = await open();
    const { refreshCookie } = await signIn();
    source.data = null;
    expect(told(await authenticate(carrying({ refreshCookie })))).toEqual({
      refusal: 'ended',
      clears: PAIR,
    });
  });

  it.each<[string, (opened: Awaited<ReturnType<typeof open>>) => void]>([
    [
      'STORE_UNAVAILABLE',
      ({ store }) => {
        jest.spyOn(store, 'read').mockRejectedValueOnce(new Error('down'));
      },
    ],
    [
      'STORE_UNAVAILABLE',
      ({ store }) => {
        jest.spyOn(store, 'rotate').mockRejectedValueOnce(new Error('down'));
      },
    ],
    [
      'LOADER_UNAVAILABLE',
      ({ source }) => {
        source.fault = new Error('down');
      },
    ],
  ])(
    'is unavailable, and can be replaced later, after %s',
    async (code, breakSomething) => {
      const opened = await open();
      const { signIn, authenticate, source, clock } = opened;
      const tokens = await signIn();
      clock.set(tokens.session.endsAt);
      breakSomething(opened);
      expect(told(await authenticate(carrying(tokens)))).toEqual({
        unavailable: code,
      });
      delete source.fault;
      clock.advance('1s');
      expect(told(await authenticate(carrying(tokens)))).toEqual(REFRESHED);
    },
  );

  it('is replaced in the store that must be asked', async () => {
    const { signIn, authenticate } = await open();
    const { refreshCookie } = await signIn();
    expect(
      told(
        await authenticate(carrying({ refreshCookie }), { asksStore: true }),
      ),
    ).toEqual(REFRESHED);
  });

  it('is not replaced without the store that must be asked', async () => {
    const { signIn, authenticate } = await openRuntimeWithoutStore();
    const { refreshCookie } = await signIn();
    await expect(
      authenticate(carrying({ refreshCookie }), { asksStore: true }),
    ).rejects.toMatchObject({ code: 'STORE_REQUIRED' });
  });

  it('does not wait for early exchanges that have failed', async () => {
    const { authenticate, store, clock, early, session } = await openPassive();
    jest.spyOn(store, 'rotate').mockRejectedValueOnce(new Error('down'));
    expect(told(await authenticate(carrying(early)))).toEqual(UNCHANGED);
    const { refreshCookie } = early;
    expect(told(await authenticate(carrying({ refreshCookie })))).toEqual(
      REFRESHED,
    );
    expect(clock.nowSeconds()).toBe(session.extendAt);
  });
});

async function openRuntimeWithoutStore() {
  const { issuing, authenticator } = await openRuntime({ refreshToken: {} });
  return {
    signIn: async () => {
      const signed = await issuing!.issuer.generate('ada', {}, undefined);
      return { refreshCookie: signed.refreshToken! };
    },
    authenticate: async (
      facts: RequestFacts,
      handling: Partial<Handling> = {},
    ) => authenticator.authenticate(facts, { ...HANDLING, ...handling }),
  };
}

/** A session whose tokens a passive request has kept fresh: it is time for an early exchange. */
async function openPassive(options: Partial<SessionJwtModuleOptions> = {}) {
  const opened = await open(options);
  const { signIn, authenticate, clock } = opened;
  const first = await signIn();
  clock.set(first.session.endsAt - 10);
  const outcome = await authenticate(
    carrying({ refreshCookie: first.refreshCookie }),
    { isPassive: true },
  );
  const session = outcome as VerifiedSession;
  const [cookie, refreshCookie] = session.dispatch!.deliveries.map(
    (delivery) =>
      delivery.kind === 'cookie' ? /=([^;]*)/.exec(delivery.line)![1]! : '',
  );
  clock.set(session.extendAt);
  opened.heard.length = 0;
  opened.load.mockClear();
  return {
    ...opened,
    session,
    early: { cookie, refreshCookie: refreshCookie! },
  };
}

describe('the tokens of a session in use after passive requests', () => {
  it.each([
    [-1, UNCHANGED],
    [0, REFRESHED],
    [1, REFRESHED],
  ])(
    'are replaced when activity moves the idle end and %i s',
    async (seconds, expected) => {
      const { authenticate, clock, session, early, heard } =
        await openPassive();
      expect(session.extendAt).toBeLessThan(session.endsAt);
      clock.set(session.extendAt + seconds);
      const outcome = await authenticate(carrying(early));
      expect(told(outcome)).toEqual(expected);
      expect(heard).toMatchObject(seconds < 0 ? [] : [{ type: 'refreshed' }]);
      expect((outcome as VerifiedSession).claims.rexp).toBe(
        seconds < 0
          ? session.claims.rexp
          : session.extendAt + seconds + 7 * DAY,
      );
    },
  );

  it.each<[string, Partial<Handling>]>([
    ['is passive', { isPassive: true }],
    ['can deliver nothing', { canDeliver: false }],
  ])('stay where the request %s', async (_case, handling) => {
    const { authenticate, early, store } = await openPassive();
    const rotate = jest.spyOn(store, 'rotate');
    expect(told(await authenticate(carrying(early), handling))).toEqual(
      UNCHANGED,
    );
    expect(rotate).not.toHaveBeenCalled();
  });

  it.each<[string, string | undefined]>([
    ['no refresh token', undefined],
    ['an unreadable one', 'x'],
  ])('stay where the request carries %s', async (_case, refreshCookie) => {
    const { authenticate, early, heard } = await openPassive();
    const { cookie } = early;
    expect(
      told(await authenticate(carrying({ cookie, refreshCookie }))),
    ).toEqual(UNCHANGED);
    expect(heard).toEqual([]);
  });

  it('stay where the refresh token is of another session', async () => {
    const { authenticate, early, signIn, store, heard } = await openPassive();
    const { refreshCookie } = await signIn('bob');
    const rotate = jest.spyOn(store, 'rotate');
    const { cookie } = early;
    expect(
      told(await authenticate(carrying({ cookie, refreshCookie }))),
    ).toEqual(UNCHANGED);
    expect(rotate).not.toHaveBeenCalled();
    expect(heard).toEqual([]);
  });

  it('stay where the sender is known, but another site made the browser send the refresh token', async () => {
    const { authenticator, early, session, store } = await openPassive();
    const rotate = jest.spyOn(store, 'rotate');
    const evaluate = (facts: RequestFacts) =>
      authenticator.evaluateSession(session, undefined, facts, HANDLING);
    const { refreshCookie } = early;
    expect(evaluate(forged({ refreshCookie }))).toBe(session);
    expect(rotate).not.toHaveBeenCalled();
    expect(told(await evaluate(carrying({ refreshCookie })))).toEqual(
      REFRESHED,
    );
  });

  it('are replaced wherever a token was', async () => {
    const { authenticate, early } = await openPassive({
      transport: ['cookie', 'header'],
    });
    const { cookie, refreshCookie } = early;
    expect(
      told(await authenticate(carrying({ bearer: cookie, refreshCookie }))),
    ).toEqual({
      subject: 'ada',
      sends: [...PAIR, 'Session-Token', 'Session-Refresh-Token'],
    });
  });

  it('are replaced once for two requests in parallel', async () => {
    const { authenticate, early, store, load } = await openPassive();
    const rotate = jest.spyOn(store, 'rotate');
    const both = await Promise.all([
      authenticate(carrying(early)),
      authenticate(carrying(early)),
    ]);
    expect(both.map(told)).toEqual([REFRESHED, REFRESHED]);
    expect(rotate).toHaveBeenCalledTimes(1);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('are refused where the store has ended the session', async () => {
    const { authenticate, early, store, session, heard } = await openPassive({
      transport: ['cookie', new OtherTransport()],
    });
    await store.end(session.claims.sid, 'ada');
    const { cookie, refreshCookie } = early;
    expect(
      told(await authenticate(carrying({ other: cookie, refreshCookie }))),
    ).toEqual({ refusal: 'unknown', clears: PAIR });
    expect(heard).toMatchObject([{ code: 'SESSION_UNKNOWN' }]);
  });

  it('stay while the store fails, which is asked again after a pause that grows', async () => {
    const { authenticate, early, store, clock, heard } = await openPassive();
    const rotate = jest
      .spyOn(store, 'rotate')
      .mockRejectedValue(new Error('down'));
    const attempts = async () => {
      expect(told(await authenticate(carrying(early)))).toEqual(UNCHANGED);
      return rotate.mock.calls.length;
    };
    expect(await attempts()).toBe(1);
    expect(await attempts()).toBe(1);
    clock.advance('1s');
    expect(await attempts()).toBe(2);
    clock.advance('1s');
    expect(await attempts()).toBe(2);
    clock.advance('1s');
    expect(await attempts()).toBe(3);
    expect(heard.filter(({ type }) => type === 'storeFailed')).toHaveLength(3);
    expect(heard.filter(({ type }) => type === 'loaderFailed')).toEqual([]);
  });

  it('are replaced after a pause, which is forgotten then', async () => {
    const { authenticate, early, store, clock } = await openPassive();
    const rotate = jest.spyOn(store, 'rotate');
    const ask = async () => told(await authenticate(carrying(early)));
    rotate.mockRejectedValueOnce(new Error('down'));
    expect(await ask()).toEqual(UNCHANGED);
    clock.advance('1s');
    expect(await ask()).toEqual(REFRESHED);
    rotate.mockRejectedValueOnce(new Error('down'));
    expect(await ask()).toEqual(UNCHANGED);
    clock.advance('1s');
    expect(await ask()).toEqual(REFRESHED);
  });

  it('stay while the loader fails, which is called once and backs off by itself', async () => {
    const { authenticate, early, source, clock, load, heard } =
      await openPassive();
    source.fault = new Error('down');
    const ask = async () => told(await authenticate(carrying(early)));
    expect(await ask()).toEqual(UNCHANGED);
    expect(await ask()).toEqual(UNCHANGED);
    expect(load).toHaveBeenCalledTimes(1);
    expect(heard).toMatchObject([{ type: 'loaderFailed' }]);
    delete source.fault;
    clock.advance('1s');
    expect(await ask()).toEqual(REFRESHED);
  });

  it('stay, and the session is confirmed by the store that must be asked', async () => {
    const { authenticate, early, store } = await openPassive();
    jest.spyOn(store, 'rotate').mockRejectedValueOnce(new Error('down'));
    const read = jest.spyOn(store, 'read');
    expect(
      told(await authenticate(carrying(early), { asksStore: true })),
    ).toEqual(UNCHANGED);
    // Once for the exchange, and once to confirm the session.
    expect(read).toHaveBeenCalledTimes(2);
  });

  it('stay, and the data is loaded where it has become due meanwhile', async () => {
    const { authenticate, early, store, clock, session, load, heard } =
      await openPassive({ refreshToken: { accessLifetime: '1h' } });
    const gate = createGate();
    const rotate = jest.spyOn(store, 'rotate').mockImplementationOnce(() =>
      gate.promise.then(() => {
        throw new Error('down');
      }),
    );
    const outcome = authenticate(carrying(early));
    await until(() => rotate.mock.calls.length > 0, 'the exchange');
    load.mockClear();
    clock.set(session.dueAt);
    gate.open();
    expect(told(await outcome)).toEqual({ subject: 'ada', sends: [COOKIE] });
    expect(load).toHaveBeenCalledTimes(1);
    expect(heard.at(-1)).toMatchObject({ type: 'reloaded' });
  });
});
