import { jest } from '@jest/globals';
import { SessionConfigError } from '../../lib/errors/session-config-error.js';
import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import type { SessionPage } from '../../lib/ports/session-store.js';
import { MemoryRevocationLog } from '../../lib/stores/memory-revocation-log.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { SickStore } from '../support/sick-store.js';
import {
  carrying,
  COOKIE,
  forged,
  told,
  type CarriedTokens,
} from './carried-tokens.js';
import { HANDLING, openRuntime } from './session-runtime.js';

describe('a page of sessions', () => {
  async function open() {
    const { revocation, issuing } = await openRuntime({
      store: new MemorySessionStore(),
      refreshToken: {},
    });
    for (let i = 0; i < 3; i += 1) {
      await issuing!.issuer.generate('ada', {}, undefined);
    }
    return revocation;
  }

  it.each([0, -1, 1.5, 1_001, NaN, Infinity, '10'])(
    'has from 1 to 1,000 sessions, not %p',
    async (limit) => {
      const revocation = await open();
      await expect(
        (async () => revocation.list('ada', { limit: limit as number }))(),
      ).rejects.toBeInstanceOf(SessionConfigError);
    },
  );

  it.each([
    [1, 1],
    [2, 2],
    [1_000, 3],
    [undefined, 3],
  ])('has as many as asked for: limit %p, %i', async (limit, count) => {
    const revocation = await open();
    const page = await revocation.list('ada', limit ? { limit } : {});
    expect(page).toHaveLength(count);
  });
});

async function openSessions(options: Partial<SessionJwtModuleOptions> = {}) {
  const store = new MemorySessionStore();
  const runtime = await openRuntime({ store, ...options });
  const signIn = async (subject = 'ada') => {
    const signed = await runtime.issuing!.issuer.generate(
      subject,
      {},
      undefined,
    );
    runtime.heard.length = 0;
    const { sid } = signed.session.claims;
    const authenticate = async () =>
      told(
        await runtime.authenticator.authenticate(
          carrying({ cookie: signed.token }),
          HANDLING,
        ),
      );
    return { ...signed, sid, authenticate };
  };
  return { ...runtime, store, signIn };
}

const ENDED = { refusal: 'ended', clears: [COOKIE] };
const ALIVE = { subject: 'ada', sends: [] };

describe('the end of a session', () => {
  it('reaches the store, once', async () => {
    const { revocation, signIn, store, heard } = await openSessions();
    const { session, sid, authenticate } = await signIn();
    expect(await revocation.end(session.claims)).toBe(true);
    expect(heard).toMatchObject([
      { type: 'ended', subject: 'ada', reason: 'revoked', reach: 'store' },
    ]);
    expect(await store.read(sid, 'ada')).toBeUndefined();
    expect(await authenticate()).toEqual(ENDED);
    heard.length = 0;
    expect(await revocation.end(session.claims)).toBe(false);
    expect(heard).toEqual([]);
  });

  it('stays in this process without a store', async () => {
    const { revocation, heard, issuing } = await openRuntime();
    const { session } = await issuing!.issuer.generate('ada', {}, undefined);
    heard.length = 0;
    expect(await revocation.end(session.claims)).toBe(false);
    expect(heard).toMatchObject([
      { type: 'ended', reason: 'revoked', reach: 'process' },
    ]);
  });
});

describe('the end of a session by its id', () => {
  it('ends it in the store and in this process', async () => {
    const { revocation, signIn, store, heard } = await openSessions();
    const { sid, authenticate } = await signIn();
    expect(await revocation.endNamed(sid, 'ada')).toBe(true);
    expect(heard).toMatchObject([
      { type: 'ended', subject: 'ada', reason: 'revoked', reach: 'store' },
    ]);
    expect(await store.read(sid, 'ada')).toBeUndefined();
    expect(await authenticate()).toEqual(ENDED);
  });

  it('changes nothing where the subject has no such session', async () => {
    const { revocation, signIn, heard } = await openSessions();
    const { sid, authenticate } = await signIn();
    expect(await revocation.endNamed(sid, 'bob')).toBe(false);
    expect(await revocation.endNamed('another', 'ada')).toBe(false);
    expect(heard).toEqual([]);
    expect(await authenticate()).toEqual(ALIVE);
  });

  it('changes nothing where the store fails', async () => {
    const { revocation, signIn, store, heard } = await openSessions();
    const { sid, authenticate } = await signIn();
    jest.spyOn(store, 'end').mockRejectedValueOnce(new Error('down'));
    await expect(revocation.endNamed(sid, 'ada')).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(heard).toMatchObject([{ type: 'storeFailed' }]);
    expect(await authenticate()).toEqual(ALIVE);
  });
});

describe('the end of all sessions of a subject', () => {
  it('ends these, and only these', async () => {
    const { revocation, signIn, store, heard } = await openSessions();
    await signIn();
    await signIn();
    const { sid } = await signIn('bob');
    expect(await revocation.endAll('ada', undefined)).toBe(2);
    expect(heard).toMatchObject([
      { type: 'allEnded', subject: 'ada', count: 2 },
    ]);
    expect(await store.list('ada')).toEqual([]);
    expect(await store.read(sid, 'bob')).toMatchObject({ id: sid });
    expect(await revocation.endAll('ada', undefined)).toBe(0);
    expect(heard).toHaveLength(2);
  });

  it('can spare one', async () => {
    const { revocation, signIn, store, heard } = await openSessions();
    await signIn();
    const { sid } = await signIn();
    expect(await revocation.endAll('ada', sid)).toBe(1);
    expect(await store.list('ada')).toMatchObject([{ id: sid }]);
    expect(heard).toMatchObject([{ type: 'allEnded', count: 1 }]);
  });

  it('ends none where the one to spare has ended', async () => {
    const { revocation, signIn, store, heard } = await openSessions();
    const { sid } = await signIn();
    await expect(revocation.endAll('ada', 'another')).rejects.toMatchObject({
      code: 'SESSION_UNKNOWN',
      message: expect.stringMatching(/^revokeAll: .*`except` has ended/),
    });
    expect(await store.list('ada')).toMatchObject([{ id: sid }]);
    expect(heard).toEqual([]);
  });
});

describe('the end of all sessions of a subject on which connections depend', () => {
  async function openLive() {
    const store = new SickStore();
    const runtime = await openRuntime({ store });
    const connect = async (subject = 'ada') => {
      const { session } = await runtime.issuing!.issuer.generate(
        subject,
        {},
        undefined,
      );
      const ends: string[] = [];
      const live = runtime.live.add(session, {
        end: (reason) => ends.push(reason),
      });
      store.takeCalls();
      return { live, ends, sid: session.claims.sid };
    };
    return { ...runtime, store, connect };
  }

  it('ends those that began before it, and asks the store about none', async () => {
    const { revocation, connect, clock, store } = await openLive();
    const old = await connect();
    clock.advance('6s');
    const spared = await connect();
    const ofBob = await connect('bob');
    expect(await revocation.endAll('ada', spared.sid)).toBe(1);
    expect(store.takeCalls()).toEqual(['endAll']);
    expect([old.ends, spared.ends, ofBob.ends]).toEqual([['ended'], [], []]);
    expect([spared.live.isInDoubt, ofBob.live.isInDoubt]).toEqual([
      false,
      false,
    ]);
  });

  it.each([0, 5])(
    'asks the store about one of %i s: the clock of its node may differ',
    async (seconds) => {
      const { revocation, connect, clock, store } = await openLive();
      const young = await connect();
      clock.advance(seconds);
      expect(await revocation.endAll('ada', undefined)).toBe(1);
      expect(store.takeCalls()).toHaveLength(2);
      expect(young.ends).toEqual(['ended']);
    },
  );

  it('keeps one that the store has not ended', async () => {
    const { revocation, connect, store } = await openLive();
    const young = await connect();
    store.healthy.endAll = async () => 0;
    expect(await revocation.endAll('ada', undefined)).toBe(0);
    expect(young.ends).toEqual([]);
  });

  it('keeps one in doubt while the store cannot answer', async () => {
    const { revocation, connect, store } = await openLive();
    const young = await connect();
    store.fall('rejects', 'read');
    expect(await revocation.endAll('ada', undefined)).toBe(1);
    expect(young.ends).toEqual([]);
    expect(young.live.isInDoubt).toBe(true);
  });
});

describe('the end of sessions that only a log tells to other nodes', () => {
  const openLogged = () =>
    openRuntime({ revocations: new MemoryRevocationLog() });

  it('counts none of a subject, and ends none where the one to spare has ended', async () => {
    const { revocation, issuing, heard } = await openLogged();
    const { session } = await issuing!.issuer.generate('ada', {}, undefined);
    const { sid } = session.claims;
    expect(await revocation.endAll('ada', sid)).toBe(0);
    expect(await revocation.end(session.claims)).toBe(true);
    heard.length = 0;
    await expect(revocation.endAll('ada', sid)).rejects.toMatchObject({
      code: 'SESSION_UNKNOWN',
    });
    expect(heard).toEqual([]);
    expect(await revocation.endAll('ada', undefined)).toBe(0);
  });

  it('may be that of everything, which is an event', async () => {
    const { revocation, heard } = await openLogged();
    await revocation.endEverything();
    expect(heard).toMatchObject([{ type: 'everythingEnded' }]);
  });

  it('is that of everything only with a log', async () => {
    const { revocation, heard } = await openSessions();
    await expect(revocation.endEverything()).rejects.toMatchObject({
      code: 'STORE_REQUIRED',
      message: expect.stringMatching(/^revokeEverything: .*revocations/),
    });
    expect(heard).toEqual([]);
  });
});

describe('what names sessions', () => {
  type Revocation = Awaited<ReturnType<typeof openSessions>>['revocation'];
  const calls: [
    string,
    (of: Revocation, subject: string) => Promise<unknown>,
  ][] = [
    ['revoke({ id, subject })', (of, subject) => of.endNamed('id', subject)],
    ['revokeAll', (of, subject) => of.endAll(subject, undefined)],
    ['list', (of, subject) => of.list(subject)],
  ];

  it.each(calls)('needs a store: %s', async (what, call) => {
    const { revocation } = await openRuntime();
    await expect(call(revocation, 'ada')).rejects.toMatchObject({
      code: 'STORE_REQUIRED',
      message: expect.stringContaining(`${what}: expected a store, got none`),
    });
  });

  it.each(calls)('needs a subject: %s', async (what, call) => {
    const { revocation, store } = await openSessions();
    const asked = [
      jest.spyOn(store, 'end'),
      jest.spyOn(store, 'endAll'),
      jest.spyOn(store, 'list'),
    ];
    for (const subject of ['', 'x'.repeat(256), undefined, 7]) {
      await expect(call(revocation, subject as string)).rejects.toMatchObject({
        code: 'SUBJECT_REQUIRED',
        message: expect.stringContaining(`${what}: expected the subject`),
      });
    }
    for (const each of asked) {
      expect(each).not.toHaveBeenCalled();
    }
  });
});

describe('the sessions that a request carries', () => {
  it('are those of all its tokens', async () => {
    const { revocation, signIn } = await openSessions({
      transport: ['cookie', 'header'],
      refreshToken: {},
    });
    const [one, two, three] = [
      await signIn(),
      await signIn('bob'),
      await signIn(),
    ];
    expect(
      await revocation.carriedBy(
        carrying({ cookie: one.token, bearer: two.token }),
        three.refreshToken,
        undefined,
      ),
    ).toEqual({
      sessions: [
        { sid: one.sid, sub: 'ada' },
        { sid: two.sid, sub: 'bob' },
        { sid: three.sid, sub: 'ada' },
      ],
      isComplete: true,
    });
  });

  it.each<[string, boolean | undefined, boolean, CarriedTokens]>([
    ['a cookie', undefined, false, { cookie: '' }],
    ['a cookie', false, false, { cookie: '' }],
    ['a cookie', true, true, { cookie: '' }],
    ['a header', undefined, true, { bearer: '' }],
    ['no token', undefined, false, {}],
  ])(
    'and another site posted, with %s and crossSite %s, may end: %s',
    async (_case, crossSite, isAllowed, places) => {
      const { revocation, signIn, heard } = await openSessions({
        transport: ['header', 'cookie'],
      });
      const { token, sid } = await signIn();
      const tokens = Object.fromEntries(
        Object.keys(places).map((place) => [place, token]),
      );
      const found = revocation.carriedBy(forged(tokens), undefined, crossSite);
      if (isAllowed) {
        expect(await found).toMatchObject({ sessions: [{ sid }] });
        expect(heard).toEqual([]);
      } else {
        await expect(found).rejects.toMatchObject({ code: 'CSRF_REFUSED' });
        expect(heard).toMatchObject([
          { type: 'rejected', code: 'CSRF_REFUSED', reason: 'cross-site' },
        ]);
      }
    },
  );

  it('may end where the request has a CSRF token of theirs', async () => {
    const { revocation, signIn, csrfTokens } = await openSessions({
      csrf: { token: true },
    });
    const [one, two] = [await signIn(), await signIn()];
    const post = (sid: string) =>
      revocation.carriedBy(
        carrying(
          { cookie: one.token },
          { 'x-csrf-token': csrfTokens.issue(sid), 'sec-fetch-site': 'none' },
          'POST',
        ),
        undefined,
        undefined,
      );
    expect(await post(one.sid)).toMatchObject({ sessions: [{ sid: one.sid }] });
    await expect(post(two.sid)).rejects.toMatchObject({ code: 'CSRF_REFUSED' });
  });
});

describe('a list of sessions', () => {
  /** Three sessions, of which the first was used last. The store lists them by their ends. */
  async function openUsed() {
    const opened = await openSessions({ lifetime: { absolute: '8d' } });
    const { signIn, store, clock } = opened;
    const sids: string[] = [];
    for (let i = 0; i < 3; i += 1) {
      sids.push((await signIn()).sid);
      clock.advance('1h');
    }
    await store.read(sids[0]!, 'ada', 'seen');
    const listed = (await store.list('ada')).map(({ id }) => id);
    return { ...opened, sids, listed };
  }

  it('has the session used last first', async () => {
    const { revocation, sids, listed } = await openUsed();
    const used = [sids[0], sids[2], sids[1]];
    expect(listed).not.toEqual(used);
    const ids = async (page?: SessionPage) =>
      (await revocation.list('ada', page)).map(({ id }) => id);
    expect(await ids()).toEqual(used);
    expect(await ids({ limit: 4 })).toEqual(used);
  });

  it('keeps the order of the store on a full page and on later pages', async () => {
    const { revocation, listed } = await openUsed();
    const ids = async (page: SessionPage) =>
      (await revocation.list('ada', page)).map(({ id }) => id);
    expect(await ids({ limit: 3 })).toEqual(listed);
    expect(await ids({ limit: 2 })).toEqual(listed.slice(0, 2));
    const rest = await ids({ limit: 1_000, after: listed[0]! });
    expect(rest).toEqual(listed.slice(1));
  });

  it('shows nothing that opens a session, and none of its contents', async () => {
    const { revocation, signIn, clock } = await openSessions();
    const { sid, session } = await signIn();
    const at = new Date(clock.nowSeconds() * 1000);
    expect(await revocation.list('ada')).toEqual([
      {
        id: sid,
        subject: 'ada',
        createdAt: at,
        lastSeenAt: at,
        expiresAt: new Date(session.claims.exp * 1000),
        metadata: {},
        isBound: false,
      },
    ]);
    expect(await revocation.list('bob')).toEqual([]);
  });

  it('asks the store for no more than the limit', async () => {
    const { revocation, store } = await openSessions();
    const list = jest.spyOn(store, 'list');
    await revocation.list('ada');
    await revocation.list('ada', { limit: 7 });
    expect(list.mock.calls.map(([, page]) => page)).toEqual([
      { limit: 1_000 },
      { limit: 7 },
    ]);
  });
});
