import type { SessionStore } from '../../lib/ports/session-store.js';
import { EndMarks } from '../../lib/session/model/end-marks.js';
import type { ClockPolicy } from '../../lib/session/model/freshness.js';
import type {
  SessionEndReason,
  SessionEvent,
} from '../../lib/session/model/session-event.js';
import { SessionEvents } from '../../lib/session/model/session-events.js';
import { SessionMemory } from '../../lib/session/model/session-memory.js';
import { SessionEnds } from '../../lib/session/records/session-ends.js';
import type { SessionRevocations } from '../../lib/session/revocations/session-revocations.js';
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

const SID = 'a session';
const NAMED = { sid: SID, sub: 'ada' };
const DOWN = new Error('down');

/** A store whose ends are as a test says. */
class EndingStore extends MemorySessionStore {
  readonly calls: string[][] = [];
  answer = true;
  fault: Error | undefined;

  override async end(...call: string[]): Promise<boolean> {
    this.calls.push(call);
    if (this.fault) throw this.fault;
    return this.answer;
  }
}

/** Notes until when ends are remembered. */
class NotedMarks extends EndMarks {
  readonly until = new Map<string, number>();

  override set(ended: Parameters<EndMarks['set']>[0]): void {
    super.set(ended);
    this.until.set(ended.sid, ended.until);
  }

  override shorten(sid: string, until: number): void {
    super.shorten(sid, until);
    this.until.set(sid, until);
  }
}

/** What the other nodes hear, in the order of the calls of a store. */
class NotedRevocations {
  readonly calls: unknown[][] = [];
  fault: Error | undefined;

  constructor(private readonly store?: EndingStore) {}

  async revoke(...call: unknown[]): Promise<void> {
    this.calls.push([...call, `store: ${this.store?.calls.length ?? 0}`]);
    if (this.fault) throw this.fault;
  }
}

function open<Store extends SessionStore | undefined>(
  store: Store,
  policy: Partial<ClockPolicy> = {},
  revocations?: NotedRevocations,
) {
  const clock = new TestSessionClock();
  const events = new SessionEvents(() => clock.nowSeconds());
  const heard: SessionEvent[] = [];
  events.stream.subscribe((event) => heard.push(event));
  const marks = new NotedMarks();
  const memory = new SessionMemory(marks);
  const ends = new SessionEnds({
    memory,
    store,
    events,
    policy: { ...POLICY, ...policy },
    clock,
    revocations: revocations as unknown as SessionRevocations | undefined,
  });
  const until = () => marks.until.get(SID);
  return { ends, store, clock, memory, heard, until };
}

const REASONS: [SessionEndReason, 'ended' | 'replaced'][] = [
  ['revoked', 'ended'],
  ['loader', 'ended'],
  ['replaced', 'replaced'],
  ['limit', 'ended'],
  ['reused', 'ended'],
];

describe('a session that ends', () => {
  it.each(REASONS)(
    'because it is %s has %s in this process',
    async (reason, how) => {
      const { ends, memory, heard } = open(undefined);
      expect(await ends.end(NAMED, reason)).toBe(false);
      expect(memory.endHere(SID)).toBe(how);
      expect(heard).toEqual([
        {
          type: 'ended',
          reason,
          reach: 'process',
          at: new Date(NOW * 1000),
          session: expect.any(String),
          subject: 'ada',
        },
      ]);
    },
  );

  it.each([true, false])(
    'ends in the store as well, which says whether it was there: %s',
    async (answer) => {
      const { ends, store, memory, heard } = open(new EndingStore());
      store.answer = answer;
      expect(await ends.end(NAMED, 'revoked')).toBe(answer);
      expect(store.calls).toEqual([[SID, 'ada']]);
      expect(memory.endHere(SID)).toBe('ended');
      expect(heard).toMatchObject([
        { type: 'ended', reason: 'revoked', reach: 'store' },
      ]);
    },
  );

  it('has ended in this process before the store answers', () => {
    const { ends, memory } = open(new EndingStore());
    void ends.end(NAMED, 'revoked');
    expect(memory.endHere(SID)).toBe('ended');
  });

  it('has ended in this process although the store fails', async () => {
    const { ends, store, memory, heard } = open(new EndingStore());
    store.fault = DOWN;
    await expect(ends.end(NAMED, 'revoked')).rejects.toBe(DOWN);
    expect(memory.endHere(SID)).toBe('ended');
    expect(heard).toMatchObject([
      { type: 'ended', reason: 'revoked', reach: 'process' },
    ]);
  });

  it.each(['blocked', ''])('may come with a detail: %p', async (detail) => {
    const { ends, heard } = open(undefined);
    await ends.end(NAMED, 'loader', detail);
    expect(heard).toMatchObject([{ type: 'ended', detail }]);
  });

  it('is news once, unless the store still had it', async () => {
    const { ends, store, heard } = open(new EndingStore());
    await ends.end(NAMED, 'revoked');
    heard.length = 0;
    store.answer = false;
    expect(await ends.end(NAMED, 'loader')).toBe(false);
    expect(heard).toEqual([]);
    store.fault = DOWN;
    await expect(ends.end(NAMED, 'loader')).rejects.toBe(DOWN);
    expect(heard).toEqual([]);
    store.fault = undefined;
    store.answer = true;
    expect(await ends.end(NAMED, 'loader')).toBe(true);
    expect(heard).toMatchObject([{ reason: 'loader', reach: 'store' }]);
  });

  it('keeps the way in which it ended first', async () => {
    const { ends, memory } = open(undefined);
    await ends.end(NAMED, 'replaced');
    await ends.end(NAMED, 'revoked');
    expect(memory.endHere(SID)).toBe('replaced');
  });
});

describe('the end of a session', () => {
  it.each([
    ['its absolute end', claimsOf({ sid: SID, oiat: NOW - DAY }), 29 * DAY],
    [
      'its shortened absolute end',
      claimsOf({ sid: SID, oiat: NOW - DAY, abs: 2 * DAY }),
      DAY,
    ],
    ['the latest possible one, if its start is unknown', NAMED, 30 * DAY],
  ])(
    'is remembered until %s while no store knows it',
    async (_what, claims, seconds) => {
      const { ends, until } = open(undefined);
      await ends.end(claims, 'revoked');
      expect(until()).toBe(NOW + seconds);
    },
  );

  const SHORT = { intervalSeconds: 10 * MINUTE, maxStaleSeconds: 5 * MINUTE };

  it.each<[string, Partial<ClockPolicy>, number]>([
    ['its data can be used', SHORT, 15 * MINUTE + 5],
    [
      'its session token lives, if that is longer',
      { ...SHORT, accessSeconds: HOUR },
      HOUR + 5,
    ],
    [
      'its data can be used, if that is longer',
      { ...SHORT, accessSeconds: MINUTE },
      15 * MINUTE + 5,
    ],
    [
      'the clocks may differ',
      { ...SHORT, toleranceSeconds: 60 },
      15 * MINUTE + 60,
    ],
  ])(
    'is remembered as long as %s once the store knows it',
    async (_what, policy, seconds) => {
      const inStore = open(new EndingStore(), policy);
      await inStore.ends.end(NAMED, 'revoked');
      expect(inStore.until()).toBe(NOW + seconds);

      const noted = open(undefined, policy);
      noted.ends.noteEndInStore(NAMED, 'revoked');
      expect(noted.until()).toBe(NOW + seconds);
    },
  );

  it('is remembered until its absolute end if the store fails', async () => {
    const { ends, store, until } = open(new EndingStore());
    store.fault = DOWN;
    await expect(ends.end(NAMED, 'revoked')).rejects.toBe(DOWN);
    expect(until()).toBe(NOW + 30 * DAY);
  });
});

describe('a session that a new one replaces', () => {
  it('ends in the store first', async () => {
    const { ends, store, memory, heard } = open(new EndingStore());
    const replaced = ends.replace(NAMED);
    expect(memory.endHere(SID)).toBeUndefined();
    await replaced;
    expect(store.calls).toEqual([[SID, 'ada']]);
    expect(memory.endHere(SID)).toBe('replaced');
    expect(heard).toMatchObject([
      { type: 'ended', reason: 'replaced', reach: 'store' },
    ]);
  });

  it('goes on if the store cannot end it', async () => {
    const { ends, store, memory, heard } = open(new EndingStore());
    store.fault = DOWN;
    await expect(ends.replace(NAMED)).rejects.toBe(DOWN);
    expect(memory.endHere(SID)).toBeUndefined();
    expect(heard).toEqual([]);
  });

  it('ends in this process without a store', async () => {
    const { ends, memory, heard } = open(undefined);
    await ends.replace(NAMED);
    expect(memory.endHere(SID)).toBe('replaced');
    expect(heard).toMatchObject([
      { type: 'ended', reason: 'replaced', reach: 'process' },
    ]);
  });
});

describe('a session whose tokens were never handed out', () => {
  it('is removed from the store, and nothing is said about it', async () => {
    const { ends, store, memory, heard } = open(new EndingStore());
    await ends.discard(NAMED);
    expect(store.calls).toEqual([[SID, 'ada']]);
    expect(memory.endHere(SID)).toBeUndefined();
    expect(heard).toEqual([]);
  });

  it('stays if the store fails, or if there is none', async () => {
    const { ends, store } = open(new EndingStore());
    store.fault = DOWN;
    await expect(ends.discard(NAMED)).resolves.toBeUndefined();
    await expect(open(undefined).ends.discard(NAMED)).resolves.toBeUndefined();
  });
});

describe('a session that the store has ended', () => {
  it.each(REASONS)(
    'because it is %s has %s in this process as well',
    (reason, how) => {
      const { ends, store, memory, heard } = open(new EndingStore());
      ends.noteEndInStore(NAMED, reason);
      expect(memory.endHere(SID)).toBe(how);
      expect(heard).toMatchObject([
        { type: 'ended', reason, reach: 'store', subject: 'ada' },
      ]);
      expect(store.calls).toEqual([]);
    },
  );
});

describe('a session that the store has ended among all of its subject', () => {
  it('has ended in this process as well, and one event reports them all', () => {
    const { ends, memory, heard, until } = open(new EndingStore());
    ends.noteEndAmongAll(NAMED);
    expect(memory.endHere(SID)).toBe('ended');
    expect(until()).toBeLessThan(NOW + DAY);
    expect(heard).toEqual([]);
  });
});

describe('a session that the application names', () => {
  it('has ended without a store, whatever this process knows', async () => {
    const { ends, memory, heard } = open(undefined);
    expect(await ends.endNamed(NAMED)).toBe(true);
    expect(memory.endHere(SID)).toBeUndefined();
    expect(heard).toMatchObject([
      { type: 'ended', reason: 'revoked', reach: 'process' },
    ]);
  });

  it.each([true, false])(
    'ends in the store, which knows whether it is one of the subject: %s',
    async (answer) => {
      const { ends, store, memory, heard } = open(new EndingStore());
      store.answer = answer;
      expect(await ends.endNamed(NAMED)).toBe(answer);
      expect(memory.endHere(SID)).toBe(answer ? 'ended' : undefined);
      expect(heard).toMatchObject(
        answer ? [{ type: 'ended', reason: 'revoked', reach: 'store' }] : [],
      );
    },
  );
});

describe('a session that ends on every node', () => {
  const openTold = () => {
    const revocations = new NotedRevocations();
    return { ...open(undefined, {}, revocations), revocations };
  };
  const openStoredAndTold = () => {
    const store = new EndingStore();
    const revocations = new NotedRevocations(store);
    return { ...open(store, {}, revocations), revocations };
  };

  it.each(REASONS)(
    'because it is %s is told to the nodes as %s once the store has ended it',
    async (reason, how) => {
      const { ends, revocations, heard } = openStoredAndTold();
      expect(await ends.end(NAMED, reason)).toBe(true);
      const makesWay = reason === 'replaced' || reason === 'limit';
      expect(revocations.calls).toEqual([[NAMED, how, makesWay, 'store: 1']]);
      expect(heard).toMatchObject([{ type: 'ended', reason, reach: 'log' }]);
    },
  );

  it('has ended if the nodes have heard of it, without a store', async () => {
    const { ends, revocations, heard } = openTold();
    expect(await ends.end(NAMED, 'revoked')).toBe(true);
    expect(revocations.calls).toHaveLength(1);
    expect(heard).toMatchObject([{ type: 'ended', reach: 'log' }]);
  });

  it('was not there if the store says so, whatever the nodes heard', async () => {
    const { ends, store } = openStoredAndTold();
    store.answer = false;
    expect(await ends.end(NAMED, 'revoked')).toBe(false);
  });

  it('is told to the nodes although the store fails, and a failure of both is that of the store', async () => {
    const { ends, store, revocations, heard } = openStoredAndTold();
    store.fault = DOWN;
    revocations.fault = new Error('the log is down too');
    await expect(ends.end(NAMED, 'revoked')).rejects.toBe(DOWN);
    expect(revocations.calls).toHaveLength(1);
    expect(heard).toMatchObject([{ type: 'ended', reach: 'process' }]);
  });

  it.each([
    ['the store', 'store', openStoredAndTold],
    ['this process, without a store,', 'process', openTold],
  ])(
    'has reached %s where the nodes could not be told, which is tried once',
    async (_where, reach, openSome) => {
      const { ends, revocations, heard } = openSome();
      revocations.fault = DOWN;
      await expect(ends.end(NAMED, 'revoked')).rejects.toBe(DOWN);
      expect(revocations.calls).toHaveLength(1);
      expect(heard).toMatchObject([{ type: 'ended', reach }]);
    },
  );

  it.each([
    ['with a store', openStoredAndTold],
    ['without a store', openTold],
  ])(
    'since a new one replaces it is told in the background, %s',
    async (_title, openSome) => {
      const { ends, revocations, heard } = openSome();
      revocations.fault = DOWN;
      await ends.replace(NAMED);
      expect(revocations.calls).toEqual([
        [NAMED, 'replaced', true, expect.any(String)],
      ]);
      expect(heard).toMatchObject([
        { type: 'ended', reason: 'replaced', reach: 'log' },
      ]);
    },
  );

  it.each([true, false])(
    'since the application names it is told whether the store had it or not: %s',
    async (answer) => {
      const { ends, store, revocations, heard } = openStoredAndTold();
      store.answer = answer;
      expect(await ends.endNamed(NAMED)).toBe(answer);
      expect(revocations.calls).toEqual([[NAMED, 'ended', false, 'store: 1']]);
      expect(heard).toMatchObject(answer ? [{ reach: 'log' }] : []);
      revocations.fault = DOWN;
      await expect(ends.endNamed(NAMED)).rejects.toBe(DOWN);
    },
  );
});
