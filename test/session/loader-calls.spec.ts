import {
  BadRequestException,
  HttpException,
  NotFoundException,
} from '@nestjs/common';
import fc from 'fast-check';
import {
  SessionEndedError,
  SessionError,
} from '../../lib/errors/session-error.js';
import { endsSession } from '../../lib/nest/session-exception.js';
import type { ResolvedLoaderOptions } from '../../lib/options/resolved-options.js';
import {
  LoaderCalls,
  type LoadOutcome,
} from '../../lib/session/loading/loader-calls.js';
import { sessionContext } from '../../lib/session/model/session-context.js';
import type {
  LoadContext,
  SessionDataLoader,
} from '../../lib/session/model/session-data-loader.js';
import { createGate } from '../support/asynchrony.js';
import { claimsOf, NOW } from '../support/session-claims.js';

const { jest } = import.meta;

const OPTIONS: ResolvedLoaderOptions = {
  timeoutSeconds: 2,
  patienceSeconds: 2,
  maxStaleSeconds: 900,
  concurrency: 64,
  errorEndsSession: false,
};

type Load = (params: unknown, context: LoadContext) => unknown;
type Loader = SessionDataLoader<unknown, unknown>;

const CONTEXT = {
  ...sessionContext(claimsOf({ attrs: { theme: 'dark' } })),
  reason: 'reload' as const,
};

function createCalls(
  load: Load,
  options: Partial<ResolvedLoaderOptions> = {},
  accepts?: Loader['accepts'],
) {
  const loader = { load, ...(accepts && { accepts }) } as Loader;
  const calls = new LoaderCalls(
    loader,
    { ...OPTIONS, ...options },
    endsSession,
  );
  return (
    params: unknown = 'ada',
    context: Omit<LoadContext, 'signal'> = CONTEXT,
  ) => calls.call(params, context);
}

/** The error of an outcome, and what it was thrown for. */
function errorOf(outcome: LoadOutcome): SessionError {
  if (!('error' in outcome)) {
    throw new Error(`no error: ${outcome.kind}`);
  }
  return outcome.error;
}

/** What became of a promise until now. */
function watch<T>(promise: Promise<T>): {
  readonly value: () => T | undefined;
} {
  let settled: T | undefined;
  void promise.then((value) => {
    settled = value;
  });
  return { value: () => settled };
}

const never = (): Promise<never> => new Promise(() => undefined);
const NO_DATA: [string, unknown][] = [
  ['null', null],
  ['undefined', undefined],
];
const WAYS: ['throws' | 'rejects'][] = [['throws'], ['rejects']];

function failing(way: 'throws' | 'rejects', error: unknown): Load {
  return way === 'throws'
    ? () => {
        throw error;
      }
    : () => Promise.reject(error);
}

describe('LoaderCalls', () => {
  describe('says what an answer means', () => {
    it.each<[string, unknown]>([
      ['an object', { id: 1, roles: ['a'] }],
      ['an empty object', {}],
      ['an empty string', ''],
      ['zero', 0],
      ['false', false],
    ])('%s is data', async (_kind, data) => {
      expect(await createCalls(() => data)()).toEqual({ kind: 'loaded', data });
      expect(await createCalls(async () => data)()).toEqual({
        kind: 'loaded',
        data,
      });
    });

    it('data is a frozen copy, never the object of the loader', async () => {
      const own = { roles: ['member'] };
      const outcome = await createCalls(() => own)();
      own.roles.push('admin');
      expect(outcome).toEqual({ kind: 'loaded', data: { roles: ['member'] } });
      expect(Object.isFrozen(own)).toBe(false);
      if (outcome.kind === 'loaded') {
        expect(Object.isFrozen(outcome.data)).toBe(true);
      }
    });

    it.each(NO_DATA)('%s ends the session', async (_kind, data) => {
      const outcome = await createCalls(() => data)();
      expect(outcome.kind).toBe('ended');
      expect(errorOf(outcome)).toBeInstanceOf(SessionEndedError);
    });

    it.each(WAYS)(
      'a SessionEndedError that it %s ends the session with its reason',
      async (way) => {
        const error = new SessionEndedError('disabled');
        expect(await createCalls(failing(way, error))()).toEqual({
          kind: 'ended',
          error,
        });
      },
    );

    it.each([401, 403, 404, 410])(
      'an HttpException %i ends the session',
      async (status) => {
        const cause = new HttpException('gone', status);
        const outcome = await createCalls(failing('rejects', cause))();
        expect(outcome.kind).toBe('ended');
        expect(errorOf(outcome).cause).toBe(cause);
      },
    );

    it.each([400, 402, 405, 408, 409, 422, 429, 500, 502, 503, 504])(
      'an HttpException %i is an outage',
      async (status) => {
        const cause = new HttpException('busy', status);
        const outcome = await createCalls(failing('rejects', cause))();
        expect(outcome.kind).toBe('failed');
        expect(errorOf(outcome)).toMatchObject({
          code: 'LOADER_UNAVAILABLE',
          retryAfterSeconds: 1,
        });
        expect(errorOf(outcome).cause).toBe(cause);
      },
    );

    it.each(WAYS)(
      'subclasses of HttpException count, if it %s',
      async (way) => {
        const calls = (error: unknown) => createCalls(failing(way, error))();
        expect((await calls(new NotFoundException())).kind).toBe('ended');
        expect((await calls(new BadRequestException())).kind).toBe('failed');
      },
    );

    it.each<[string, unknown]>([
      ['an Error', new Error('connection refused')],
      ['a TypeError', new TypeError('x is not a function')],
      ['an object with a status of 401', { status: 401, statusCode: 401 }],
      [
        'an Error with a status of 404',
        Object.assign(new Error('not found'), { status: 404 }),
      ],
      ['a string', 'SESSION_ENDED'],
      ['nothing', undefined],
      ['null', null],
      ['a SessionError', new SessionError('STORE_REQUIRED', 'x')],
    ])('%s thrown is an outage', async (_kind, error) => {
      for (const [way] of WAYS) {
        const outcome = await createCalls(failing(way, error))();
        expect(outcome.kind).toBe('failed');
        expect(errorOf(outcome).code).toBe('LOADER_UNAVAILABLE');
        expect(errorOf(outcome).cause ?? null).toBe(error ?? null);
      }
    });

    it('what cannot be serialised is a failure that names the path', async () => {
      const outcome = await createCalls(() => ({ at: new Date(0) }))();
      expect(outcome.kind).toBe('failed');
      expect(errorOf(outcome)).toMatchObject({
        code: 'NOT_SERIALIZABLE',
        message:
          'data.at is a Date; return a string, for example its toISOString()',
      });
    });
  });

  describe("with onLoaderError: 'end'", () => {
    const simple = { errorEndsSession: true };

    it.each<[string, unknown]>([
      ['an Error', new Error('connection refused')],
      ['an HttpException 503', new HttpException('busy', 503)],
      ['a string', 'no'],
    ])('%s thrown ends the session', async (_kind, error) => {
      for (const [way] of WAYS) {
        const outcome = await createCalls(failing(way, error), simple)();
        expect(outcome.kind).toBe('ended');
        expect(errorOf(outcome)).toBeInstanceOf(SessionEndedError);
        expect(errorOf(outcome).cause).toBe(error);
      }
    });

    it('unserialisable data does not', async () => {
      const outcome = await createCalls(() => ({ n: NaN }), simple)();
      expect(outcome.kind).toBe('failed');
      expect(errorOf(outcome).code).toBe('NOT_SERIALIZABLE');
    });

    it('a timeout does not, nor what the loader throws after it', async () => {
      jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
      try {
        const load: Load = (_params, { signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () =>
              reject(signal.reason as Error),
            );
          });
        const call = createCalls(load, simple)();
        await jest.advanceTimersByTimeAsync(2_000);
        const outcome = await call;
        expect(outcome.kind).toBe('failed');
        expect(errorOf(outcome).code).toBe('LOADER_UNAVAILABLE');
      } finally {
        jest.useRealTimers();
      }
    });
  });

  describe('asks whether the params of a token are still accepted', () => {
    it('and does not load for those that are not', async () => {
      const load = jest.fn(() => ({}));
      const call = createCalls(
        load,
        {},
        (params) => typeof params === 'string',
      );
      expect(await call({ id: 1 })).toEqual({ kind: 'params-refused' });
      expect(load).not.toHaveBeenCalled();
      expect((await call('ada')).kind).toBe('loaded');
      expect(load).toHaveBeenCalledTimes(1);
    });

    it('but not those that generate was given just now', async () => {
      const accepts = jest.fn(() => false);
      const call = createCalls(() => ({}), {}, accepts);
      const outcome = await call('ada', { ...CONTEXT, reason: 'generate' });
      expect(outcome.kind).toBe('loaded');
      expect(accepts).not.toHaveBeenCalled();
    });

    it('and takes a fault of the question for an outage', async () => {
      const call = createCalls(
        () => ({}),
        {},
        () => {
          throw new Error('bug');
        },
      );
      expect((await call()).kind).toBe('failed');
    });
  });

  it('tells the loader the params and which session it loads for', async () => {
    const seen: [unknown, LoadContext][] = [];
    await createCalls((params, context) => {
      seen.push([params, context]);
      return {};
    })({ id: 7 });
    const [params, context] = seen[0]!;
    expect(params).toEqual({ id: 7 });
    expect(context).toMatchObject({
      sessionId: CONTEXT.sessionId,
      subject: 'ada',
      issuedAt: new Date(NOW * 1000),
      attributes: { theme: 'dark' },
      reason: 'reload',
    });
    expect(context.signal.aborted).toBe(false);
  });

  it.each([
    ['one second before', -1_000, false],
    ['in the same second', 0, false],
    ['later in the same second', 999, false],
    ['one second after', 1_000, true],
  ])(
    'compares the sign-in in whole seconds with an instant %s it',
    (_name, milliseconds, expected) => {
      const instant = new Date(NOW * 1000 + milliseconds);
      expect(CONTEXT.issuedBefore(instant)).toBe(expected);
    },
  );

  it.each([[null], [undefined]])('no sign-in is before %s', (instant) => {
    expect(CONTEXT.issuedBefore(instant)).toBe(false);
  });

  describe('bounds the time of a call', () => {
    beforeEach(() => {
      jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
    });
    afterEach(() => {
      jest.useRealTimers();
    });

    it('by its timeout, at which the signal is aborted', async () => {
      const signals: AbortSignal[] = [];
      const call = createCalls((_params, { signal }) => {
        signals.push(signal);
        return never();
      })();
      const outcome = watch(call);
      await jest.advanceTimersByTimeAsync(1_999);
      expect(outcome.value()).toBeUndefined();
      expect(signals[0]!.aborted).toBe(false);
      await jest.advanceTimersByTimeAsync(1);
      expect(outcome.value()).toMatchObject({
        kind: 'failed',
        error: { code: 'LOADER_UNAVAILABLE', retryAfterSeconds: 1 },
      });
      expect(signals[0]!.aborted).toBe(true);
      expect(signals[0]!.reason).toBeInstanceOf(SessionError);
    });

    it('by its timeout, which a loader sees that looks at the signal only then', async () => {
      let context: LoadContext | undefined;
      const call = createCalls((_params, given) => {
        context = given;
        return never();
      })();
      const outcome = watch(call);
      await jest.advanceTimersByTimeAsync(2_000);
      expect(outcome.value()?.kind).toBe('failed');
      const { signal } = context!;
      expect(signal.aborted).toBe(true);
      expect(signal.reason).toBeInstanceOf(SessionError);
      expect(context!.signal).toBe(signal);
    });

    it('also below a second', async () => {
      const outcome = watch(createCalls(never, { timeoutSeconds: 0.25 })());
      await jest.advanceTimersByTimeAsync(249);
      expect(outcome.value()).toBeUndefined();
      await jest.advanceTimersByTimeAsync(1);
      expect(outcome.value()?.kind).toBe('failed');
    });

    it('and never aborts a call that answered in time', async () => {
      let signal: AbortSignal | undefined;
      const outcome = await createCalls((_params, context) => {
        signal = context.signal;
        return {};
      })();
      expect(outcome.kind).toBe('loaded');
      expect(jest.getTimerCount()).toBe(0);
      await jest.advanceTimersByTimeAsync(10_000);
      expect(signal?.aborted).toBe(false);
    });

    it.each<[string, (gate: Promise<void>) => Promise<unknown>]>([
      ['data', (gate) => gate.then(() => ({ late: true }))],
      ['no data', (gate) => gate.then(() => null)],
      [
        'an end',
        (gate) => gate.then(() => Promise.reject(new SessionEndedError())),
      ],
      [
        'an error',
        (gate) => gate.then(() => Promise.reject(new Error('late'))),
      ],
    ])('and ignores %s that comes late', async (_kind, answer) => {
      const gate = createGate();
      const call = createCalls(() => answer(gate.promise))();
      await jest.advanceTimersByTimeAsync(2_000);
      gate.open();
      await jest.advanceTimersByTimeAsync(1);
      expect((await call).kind).toBe('failed');
    });
  });

  describe('bounds the calls at once', () => {
    beforeEach(() => {
      jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
    });
    afterEach(() => {
      jest.useRealTimers();
    });

    /** A loader whose answers come when the test says so. */
    function controlled(concurrency: number) {
      const started: unknown[] = [];
      const gates = new Map<unknown, ReturnType<typeof createGate>>();
      const call = createCalls(
        async (params) => {
          started.push(params);
          const gate = createGate();
          gates.set(params, gate);
          await gate.promise;
          return { params };
        },
        { concurrency },
      );
      const finish = async (params: unknown) => {
        gates.get(params)!.open();
        await jest.advanceTimersByTimeAsync(0);
      };
      return { call, started, finish };
    }

    it('lets the others wait their turn, in the order in which they came', async () => {
      const { call, started, finish } = controlled(2);
      const calls = ['a', 'b', 'c', 'd'].map((params) => call(params));
      await jest.advanceTimersByTimeAsync(0);
      expect(started).toEqual(['a', 'b']);
      await finish('b');
      expect(started).toEqual(['a', 'b', 'c']);
      await finish('a');
      await finish('c');
      await finish('d');
      expect(started).toEqual(['a', 'b', 'c', 'd']);
      expect((await Promise.all(calls)).map(({ kind }) => kind)).toEqual(
        Array(4).fill('loaded'),
      );
    });

    it('gives a place on after a failure too', async () => {
      const call = createCalls(failing('rejects', new Error('no')), {
        concurrency: 1,
      });
      const all = await Promise.all([call(), call(), call()]);
      expect(all.map(({ kind }) => kind)).toEqual(Array(3).fill('failed'));
    });

    it('counts waiting for a place into the timeout', async () => {
      const { call, started, finish } = controlled(1);
      void call('a');
      await jest.advanceTimersByTimeAsync(500);
      const waiting = watch(call('b'));
      await jest.advanceTimersByTimeAsync(1_000);
      await finish('a');
      expect(started).toEqual(['a', 'b']);
      await jest.advanceTimersByTimeAsync(999);
      expect(waiting.value()).toBeUndefined();
      await jest.advanceTimersByTimeAsync(1);
      expect(waiting.value()?.kind).toBe('failed');
    });

    it('F-18: does not call the loader for those whose time is over when their turn comes', async () => {
      const load = jest.fn(never);
      const call = createCalls(load, { concurrency: 64 });
      const outcomes = Array.from({ length: 1_000 }, () => watch(call()));
      await jest.advanceTimersByTimeAsync(1_999);
      expect(load).toHaveBeenCalledTimes(64);
      await jest.advanceTimersByTimeAsync(1);
      expect(outcomes.map(({ value }) => value()?.kind)).toEqual(
        Array(1_000).fill('failed'),
      );
      await jest.advanceTimersByTimeAsync(10_000);
      expect(load).toHaveBeenCalledTimes(64);
    });

    it('F-18: frees the place of a call at its timeout, though the loader hangs on', async () => {
      const started: unknown[] = [];
      const call = createCalls(
        (params) => {
          started.push(params);
          return params === 'hangs' ? never() : {};
        },
        { concurrency: 2 },
      );
      void call('hangs');
      void call('hangs');
      await jest.advanceTimersByTimeAsync(1_000);
      const next = watch(call('next'));
      await jest.advanceTimersByTimeAsync(999);
      expect(next.value()).toBeUndefined();
      await jest.advanceTimersByTimeAsync(1);
      expect(next.value()).toEqual({ kind: 'loaded', data: {} });
      expect(started).toEqual(['hangs', 'hangs', 'next']);
    });

    it('gives a place back once, though its loader answers after the timeout', async () => {
      const { call, started, finish } = controlled(1);
      void call('a');
      await jest.advanceTimersByTimeAsync(2_000);
      void call('b');
      await jest.advanceTimersByTimeAsync(0);
      expect(started).toEqual(['a', 'b']);
      await finish('a');
      void call('c');
      await jest.advanceTimersByTimeAsync(0);
      expect(started).toEqual(['a', 'b']);
      await finish('b');
      expect(started).toEqual(['a', 'b', 'c']);
    });

    it('F-18: never has more calls under way than places, and loses no place, whatever they do', async () => {
      const durations = fc.array(
        fc.record({
          startsAfter: fc.nat({ max: 800 }),
          takes: fc.oneof(fc.nat({ max: 3_000 }), fc.constant(Infinity)),
          fails: fc.boolean(),
        }),
        { minLength: 1, maxLength: 40 },
      );
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 5 }),
          durations,
          async (concurrency, plans) => {
            let [underWay, peak] = [0, 0];
            const load: Load = (params, { signal }) => {
              const { takes, fails } = params as (typeof plans)[number];
              underWay += 1;
              peak = Math.max(peak, underWay);
              let left = false;
              const leave = () => {
                underWay -= Number(!left);
                left = true;
              };
              signal.addEventListener('abort', leave);
              return new Promise((resolve, reject) => {
                if (takes === Infinity) return;
                setTimeout(() => {
                  leave();
                  if (fails) reject(new Error('no'));
                  else resolve({});
                }, takes);
              });
            };
            const call = createCalls(load, { concurrency });
            const outcomes: ReturnType<typeof watch<LoadOutcome>>[] = [];
            for (const plan of plans) {
              await jest.advanceTimersByTimeAsync(plan.startsAfter);
              outcomes.push(watch(call(plan)));
            }
            await jest.advanceTimersByTimeAsync(10_000);
            expect(outcomes.every(({ value }) => value() !== undefined)).toBe(
              true,
            );
            expect(peak).toBeLessThanOrEqual(concurrency);
            const plan = { takes: Infinity };
            for (let i = 0; i < concurrency; i += 1) {
              void call(plan);
            }
            await jest.advanceTimersByTimeAsync(0);
            expect(underWay).toBe(concurrency);
            await jest.advanceTimersByTimeAsync(10_000);
            expect(underWay).toBe(0);
          },
        ),
        { numRuns: 100 },
      );
    });
  });
});
