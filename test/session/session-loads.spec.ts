import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import type { SessionOutcome } from '../../lib/session/model/session-outcome.js';
import type { VerifiedSession } from '../../lib/session/model/verified-session.js';
import { createGate, turn } from '../support/asynchrony.js';
import { claimsIn, DAY, MINUTE, NOW } from '../support/session-claims.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { SickStore } from '../support/sick-store.js';
import { openSession, sessionIn, tokenIn } from './live-session.js';
import { HANDLING, withBearer } from './session-runtime.js';

const INTERVAL = 15 * MINUTE;

/** How many seconds the data of a token lies ahead of our clock. */
interface AheadOfUs {
  readonly rev?: number;
  readonly lat?: number;
}

/** A session that is due, whose loads wait for a gate. */
async function openGated(...opening: Parameters<typeof openSession>) {
  const live = await openSession(...opening);
  const gate = createGate();
  live.loader.answer = async (call) => {
    await gate.promise;
    return { call };
  };
  live.clock.advance(INTERVAL);
  return { ...live, gate };
}

function dataIn(outcome: SessionOutcome): unknown {
  return sessionIn(outcome).claims.data;
}

describe('one load', () => {
  it('serves all requests that wait for it, with one token and one event', async () => {
    const { bringUpToDate, gate, loader, events } = await openGated();
    const flights = Array.from({ length: 20 }, async () => bringUpToDate());
    await turn();
    gate.open();
    const outcomes = await Promise.all(flights);
    expect(new Set(outcomes.map(tokenIn)).size).toBe(1);
    expect(new Set(outcomes).size).toBe(1);
    expect(loader.calls).toBe(2);
    expect(events()).toEqual(['created', 'reloaded']);
  });

  it('that fails is one event for all requests that wait for it', async () => {
    const { bringUpToDate, gate, loader, events, session } = await openGated();
    loader.answer = async () => {
      await gate.promise;
      throw new Error('down');
    };
    const flights = Array.from({ length: 20 }, async () => bringUpToDate());
    gate.open();
    expect(new Set(await Promise.all(flights))).toEqual(new Set([session]));
    expect(loader.calls).toBe(2);
    expect(events()).toEqual(['created', 'loaderFailed']);
  });

  it('makes way for the next one, whether it fails or not', async () => {
    const { bringUpToDate, loader, clock, events } = await openSession();
    loader.answer = (call) => {
      if (call === 2) throw new Error('down');
      return { call };
    };
    clock.advance(INTERVAL);
    await bringUpToDate();
    clock.advance(1);
    expect(dataIn(await bringUpToDate())).toEqual({ call: 3 });
    clock.advance(INTERVAL);
    expect(dataIn(await bringUpToDate())).toEqual({ call: 4 });
    // The success has ended the row of failures: the next pause is short again.
    loader.answer = (call) => {
      if (call === 5) throw new Error('down');
      return { call };
    };
    clock.advance(INTERVAL);
    await bringUpToDate();
    clock.advance(1);
    expect(dataIn(await bringUpToDate())).toEqual({ call: 6 });
    expect(events()).toEqual([
      'created',
      'loaderFailed',
      'reloaded',
      'reloaded',
      'loaderFailed',
      'reloaded',
    ]);
  });

  it('is that of one session, not of all sessions of a user', async () => {
    const { bringUpToDate, gate, loader, issuer } = await openGated();
    const other = issuer.generate('ada', {}, undefined);
    gate.open();
    const { session } = await other;
    loader.contexts.length = 0;
    const due = { ...session, dueAt: 0 };
    const [one, two] = await Promise.all([
      bringUpToDate(),
      bringUpToDate({ session: due }),
    ]);
    expect(dataIn(one)).not.toEqual(dataIn(two));
    expect(new Set(loader.contexts.map((each) => each.sessionId)).size).toBe(2);
  });

  it.each([
    ['only passive ones', [true, true], 0],
    ['an active one first', [false, true], INTERVAL],
    ['an active one last', [true, false], INTERVAL],
  ])(
    'of %s moves the idle end if one request is active',
    async (_which, passive, moved) => {
      const store = new SickStore();
      const { bringUpToDate, gate, session, reload } = await openGated({
        store,
      });
      const flights = passive.map(async (isPassive) =>
        bringUpToDate({ isPassive }),
      );
      store.takeCalls();
      gate.open();
      await Promise.all(flights);
      expect(store.takeCalls()).toEqual(['update']);
      const end = NOW + moved + 7 * DAY;
      expect(reload.newestOf(session).claims.exp).toBe(end);
      const record = await store.healthy.read(session.claims.sid, 'ada');
      expect(record?.expiresAt).toEqual(new Date(end * 1000));
    },
  );

  it('does not move the idle end where refresh tokens do', async () => {
    const { bringUpToDate, clock, session, reload } = await openSession({
      refreshToken: { accessLifetime: '1h' },
    });
    clock.advance(INTERVAL);
    const claims = claimsIn(tokenIn(await bringUpToDate()));
    expect(claims).toMatchObject({
      exp: session.claims.exp,
      rexp: session.claims.rexp,
      data: { call: 2 },
    });
    expect(reload.newestOf(session).claims.rexp).toBe(session.claims.rexp);
  });

  it('shows the loader the newest attributes that this process knows', async () => {
    const { bringUpToDate, clock, loader, update } = await openSession();
    await update({ theme: 'dark' });
    clock.advance(INTERVAL);
    const outcome = await bringUpToDate();
    expect(loader.contexts[1]?.attributes).toEqual({ theme: 'dark' });
    expect(claimsIn(tokenIn(outcome))).toMatchObject({
      attrs: { theme: 'dark' },
      rev: 1,
    });
  });

  it.each([
    ['the newer data', [{}, { lat: 3 }, { lat: 2 }], 3],
    [
      'the newer attributes',
      [{}, { rev: 1, lat: 2 }, { rev: 0, lat: 4 }, { rev: 1, lat: 1 }],
      2,
    ],
    [
      'newer attributes that come last',
      [{ lat: 4 }, { rev: 1, lat: 3 }, { rev: 2, lat: 2 }],
      2,
    ],
  ])(
    'is dated by the token with %s, whose node has a clock ahead of ours',
    async (_which, tokens, ahead) => {
      const { bringUpToDate, gate, token, session, reload, loader } =
        await openGated();
      const flights = tokens.map(async ({ rev = 0, lat = 0 }: AheadOfUs) => {
        const waiting = token({ rev, lat: NOW + INTERVAL + lat });
        return bringUpToDate({ session: { ...waiting, dueAt: 0 } });
      });
      gate.open();
      await Promise.all(flights);
      expect(reload.newestOf(session).claims.lat).toBe(NOW + INTERVAL + ahead);
      expect(loader.calls).toBe(2);
    },
  );

  it('is as old as its begin, not its end', async () => {
    const { bringUpToDate, gate, clock } = await openGated();
    const flight = bringUpToDate();
    clock.advance(10);
    gate.open();
    expect(sessionIn(await flight).claims.lat).toBe(NOW + INTERVAL);
  });

  it('returns data that nothing can change', async () => {
    const { bringUpToDate, clock, loader } = await openSession();
    const given = { roles: ['admin'] };
    loader.answer = () => given;
    clock.advance(INTERVAL);
    const data = dataIn(await bringUpToDate()) as typeof given;
    expect(data).toEqual(given);
    expect(data).not.toBe(given);
    expect(Object.isFrozen(data)).toBe(true);
    expect(Object.isFrozen(data.roles)).toBe(true);
  });

  it('leaves nothing behind where the session ends meanwhile', async () => {
    const { bringUpToDate, gate, runtime, session, events, reload } =
      await openGated();
    const flight = bringUpToDate();
    await runtime.revocation.end(session.claims);
    gate.open();
    await flight;
    expect(events()).toEqual(['created', 'ended']);
    expect(reload.newestOf(session)).toBe(session);
  });

  it('has nothing cached for a session that has ended since', async () => {
    const { bringUpToDate, clock, runtime, session, reload } =
      await openSession();
    clock.advance(INTERVAL);
    await bringUpToDate({ isPassive: true });
    expect(reload.newestOf(session)).not.toBe(session);
    await runtime.revocation.end(session.claims);
    expect(reload.newestOf(session)).toBe(session);
  });

  it('forgets its failure with the session', async () => {
    const { bringUpToDate, clock, loader, runtime, session } =
      await openSession();
    loader.answer = () => {
      throw new Error('down');
    };
    clock.advance(INTERVAL);
    expect(await bringUpToDate()).toBe(session);
    await runtime.revocation.end(session.claims);
    expect(await bringUpToDate()).toEqual({
      kind: 'rejected',
      refusal: 'ended',
      dispatch: undefined,
    });
  });

  it('fails where the store is unable to answer', async () => {
    const store = new SickStore();
    const { bringUpToDate, clock, session, events, loader } = await openSession(
      { store },
    );
    store.fall('rejects', 'update');
    clock.set(session.staleUntil);
    const before = events().length;
    expect(await bringUpToDate()).toMatchObject({
      kind: 'unavailable',
      error: { code: 'STORE_UNAVAILABLE' },
    });
    expect(events().slice(before)).toEqual(['storeFailed']);
    expect(loader.calls).toBe(2);
    // A pause follows, as after a failure of the loader.
    expect(bringUpToDate()).toMatchObject({ kind: 'unavailable' });
    expect(loader.calls).toBe(2);
  });
});

describe('a load on demand', () => {
  it('starts anew after a load that began before', async () => {
    const { bringUpToDate, reloadNow, gate, loader, events } =
      await openGated();
    const before = bringUpToDate();
    const demanded = reloadNow();
    await turn();
    expect(loader.calls).toBe(2);
    gate.open();
    expect(dataIn(await before)).toBeDefined();
    expect(await demanded).toMatchObject({
      session: { claims: { data: { call: 3 }, rev: 1 } },
    });
    expect(loader.calls).toBe(3);
    expect(events()).toEqual(['created', 'reloaded', 'reloaded']);
  });

  it('is one for two that wait for the same load', async () => {
    const { bringUpToDate, reloadNow, gate, loader } = await openGated();
    const before = bringUpToDate();
    const demanded = [reloadNow(), reloadNow()];
    gate.open();
    await before;
    const [one, two] = await Promise.all(demanded);
    expect(loader.calls).toBe(3);
    expect(one).toBe(two);
  });

  it('makes older tokens due in this process, which others then load', async () => {
    const { bringUpToDate, reloadNow, reload, session, loader, clock, token } =
      await openSession({ cache: false });
    await reloadNow();
    expect(reload.isCurrent(session, NOW, false)).toBe(false);
    const outcome = await bringUpToDate();
    expect(dataIn(outcome)).toEqual({ call: 3 });
    expect(claimsIn(tokenIn(outcome))).toMatchObject({ rev: 1, lat: NOW });
    // A token issued with the load is not replaced by it, one before it is.
    clock.advance(60);
    expect(dataIn(await bringUpToDate({ session: token({ rev: 1 }) }))).toEqual(
      { call: 1 },
    );
    expect(loader.calls).toBe(3);
  });

  it('serves the tokens that it made due from the cache', async () => {
    const { bringUpToDate, reloadNow, loader } = await openSession();
    await reloadNow();
    const outcome = bringUpToDate();
    expect(outcome).not.toBeInstanceOf(Promise);
    expect(dataIn(await outcome)).toEqual({ call: 2 });
    expect(loader.calls).toBe(2);
  });

  it('counts the attributes up, so that each one replaces the last', async () => {
    const { reloadNow } = await openSession();
    for (const rev of [1, 2, 3]) {
      expect(await reloadNow()).toMatchObject({
        session: { claims: { rev, data: { call: rev + 1 } } },
      });
    }
  });

  it('is never older than the last one, whatever the clock', async () => {
    const { reloadNow, clock } = await openSession({ clockTolerance: 30 });
    clock.advance(60);
    await reloadNow();
    clock.advance(-20);
    expect(await reloadNow()).toMatchObject({
      session: { claims: { lat: NOW + 60, rev: 2 } },
    });
  });

  it('makes data due that another node has loaded before', async () => {
    const store = new MemorySessionStore();
    const one = await openSession({ store, revocationCheck: 'always' });
    const two = await openSession({ store }, one);
    one.clock.advance(INTERVAL);
    await one.bringUpToDate();
    one.clock.advance(60);
    await two.reloadNow();
    // The first node learns of it from the record, and its own result no longer counts.
    const token = tokenIn(await one.bringUpToDate())!;
    expect(one.loader.calls).toBe(2);
    const outcome = await one.runtime.authenticator.authenticate(
      withBearer(token),
      { ...HANDLING, asksStore: true },
    );
    expect(dataIn(outcome)).toEqual({ call: 3 });
    expect(one.loader.calls).toBe(3);
  });

  it('on another node makes a load repeat that it outran', async () => {
    const store = new MemorySessionStore();
    const one = await openSession({ store });
    const two = await openSession({ store }, one);
    const gate = createGate();
    one.loader.answer = async (call) => {
      if (call === 2) await gate.promise;
      return { call };
    };
    one.clock.advance(INTERVAL);
    const flight = one.bringUpToDate();
    one.clock.advance(1);
    await two.reloadNow();
    gate.open();
    const outcome = await flight;
    expect(dataIn(outcome)).toEqual({ call: 3 });
    expect(sessionIn(outcome).claims).toMatchObject({
      lat: NOW + INTERVAL + 1,
      rev: 1,
    });
    expect(one.events()).toEqual(['created', 'reloaded']);
  });

  it('does not repeat for the load of another node', async () => {
    const store = new MemorySessionStore();
    const one = await openSession({ store });
    const two = await openSession({ store }, one);
    one.loader.answer = async (call) => {
      if (call === 2) await two.reloadNow();
      return { call };
    };
    expect(await one.reloadNow()).toMatchObject({
      session: { claims: { data: { call: 2 }, rev: 2 } },
    });
  });
});

describe('the token of a load', () => {
  /** A session whose data was loaded for one request, and the token of that. */
  async function openLoaded(...opening: Parameters<typeof openSession>) {
    const live = await openSession(...opening);
    live.clock.advance(INTERVAL);
    const first = tokenIn(await live.bringUpToDate());
    return { ...live, first };
  }

  it('is the very same session within a second, and another one with less time left after it', async () => {
    const { clock, bringUpToDate } = await openLoaded({ transport: 'cookie' });
    const one = sessionIn(await bringUpToDate());
    expect(await bringUpToDate()).toBe(one);
    clock.advance(1);
    const two = sessionIn(await bringUpToDate());
    expect(two).not.toBe(one);
    const ages = [one, two].map(({ dispatch }) => {
      const [delivery] = dispatch!.deliveries;
      return delivery?.kind === 'cookie'
        ? /Max-Age=(\d+)/.exec(delivery.line)?.[1]
        : undefined;
    });
    expect(ages).toEqual([String(7 * DAY), String(7 * DAY - 1)]);
  });

  it.each([
    ['passive requests', {}, { isPassive: true }],
    ['other attributes', { rev: 1, attrs: { theme: 'dark' } }, {}],
    ['a session that ends with the browser', { per: false as const }, {}],
  ])('is not shared with %s', async (_which, changes, bringing) => {
    const { first, token, bringUpToDate } = await openLoaded();
    const session = token(changes);
    const outcome = await bringUpToDate({ session, ...bringing });
    expect(tokenIn(outcome)).not.toBe(first);
    expect(claimsIn(tokenIn(outcome))).toMatchObject(changes);
    // Its own token is shared among its own kind.
    expect(tokenIn(await bringUpToDate({ session, ...bringing }))).toBe(
      tokenIn(outcome),
    );
  });

  it('is not shared with requests of other transports', async () => {
    const { first, runtime, bringUpToDate } = await openLoaded({
      transport: ['cookie', 'header'],
    });
    const [cookie, header] = runtime.transports.all;
    const tokens: unknown[] = [];
    for (const carriers of [[cookie!], [header!], [header!]]) {
      const outcome = await bringUpToDate({ carriers });
      tokens.push(tokenIn(outcome));
      const names = sessionIn(outcome).dispatch!.deliveries.map(
        ({ kind }) => kind,
      );
      expect(names).toEqual(carriers.map(({ name }) => name));
    }
    expect(new Set([first, ...tokens]).size).toBe(3);
    expect(tokens[1]).toBe(tokens[2]);
  });

  it('is not shared between tokens before and after a refresh', async () => {
    const { first, token, session, bringUpToDate } = await openLoaded({
      refreshToken: { accessLifetime: '1h' },
    });
    const exp = session.claims.exp + 600;
    const refreshed = await bringUpToDate({ session: token({ exp }) });
    expect(tokenIn(refreshed)).not.toBe(first);
    expect(claimsIn(tokenIn(refreshed)).exp).toBe(exp);
    expect(tokenIn(await bringUpToDate())).toBe(first);
  });

  it('is shared by tokens with different ends without refresh tokens, since activity moves them', async () => {
    const { first, token, session, bringUpToDate } = await openLoaded();
    const exp = session.claims.exp - 600;
    expect(tokenIn(await bringUpToDate({ session: token({ exp }) }))).toBe(
      first,
    );
  });

  it('is not handed out again where the idle end has moved since', async () => {
    const { token, clock, bringUpToDate } = await openSession();
    clock.advance(INTERVAL);
    const passive = tokenIn(await bringUpToDate({ isPassive: true }));
    await bringUpToDate();
    const again = await bringUpToDate({ isPassive: true, session: token({}) });
    expect(tokenIn(again)).not.toBe(passive);
    expect(claimsIn(tokenIn(again)).exp).toBe(NOW + INTERVAL + 7 * DAY);
  });

  it('is not handed out again under other keys', async () => {
    let secrets = [SECRET];
    const { first, clock, bringUpToDate, runtime } = await openLoaded({
      secret: () => secrets,
    });
    secrets = [OTHER_SECRET, SECRET];
    clock.advance('5m');
    await runtime.keys.codec.ready();
    expect(tokenIn(await bringUpToDate())).not.toBe(first);
  });

  it('is signed anew for data that another node has loaded later', async () => {
    const { token, bringUpToDate, update } = await openLoaded();
    const session = token({ lat: NOW + INTERVAL + 5, data: 'of another' });
    await update({ theme: 'dark' }, session);
    const one = claimsIn(tokenIn(await bringUpToDate({ session })));
    const two = claimsIn(tokenIn(await bringUpToDate({ session })));
    expect(one).toMatchObject({
      data: 'of another',
      attrs: { theme: 'dark' },
      lat: NOW + INTERVAL + 5,
    });
    expect(two.jti).not.toBe(one.jti);
  });

  it('is kept in eight variants at most, after which all are signed anew', async () => {
    const { first, token, bringUpToDate } = await openLoaded();
    const variant = (rev: number) => bringUpToDate({ session: token({ rev }) });
    for (let rev = 1; rev < 8; rev += 1) await variant(rev);
    expect(tokenIn(await bringUpToDate())).toBe(first);
    const eighth = tokenIn(await variant(7));
    expect(tokenIn(await variant(7))).toBe(eighth);
    const ninth = tokenIn(await variant(8));
    expect(tokenIn(await variant(8))).toBe(ninth);
    expect(tokenIn(await bringUpToDate())).not.toBe(first);
    expect(tokenIn(await variant(7))).not.toBe(eighth);
  });
});

describe('the cache of loaded data', () => {
  /** Sessions of one runtime whose data was loaded one after the other, and whether each is still cached. */
  async function openLoaded(count: number, options = {}, data: unknown = {}) {
    const { issuer, clock, loader, bringUpToDate, reload } = await openSession({
      cache: { maxBytes: 2 ** 18 },
      ...options,
    });
    const sessions: VerifiedSession[] = [];
    loader.answer = () => data;
    for (let i = 0; i < count; i += 1) {
      const { session } = await issuer.generate('ada', {}, undefined);
      sessions.push(session);
    }
    clock.advance(INTERVAL);
    let token: string | undefined;
    for (const session of sessions) {
      token = tokenIn(await bringUpToDate({ session, isPassive: true }));
    }
    const cached = () =>
      sessions.map((session) => reload.newestOf(session) !== session);
    return { sessions, bringUpToDate, cached, token };
  }

  // What objects and texts take is known from the spec of the heap: 24 bytes for 'ada', 56 for {}.
  it.each([
    ['small data', {}, 56],
    ['large data', { text: 'x'.repeat(2_000) }, 32 + 2_016],
  ])(
    'keeps as many results of %s as its bytes hold, the newest ones',
    async (_which, data, dataBytes) => {
      const { cached, token } = await openLoaded(100, {}, data);
      const bytes = 500 + dataBytes + 2_400 + 2 * token!.length + 24 + 56;
      const kept = Math.floor(2 ** 18 / bytes);
      expect(cached()).toEqual(
        Array.from({ length: 100 }, (_, i) => i >= 100 - kept),
      );
    },
  );

  it('counts the tokens that are signed later', async () => {
    const { sessions, bringUpToDate, cached } = await openLoaded(60);
    expect(cached()).not.toContain(false);
    const { claims, ...times } = sessions[59]!;
    for (let rev = 1; rev < 8; rev += 1) {
      const session = { ...times, claims: { ...claims, rev } };
      await bringUpToDate({ session, isPassive: true });
    }
    const kept = cached().filter(Boolean).length;
    expect(kept).toBeLessThan(60);
    expect(kept).toBeGreaterThan(50);
    expect(cached()[59]).toBe(true);
  });

  it.each([
    ['as many as it is set to', { maxTokens: 2 } as const, [false, true, true]],
    ['none if it is off', false as const, [false, false, false]],
  ])('keeps %s', async (_which, cache, kept) => {
    const { cached } = await openLoaded(3, { cache });
    expect(cached()).toEqual(kept);
  });
});
