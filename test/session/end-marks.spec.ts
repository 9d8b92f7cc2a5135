import {
  EndMarks,
  type EndedSession,
} from '../../lib/session/model/end-marks.js';
import { SessionEnds } from '../../lib/session/records/session-ends.js';
import type { SessionEvent } from '../../lib/session/model/session-event.js';
import { SessionEvents } from '../../lib/session/model/session-events.js';
import { SessionMemory } from '../../lib/session/model/session-memory.js';
import { MemorySessionStore } from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { rounds } from '../support/effort.js';
import { usedHeap } from '../support/heap.js';
import { seededRandom } from '../support/random.js';
import {
  claimsOf,
  newSessionId,
  NOW,
  POLICY,
} from '../support/session-claims.js';

const BOUND = 100_000;
const DAY = 86_400;

function open() {
  const state = { now: 1_000_000 };
  const evicted: EndedSession[] = [];
  const marks = new EndMarks(
    () => state.now,
    (session) => evicted.push(session),
  );
  const end = (
    sid: string,
    sub: string,
    how: EndedSession['how'] = 'ended',
    until = state.now + DAY,
  ): void => marks.set({ sid, sub, how, until });
  return { state, evicted, marks, end };
}

describe('the marks of ended sessions', () => {
  it.each(['ended', 'replaced'] as const)(
    'of one subject cannot push out those of another: 100,041 %s',
    (how) => {
      const { evicted, marks, end } = open();
      end('bob 1', 'bob');
      end('bob 2', 'bob', 'replaced');
      for (let i = 0; i < BOUND + 41; i += 1) {
        end(`ada ${i}`, 'ada', how);
      }
      end('eve', 'eve', how);
      expect(marks.of('bob 1')).toBe('ended');
      expect(marks.of('bob 2')).toBe('replaced');
      expect(marks.of('eve')).toBe(how);
      expect(marks.of(`ada ${BOUND + 40}`)).toBe(how);
      expect(new Set(evicted.map(({ sub }) => sub))).toEqual(new Set(['ada']));
      expect(evicted[0]).toMatchObject({ sid: 'ada 0', how });
    },
  );

  it('of replaced sessions push out none of sign-outs', () => {
    const { evicted, marks, end } = open();
    for (let i = 0; i < BOUND; i += 1) {
      end(`out ${i}`, 'ada');
    }
    for (let i = 0; i < BOUND; i += 1) {
      end(`again ${i}`, `user ${i}`, 'replaced');
    }
    expect(marks.of('out 0')).toBe('ended');
    expect(new Set(evicted.map(({ how }) => how))).toEqual(
      new Set(['replaced']),
    );
  });

  it('of as many subjects make room for the oldest, with one eviction each', () => {
    const { evicted, marks, end } = open();
    for (let i = 0; i < BOUND + 10; i += 1) {
      end(`${i}`, `user ${i}`);
    }
    expect(evicted.map(({ sid }) => sid)).toEqual(
      Array.from({ length: 10 }, (_, i) => `${i}`),
    );
    expect(marks.of('9')).toBeUndefined();
    expect(marks.of('10')).toBe('ended');
  });

  it('whose tokens have expired go first, without an eviction', () => {
    const { state, evicted, marks, end } = open();
    end('long', 'ada', 'ended', state.now + 10 * DAY);
    for (let i = 1; i < BOUND; i += 1) {
      end(`${i}`, `user ${i % 1_000}`);
    }
    state.now += DAY;
    for (let i = 0; i < 1_000; i += 1) {
      end(`new ${i}`, 'bob');
    }
    expect(evicted).toEqual([]);
    expect([marks.of('long'), marks.of('new 0')]).toEqual(['ended', 'ended']);
    expect([marks.of('1'), marks.of('99999')]).toEqual([undefined, undefined]);
  });

  it('whose sessions the store has ended too are kept no longer than tokens that have not met it', () => {
    const { state, evicted, marks, end } = open();
    for (let i = 0; i < BOUND; i += 1) {
      end(`${i}`, 'ada');
      marks.shorten(`${i}`, state.now + 900);
    }
    marks.shorten('unknown', 0);
    state.now += 900;
    end('new', 'bob');
    expect([evicted, marks.of('0')]).toEqual([[], undefined]);
  });

  it('are looked for again a minute later at the earliest, whatever the clock does', () => {
    const { state, evicted, marks, end } = open();
    for (let i = 0; i < BOUND; i += 1) {
      end(`${i}`, 'ada');
    }
    end('first', 'bob');
    expect(evicted).toHaveLength(1);
    state.now -= 3_600;
    end('short', 'carl', 'ended', state.now + 1);
    expect(evicted).toHaveLength(2);
    state.now += 59;
    end('second', 'bob');
    expect(marks.of('short')).toBe('ended');
    state.now += 1;
    end('third', 'bob');
    expect(marks.of('short')).toBeUndefined();
    expect(evicted).toHaveLength(3);
  });

  it('are one for each session, which may change its kind', () => {
    const { evicted, marks, end } = open();
    end('a', 'ada', 'replaced');
    end('a', 'ada');
    expect(marks.of('a')).toBe('ended');
    for (let i = 1; i < BOUND; i += 1) {
      if (i % 100 === 0) end('a', 'ada');
      end(`${i}`, 'ada');
    }
    expect(evicted).toEqual([]);
    expect(marks.of('__proto__')).toBeUndefined();
  });

  it('agree with a plain model that takes from the subject with the most', () => {
    const random = seededRandom(13);
    const steps = rounds(2_000, 600);
    const { evicted, marks, end } = open();
    const model = new Map<string, string[]>();
    const size = () =>
      [...model.values()].reduce((sum, { length }) => sum + length, 0);
    for (let i = 0; i < BOUND - 60; i += 1) {
      end(`fill ${i}`, `filler ${i}`);
    }
    for (let i = 0; i < steps; i += 1) {
      const sub = `user ${Math.floor(random() ** 3 * 12)}`;
      if (size() === 60) {
        const most = Math.max(...[...model.values()].map((all) => all.length));
        const candidates = [...model].filter(([, all]) => all.length === most);
        const { sid } = (end(`${i}`, sub), evicted.at(-1)!);
        const owner = candidates.find(([, all]) => all[0] === sid);
        expect(owner).toBeDefined();
        owner![1].shift();
        if (owner![1].length === 0) model.delete(owner![0]);
      } else {
        end(`${i}`, sub);
      }
      model.set(sub, [...(model.get(sub) ?? []), `${i}`]);
      expect(model.get(sub)!.every((sid) => marks.of(sid))).toBe(true);
    }
    expect(evicted).toHaveLength(steps - 60);
  });

  it('take less than 600 bytes each, all of them less than 70 MB', async () => {
    const keep: EndMarks[] = [];
    let before = await usedHeap();
    const measure = async (ownerOf: (i: number) => string): Promise<number> => {
      const { marks, end } = open();
      for (let i = 0; i < BOUND; i += 1) {
        end(newSessionId(), ownerOf(i));
      }
      keep.push(marks);
      const after = await usedHeap();
      const each = Math.round((after - before) / BOUND);
      before = after;
      return each;
    };
    const each = await measure((i) => `a subject of its own ${i}`);
    const one = await measure(() => 'ada');
    process.stdout.write(
      `marks of ended sessions: ${each} bytes each where every subject has one, ${one} where one has all\n`,
    );
    expect(keep).toHaveLength(2);
    expect(each).toBeLessThan(600);
    expect(one).toBeLessThan(each);
  });
});

describe('a session that ends in this process', () => {
  function openEnds(store?: MemorySessionStore) {
    const clock = new TestSessionClock(NOW);
    const events = new SessionEvents(() => clock.nowSeconds());
    const evicted: SessionEvent[] = [];
    events
      .ofTypes(new Set(['endEvicted'] as const))
      .subscribe((event) => evicted.push(event));
    const marks = new EndMarks(
      () => clock.nowSeconds(),
      (ended) =>
        events.ofSession(ended, { type: 'endEvicted', how: ended.how }),
    );
    const memory = new SessionMemory(marks);
    store?.useClock(clock);
    const ends = new SessionEnds({
      memory,
      store,
      events,
      policy: POLICY,
      clock,
      revocations: undefined,
    });
    return { clock, evicted, marks, memory, ends };
  }

  it('stays ended after 100,041 sign-outs of another account, each of which that is forgotten is an event', async () => {
    const { evicted, memory, ends } = openEnds();
    const bob = claimsOf({ sub: 'bob' });
    await ends.end(bob, 'revoked');
    for (let i = 0; i < BOUND + 41; i += 1) {
      await ends.end({ sid: `${i}`, sub: 'ada', oiat: NOW }, 'revoked');
    }
    expect(memory.endHere(bob.sid)).toBe('ended');
    expect(evicted).toHaveLength(42);
    expect(evicted[0]).toMatchObject({ subject: 'ada', how: 'ended' });
  });

  it.each([
    ['no token of it is left', undefined, POLICY.absoluteSeconds],
    [
      'each of its tokens has met the store',
      new MemorySessionStore(),
      POLICY.intervalSeconds + POLICY.maxStaleSeconds + POLICY.toleranceSeconds,
    ],
  ])('is forgotten without an event once %s', async (_when, store, longest) => {
    for (const [seconds, events] of [
      [longest - 1, 1],
      [longest, 0],
    ] as const) {
      const { clock, evicted, marks, ends } = openEnds(store);
      await ends.end({ sid: 'first', sub: 'ada' }, 'revoked');
      for (let i = 1; i < BOUND; i += 1) {
        marks.set({ sid: `${i}`, sub: 'bob', how: 'ended', until: Infinity });
      }
      clock.advance(seconds);
      await ends.end(claimsOf({ oiat: clock.nowSeconds() }), 'revoked');
      expect([seconds, evicted.length]).toEqual([seconds, events]);
    }
  });
});
