import { SessionError } from '../../lib/errors/session-error.js';
import type { SessionStore } from '../../lib/ports/session-store.js';
import { DeadlineSessionStore } from '../../lib/stores/deadline-session-store.js';
import { StoreBreaker } from '../../lib/stores/store-breaker.js';
import { turn } from '../support/asynchrony.js';
import { printFigures } from '../support/figures.js';
import { usedHeap } from '../support/heap.js';

const SILENT_CALLS = 5;

/** A store whose client keeps every call for as long as the connection lasts, and which answers when a test wants. */
function openSilentStore() {
  let now = 0;
  const held: ((answer: unknown) => void)[] = [];
  const failures = new Map<string, number>();
  const hold = () => new Promise((resolve) => held.push(resolve));
  const deadline = new DeadlineSessionStore(
    {
      read: hold,
      rotate: hold,
      end: hold,
      endAll: hold,
    } as unknown as SessionStore,
    0.002,
    {
      onFailure: (operation, error) => {
        const line = `${operation}: ${(error as Error).message}`;
        failures.set(line, (failures.get(line) ?? 0) + 1);
      },
      onAnswer: () => undefined,
      onLateAnswer: () => undefined,
    },
    new StoreBreaker(() => now),
  );
  return {
    deadline,
    held,
    failures,
    advance: (milliseconds: number) => (now += milliseconds),
  };
}

async function errorOf(call: Promise<unknown>): Promise<SessionError> {
  const error = await call.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SessionError);
  return error as SessionError;
}

/** One in which enough calls went unanswered, and the first probe after them. */
async function openBrokenStore() {
  const store = openSilentStore();
  for (let i = 0; i <= SILENT_CALLS; i += 1) {
    await errorOf(store.deadline.read('a', 'ada'));
  }
  return store;
}

describe('a store that has gone silent', () => {
  it('is sent nothing, and each refusal is reported with its operation', async () => {
    const { deadline, held, failures } = await openBrokenStore();
    const sent = held.length;
    for (let i = 0; i < 100; i += 1) {
      const error = await errorOf(deadline.rotate('a', 'ada', {} as never));
      expect(error.code).toBe('STORE_UNAVAILABLE');
      expect(error.retryAfterSeconds).toBe(1);
    }
    expect(held).toHaveLength(sent);
    expect(Object.fromEntries(failures)).toEqual({
      'read: the store took longer than 0.002 s': SILENT_CALLS + 1,
      'rotate: the store does not answer; calls are sent one at a time until it does': 100,
    });
  });

  it('refuses before any turn of the loop', async () => {
    const { deadline } = await openBrokenStore();
    let isRefused = false;
    void deadline.read('a', 'ada').catch(() => (isRefused = true));
    for (let i = 0; i < 3; i += 1) await Promise.resolve();
    expect(isRefused).toBe(true);
  });

  it('is still sent revocations: they take effect however late they arrive', async () => {
    const { deadline, held } = await openBrokenStore();
    const sent = held.length;
    const ends = [deadline.end('a', 'ada'), deadline.endAll('ada')];
    expect(held).toHaveLength(sent + 2);
    // Both are caught from the start: the deadline of the second may pass first.
    const errors = await Promise.all(ends.map(errorOf));
    expect(errors.map(({ code }) => code)).toEqual([
      'STORE_UNAVAILABLE',
      'STORE_UNAVAILABLE',
    ]);
  });

  it('is used again by all as soon as a probe is answered', async () => {
    const { deadline, held, advance } = await openBrokenStore();
    advance(100);
    const probe = deadline.read('a', 'ada');
    await errorOf(deadline.read('a', 'ada'));
    held.pop()!(undefined);
    expect(await probe).toBeUndefined();
    const sent = held.length;
    const calls = [1, 2, 3].map(() => deadline.read('a', 'ada'));
    expect(held).toHaveLength(sent + 3);
    for (const answer of held) answer(undefined);
    expect(await Promise.all(calls)).toEqual([undefined, undefined, undefined]);
  });

  it('is tried without a pause when its last late answer arrives', async () => {
    const { deadline, held } = await openBrokenStore();
    for (const answer of held) answer(undefined);
    await turn();
    const sent = held.length;
    const probe = deadline.read('a', 'ada');
    expect(held).toHaveLength(sent + 1);
    held.at(-1)!(undefined);
    expect(await probe).toBeUndefined();
  });

  it('leaves no error of a caller with the call that its client still holds', async () => {
    const { deadline, held } = openSilentStore();
    const errors = await Promise.all(
      [1, 2, 3].map(
        async () => new WeakRef(await errorOf(deadline.read('a', 'ada'))),
      ),
    );
    await usedHeap();
    expect(held).toHaveLength(3);
    expect(errors.map((error) => error.deref())).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('costs no heap, however many requests it fails', async () => {
    const { deadline, held } = await openBrokenStore();
    const fail = async (count: number): Promise<SessionError[]> => {
      const errors: SessionError[] = [];
      for (let i = 0; i < count; i += 1) {
        errors.push(await errorOf(deadline.read('a', 'ada')));
      }
      return errors;
    };
    await fail(2_000);
    const before = await usedHeap();
    const kept = await fail(2_000);
    const ofKept = (await usedHeap()) - before;
    kept.length = 0;
    const started = await usedHeap();
    for (let round = 0; round < 4; round += 1) await fail(2_000);
    const growth = (await usedHeap()) - started;
    printFigures(
      'F-07',
      `8,000 requests while the store is silent: ${held.length} calls sent in all, heap ${(growth / 1024).toFixed(0)} KB more; 2,000 errors that are kept take ${(ofKept / 1024).toFixed(0)} KB`,
    );
    expect(held).toHaveLength(SILENT_CALLS + 1);
    expect(growth).toBeLessThan(ofKept / 4);
  });
});
