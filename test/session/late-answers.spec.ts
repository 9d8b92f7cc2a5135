import type {
  BindVerdict,
  RotationVerdict,
} from '../../lib/ports/session-store.js';
import type { SessionEvent } from '../../lib/session/model/session-event.js';
import { SessionEvents } from '../../lib/session/model/session-events.js';
import { SessionMemory } from '../../lib/session/model/session-memory.js';
import { concludeLateAnswer } from '../../lib/session/records/late-answers.js';
import { SessionEnds } from '../../lib/session/records/session-ends.js';
import type { LateAnswer } from '../../lib/stores/deadline-session-store.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { createGate, turn } from '../support/asynchrony.js';
import { POLICY } from '../support/session-claims.js';
import { SickStore } from '../support/sick-store.js';
import { openRuntime, refreshWith } from './session-runtime.js';

/** Concludes an answer; returns what it led to. */
async function conclude(answer: LateAnswer, store = new MemorySessionStore()) {
  const clock = new TestSessionClock();
  const events = new SessionEvents(() => clock.nowSeconds());
  const heard: SessionEvent[] = [];
  events.stream.subscribe((event) => heard.push(event));
  const memory = new SessionMemory();
  const ended: string[][] = [];
  const end = store.end.bind(store);
  store.end = (...call) => {
    ended.push(call);
    return end(...call);
  };
  const ends = new SessionEnds({
    memory,
    store,
    events,
    policy: POLICY,
    clock,
    revocations: undefined,
  });
  concludeLateAnswer(answer, ends, events);
  await turn();
  const nameOf = (sid: string) => events.nameOf(sid);
  return { heard, memory, ended, nameOf };
}

const NAMED = { id: 'late', subject: 'ada' };

describe('a sign-in that was carried out late', () => {
  it('is taken back, but the sessions that made room have ended', async () => {
    const { heard, memory, ended, nameOf } = await conclude({
      operation: 'create',
      ...NAMED,
      verdict: { kind: 'created', ended: ['one', 'two'] },
    });
    expect(ended).toEqual([['late', 'ada']]);
    expect(memory.endHere('late')).toBeUndefined();
    expect(['one', 'two'].map((sid) => memory.endHere(sid))).toEqual([
      'ended',
      'ended',
    ]);
    const end = { type: 'ended', reason: 'limit', reach: 'store' };
    expect(heard).toMatchObject([
      { ...end, session: nameOf('one'), subject: 'ada' },
      { ...end, session: nameOf('two'), subject: 'ada' },
    ]);
  });

  it('stays in the store if that fails again', async () => {
    const store = new MemorySessionStore();
    store.end = () => Promise.reject(new Error('down'));
    const { heard, ended } = await conclude(
      {
        operation: 'create',
        ...NAMED,
        verdict: { kind: 'created', ended: [] },
      },
      store,
    );
    expect(ended).toHaveLength(1);
    expect(heard).toEqual([]);
  });

  it('has no consequences if it was refused', async () => {
    const { heard, ended } = await conclude({
      operation: 'create',
      ...NAMED,
      verdict: { kind: 'refused' },
    });
    expect(ended).toEqual([]);
    expect(heard).toEqual([]);
  });
});

describe('an exchange that was carried out late', () => {
  it('has ended its session if the token was reused', async () => {
    const { heard, memory, ended, nameOf } = await conclude({
      operation: 'rotate',
      ...NAMED,
      verdict: 'reused',
    });
    const session = nameOf('late');
    expect(heard).toMatchObject([
      { type: 'refreshReused', session, subject: 'ada' },
      { type: 'ended', reason: 'reused', reach: 'store', session },
    ]);
    expect(memory.endHere('late')).toBe('ended');
    expect(ended).toEqual([]);
  });

  it.each<RotationVerdict>([
    'rotated',
    'repeated',
    'recovered',
    'rolled-forward',
    'unproven',
    'expired',
    'unknown',
    'lost',
  ])('is left to the next attempt if it is %s', async (verdict) => {
    const { heard, memory, ended } = await conclude({
      operation: 'rotate',
      ...NAMED,
      verdict,
    });
    expect(heard).toEqual([]);
    expect(memory.endHere('late')).toBeUndefined();
    expect(ended).toEqual([]);
  });
});

describe('a binding that was carried out late', () => {
  it('has ended its session if that was bound to another key', async () => {
    const { heard, memory, ended, nameOf } = await conclude({
      operation: 'bind',
      ...NAMED,
      verdict: 'conflict',
    });
    expect(heard).toMatchObject([
      {
        type: 'ended',
        reason: 'conflict',
        reach: 'store',
        session: nameOf('late'),
        subject: 'ada',
      },
    ]);
    expect(heard).toHaveLength(1);
    expect(memory.endHere('late')).toBe('ended');
    expect(ended).toEqual([]);
  });

  it.each<BindVerdict>(['bound', 'unknown'])(
    'is left to the next attempt if it is %s',
    async (verdict) => {
      const { heard, memory, ended } = await conclude({
        operation: 'bind',
        ...NAMED,
        verdict,
      });
      expect(heard).toEqual([]);
      expect(memory.endHere('late')).toBeUndefined();
      expect(ended).toEqual([]);
    },
  );
});

describe('the end of all sessions of a subject', () => {
  it.each([
    [2, [{ type: 'allEnded', subject: 'ada', count: 2 }]],
    [0, []],
    [undefined, []],
  ])('that comes late is reported: %p of them', async (count, events) => {
    const answer = { operation: 'endAll', subject: 'ada', count } as const;
    const { heard, ended } = await conclude(answer);
    expect(heard).toMatchObject(events);
    expect(heard).toHaveLength(events.length);
    expect(ended).toEqual([]);
  });
});

describe('a store that answers when its caller has given up', () => {
  it('ends the session in this process if the refresh token was reused', async () => {
    const store = new SickStore();
    const runtime = await openRuntime({
      store,
      refreshToken: {},
      transport: 'header',
    });
    const { refreshToken } = await runtime.issuing!.issuer.generate(
      'ada',
      {},
      undefined,
    );
    const gate = createGate();
    store.rotate = async () => {
      await gate.promise;
      return 'reused';
    };
    const refresh = async () =>
      (await refreshWith(runtime, refreshToken)).result;
    expect(await refresh()).toMatchObject({
      kind: 'failed',
      error: { code: 'STORE_UNAVAILABLE' },
    });
    gate.open();
    await turn();
    expect(runtime.heard.map(({ type }) => type)).toEqual([
      'created',
      'storeFailed',
      'refreshReused',
      'ended',
    ]);
    expect(await refresh()).toEqual({ kind: 'rejected', refusal: 'ended' });
  });
});
