import { Deadline } from '../lib/deadline.js';
import { KeyRing } from '../lib/keys/key-ring.js';
import { LoaderCalls } from '../lib/session/loading/loader-calls.js';
import { patiently } from '../lib/session/loading/patiently.js';
import type { LoadResult } from '../lib/session/loading/session-loads.js';
import { TestSessionClock } from '../lib/testing/test-session-clock.js';
import { createGate, turn, until } from './support/asynchrony.js';
import { blockLoop } from './support/blocked-loop.js';

const { jest } = import.meta;

const CALLS = 10;
const TIMEOUT = 100;
/** Ends after the deadline. */
const BLOCK = 150;

/** Arrives in the block, and takes two turns of the loop to be read. */
async function answer<T>(value: T): Promise<T> {
  await turn();
  await turn();
  return value;
}

/** When the block begins, in milliseconds: with the call, or in the last part of its deadline. */
const BEGINNINGS = [0, 60];

/** Starts calls, blocks the loop until after their deadlines, and gives their outcomes. */
async function inBlock<T>(
  beginning: number,
  call: (sent: Promise<void>) => Promise<T>,
): Promise<T[]> {
  const gate = createGate();
  const outcomes = Promise.all(
    Array.from({ length: CALLS }, () => call(gate.promise)),
  );
  await (beginning > 0 ? timers(beginning) : Promise.resolve());
  gate.open();
  await Promise.resolve();
  blockLoop(BLOCK);
  return outcomes;
}

/** Resolves when timers in a row have fired. */
async function timers(...milliseconds: number[]): Promise<void> {
  for (const each of milliseconds) {
    await new Promise((resolve) => setTimeout(resolve, each));
  }
}

describe('a deadline', () => {
  it('passes once, and not after it was cleared', async () => {
    const passed = jest.fn();
    const cleared = jest.fn();
    const deadline = new Deadline(20, passed);
    const other = new Deadline(20, cleared);
    other.clear();
    await until(() => passed.mock.calls.length > 0, 'the deadline');
    expect(deadline.isOver).toBe(true);
    await timers(20, 20);
    expect(passed).toHaveBeenCalledTimes(1);
    expect(cleared).not.toHaveBeenCalled();
  });

  it.each([1, 2, 3, 20, 99, 100, 101, 250, 2_000])(
    'of %d ms passes at its time on a free loop',
    async (milliseconds) => {
      jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
      try {
        const passed = jest.fn();
        const deadline = new Deadline(milliseconds, passed);
        await jest.advanceTimersByTimeAsync(milliseconds - 1);
        await turn();
        expect(passed).not.toHaveBeenCalled();
        await jest.advanceTimersByTimeAsync(1);
        expect(deadline.isOver).toBe(true);
        await turn();
        expect(passed).toHaveBeenCalledTimes(1);
        expect(jest.getTimerCount()).toBe(0);
      } finally {
        jest.useRealTimers();
      }
    },
  );

  it.each(BEGINNINGS)(
    'does not pass before the answers are read that arrived in a block after %d ms, nor those to requests that left after it',
    async (beginning) => {
      const late = await inBlock(
        beginning,
        (sent) =>
          new Promise<boolean>((resolve) => {
            const deadline = new Deadline(TIMEOUT, () => resolve(true));
            void sent
              .then(turn)
              .then(() => answer(false))
              .then((isLate) => {
                deadline.clear();
                resolve(isLate);
              });
          }),
      );
      expect(late.filter(Boolean)).toHaveLength(0);
    },
  );

  it('passes for a silent server before timers that grant it 60 ms more, in a block or not', async () => {
    for (const block of [0, BLOCK]) {
      const order: string[] = [];
      const passed = new Promise<void>((resolve) => {
        const end = () => {
          order.push('deadline');
          resolve();
        };
        expect(new Deadline(TIMEOUT, end).isOver).toBe(false);
      });
      // One timer for each that the deadline may start, and one more.
      const reference = timers(50, 50, 10, 10, 10, 10, 10, 10).then(() =>
        order.push('reference'),
      );
      blockLoop(block);
      await Promise.all([passed, reference]);
      expect(order).toEqual(['deadline', 'reference']);
    }
  });

  it('passes after at most seven timers on a loop that is blocked again and again', async () => {
    const passed = jest.fn();
    const deadline = new Deadline(TIMEOUT, passed);
    let blocks = 0;
    while (passed.mock.calls.length === 0) {
      // Longer than each part, so that each turn of the loop finds one due timer.
      blockLoop(60);
      blocks += 1;
      await turn();
    }
    expect(deadline.isOver).toBe(true);
    expect(blocks).toBeLessThanOrEqual(9);
    // It had several turns to read answers: more than the two in which its time was over.
    expect(blocks).toBeGreaterThan(4);
  });

  it('keeps no process alive', () => {
    const setTimer = jest.spyOn(globalThis, 'setTimeout');
    const deadline = new Deadline(TIMEOUT, () => undefined);
    const [timer] = setTimer.mock.results.map(
      ({ value }) => value as NodeJS.Timeout,
    );
    setTimer.mockRestore();
    expect(timer!.hasRef()).toBe(false);
    deadline.clear();
  });
});

describe.each(BEGINNINGS)(
  'while the loop is blocked after %d ms until the deadline is over,',
  (beginning) => {
    const loaderOptions = {
      timeoutSeconds: TIMEOUT / 1000,
      patienceSeconds: TIMEOUT / 1000,
      concurrency: 5,
      maxStaleSeconds: 0,
      errorEndsSession: false,
    };

    it('no load fails, and those that wait for a place get one', async () => {
      const calls = new LoaderCalls(
        { load: (sent: Promise<void>) => sent.then(() => answer({})) },
        loaderOptions,
        () => false,
      );
      const outcomes = await inBlock(beginning, (sent) =>
        calls.call(sent, {} as never),
      );
      expect(outcomes.filter(({ kind }) => kind !== 'loaded')).toEqual([]);
    });

    it('no request loses its patience', async () => {
      const loaded = { kind: 'loaded' } as LoadResult;
      const results = await inBlock(beginning, async (sent) =>
        patiently(
          sent.then(() => answer(loaded)),
          { ...loaderOptions, timeoutSeconds: 10 },
        ),
      );
      expect(results.filter(({ kind }) => kind !== 'loaded')).toEqual([]);
    });

    it('no load of keys fails', async () => {
      const failures: unknown[] = [];
      const outcomes = await inBlock(beginning, (sent) =>
        new KeyRing({
          fixed: { secrets: [], keys: [] },
          source: () => sent.then(() => answer({ secrets: [], keys: [] })),
          clock: new TestSessionClock(),
          cache: {
            maxAgeSeconds: 300,
            coolDownSeconds: 30,
            timeoutSeconds: TIMEOUT / 1000,
          },
          onFailure: (error) => failures.push(error),
        })
          .reload()
          .then(
            () => 'loaded',
            () => 'failed',
          ),
      );
      expect(outcomes.filter((each) => each !== 'loaded')).toEqual([]);
      expect(failures).toEqual([]);
    });
  },
);
