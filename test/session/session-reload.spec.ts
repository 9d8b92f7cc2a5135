import { createGate, turn } from '../support/asynchrony.js';
import { SickStore } from '../support/sick-store.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import {
  claimsIn,
  DAY,
  headerIn,
  MINUTE,
  NOW,
} from '../support/session-claims.js';
import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import { SessionEndedError } from '../../lib/errors/session-error.js';
import { openSession, sessionIn, sessionOf, tokenIn } from './live-session.js';
import { openRuntime } from './session-runtime.js';

const INTERVAL = 15 * MINUTE;
/** Cookies hold about 4,000 bytes: two of these are too much. */
const HALF_A_COOKIE = 'x'.repeat(1_600);

function down(): never {
  throw new Error('down');
}

describe('a session', () => {
  it.each([
    ['a second before its data is due', -1, true],
    ['when its data is due', 0, false],
    ['a second later', 1, false],
  ])('is current %s: %s s, %s', async (_when, offset, isCurrent) => {
    const { reload, session } = await openSession();
    const now = session.dueAt + offset;
    expect(reload.isCurrent(session, now, false)).toBe(isCurrent);
    expect(reload.isCurrent(session, now, true)).toBe(isCurrent);
  });

  it.each([
    ['a second early', -1, false, true],
    ['on time', 0, false, false],
    ['late', 1, false, false],
    ['on time, but passive', 0, true, true],
  ])(
    'with fresh data moves its idle end an interval after the last activity: %s',
    async (_when, offset, isPassive, isCurrent) => {
      const { reload, token } = await openSession();
      // Passive requests have kept its data fresh.
      const session = token({ lat: NOW + 10 * MINUTE });
      expect(session.extendAt).toBe(NOW + INTERVAL);
      const now = session.extendAt + offset;
      expect(reload.isCurrent(session, now, isPassive)).toBe(isCurrent);
    },
  );

  it('with a refresh token leaves the idle end to the exchange', async () => {
    const { reload, token } = await openSession({ refreshToken: {} });
    const session = token({ lat: NOW + 10 * MINUTE });
    expect(session.extendAt).toBe(NOW + INTERVAL);
    expect(reload.isCurrent(session, NOW + INTERVAL, false)).toBe(true);
  });

  it('is outdated once this process knows newer attributes or newer data', async () => {
    const { reload, session, reloadNow, token, update } = await openSession();
    await update({ theme: 'dark' });
    expect(reload.isCurrent(session, NOW, false)).toBe(false);
    const updated = token({ rev: 1 });
    expect(reload.isCurrent(updated, NOW, false)).toBe(true);
    await reloadNow({ session: updated });
    expect(reload.isCurrent(updated, NOW, false)).toBe(false);
    expect(reload.isCurrent(token({ rev: 2 }), NOW, false)).toBe(true);
  });
});

describe('the newest of a session', () => {
  it('is the session itself, where nothing newer is known', async () => {
    const { reload, session } = await openSession();
    expect(reload.newestOf(session)).toBe(session);
  });

  it('has the data, attributes and idle end that this process knows, however old they are', async () => {
    const { reload, session, clock, bringUpToDate, update } =
      await openSession();
    clock.advance(INTERVAL);
    await bringUpToDate();
    await update({ theme: 'dark' });
    clock.advance('2h');
    const newest = reload.newestOf(session);
    expect(newest.claims).toEqual({
      ...session.claims,
      lat: NOW + INTERVAL,
      data: { call: 2 },
      attrs: { theme: 'dark' },
      rev: 1,
      exp: NOW + INTERVAL + 7 * DAY,
    });
    expect(newest.dispatch).toBeUndefined();
  });

  it.each([
    ['older than the loaded data', -1, { call: 2 }],
    ['of the same second', 0, { call: 2 }],
    ['newer, of another node', 1, 'of another node'],
  ])(
    'takes loaded data only over a token that is %s',
    async (_which, offset, data) => {
      const { reload, clock, bringUpToDate, token } = await openSession();
      clock.advance(INTERVAL);
      await bringUpToDate({ isPassive: true });
      const lat = NOW + INTERVAL + offset;
      const newest = reload.newestOf(token({ lat, data: 'of another node' }));
      expect(newest.claims.data).toEqual(data);
      expect(newest.claims.lat).toBe(NOW + INTERVAL + Math.max(0, offset));
    },
  );

  it('has no data of its own where the params are the data', async () => {
    const { issuing, clock, transports } = await openRuntime({
      transport: 'header',
    });
    const { issuer, reload } = issuing!;
    const { session } = await issuer.generate('ada', {}, undefined);
    clock.advance(INTERVAL);
    const outcome = await reload.bringUpToDate(
      session,
      transports.all,
      NOW + INTERVAL,
      false,
    );
    const { claims } = sessionIn(outcome);
    expect(claims.lat).toBe(NOW + INTERVAL);
    expect(Object.keys(claims)).not.toContain('data');
    expect(claimsIn(tokenIn(outcome))).not.toHaveProperty('data');
  });
});

describe('a session that is brought up to date', () => {
  it('is loaded when due, signed, and lives on from now', async () => {
    const { clock, loader, bringUpToDate, session, events } =
      await openSession();
    clock.advance(INTERVAL);
    const outcome = await bringUpToDate();
    const claims = claimsIn(tokenIn(outcome));
    expect(claims).toEqual({
      ...session.claims,
      jti: expect.any(String),
      iat: NOW + INTERVAL,
      lat: NOW + INTERVAL,
      exp: NOW + INTERVAL + 7 * DAY,
      data: { call: 2 },
    });
    expect(claims.jti).not.toBe(session.claims.jti);
    expect(sessionIn(outcome).dispatch?.deliveries).toHaveLength(1);
    expect(loader.contexts.map(({ reason }) => reason)).toEqual([
      'generate',
      'reload',
    ]);
    expect(events()).toEqual(['created', 'reloaded']);
  });

  it.each([
    ['the moment that its data is loaded', 0, 2],
    ['a second before the loaded data is due', -1, 2],
    ['when the loaded data is due as well', 0, 3],
  ])(
    'uses what another request had loaded: %s',
    async (_when, offset, calls) => {
      const { clock, loader, bringUpToDate } = await openSession();
      clock.advance(INTERVAL);
      const loaded = sessionIn(await bringUpToDate());
      if (offset < 0 || calls === 3) clock.set(loaded.dueAt + offset);
      const outcome = sessionIn(await bringUpToDate());
      expect(outcome.claims.data).toEqual({ call: calls });
      expect(loader.calls).toBe(calls);
    },
  );

  it('needs no promise where the data of another request will do', async () => {
    const { clock, bringUpToDate } = await openSession();
    clock.advance(INTERVAL);
    const first = await bringUpToDate();
    const second = bringUpToDate();
    expect(second).not.toBeInstanceOf(Promise);
    expect(tokenIn(await second)).toBe(tokenIn(first));
  });

  it('gets no token, and keeps its idle end, where nothing can be delivered', async () => {
    const { clock, loader, bringUpToDate, reload, session } =
      await openSession();
    clock.advance(INTERVAL);
    const outcome = await bringUpToDate({ canDeliver: false });
    expect(outcome).toMatchObject({ kind: 'authenticated' });
    expect(sessionIn(outcome).dispatch).toBeUndefined();
    expect(sessionIn(outcome).claims.data).toEqual({ call: 2 });
    expect(reload.newestOf(session).claims.exp).toBe(session.claims.exp);
    expect(loader.calls).toBe(2);
    // The next one takes the data, and moves the idle end.
    const delivered = await bringUpToDate();
    expect(claimsIn(tokenIn(delivered))).toMatchObject({
      data: { call: 2 },
      exp: NOW + INTERVAL + 7 * DAY,
    });
    expect(loader.calls).toBe(2);
  });

  it('keeps its idle end while requests are passive', async () => {
    const { clock, bringUpToDate, session } = await openSession();
    clock.advance(INTERVAL);
    const passive = await bringUpToDate({ isPassive: true });
    expect(claimsIn(tokenIn(passive))).toMatchObject({
      data: { call: 2 },
      exp: session.claims.exp,
    });
    const active = await bringUpToDate();
    expect(claimsIn(tokenIn(active))).toMatchObject({
      data: { call: 2 },
      exp: NOW + INTERVAL + 7 * DAY,
    });
  });

  it('stays what it is while its token is the newest', async () => {
    const { bringUpToDate, session, loader } = await openSession();
    expect(bringUpToDate()).toBe(session);
    expect(loader.calls).toBe(1);
  });

  it.each([
    ['may still be used', -1, 'authenticated'],
    ['is too old', 0, 'unavailable'],
  ])(
    'falls back on its old data while the loader fails and that %s',
    async (_age, offset, kind) => {
      const { clock, loader, bringUpToDate, session, events } =
        await openSession();
      loader.answer = down;
      clock.set(session.staleUntil + offset);
      const outcome = await bringUpToDate();
      expect(outcome).toMatchObject({ kind });
      if (kind === 'authenticated') expect(outcome).toBe(session);
      else {
        expect(outcome).toMatchObject({
          error: { code: 'LOADER_UNAVAILABLE', retryAfterSeconds: 1 },
        });
      }
      expect(loader.calls).toBe(2);
      // Within the back-off, nothing is loaded, and the answer is the same.
      expect(bringUpToDate()).toEqual(outcome);
      expect(loader.calls).toBe(2);
      clock.advance(1);
      await bringUpToDate();
      expect(loader.calls).toBe(3);
      expect(events()).toEqual(['created', 'loaderFailed', 'loaderFailed']);
    },
  );

  it('falls back on the newest data that is known, not on that of its token', async () => {
    const { clock, loader, bringUpToDate, session } = await openSession();
    clock.advance(INTERVAL);
    const loaded = sessionIn(await bringUpToDate());
    loader.answer = down;
    clock.set(loaded.staleUntil - 1);
    expect(loaded.staleUntil - 1).toBeGreaterThan(session.staleUntil);
    for (const outcome of [await bringUpToDate(), await bringUpToDate()]) {
      expect(sessionIn(outcome).claims.data).toEqual({ call: 2 });
    }
    expect(loader.calls).toBe(3);
  });

  it.each([
    ['the loader ends it', () => null, 'ended'],
    [
      'the loader says so',
      () => {
        throw new SessionEndedError('gone');
      },
      'ended',
    ],
  ])('is refused where %s', async (_why, answer, refusal) => {
    const { clock, loader, bringUpToDate, events } = await openSession();
    loader.answer = answer;
    clock.advance(INTERVAL);
    expect(await bringUpToDate()).toEqual({
      kind: 'rejected',
      refusal,
      dispatch: undefined,
    });
    expect(events()).toEqual(['created', 'ended']);
  });

  it('is refused where the store has no record of it, and the store is not queried again for a while', async () => {
    const store = new SickStore();
    const { clock, loader, bringUpToDate, session } = await openSession({
      store,
    });
    await store.healthy.end(session.claims.sid, 'ada');
    store.takeCalls();
    clock.advance(INTERVAL);
    const refused = { kind: 'rejected', refusal: 'unknown' };
    expect(await bringUpToDate()).toMatchObject(refused);
    expect(await bringUpToDate()).toMatchObject(refused);
    expect(store.takeCalls()).toEqual(['update']);
    expect(loader.calls).toBe(2);
  });

  it.each([
    ['a revocation', 'ended'],
    ['its own expiry', 'expired'],
  ])('is refused after %s during the load', async (how, refusal) => {
    const { clock, loader, bringUpToDate, session, runtime } =
      await openSession({ lifetime: { idle: '20m' } });
    const gate = createGate();
    loader.answer = async (call) => {
      await gate.promise;
      return { call };
    };
    clock.advance(INTERVAL);
    const outcome = bringUpToDate();
    if (how === 'a revocation') {
      await runtime.revocation.end(session.claims);
    } else {
      clock.set(session.endsAt);
    }
    gate.open();
    expect(await outcome).toMatchObject({ kind: 'rejected', refusal });
  });

  it('does not wait where there is no patience, and the load goes on for the next request', async () => {
    const { clock, loader, bringUpToDate, session, events } = await openSession(
      { loader: { patience: 0 } },
    );
    clock.advance(INTERVAL);
    expect(await bringUpToDate()).toBe(session);
    await turn();
    expect(loader.calls).toBe(2);
    expect(events()).toEqual(['created', 'reloaded']);
    const next = await bringUpToDate();
    expect(claimsIn(tokenIn(next)).data).toEqual({ call: 2 });
  });

  it('keeps its token where the loaded data fits into none, and says so once', async () => {
    const { clock, loader, bringUpToDate, session, events } = await openSession(
      { transport: 'cookie' },
    );
    loader.answer = () => HALF_A_COOKIE.repeat(3);
    clock.advance(INTERVAL);
    const [one, two] = await Promise.all([bringUpToDate(), bringUpToDate()]);
    expect(one).toBe(session);
    expect(two).toBe(session);
    expect(events()).toEqual(['created', 'loaderFailed']);
    // Without a token to sign, the same data is no failure.
    clock.advance(1);
    const read = await bringUpToDate({ canDeliver: false });
    expect(sessionIn(read).claims.data).toHaveLength(4_800);
    // The token that fails then drops the data, and loads pause.
    for (let i = 0; i < 2; i += 1) {
      const kept = sessionIn(await bringUpToDate());
      expect(kept.claims.data).toEqual({ call: 1 });
      expect(kept.dispatch).toBeUndefined();
    }
    expect(loader.calls).toBe(3);
    expect(events()).toEqual([
      'created',
      'loaderFailed',
      'reloaded',
      'loaderFailed',
    ]);
    clock.advance(1);
    await bringUpToDate();
    expect(loader.calls).toBe(4);
  });

  it('is one failure for all requests whose tokens cannot hold what was loaded', async () => {
    const { clock, loader, bringUpToDate, events } = await openSession({
      transport: 'cookie',
    });
    loader.answer = () => HALF_A_COOKIE.repeat(3);
    clock.advance(INTERVAL);
    // The first one signs nothing, so that the load itself succeeds.
    const outcomes = await Promise.all([
      bringUpToDate({ canDeliver: false }),
      bringUpToDate(),
      bringUpToDate(),
    ]);
    const [read, ...kept] = outcomes.map(sessionIn);
    expect(read?.claims.data).toHaveLength(4_800);
    for (const { claims } of kept) expect(claims.data).toEqual({ call: 1 });
    expect(events()).toEqual(['created', 'reloaded', 'loaderFailed']);
  });

  it('is unavailable where its token is too old and the new data fits into none', async () => {
    const { clock, loader, bringUpToDate, session } = await openSession({
      transport: 'cookie',
    });
    loader.answer = () => HALF_A_COOKIE.repeat(3);
    clock.set(session.staleUntil);
    await bringUpToDate({ canDeliver: false });
    const outcome = await bringUpToDate();
    expect(outcome).toMatchObject({
      kind: 'unavailable',
      error: { code: 'LOADER_UNAVAILABLE' },
    });
  });
});

describe('the idle end of a session with fresh data', () => {
  /** Passive requests to another node have kept the data fresh, until a second before the end must move. */
  async function openExtendable(store?: SickStore) {
    const live = await openSession(store && { store });
    const session = live.token({ lat: NOW + INTERVAL - 1 });
    live.clock.set(session.extendAt - 1);
    expect(session.extendAt).toBe(NOW + INTERVAL);
    store?.takeCalls();
    live.loader.contexts.length = 0;
    return { ...live, session };
  }
  const moved = NOW + INTERVAL + 7 * DAY;

  it('moves without a load and without a promise where no store keeps it', async () => {
    const { clock, loader, bringUpToDate, session } = await openExtendable();
    expect(bringUpToDate({ session })).toBe(session);
    clock.advance(1);
    const outcome = bringUpToDate({ session });
    expect(outcome).not.toBeInstanceOf(Promise);
    expect(claimsIn(tokenIn(await outcome))).toMatchObject({
      exp: moved,
      lat: session.claims.lat,
      data: { call: 1 },
    });
    expect(loader.calls).toBe(0);
  });

  it.each([
    ['passive', { isPassive: true }],
    ['unable to deliver', { canDeliver: false }],
  ])('stays for a request that is %s', async (_which, bringing) => {
    const { clock, bringUpToDate, session, reload } = await openExtendable();
    clock.advance(1);
    expect(bringUpToDate({ session, ...bringing })).toBe(session);
    expect(reload.newestOf(session)).toBe(session);
  });

  it('moves in the store first, with one call for many requests, once per interval', async () => {
    const store = new SickStore();
    const { clock, bringUpToDate, session, loader } =
      await openExtendable(store);
    clock.advance(1);
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, async () => bringUpToDate({ session })),
    );
    for (const outcome of outcomes) {
      expect(claimsIn(tokenIn(outcome)).exp).toBe(moved);
    }
    expect(store.takeCalls()).toEqual(['update']);
    expect(loader.calls).toBe(0);
    const record = await store.healthy.read(session.claims.sid, 'ada');
    expect(record?.expiresAt).toEqual(new Date(moved * 1000));
    await bringUpToDate({ session });
    expect(store.takeCalls()).toEqual([]);
    // An interval later, or with a reload before that.
    clock.advance(INTERVAL);
    const later = await bringUpToDate({ session: sessionIn(outcomes[0]!) });
    expect(claimsIn(tokenIn(later)).exp).toBe(moved + INTERVAL);
  });

  it.each<[string, Partial<SessionJwtModuleOptions>]>([
    ['this process', {}],
    ['this process, which keeps no loaded data', { cache: false }],
  ])(
    'stays replaced in the token of an update in the second of a reload on demand by %s',
    async (_where, options) => {
      const { bringUpToDate, reloadNow, session, update, loader, reload } =
        await openSession(options);
      await reloadNow();
      const updated = await update({ theme: 'dark' }, reload.newestOf(session));
      const outcome = await bringUpToDate({ session: sessionOf(updated) });
      expect(sessionIn(outcome).claims).toMatchObject({
        data: { call: 2 + Number(options.cache === false) },
        attrs: { theme: 'dark' },
      });
      expect(loader.calls).toBe(2 + Number(options.cache === false));
    },
  );

  it('stays replaced in the token of an update in the second of a reload on demand by another node', async () => {
    const store = new SickStore();
    const one = await openSession({ store });
    const other = await openSession({ store }, one);
    await one.reloadNow();
    const updated = sessionOf(await other.update({ theme: 'dark' }));
    expect(other.reload.isCurrent(updated, NOW, false)).toBe(false);
    const outcome = await other.bringUpToDate({ session: updated });
    expect(sessionIn(outcome).claims).toMatchObject({
      // The first load of its own process.
      data: { call: 1 },
      attrs: { theme: 'dark' },
    });
    expect(other.loader.contexts.map(({ reason }) => reason)).toEqual([
      'reload',
    ]);
  });

  it('is current in the token of an update in that second, where the updated token came after the reload', async () => {
    const store = new SickStore();
    const one = await openSession({ store });
    const other = await openSession({ store }, one);
    const reloaded = sessionOf(await one.reloadNow());
    const updated = sessionOf(
      await other.update({ theme: 'dark' }, other.token(reloaded.claims)),
    );
    expect(updated.claims.lat).toBe(reloaded.claims.lat);
    expect(other.reload.isCurrent(updated, NOW, false)).toBe(true);
  });

  it('does not bring back data that a reload on demand replaced meanwhile', async () => {
    const store = new SickStore();
    const { clock, bringUpToDate, reloadNow } = await openSession({ store });
    clock.advance(INTERVAL);
    // Another request has loaded in this second, and left the idle end alone.
    await bringUpToDate({ isPassive: true });
    const update = store.update.bind(store);
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    store.update = async (...call) => {
      store.update = update;
      await gate;
      return update(...call);
    };
    const moving = bringUpToDate();
    await reloadNow();
    release();
    expect(sessionIn(await moving).claims).toMatchObject({
      data: { call: 3 },
    });
  });

  it('moves a second time in the store after the first flight has landed', async () => {
    const store = new SickStore();
    const { clock, bringUpToDate, session, token } =
      await openExtendable(store);
    clock.advance(1);
    await bringUpToDate({ session });
    clock.advance(INTERVAL);
    // A node nearby has reloaded it for a passive request.
    const fresh = token({ lat: NOW + 2 * INTERVAL, exp: moved });
    store.takeCalls();
    const outcome = await bringUpToDate({ session: fresh });
    expect(store.takeCalls()).toEqual(['update']);
    expect(claimsIn(tokenIn(outcome)).exp).toBe(moved + INTERVAL);
  });

  it('is moot where the store has ended the session', async () => {
    const store = new SickStore();
    const { clock, bringUpToDate, session, reload } =
      await openExtendable(store);
    await store.healthy.end(session.claims.sid, 'ada');
    clock.advance(1);
    expect(await bringUpToDate({ session })).toMatchObject({
      kind: 'rejected',
      refusal: 'unknown',
    });
    expect(reload.newestOf(session).claims.exp).toBe(session.claims.exp);
  });

  it('is moot where the session ends in this process meanwhile', async () => {
    const store = new SickStore();
    const { clock, bringUpToDate, session, runtime } =
      await openExtendable(store);
    const gate = createGate();
    clock.advance(1);
    store.gate = gate.promise;
    const outcome = bringUpToDate({ session });
    store.gate = undefined;
    store.fall('rejects', 'end');
    await expect(runtime.revocation.end(session.claims)).rejects.toThrow();
    gate.open();
    expect(await outcome).toMatchObject({
      kind: 'rejected',
      refusal: 'ended',
    });
  });

  it('stays while the store fails, which is not queried again for a while', async () => {
    const store = new SickStore();
    const { clock, bringUpToDate, session, token, events } =
      await openExtendable(store);
    clock.advance(1);
    store.fall('rejects');
    const before = events().length;
    expect(await bringUpToDate({ session })).toBe(session);
    expect(bringUpToDate({ session })).toBe(session);
    expect(store.takeCalls()).toEqual(['update']);
    expect(events().slice(before)).toEqual(['storeFailed']);
    // The second pause is longer, as long as the failures go on.
    clock.advance(1);
    expect(await bringUpToDate({ session })).toBe(session);
    clock.advance(1);
    expect(bringUpToDate({ session })).toBe(session);
    expect(store.takeCalls()).toEqual(['update']);
    store.recover();
    clock.advance(1);
    const outcome = await bringUpToDate({ session });
    expect(claimsIn(tokenIn(outcome)).exp).toBe(moved + 3);
    // The success has ended the row of failures: the next pause is short again.
    store.fall('rejects');
    clock.advance(INTERVAL);
    const next = token({ lat: clock.nowSeconds(), exp: moved + 3 });
    expect(await bringUpToDate({ session: next })).toBe(next);
    store.recover();
    clock.advance(1);
    expect(tokenIn(await bringUpToDate({ session: next }))).toBeDefined();
  });
});

describe('a reload on demand', () => {
  it('loads whatever the age, and signs', async () => {
    const { reloadNow, session, loader, events } = await openSession();
    const reloaded = await reloadNow();
    expect(reloaded).toMatchObject({
      token: expect.any(String),
      session: { claims: { data: { call: 2 }, rev: 1, lat: NOW } },
    });
    expect(claimsIn('token' in reloaded ? reloaded.token : '').sid).toBe(
      session.claims.sid,
    );
    expect(loader.contexts[1]?.reason).toBe('reload');
    expect(events()).toEqual(['created', 'reloaded']);
  });

  it.each([
    ['has expired', { exp: NOW + 60 }, 60, 'expired'],
    ['is not valid yet', { iat: NOW + 60 }, 0, 'not-yet-valid'],
  ])(
    'is refused without a load for a session that %s',
    async (_which, changes, seconds, refusal) => {
      const { reloadNow, token, loader, clock } = await openSession();
      const session = token(changes);
      clock.advance(seconds);
      expect(await reloadNow({ session })).toEqual({ refusal });
      expect(loader.calls).toBe(1);
    },
  );

  it('is refused without a load for a session that has ended', async () => {
    const { reloadNow, session, loader, runtime } = await openSession();
    await runtime.revocation.end(session.claims);
    expect(await reloadNow()).toEqual({ refusal: 'ended' });
    expect(loader.calls).toBe(1);
  });

  it('is refused where the session ends during the load', async () => {
    const { reloadNow, session, loader, runtime, events } = await openSession();
    loader.answer = async (call) => {
      await runtime.revocation.end(session.claims);
      return { call };
    };
    expect(await reloadNow()).toEqual({ refusal: 'ended' });
    expect(events()).toEqual(['created', 'ended']);
  });

  it('is refused where the session expires during the load, whose data then reaches nothing', async () => {
    const { reloadNow, session, loader, clock } = await openSession();
    loader.answer = (call) => {
      clock.set(session.endsAt);
      return { call };
    };
    expect(await reloadNow()).toEqual({ refusal: 'expired' });
  });

  it('is refused where the loader ends the session', async () => {
    const { reloadNow, loader, events } = await openSession();
    loader.answer = () => null;
    expect(await reloadNow()).toEqual({ refusal: 'ended' });
    expect(events()).toEqual(['created', 'ended']);
  });

  it('is refused where the store has ended the session', async () => {
    const store = new SickStore();
    const { reloadNow, session, loader } = await openSession({ store });
    await store.healthy.end(session.claims.sid, 'ada');
    expect(await reloadNow()).toEqual({ refusal: 'unknown' });
    expect(loader.calls).toBe(2);
    // The store is not queried again for a while, and neither is the loader.
    expect(await reloadNow()).toEqual({ refusal: 'unknown' });
    expect(loader.calls).toBe(2);
  });

  it('fails as the loader does, even within a back-off', async () => {
    const { reloadNow, loader, clock, bringUpToDate } = await openSession();
    loader.answer = down;
    const failure = { code: 'LOADER_UNAVAILABLE', cause: new Error('down') };
    await expect(reloadNow()).rejects.toMatchObject(failure);
    await expect(reloadNow()).rejects.toMatchObject(failure);
    expect(loader.calls).toBe(3);
    // The requests that follow wait, longer for the second failure.
    clock.advance(INTERVAL);
    loader.answer = (call) => ({ call });
    expect(tokenIn(await bringUpToDate())).toBeDefined();
    expect(loader.calls).toBe(4);
  });

  it('fails where the data fits into no token, and changes nothing', async () => {
    const { reloadNow, loader, bringUpToDate, session, events } =
      await openSession({ transport: 'cookie' });
    loader.answer = () => HALF_A_COOKIE.repeat(3);
    await expect(reloadNow()).rejects.toMatchObject({
      code: 'SESSION_TOO_LARGE',
    });
    expect(events()).toEqual(['created', 'loaderFailed']);
    // Its old data was to be replaced, so that the session is stale until then.
    const next = sessionIn(await bringUpToDate());
    expect(next.claims.data).toEqual(session.claims.data);
  });

  it('fails as the store does', async () => {
    const store = new SickStore();
    const { reloadNow } = await openSession({ store });
    store.fall('rejects', 'update');
    await expect(reloadNow()).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
  });

  it.each([
    [true, 0],
    [false, INTERVAL],
  ])(
    'moves the idle end unless the request is passive (%s)',
    async (isPassive, moved) => {
      const { reloadNow, clock, session } = await openSession();
      clock.advance(INTERVAL);
      const reloaded = await reloadNow({ isPassive });
      expect(claimsIn('token' in reloaded ? reloaded.token : '').exp).toBe(
        session.claims.exp + moved,
      );
    },
  );

  it('signs with the newest keys, for which it waits', async () => {
    let secrets = [SECRET];
    const { reloadNow, clock } = await openSession({
      secret: () => Promise.resolve(secrets),
    });
    const kidOf = (signed: object): unknown =>
      headerIn('token' in signed ? String(signed.token) : '');
    const before = kidOf(await reloadNow());
    clock.advance('5m');
    secrets = [OTHER_SECRET, SECRET];
    expect(kidOf(await reloadNow())).not.toEqual(before);
  });
});
