import { SessionEndedError } from '../../lib/errors/session-error.js';
import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import type {
  RotationVerdict,
  SessionStore,
} from '../../lib/ports/session-store.js';
import type { LoadContext } from '../../lib/session/model/session-data-loader.js';
import type { RefreshResult } from '../../lib/session/model/refresh-result.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { createGate, turn } from '../support/asynchrony.js';
import { claimsIn, DAY, HOUR, MINUTE, NOW } from '../support/session-claims.js';
import { SickStore } from '../support/sick-store.js';
import {
  factsOf,
  openRuntime,
  refreshWith,
  type OpenedRuntime,
} from './session-runtime.js';

/** What a loader does in these tests, and what it was called with. */
class Users {
  readonly contexts: LoadContext[] = [];
  /** Runs inside of each load. */
  before: (params: unknown) => unknown = () => undefined;
  role: unknown = 'admin';

  readonly load = async (
    params: unknown,
    context: LoadContext,
  ): Promise<unknown> => {
    this.contexts.push(context);
    await this.before(params);
    return { id: params, role: this.role };
  };

  get count(): number {
    return this.contexts.length;
  }
}

async function open(
  options: Partial<SessionJwtModuleOptions> = {},
  clock?: TestSessionClock,
) {
  const users = new Users();
  const runtime = await openRuntime(
    { refreshToken: {}, transport: 'header', ...options },
    users.load,
    clock,
  );
  const { session, refreshToken } = await signIn(runtime);
  users.contexts.length = 0;
  runtime.heard.length = 0;
  return { ...runtime, users, session, refreshToken };
}

async function signIn({ issuing }: OpenedRuntime) {
  const { session, refreshToken } = await issuing!.issuer.generate(
    'ada',
    { attributes: { theme: 'dark' } },
    undefined,
  );
  return { session, refreshToken: refreshToken! };
}

async function exchange(
  runtime: OpenedRuntime,
  token: string,
  isPassive = false,
): Promise<RefreshResult> {
  return (await refreshWith(runtime, token, { isPassive })).result;
}

function signedOf(result: RefreshResult) {
  if (result.kind !== 'signed') {
    throw new TypeError(`expected new tokens, got ${JSON.stringify(result)}`);
  }
  return result.signed;
}

const endOf = (result: RefreshResult): number =>
  claimsIn(signedOf(result).refreshToken).exp;

const typesOf = ({ heard }: OpenedRuntime) => heard.map(({ type }) => type);

const REFRESHED = { type: 'refreshed', repeated: false };

type StoreOptions = () => { readonly store?: SessionStore };

describe.each<[string, StoreOptions]>([
  ['without a store', () => ({})],
  ['with a store', () => ({ store: new MemorySessionStore() })],
])('an exchange %s', (_name, storeOptions) => {
  it('returns tokens of the same session with freshly loaded data', async () => {
    const runtime = await open(storeOptions());
    const { users, clock, session, refreshToken, heard } = runtime;
    users.role = 'owner';
    clock.advance('15m');
    const signed = signedOf(await exchange(runtime, refreshToken));
    const now = NOW + 15 * MINUTE;
    const { sid } = session.claims;
    expect(signed.session.claims).toMatchObject({
      sid,
      sub: 'ada',
      oiat: NOW,
      iat: now,
      lat: now,
      rexp: now + 7 * DAY,
      params: 'ada',
      data: { id: 'ada', role: 'owner' },
      attrs: { theme: 'dark' },
      rev: 0,
    });
    expect(signed.token).not.toBe(signed.refreshToken);
    expect(claimsIn(signed.refreshToken)).toMatchObject({
      sid,
      exp: now + 7 * DAY,
    });
    expect(signed.session.dispatch.deliveries).toEqual([
      { kind: 'header', name: 'Session-Token', value: signed.token },
      {
        kind: 'header',
        name: 'Session-Refresh-Token',
        value: signed.refreshToken,
      },
    ]);
    expect(signed.session.dispatch.isCurrent()).toBe(true);
    expect(heard).toMatchObject([REFRESHED]);
    expect(users.contexts).toMatchObject([
      {
        reason: 'refresh',
        sessionId: sid,
        subject: 'ada',
        attributes: { theme: 'dark' },
      },
    ]);
  });

  it('leaves the data out where the params are the data', async () => {
    const runtime = await openRuntime({
      refreshToken: {},
      transport: 'header',
      ...storeOptions(),
    });
    const { refreshToken } = await signIn(runtime);
    const { session } = signedOf(await exchange(runtime, refreshToken));
    expect(session.claims.params).toBe('ada');
    expect(Object.keys(session.claims)).not.toContain('data');
  });

  it('is shared by requests that present a token in parallel', async () => {
    const runtime = await open(storeOptions());
    const { users, refreshToken, heard } = runtime;
    const [one, other] = await Promise.all([
      exchange(runtime, refreshToken),
      exchange(runtime, refreshToken),
    ]);
    expect(other).toBe(one);
    expect(runtime.measures.coalescedRefreshes).toBe(1);
    expect(users.count).toBe(1);
    expect(heard).toMatchObject([REFRESHED]);
  });

  it('is not shared with a token of another session', async () => {
    const runtime = await open(storeOptions());
    const other = await signIn(runtime);
    runtime.users.contexts.length = 0;
    const results = await Promise.all([
      exchange(runtime, runtime.refreshToken),
      exchange(runtime, other.refreshToken),
    ]);
    expect(results.map((each) => signedOf(each).session.claims.sid)).toEqual([
      runtime.session.claims.sid,
      other.session.claims.sid,
    ]);
    expect(runtime.users.count).toBe(2);
  });

  it('is not shared with an older token of the session', async () => {
    const runtime = await open(storeOptions());
    const { users, refreshToken } = runtime;
    const first = signedOf(await exchange(runtime, refreshToken));
    users.contexts.length = 0;
    const [older, newer] = await Promise.all([
      exchange(runtime, refreshToken),
      exchange(runtime, first.refreshToken!),
    ]);
    expect(newer).not.toBe(older);
    expect(users.count).toBe(2);
  });

  it('is not shared by an active and a passive request, but its load is', async () => {
    const runtime = await open(storeOptions());
    runtime.clock.advance('1h');
    const [active, passive] = await Promise.all([
      exchange(runtime, runtime.refreshToken, false),
      exchange(runtime, runtime.refreshToken, true),
    ]);
    expect(passive).not.toBe(active);
    expect(endOf(active)).toBe(NOW + HOUR + 7 * DAY);
    expect(runtime.users.count).toBe(1);
  });

  it('is not shared by requests whose tokens travel differently', async () => {
    const runtime = await open({
      ...storeOptions(),
      transport: ['header', 'cookie'],
    });
    const { refreshToken } = runtime;
    const cookie = `__Host-Http-session-refresh=${refreshToken}`;
    const [one, other] = await Promise.all([
      exchange(runtime, refreshToken),
      refreshWith(runtime, undefined, { facts: factsOf({ cookie }) }),
    ]);
    const kinds = [one, other.result].map((result) =>
      signedOf(result).session.dispatch.deliveries.map(({ kind }) => kind),
    );
    expect(kinds).toEqual([
      ['header', 'header'],
      ['cookie', 'cookie'],
    ]);
  });

  it('is carried out anew once the one before has settled', async () => {
    const runtime = await open(storeOptions());
    const one = await exchange(runtime, runtime.refreshToken);
    const other = await exchange(runtime, runtime.refreshToken);
    expect(signedOf(other).token).not.toBe(signedOf(one).token);
    expect(runtime.users.count).toBe(2);
  });

  it('refuses a session that has ended in this process, without a load', async () => {
    const runtime = await open(storeOptions());
    await runtime.revocation.end(runtime.session.claims);
    expect(await exchange(runtime, runtime.refreshToken)).toEqual({
      kind: 'rejected',
      refusal: 'ended',
    });
    expect(runtime.users.count).toBe(0);
    expect(typesOf(runtime)).toEqual(['ended']);
  });

  it('refuses a session that a new sign-in has replaced', async () => {
    const runtime = await open(storeOptions());
    const { keys, issuing, session, refreshToken } = runtime;
    const authorization = `Bearer ${keys.codec.sign(session.claims)}`;
    const facts = factsOf({ authorization });
    await issuing!.issuer.generate('ada', {}, facts);
    expect(await exchange(runtime, refreshToken)).toEqual({
      kind: 'rejected',
      refusal: 'replaced',
    });
  });

  it('refuses a session that ends during its load', async () => {
    const runtime = await open(storeOptions());
    const { users, revocation, session, refreshToken } = runtime;
    users.before = () => revocation.end(session.claims);
    expect(await exchange(runtime, refreshToken)).toEqual({
      kind: 'rejected',
      refusal: 'ended',
    });
    expect(typesOf(runtime)).toEqual(['ended']);
  });

  it('refuses a session that its loader ends', async () => {
    const runtime = await open(storeOptions());
    runtime.users.before = () => {
      throw new SessionEndedError('blocked');
    };
    expect(await exchange(runtime, runtime.refreshToken)).toEqual({
      kind: 'rejected',
      refusal: 'ended',
    });
    expect(runtime.heard).toMatchObject([
      { type: 'ended', reason: 'loader', detail: 'blocked' },
    ]);
  });

  it('fails with its loader, backs off, and leaves the token as it is', async () => {
    const runtime = await open(storeOptions());
    const { users, clock, refreshToken, heard } = runtime;
    users.before = () => {
      throw new Error('down');
    };
    const failed = await exchange(runtime, refreshToken);
    expect(failed).toMatchObject({
      kind: 'failed',
      error: { code: 'LOADER_UNAVAILABLE', retryAfterSeconds: 1 },
    });
    users.before = () => undefined;
    expect(await exchange(runtime, refreshToken)).toEqual(failed);
    expect(users.count).toBe(1);
    clock.advance(1);
    expect(await exchange(runtime, refreshToken)).toMatchObject({
      kind: 'signed',
    });
    expect(users.count).toBe(2);
    expect(heard).toMatchObject([{ type: 'loaderFailed' }, REFRESHED]);
  });

  it('forgets the failures before it', async () => {
    const runtime = await open(storeOptions());
    const { users, clock } = runtime;
    const fail = async (token: string) => {
      users.before = () => {
        throw new Error('down');
      };
      const result = await exchange(runtime, token);
      users.before = () => undefined;
      clock.advance(1);
      return result;
    };
    await fail(runtime.refreshToken);
    const { refreshToken } = signedOf(
      await exchange(runtime, runtime.refreshToken),
    );
    await fail(refreshToken!);
    expect(await exchange(runtime, refreshToken!)).toMatchObject({
      kind: 'signed',
    });
  });

  it('fails while the data fits into no token, and leaves the token as it is', async () => {
    const runtime = await open(storeOptions());
    const { users, clock, refreshToken, heard } = runtime;
    users.role = 'x'.repeat(9_000);
    const failed = await exchange(runtime, refreshToken);
    expect(failed).toMatchObject({
      kind: 'failed',
      error: { code: 'SESSION_TOO_LARGE', retryAfterSeconds: 1 },
    });
    users.role = 'admin';
    expect(await exchange(runtime, refreshToken)).toEqual(failed);
    clock.advance(1);
    expect(await exchange(runtime, refreshToken)).toMatchObject({
      kind: 'signed',
    });
    expect(heard).toMatchObject([
      { type: 'loaderFailed', code: 'SESSION_TOO_LARGE' },
      REFRESHED,
    ]);
  });

  it('dates its tokens after the load', async () => {
    const runtime = await open(storeOptions());
    runtime.users.before = () => runtime.clock.advance(10);
    const { session } = signedOf(await exchange(runtime, runtime.refreshToken));
    expect(session.claims).toMatchObject({
      lat: NOW + 10,
      iat: NOW + 10,
      rexp: NOW + 10 + 7 * DAY,
    });
    expect(session.dispatch.deliveries).toHaveLength(2);
  });

  it('dates its data no earlier than the sign-in, which may come from a node whose clock is ahead', async () => {
    const runtime = await open(storeOptions());
    runtime.clock.advance(-3);
    const { session } = signedOf(await exchange(runtime, runtime.refreshToken));
    expect(session.claims).toMatchObject({ oiat: NOW, lat: NOW, iat: NOW });
  });

  it('leaves the idle end where it is if it is passive', async () => {
    const runtime = await open(storeOptions());
    runtime.clock.advance('1h');
    const result = await exchange(runtime, runtime.refreshToken, true);
    expect(endOf(result)).toBe(NOW + 7 * DAY);
    expect(signedOf(result).session.claims).toMatchObject({
      iat: NOW + HOUR,
      rexp: NOW + 7 * DAY,
    });
  });

  it('ends no earlier than an active exchange of the same token in this process', async () => {
    const runtime = await open(storeOptions());
    runtime.clock.advance(30);
    await exchange(runtime, runtime.refreshToken);
    const result = await exchange(runtime, runtime.refreshToken, true);
    expect(endOf(result)).toBe(NOW + 30 + 7 * DAY);
  });

  it('moves the idle end of session tokens that are issued again later', async () => {
    const runtime = await open(storeOptions());
    const { issuing, session, refreshToken } = runtime;
    runtime.clock.advance(30);
    await exchange(runtime, refreshToken);
    const updated = await issuing!.issuer.update(
      session,
      { theme: 'light' },
      [],
      undefined,
      true,
    );
    expect(updated).toMatchObject({
      session: { claims: { rexp: NOW + 30 + 7 * DAY } },
    });
  });

  it('does not move the idle end while it fails', async () => {
    const runtime = await open(storeOptions());
    const { users, clock, refreshToken } = runtime;
    clock.advance(30);
    users.role = 'x'.repeat(9_000);
    await exchange(runtime, refreshToken);
    users.role = 'admin';
    clock.advance(1);
    expect(endOf(await exchange(runtime, refreshToken, true))).toBe(
      NOW + 7 * DAY,
    );
  });
});

describe('an exchange of a token that no store knows', () => {
  it.each([
    [0, 'signed'],
    [7 * DAY - 1, 'signed'],
    [7 * DAY, 'expired'],
    [7 * DAY + 1, 'expired'],
    [-5, 'signed'],
    [-6, 'not-yet-valid'],
  ])('%i s after the sign-in is %s', async (seconds, verdict) => {
    const runtime = await open();
    runtime.clock.advance(seconds);
    const result = await exchange(runtime, runtime.refreshToken);
    expect(result.kind === 'rejected' ? result.refusal : result.kind).toBe(
      verdict,
    );
    expect(runtime.users.count).toBe(verdict === 'signed' ? 1 : 0);
  });

  it('keeps the attributes that this process has set since', async () => {
    const runtime = await open();
    const { issuing, session, refreshToken, users } = runtime;
    await issuing!.issuer.update(
      session,
      { theme: 'light' },
      [],
      undefined,
      false,
    );
    const result = signedOf(await exchange(runtime, refreshToken));
    const newest = { attrs: { theme: 'light' }, rev: 1 };
    expect(result.session.claims).toMatchObject(newest);
    expect(claimsIn(result.refreshToken)).toMatchObject(newest);
    expect(users.contexts).toMatchObject([{ attributes: { theme: 'light' } }]);
  });

  it('contains what the next exchange needs, and no place in a chain', async () => {
    const runtime = await open();
    const { refreshToken } = signedOf(
      await exchange(runtime, runtime.refreshToken),
    );
    expect(claimsIn(refreshToken)).toMatchObject({
      params: 'ada',
      attrs: { theme: 'dark' },
      rev: 0,
    });
    expect(claimsIn(refreshToken)).not.toHaveProperty('gen');
    expect(await exchange(runtime, refreshToken!)).toMatchObject({
      kind: 'signed',
    });
  });
});

/** A store that knows whether it has lost everything. */
class WatchfulStore extends SickStore {
  hasLost = false;

  override async hasLostAll(): Promise<boolean> {
    return this.hasLost;
  }
}

async function openStored(store = new SickStore(), clock?: TestSessionClock) {
  const runtime = await open({ store }, clock);
  store.takeCalls();
  return { ...runtime, store };
}

/** Takes the record of a session away, as a flushed database does. */
function lose(store: SickStore): void {
  store.read = () => {
    store.calls.push('read');
    return Promise.resolve(undefined);
  };
}

describe('an exchange that a store decides', () => {
  it('reads the record, loads, and only then rotates the chain', async () => {
    const runtime = await openStored();
    const { store, users, session, refreshToken } = runtime;
    users.before = () => {
      expect(store.calls).toEqual(['read']);
    };
    const one = signedOf(await exchange(runtime, refreshToken));
    expect(store.takeCalls()).toEqual(['read', 'rotate']);
    expect(session.claims.gen).toBe(0);
    expect(one.session.claims.gen).toBe(1);
    expect(claimsIn(one.refreshToken)).toMatchObject({ gen: 1 });
    const two = signedOf(await exchange(runtime, one.refreshToken!));
    expect(claimsIn(two.refreshToken)).toMatchObject({ gen: 2 });
  });

  it('rotates the chain once for requests in parallel', async () => {
    const runtime = await openStored();
    await Promise.all([
      exchange(runtime, runtime.refreshToken),
      exchange(runtime, runtime.refreshToken),
    ]);
    expect(runtime.store.takeCalls()).toEqual(['read', 'rotate']);
  });

  it('takes params and attributes from the record', async () => {
    const runtime = await openStored();
    const { store, session, refreshToken, users } = runtime;
    const { sid, sub } = session.claims;
    await store.healthy.update(sid, sub, { attributes: { theme: 'light' } });
    const read = store.read.bind(store);
    store.read = async (...call) => ({
      ...(await read(...call))!,
      params: 'grace',
    });
    const result = signedOf(await exchange(runtime, refreshToken));
    expect(result.session.claims).toMatchObject({
      params: 'grace',
      data: { id: 'grace' },
      attrs: { theme: 'light' },
      rev: 1,
    });
    expect(users.contexts).toMatchObject([{ attributes: { theme: 'light' } }]);
  });

  it.each([
    ['its loader fails', new Error('down'), 'failed'],
    ['its loader ends the session', new SessionEndedError(), 'rejected'],
  ])('does not rotate the chain if %s', async (_why, error, kind) => {
    const runtime = await openStored();
    runtime.users.before = () => {
      throw error;
    };
    expect(await exchange(runtime, runtime.refreshToken)).toMatchObject({
      kind,
    });
    expect(runtime.store.takeCalls()).not.toContain('rotate');
  });

  it('does not rotate the chain if the data fits into no token', async () => {
    const runtime = await openStored();
    runtime.users.role = 'x'.repeat(9_000);
    await exchange(runtime, runtime.refreshToken);
    expect(runtime.store.takeCalls()).toEqual(['read']);
  });

  it.each<[RotationVerdict, object, object[]]>([
    ['rotated', { kind: 'signed' }, [REFRESHED]],
    ['repeated', { kind: 'signed' }, [{ type: 'refreshed', repeated: true }]],
    [
      'recovered',
      { kind: 'signed' },
      [{ type: 'recovered' }, { type: 'refreshed', repeated: true }],
    ],
    [
      'rolled-forward',
      { kind: 'signed' },
      [{ type: 'storeRolledBack', lost: 'rotation' }, REFRESHED],
    ],
    [
      'reused',
      { kind: 'rejected', refusal: 'reused' },
      [
        { type: 'refreshReused' },
        { type: 'ended', reason: 'reused', reach: 'store' },
      ],
    ],
    ['expired', { kind: 'rejected', refusal: 'expired' }, []],
    [
      'lost',
      { kind: 'rejected', refusal: 'unknown' },
      [{ type: 'storeRolledBack', lost: 'everything' }],
    ],
    ['unknown', { kind: 'rejected', refusal: 'unknown' }, []],
  ])('ends as the verdict says: %s', async (verdict, outcome, events) => {
    const runtime = await openStored();
    const { store, refreshToken, heard } = runtime;
    store.rotate = () => Promise.resolve(verdict);
    expect(await exchange(runtime, refreshToken)).toMatchObject(outcome);
    expect(heard).toMatchObject(events);
    expect(heard).toHaveLength(events.length);
  });

  it('ends a session whose token was reused, in this process as well', async () => {
    const runtime = await openStored();
    const { store, refreshToken } = runtime;
    store.rotate = () => Promise.resolve('reused');
    await exchange(runtime, refreshToken);
    store.takeCalls();
    expect(await exchange(runtime, refreshToken)).toEqual({
      kind: 'rejected',
      refusal: 'ended',
    });
    expect(store.takeCalls()).toEqual([]);
  });

  it.each<RotationVerdict>(['rotated', 'repeated'])(
    'refuses a session that ends while the chain is %s',
    async (verdict) => {
      const runtime = await openStored();
      const { store, revocation, session, refreshToken } = runtime;
      store.rotate = async () => {
        await revocation.end(session.claims);
        return verdict;
      };
      expect(await exchange(runtime, refreshToken)).toEqual({
        kind: 'rejected',
        refusal: 'ended',
      });
    },
  );

  it('lets no response deliver tokens of a generation before', async () => {
    const runtime = await openStored();
    const one = signedOf(await exchange(runtime, runtime.refreshToken));
    expect(one.session.dispatch.isCurrent()).toBe(true);
    await exchange(runtime, one.refreshToken!);
    expect(one.session.dispatch.isCurrent()).toBe(false);
  });

  /** A session of a store whose clock stands still, and a node whose own clock is past its end. */
  async function openAhead() {
    const store = new SickStore();
    const ahead = new TestSessionClock();
    // Opened first: the store gets the clock of the other node.
    const fast = await openRuntime(
      { store, refreshToken: {}, transport: 'header' },
      () => ({ id: 'ada' }),
      ahead,
    );
    const { refreshToken } = await openStored(store);
    ahead.advance('8d');
    return { fast, refreshToken };
  }

  it('leaves the clocks of the token to the store', async () => {
    const { fast, refreshToken } = await openAhead();
    expect(await exchange(fast, refreshToken)).toMatchObject({
      kind: 'signed',
    });
  });

  it('returns a token valid for a moment if it is passive and the clock of this node is past the end', async () => {
    const { fast, refreshToken } = await openAhead();
    const result = await exchange(fast, refreshToken, true);
    expect(endOf(result)).toBe(NOW + 8 * DAY + 1);
  });

  it.each(['read', 'rotate'] as const)(
    'fails while %s fails, and queries the store again immediately',
    async (operation) => {
      const runtime = await openStored();
      const { store, refreshToken, heard } = runtime;
      store.fall('rejects', operation);
      expect(await exchange(runtime, refreshToken)).toMatchObject({
        kind: 'failed',
        error: { code: 'STORE_UNAVAILABLE' },
      });
      store.recover();
      expect(await exchange(runtime, refreshToken)).toMatchObject({
        kind: 'signed',
      });
      expect(heard).toMatchObject([
        { type: 'storeFailed' },
        { type: 'storeRecovered' },
        { type: 'refreshed' },
      ]);
    },
  );

  it('does not move the idle end if the chain is not rotated', async () => {
    const runtime = await openStored();
    const { store, clock, refreshToken } = runtime;
    clock.advance(30);
    store.fall('rejects', 'rotate');
    await exchange(runtime, refreshToken);
    store.recover();
    expect(endOf(await exchange(runtime, refreshToken, true))).toBe(
      NOW + 7 * DAY,
    );
  });

  it.each([
    ['leaves it where it is if it is passive', [true], 0],
    ['moves it if it is active', [false], HOUR],
    ['moves it if it is repeated actively', [true, false], HOUR],
    ['leaves it where it is if it is repeated passively', [true, true], 0],
  ])(
    'finds an idle end in the record, and %s',
    async (_what, exchanges, seconds) => {
      const runtime = await openStored();
      const { store, clock, session, refreshToken } = runtime;
      clock.advance('1h');
      for (const isPassive of exchanges) {
        await exchange(runtime, refreshToken, isPassive);
      }
      const record = await store.healthy.read(session.claims.sid, 'ada');
      expect(record!.expiresAt).toEqual(
        new Date((NOW + seconds + 7 * DAY) * 1000),
      );
    },
  );

  it('is carried out as usual by a store that notices losses itself', async () => {
    const runtime = await openStored(new WatchfulStore());
    expect(await exchange(runtime, runtime.refreshToken)).toMatchObject({
      kind: 'signed',
    });
    expect(runtime.store.takeCalls()).toEqual(['read', 'rotate']);
  });

  it('shares one load between requests that rotate separately', async () => {
    const runtime = await openStored();
    const { store, users, refreshToken } = runtime;
    const gate = createGate();
    users.before = () => gate.promise;
    const flights = [
      exchange(runtime, refreshToken, false),
      exchange(runtime, refreshToken, true),
    ];
    await turn();
    gate.open();
    await Promise.all(flights);
    expect(users.count).toBe(1);
    expect(store.takeCalls().filter((each) => each === 'rotate')).toHaveLength(
      2,
    );
  });
});

describe('an exchange for which the store has no record', () => {
  it('leaves the verdict to the store, and loads nothing', async () => {
    const runtime = await openStored();
    const { store, users, refreshToken } = runtime;
    lose(store);
    store.rotate = () => Promise.resolve('lost');
    expect(await exchange(runtime, refreshToken)).toEqual({
      kind: 'rejected',
      refusal: 'unknown',
    });
    expect(users.count).toBe(0);
    expect(runtime.heard).toMatchObject([
      { type: 'storeRolledBack', lost: 'everything' },
    ]);
  });

  it('refuses it passively as well', async () => {
    const runtime = await openStored();
    lose(runtime.store);
    runtime.store.rotate = () => Promise.resolve('unknown');
    expect(await exchange(runtime, runtime.refreshToken, true)).toEqual({
      kind: 'rejected',
      refusal: 'unknown',
    });
  });

  it('refuses it even if the chain was rotated meanwhile: nothing was signed', async () => {
    const runtime = await openStored();
    lose(runtime.store);
    expect(await exchange(runtime, runtime.refreshToken)).toEqual({
      kind: 'rejected',
      refusal: 'unknown',
    });
    expect(runtime.store.takeCalls()).toEqual(['read', 'rotate']);
  });

  it.each([true, false])(
    'rotates nothing in a store that notices losses itself (everything lost: %s)',
    async (hasLost) => {
      const runtime = await openStored(new WatchfulStore());
      const store = runtime.store as WatchfulStore;
      store.hasLost = hasLost;
      lose(store);
      expect(await exchange(runtime, runtime.refreshToken)).toEqual({
        kind: 'rejected',
        refusal: 'unknown',
      });
      expect(store.takeCalls()).toEqual(['read']);
      expect(runtime.heard).toMatchObject(
        hasLost ? [{ type: 'storeRolledBack', lost: 'everything' }] : [],
      );
      expect(runtime.heard).toHaveLength(hasLost ? 1 : 0);
    },
  );

  it('queries the store again after a while, since a failover may bring it back', async () => {
    const runtime = await openStored();
    const { store, clock, refreshToken } = runtime;
    const read = store.read.bind(store);
    const rotate = store.rotate.bind(store);
    lose(store);
    store.rotate = () => Promise.resolve('unknown');
    await exchange(runtime, refreshToken);
    Object.assign(store, { read, rotate });
    store.takeCalls();
    clock.advance(29);
    expect(await exchange(runtime, refreshToken)).toEqual({
      kind: 'rejected',
      refusal: 'unknown',
    });
    expect(store.takeCalls()).toEqual([]);
    clock.advance(1);
    expect(await exchange(runtime, refreshToken)).toMatchObject({
      kind: 'signed',
    });
  });
});
