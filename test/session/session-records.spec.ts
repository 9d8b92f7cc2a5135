import type {
  BindVerdict,
  CreateVerdict,
  RotationVerdict,
  SessionRecord,
} from '../../lib/ports/session-store.js';
import { monotonicTimeOf } from '../../lib/ports/clock.js';
import { hashOf } from '../../lib/session/model/refresh-chain.js';
import type { SessionEvent } from '../../lib/session/model/session-event.js';
import { SessionEvents } from '../../lib/session/model/session-events.js';
import { SessionMemory } from '../../lib/session/model/session-memory.js';
import { verifiedSession } from '../../lib/session/model/verified-session.js';
import { FirstUses } from '../../lib/session/records/first-uses.js';
import {
  SessionRecords,
  type SessionRecordsParts,
} from '../../lib/session/records/session-records.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import {
  claimsOf,
  DAY,
  HOUR,
  MINUTE,
  NOW,
  POLICY,
} from '../support/session-claims.js';

const LIFETIME = {
  idleSeconds: POLICY.idleSeconds,
  absoluteSeconds: POLICY.absoluteSeconds,
};
const LINK = { gen: 0, jti: 'A'.repeat(43) };
const CHILD = { gen: 1, jti: 'B'.repeat(43) };
const IDLE_END = NOW + POLICY.idleSeconds;

/** What a store returns for the session of {@link CLAIMS}. */
function recordOf(overrides: Partial<SessionRecord> = {}): SessionRecord {
  return {
    id: CLAIMS.sid,
    subject: 'ada',
    params: 'ada',
    attributes: {},
    revision: 0,
    metadata: {},
    createdAt: new Date(NOW * 1000),
    lastSeenAt: new Date(NOW * 1000),
    expiresAt: new Date(IDLE_END * 1000),
    asOf: new Date(NOW * 1000),
    ...overrides,
  };
}

const at = (seconds: number) => new Date(seconds * 1000);
const CLAIMS = claimsOf();
const SESSION = verifiedSession(CLAIMS, POLICY);

type Answer = SessionRecord | undefined;

/** A store that notes its calls, and answers as a test says. */
class ScriptedStore extends MemorySessionStore {
  calls: unknown[][] = [];
  record: Answer = recordOf();
  verdict: RotationVerdict = 'rotated';
  fault: Error | undefined;

  override create(...call: unknown[]): Promise<CreateVerdict> {
    return this.answer('create', call, { kind: 'created', ended: ['old'] });
  }

  override read(...call: unknown[]): Promise<Answer> {
    return this.answer('read', call, this.record);
  }

  override update(...call: unknown[]): Promise<Answer> {
    return this.answer('update', call, this.record);
  }

  override rotate(...call: unknown[]): Promise<RotationVerdict> {
    return this.answer('rotate', call, this.verdict);
  }

  binding: BindVerdict = 'bound';

  override bind(...call: unknown[]): Promise<BindVerdict> {
    return this.answer('bind', call, this.binding);
  }

  async answer<T>(name: string, call: unknown[], answer: T): Promise<T> {
    this.calls.push([name, ...call]);
    if (this.fault) throw this.fault;
    return answer;
  }
}

/** A store that can confirm a session without its record. */
class ConfirmingStore extends ScriptedStore {
  confirmed: Date | Answer = at(NOW);

  override confirm(...call: unknown[]): Promise<Date | Answer> {
    return this.answer('confirm', call, this.confirmed);
  }
}

function open<Store extends ScriptedStore = ScriptedStore>(
  overrides: Partial<SessionRecordsParts> = {},
  store: Store = new ScriptedStore() as Store,
) {
  const clock = new TestSessionClock();
  const events = new SessionEvents(() => clock.nowSeconds());
  const heard: SessionEvent[] = [];
  events.stream.subscribe((event) => heard.push(event));
  const memory = new SessionMemory();
  const records = new SessionRecords({
    store,
    noticesLoss: false,
    events,
    time: monotonicTimeOf(clock),
    memory,
    policy: POLICY,
    clock,
    keepsData: false,
    uses: new FirstUses(store),
    paramsAreData: false,
    graceSeconds: 30,
    limit: undefined,
    ...overrides,
  });
  return { records, store, clock, memory, heard };
}

const { sid } = CLAIMS;
const TOKEN_POLICY = { ...POLICY, accessSeconds: 15 * MINUTE };

describe('a new record', () => {
  const RECORD = {
    id: sid,
    subject: 'ada',
    params: 'ada',
    attributes: { theme: 'dark' },
    metadata: { label: 'laptop' },
    lifetime: LIFETIME,
  };
  const claims = { ...CLAIMS, attrs: { theme: 'dark' }, lat: NOW + 7 };

  it('contains what the store must know, and the verdict comes back', async () => {
    const { records, store } = open();
    expect(
      await records.create(claims, undefined, { label: 'laptop' }, undefined),
    ).toEqual({ kind: 'created', ended: ['old'] });
    expect(store.calls).toEqual([['create', RECORD, {}]]);
  });

  it.each([
    ['data', { id: 'ada' }, { id: 'ada' }],
    ['null for data that does not exist', undefined, null],
  ])(
    'of a store that keeps the data contains %s',
    async (_what, data, value) => {
      const { records, store } = open({ keepsData: true });
      const { data: _, ...rest } = claims;
      await records.create(
        { ...rest, ...(data && { data }) },
        undefined,
        { label: 'laptop' },
        undefined,
      );
      expect(store.calls).toEqual([
        ['create', { ...RECORD, data: { value, loadedAt: NOW + 7 } }, {}],
      ]);
    },
  );

  it('contains the hash of the first refresh token, never the token', async () => {
    const { records, store } = open();
    await records.create(claims, LINK, { label: 'laptop' }, undefined);
    expect(store.calls).toEqual([
      ['create', { ...RECORD, refreshHash: hashOf(LINK) }, {}],
    ]);
    expect(JSON.stringify(store.calls)).not.toContain(LINK.jti);
  });

  it('contains the lifetime of its session, where that is shorter', async () => {
    const { records, store } = open();
    const short = { ...claims, idl: HOUR, abs: DAY };
    await records.create(short, undefined, { label: 'laptop' }, undefined);
    const lifetime = { idleSeconds: HOUR, absoluteSeconds: DAY };
    expect(store.calls).toEqual([['create', { ...RECORD, lifetime }, {}]]);
  });

  it('counts towards the limit, and may replace another one', async () => {
    const limit = { max: 3, policy: 'refuse' } as const;
    const { records, store } = open({ limit });
    await records.create(claims, undefined, { label: 'laptop' }, 'old');
    const options = { limit: { ...limit, graceSeconds: 30 }, replaces: 'old' };
    expect(store.calls).toEqual([['create', RECORD, options]]);
  });
});

describe('the current state of a session', () => {
  const GEN = { ...CLAIMS, gen: 4 };
  const used = verifiedSession(GEN, POLICY);

  it.each([
    [false, ['read', sid, 'ada', 'seen', 4]],
    [true, ['read', sid, 'ada', undefined, 4]],
  ])('is read; a passive request (%s) is no use', async (isPassive, call) => {
    const { records, store } = open();
    expect(await records.current(used, isPassive)).toBe(used);
    expect(store.calls).toEqual([call]);
  });

  it('counts as a use unless something else is said', async () => {
    const { records, store } = open();
    await records.current(used);
    expect(store.calls).toEqual([['read', sid, 'ada', 'seen', 4]]);
  });

  it.each([
    [false, false, ['confirm', sid, 'ada', 3, 4]],
    [true, false, ['read', sid, 'ada', undefined, 4]],
    [false, true, ['read', sid, 'ada', 'seen', 4]],
    [true, true, ['read', sid, 'ada', undefined, 4]],
  ])(
    'is confirmed where that is enough: passive %s, keeps data %s',
    async (isPassive, keepsData, call) => {
      const { records, store } = open({ keepsData }, new ConfirmingStore());
      const session = verifiedSession({ ...GEN, rev: 3 }, POLICY);
      expect(await records.current(session, isPassive)).toBeDefined();
      expect(store.calls).toEqual([call]);
    },
  );

  it('is the session itself where the store confirms it', async () => {
    const { records, memory } = open({}, new ConfirmingStore());
    expect(await records.current(used)).toBe(used);
    expect(memory.idleEndOf(sid)).toBe(0);
  });

  it('shows how far the clock of the store is off, confirmed or read', async () => {
    for (const store of [new ConfirmingStore(), new ScriptedStore()]) {
      store.record = recordOf({ asOf: at(NOW - 60) });
      if (store instanceof ConfirmingStore) store.confirmed = at(NOW - 60);
      const { records, heard } = open({}, store);
      await records.current(used);
      expect(heard).toMatchObject([{ type: 'clockSkewed', aheadSeconds: 60 }]);
    }
  });

  it('reports the first use of a generation once, and again if that failed', async () => {
    const { records, store } = open();
    store.fault = new Error('down');
    await expect(records.current(used)).rejects.toBe(store.fault);
    store.fault = undefined;
    await records.current(used);
    await records.current(used);
    await records.current(used);
    await records.current(verifiedSession({ ...GEN, gen: 5 }, POLICY));
    expect(store.calls.map((call) => call[4])).toEqual([
      4,
      4,
      undefined,
      undefined,
      5,
    ]);
  });

  it('reports no generation of a token without one, now or later', async () => {
    const { records, store } = open();
    await records.current(SESSION);
    await records.current(used);
    expect(store.calls.map((call) => call[4])).toEqual([undefined, 4]);
  });

  it.each([
    ['read', () => new ScriptedStore()],
    ['confirm', () => new ConfirmingStore()],
  ])(
    'is that it has ended if %s finds no record; then it is not queried for a while',
    async (operation, create) => {
      const { records, store, clock } = open<ScriptedStore>({}, create());
      store.record = undefined;
      if (store instanceof ConfirmingStore) store.confirmed = undefined;
      expect(await records.current(SESSION)).toBeUndefined();
      expect(records.missing.has(sid)).toBe(true);
      clock.advance(29);
      expect(await records.current(SESSION)).toBeUndefined();
      expect(store.calls.map(([name]) => name)).toEqual([operation]);
      clock.advance(1);
      await records.current(SESSION);
      expect(store.calls).toHaveLength(2);
    },
  );

  it.each([
    [0, 0],
    [1, IDLE_END + 1],
  ])(
    'brings a later idle end: %i s after that of the token',
    async (later, known) => {
      const { records, store, memory } = open();
      store.record = recordOf({ expiresAt: at(IDLE_END + later) });
      expect(await records.current(SESSION)).toBe(SESSION);
      expect(memory.idleEndOf(sid)).toBe(known);
    },
  );

  it('has the newer attributes of the record', async () => {
    const { records, store, memory } = open();
    store.record = recordOf({ attributes: { theme: 'light' }, revision: 1 });
    const claims = { ...CLAIMS, attrs: { theme: 'light' }, rev: 1 };
    expect(await records.current(SESSION)).toEqual(
      verifiedSession(claims, POLICY),
    );
    expect(memory.loadOf(sid)).toBeUndefined();
  });

  it('is the session itself if a node has loaded its data anew: a reload is due', async () => {
    const { records, store, memory } = open();
    const data = { value: null, loadedAt: NOW + 60 };
    store.record = recordOf({ attributes: { a: 1 }, revision: 2, data });
    expect(await records.current(SESSION)).toBe(SESSION);
    expect(memory.loadOf(sid)).toEqual({ lat: NOW + 60, rev: 2 });
    expect(memory.newerThan(sid, 0)).toEqual({ attrs: { a: 1 }, rev: 2 });
  });

  it.each([
    [false, { data: { id: 'grace' } }],
    [true, {}],
  ])(
    'is the content of the record where the store keeps it (params are the data: %s)',
    async (paramsAreData, content) => {
      const { records, store, memory } = open({
        keepsData: true,
        paramsAreData,
      });
      const { data: _, ...reference } = CLAIMS;
      store.record = recordOf({
        params: 'grace',
        attributes: { a: 1 },
        revision: 2,
        data: { value: { id: 'grace' }, loadedAt: NOW + 60 },
      });
      const session = verifiedSession(reference, POLICY);
      const claims = {
        ...reference,
        params: 'grace',
        attrs: { a: 1 },
        rev: 2,
        lat: NOW + 60,
        ...content,
      };
      const current = await records.current(session);
      expect(current).toStrictEqual(verifiedSession(claims, POLICY));
      expect(memory.loadOf(sid)).toBeUndefined();
    },
  );
});

describe('the record of a session', () => {
  it('is read without a use', async () => {
    const { records, store, heard } = open();
    store.record = recordOf({ asOf: at(NOW + 60) });
    expect(await records.read(CLAIMS)).toBe(store.record);
    expect(store.calls).toEqual([['read', sid, 'ada']]);
    expect(heard).toMatchObject([{ type: 'clockSkewed', aheadSeconds: -60 }]);
    expect(records.missing.has(sid)).toBe(false);
  });

  it('may be missing, which is noted', async () => {
    const { records, store } = open();
    store.record = undefined;
    expect(await records.read(CLAIMS)).toBeUndefined();
    expect(records.missing.has(sid)).toBe(true);
  });
});

describe('a reload', () => {
  const LOADED = { lat: NOW + 60, data: { id: 'ada' } };
  const KEPT = { value: { id: 'ada' }, loadedAt: NOW + 60 };
  const NOT_KEPT = { value: null, loadedAt: NOW + 60 };
  const note = (isDemanded: boolean, isPassive: boolean) => ({
    isDemanded,
    isPassive,
  });

  it.each<[string, Partial<SessionRecordsParts>, boolean, boolean, object]>([
    ['by use', {}, false, false, { extend: LIFETIME }],
    ['passively', {}, false, true, { isPassive: true }],
    [
      'on demand',
      {},
      true,
      false,
      { extend: LIFETIME, data: NOT_KEPT, attributes: {} },
    ],
    [
      'on demand, passively',
      {},
      true,
      true,
      { isPassive: true, data: NOT_KEPT, attributes: {} },
    ],
    ['with refresh tokens', { policy: TOKEN_POLICY }, false, false, {}],
    [
      'with refresh tokens, passively',
      { policy: TOKEN_POLICY },
      false,
      true,
      { isPassive: true },
    ],
    [
      'where the store keeps the data',
      { keepsData: true },
      false,
      false,
      { extend: LIFETIME, data: KEPT },
    ],
    [
      'on demand where the store keeps the data',
      { keepsData: true },
      true,
      false,
      { extend: LIFETIME, data: KEPT },
    ],
  ])(
    '%s is noted in the record',
    async (_how, parts, isDemanded, isPassive, change) => {
      const { records, store } = open(parts);
      expect(
        await records.reloaded(CLAIMS, LOADED, note(isDemanded, isPassive)),
      ).toBe(true);
      expect(store.calls).toStrictEqual([['update', sid, 'ada', change]]);
    },
  );

  it('notes null for data that does not exist', async () => {
    const { records, store } = open({ keepsData: true });
    const loaded = { lat: NOW + 60, data: undefined };
    await records.reloaded(CLAIMS, loaded, note(false, true));
    expect(store.calls).toEqual([
      ['update', sid, 'ada', { isPassive: true, data: NOT_KEPT }],
    ]);
  });

  it.each([false, true])(
    'finds that the session has ended (keeps data: %s)',
    async (keepsData) => {
      const { records, store, memory } = open({ keepsData });
      store.record = undefined;
      expect(await records.reloaded(CLAIMS, LOADED, note(true, true))).toBe(
        false,
      );
      expect(records.missing.has(sid)).toBe(true);
      expect(memory.loadOf(sid)).toBeUndefined();
    },
  );

  it.each([
    ['that moves it', POLICY, false, 0],
    ['that is passive', POLICY, true, IDLE_END + 60],
    ['with refresh tokens', TOKEN_POLICY, false, IDLE_END + 60],
  ])(
    '%s takes the idle end from the record only if it does not move it',
    async (_how, policy, isPassive, known) => {
      const { records, store, memory } = open({ policy });
      store.record = recordOf({ expiresAt: at(IDLE_END + 60) });
      const claims = { ...CLAIMS, rexp: IDLE_END };
      await records.reloaded(claims, LOADED, note(false, isPassive));
      expect(memory.idleEndOf(sid)).toBe(known);
    },
  );

  it('on demand is remembered: older tokens are due in this process', async () => {
    const { records, store, memory } = open();
    store.record = recordOf({ attributes: { a: 1 }, revision: 3 });
    await records.reloaded(CLAIMS, LOADED, note(true, false));
    expect(memory.loadOf(sid)).toEqual({ lat: NOW + 60, rev: 3 });
    expect(memory.newerThan(sid, 2)).toEqual({ attrs: { a: 1 }, rev: 3 });
  });

  it.each([
    [2, undefined],
    [3, undefined],
    [4, { attrs: { a: 1 }, rev: 4 }],
  ])(
    'by a token of revision 3 remembers attributes of revision %i: %j',
    async (revision, known) => {
      const { records, store, memory } = open();
      store.record = recordOf({ attributes: { a: 1 }, revision });
      const claims = { ...CLAIMS, rev: 3 };
      await records.reloaded(claims, LOADED, note(false, false));
      expect(memory.newerThan(sid, 0)).toEqual(known);
      expect(memory.loadOf(sid)).toBeUndefined();
    },
  );

  it.each([
    ['before', NOW + 59, undefined],
    ['in the second of', NOW + 60, { lat: NOW + 60, rev: 4 }],
    ['after', NOW + 61, { lat: NOW + 61, rev: 4 }],
  ])(
    'learns of a load on demand %s it by another node',
    async (_when, loadedAt, known) => {
      const { records, store, memory } = open();
      store.record = recordOf({ revision: 4, data: { value: null, loadedAt } });
      const claims = { ...CLAIMS, rev: 3 };
      await records.reloaded(claims, LOADED, note(false, false));
      expect(memory.loadOf(sid)).toEqual(known);
    },
  );

  it('where the store keeps the data leaves nothing to remember', async () => {
    const { records, store, memory } = open({ keepsData: true });
    store.record = recordOf({ attributes: { a: 1 }, revision: 4 });
    await records.reloaded(CLAIMS, LOADED, note(true, false));
    await records.reloaded(CLAIMS, LOADED, note(false, false));
    expect(memory.loadOf(sid)).toBeUndefined();
    expect(memory.newerThan(sid, 0)).toBeUndefined();
  });
});

describe('the idle end in the record', () => {
  it('is moved by the lifetime of the session', async () => {
    const { records, store } = open();
    expect(await records.extended({ ...CLAIMS, idl: HOUR })).toBe(true);
    const extend = { ...LIFETIME, idleSeconds: HOUR };
    expect(store.calls).toEqual([['update', sid, 'ada', { extend }]]);
  });

  it('is not moved if the session has ended', async () => {
    const { records, store } = open();
    store.record = undefined;
    expect(await records.extended(CLAIMS)).toBe(false);
    expect(records.missing.has(sid)).toBe(true);
  });
});

describe('a change of attributes', () => {
  it.each([
    [false, { attributes: { a: 1 } }],
    [true, { attributes: { a: 1 }, isPassive: true }],
  ])('is merged by the store (passive: %s)', async (isPassive, change) => {
    const { records, store } = open();
    store.record = recordOf({ attributes: { a: 1, b: 2 }, revision: 4 });
    expect(await records.changed(CLAIMS, { a: 1 }, isPassive)).toEqual({
      attrs: { a: 1, b: 2 },
      rev: 4,
    });
    expect(store.calls).toStrictEqual([['update', sid, 'ada', change]]);
  });

  it('finds that the session has ended', async () => {
    const { records, store } = open();
    store.record = undefined;
    expect(await records.changed(CLAIMS, {}, false)).toBeUndefined();
    expect(records.missing.has(sid)).toBe(true);
  });
});

describe('an exchange in the record', () => {
  const REFRESH = { ...CLAIMS, ...LINK };
  const KEPT = { end: IDLE_END + 100, inSeconds: 1_000 };
  const PRESENTED = {
    generation: 0,
    secretHash: hashOf(LINK),
    nextHash: hashOf(CHILD),
    graceSeconds: 30,
    lifetime: LIFETIME,
  };

  it.each([
    ['actively', undefined, PRESENTED],
    [
      'passively',
      KEPT,
      {
        ...PRESENTED,
        lifetime: { ...LIFETIME, idleSeconds: 1_000 },
        isPassive: true,
      },
    ],
  ])('presents hashes only, %s', async (_how, kept, presented) => {
    const { records, store } = open();
    expect(await records.rotate(REFRESH, CHILD, recordOf(), kept)).toBe(
      'rotated',
    );
    expect(store.calls).toStrictEqual([['rotate', sid, 'ada', presented]]);
  });

  it('presents the device key whose proof came with the token', async () => {
    const { records, store } = open();
    await records.rotate(REFRESH, CHILD, recordOf(), undefined, 'key');
    const presented = { ...PRESENTED, deviceKey: 'key' };
    expect(store.calls).toStrictEqual([['rotate', sid, 'ada', presented]]);
  });

  it.each<[RotationVerdict, boolean]>([
    ['rotated', false],
    ['repeated', false],
    ['recovered', false],
    ['rolled-forward', false],
    ['reused', false],
    ['unproven', false],
    ['expired', true],
    ['unknown', true],
    ['lost', true],
  ])(
    'returns the verdict %s, after which the record is missing: %s',
    async (verdict, isMissing) => {
      const { records, store, heard } = open();
      store.verdict = verdict;
      const record = recordOf();
      expect(await records.rotate(REFRESH, CHILD, record, undefined)).toBe(
        verdict,
      );
      expect(records.missing.has(sid)).toBe(isMissing);
      expect(store.calls).toHaveLength(1);
      expect(heard).toEqual([]);
    },
  );

  describe.each(['repeated', 'recovered'] as const)('that is %s', (verdict) => {
    /** The end of a session used now, by a record whose clock may be off by the tolerance. */
    const MOVED = IDLE_END + HOUR - POLICY.toleranceSeconds;

    async function repeat(
      before: Partial<SessionRecord> | undefined,
      kept?: typeof KEPT,
      after: Answer = recordOf(),
    ) {
      const opened = open({ policy: TOKEN_POLICY });
      const { records, store, clock } = opened;
      clock.advance('1h');
      store.verdict = verdict;
      const asOf = at(NOW + HOUR);
      store.record = after && { ...after, asOf };
      const answer = await records.rotate(
        REFRESH,
        CHILD,
        before && recordOf({ ...before, asOf }),
        kept,
      );
      return { ...opened, answer, more: store.calls.slice(1) };
    }

    it.each([
      [-1, true],
      [0, false],
      [1, false],
    ])(
      'moves the idle end, unless the first exchange has: %i s',
      async (seconds, moves) => {
        const { answer, more } = await repeat({
          expiresAt: at(MOVED + seconds),
        });
        expect(answer).toBe(verdict);
        const extend = ['update', sid, 'ada', { extend: LIFETIME }];
        expect(more).toEqual(moves ? [extend] : []);
      },
    );

    it('is unknown if the session ends before the idle end moves', async () => {
      const { records, store, clock } = open();
      clock.advance('1h');
      store.verdict = verdict;
      store.record = undefined;
      const before = recordOf();
      expect(await records.rotate(REFRESH, CHILD, before, undefined)).toBe(
        'unknown',
      );
    });

    it.each([
      [0, 0],
      [1, IDLE_END + 101],
    ])(
      'learns of an idle end that the first exchange has moved, if it is passive: %i s',
      async (later, known) => {
        const { answer, more, memory } = await repeat(
          {},
          KEPT,
          recordOf({ expiresAt: at(KEPT.end + later) }),
        );
        expect(answer).toBe(verdict);
        expect(more).toEqual([['read', sid, 'ada']]);
        expect(memory.idleEndOf(sid)).toBe(known);
      },
    );

    it('stays as it is if it is passive and the record cannot be read', async () => {
      const { records, store, memory } = open();
      store.verdict = verdict;
      store.read = () => Promise.reject(new Error('down'));
      expect(await records.rotate(REFRESH, CHILD, recordOf(), KEPT)).toBe(
        verdict,
      );
      store.read = () => Promise.resolve(undefined);
      expect(await records.rotate(REFRESH, CHILD, recordOf(), KEPT)).toBe(
        verdict,
      );
      expect(memory.idleEndOf(sid)).toBe(0);
    });

    it('changes nothing where no record was read before', async () => {
      const { answer, more } = await repeat(undefined);
      expect(answer).toBe(verdict);
      expect(more).toEqual([]);
    });
  });

  it.each<RotationVerdict>(['rotated', 'rolled-forward'])(
    'that is %s needs no second call',
    async (verdict) => {
      const { records, store, clock } = open();
      clock.advance('1h');
      store.verdict = verdict;
      await records.rotate(REFRESH, CHILD, recordOf(), undefined);
      await records.rotate(REFRESH, CHILD, recordOf(), KEPT);
      expect(store.calls).toHaveLength(2);
    },
  );
});

describe('a binding', () => {
  it.each<[BindVerdict, boolean]>([
    ['bound', false],
    ['conflict', false],
    ['unknown', true],
  ])(
    'returns the verdict %s, after which the record is missing: %s',
    async (verdict, isMissing) => {
      const { records, store, heard } = open();
      store.binding = verdict;
      expect(await records.bind(CLAIMS, 'key')).toBe(verdict);
      expect(store.calls).toStrictEqual([
        ['bind', sid, 'ada', 'key', undefined],
      ]);
      expect(records.missing.has(sid)).toBe(isMissing);
      expect(heard).toEqual([]);
    },
  );

  it('hands on the token that the chain continues from', async () => {
    const { records, store } = open();
    const continuesFrom = { generation: 0, secretHash: hashOf(LINK) };
    await records.bind(CLAIMS, 'key', continuesFrom);
    expect(store.calls).toStrictEqual([
      ['bind', sid, 'ada', 'key', { continuesFrom }],
    ]);
  });
});
