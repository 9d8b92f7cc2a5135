import { inspect } from 'node:util';
import { SessionError } from '../../lib/errors/session-error.js';
import {
  SessionStore,
  type SessionRecord,
} from '../../lib/ports/session-store.js';
import { DeadlineSessionStore } from '../../lib/stores/deadline-session-store.js';
import type { StoreOperation } from '../../lib/stores/call-listeners.js';
import { turn } from '../support/asynchrony.js';
import { rows } from '../support/titles.js';
import { UnhandledErrors } from '../support/unhandled.js';

const { jest } = import.meta;

const TIMEOUT = 5;

/** What every operation is asked with, each argument an object of its own where that is possible. */
const CALLS: Readonly<Record<StoreOperation, readonly unknown[]>> = {
  create: [{ id: 'a' }, { limit: { max: 1, policy: 'refuse' }, replaces: 'b' }],
  read: ['a', 'ada', 'seen', 1],
  confirmUse: ['a', 'ada', 1],
  rotate: ['a', 'ada', { generation: 1 }],
  bind: [
    'a',
    'ada',
    'key',
    { continuesFrom: { generation: 1, secretHash: 'hash' } },
  ],
  update: ['a', 'ada', { attributes: { theme: null } }],
  end: ['a', 'ada'],
  endAll: ['ada', 'a'],
  list: ['ada', { limit: 1 }],
};
const OPERATIONS = Object.keys(CALLS) as StoreOperation[];

const RECORD = {
  id: 'a',
  attributes: {},
  revision: 0,
  asOf: new Date(0),
} as Partial<SessionRecord>;

/** What may be answered where that is a record. */
const ANSWERS: Readonly<Partial<Record<StoreOperation, [string, unknown][]>>> =
  {
    read: [
      ['a record', RECORD],
      ['undefined', undefined],
    ],
    update: [
      ['a record', RECORD],
      ['undefined', undefined],
    ],
  };

type Answer = (...args: unknown[]) => unknown;

/** A store of which every operation does the same, behind a deadline. */
function deadlineOver(answer: Answer, timeoutSeconds = TIMEOUT / 1000) {
  const calls: { operation: string; self: unknown; args: unknown[] }[] = [];
  const failures: { operation: StoreOperation; error: unknown }[] = [];
  const store: Record<string, Answer> = {};
  for (const operation of OPERATIONS) {
    store[operation] = function (this: unknown, ...args: unknown[]) {
      calls.push({ operation, self: this, args });
      return answer(...args);
    };
  }
  const deadline = new DeadlineSessionStore(
    store as unknown as SessionStore,
    timeoutSeconds,
    {
      onFailure: (operation, error) => failures.push({ operation, error }),
      onAnswer: () => undefined,
      onLateAnswer: () => undefined,
    },
  );
  const ask = (operation: StoreOperation, args = CALLS[operation]) =>
    (deadline as unknown as Record<string, Answer>)[operation]!(
      ...args,
    ) as Promise<unknown>;
  return { store, deadline, calls, failures, ask };
}

/** What a promise was rejected with. */
async function errorOf(promise: Promise<unknown>): Promise<SessionError> {
  const nothing = Symbol('no error');
  const error = await promise.then(
    () => nothing,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SessionError);
  return error as SessionError;
}

const hangs = () => new Promise(() => undefined);

describe('a store with a deadline', () => {
  const unhandled = new UnhandledErrors();

  beforeEach(() => {
    unhandled.seen.length = 0;
    unhandled.start();
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
  });

  // No operation leaves a timer or an error that nobody caught.
  afterEach(async () => {
    const timers = jest.getTimerCount();
    jest.useRealTimers();
    const seen = await unhandled.settled();
    unhandled.stop();
    expect(timers).toBe(0);
    expect(seen).toEqual([]);
  });

  it('is a store like any other', () => {
    expect(deadlineOver(hangs).deadline).toBeInstanceOf(SessionStore);
  });

  describe.each(OPERATIONS)('asked to %s', (operation) => {
    it('hands on every argument as it is, once, and calls the method as the store’s own', async () => {
      const { ask, calls, store, failures } = deadlineOver(async () => RECORD);
      await ask(operation);
      expect(calls).toHaveLength(1);
      expect(calls[0]!.operation).toBe(operation);
      expect(calls[0]!.self).toBe(store);
      const args = CALLS[operation];
      expect(calls[0]!.args).toHaveLength(args.length);
      for (const [i, arg] of args.entries()) {
        expect(calls[0]!.args[i]).toBe(arg);
      }
      expect(failures).toEqual([]);
    });

    it('leaves out what was left out', async () => {
      const { ask, calls } = deadlineOver(async () => RECORD);
      const [first, second] = CALLS[operation];
      await ask(
        operation,
        ['create', 'endAll', 'list'].includes(operation)
          ? [first]
          : [first, second],
      );
      const [, , ...further] = calls[0]!.args;
      expect(further.every((arg) => arg === undefined)).toBe(true);
      expect(calls[0]!.args[0]).toBe(first);
    });

    it.each(
      ANSWERS[operation] ??
        rows([undefined, null, false, true, 0, 7, '', [], {}]),
    )('gives the answer %s back as it is', async (_title, answer) => {
      const { ask, failures } = deadlineOver(async () => answer);
      expect(await ask(operation)).toBe(answer);
      expect(failures).toEqual([]);
    });

    it('F-07: ends at the deadline with STORE_UNAVAILABLE when the store hangs', async () => {
      const { ask, calls, failures } = deadlineOver(hangs);
      let isSettled = false;
      const settled = errorOf(ask(operation)).finally(() => (isSettled = true));
      await jest.advanceTimersByTimeAsync(TIMEOUT - 1);
      await turn();
      expect(isSettled).toBe(false);
      expect(failures).toEqual([]);
      await jest.advanceTimersByTimeAsync(1);
      const error = await settled;
      expect(error).toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: `the session store could not answer (${operation})`,
        retryAfterSeconds: 1,
      });
      expect(failures).toEqual([{ operation, error: error.cause }]);
      expect(failures[0]!.error).toEqual(
        new Error('the store took longer than 0.005 s'),
      );
      // It is not asked again.
      expect(calls).toHaveLength(1);
    });

    it('is STORE_UNAVAILABLE at once when the store throws in place of a promise', async () => {
      const thrown = new TypeError('not connected');
      const { ask, failures } = deadlineOver(() => {
        throw thrown;
      });
      const error = await errorOf(ask(operation));
      expect(error.code).toBe('STORE_UNAVAILABLE');
      expect(error.cause).toEqual(thrown);
      expect(failures).toEqual([{ operation, error: error.cause }]);
    });
  });

  it.each(
    rows([
      undefined,
      null,
      'ECONNREFUSED',
      0,
      false,
      Symbol('down'),
      {},
      Object.create(null),
      Object.freeze(new Error('frozen')),
      new SessionError('STORE_UNAVAILABLE', 'of an inner store', {
        retryAfterSeconds: 9,
      }),
      new SessionError('SESSION_ENDED', 'never a verdict on the session'),
    ]),
  )(
    'F-12: makes STORE_UNAVAILABLE of a rejection with %s',
    async (_title, reason) => {
      const { ask, failures } = deadlineOver(() =>
        Promise.reject(reason as Error),
      );
      const error = await errorOf(ask('read'));
      expect(error.code).toBe('STORE_UNAVAILABLE');
      expect(error.message).toBe('the session store could not answer (read)');
      expect(error.retryAfterSeconds).toBe(1);
      expect(error.cause).toBeInstanceOf(Error);
      expect(failures).toEqual([{ operation: 'read', error: error.cause }]);
      expect(failures[0]!.error).toBe(error.cause);
    },
  );

  it.each(['message', 'name', 'stack', 'code'])(
    'F-12: makes STORE_UNAVAILABLE of an error whose %s cannot be read',
    async (name) => {
      const trap = Object.defineProperty(new Error('x'), name, {
        get() {
          throw new Error('a trap');
        },
      });
      const { ask, failures } = deadlineOver(() => Promise.reject(trap));
      const error = await errorOf(ask('read'));
      expect(error.code).toBe('STORE_UNAVAILABLE');
      expect(failures).toEqual([{ operation: 'read', error: error.cause }]);
    },
  );

  it('keeps of an error what says which one it is', async () => {
    const thrown = Object.assign(new TypeError('no connection'), {
      code: 'ECONNREFUSED',
    });
    const { ask } = deadlineOver(() => Promise.reject(thrown));
    const { cause } = await errorOf(ask('read'));
    expect(cause).toMatchObject({
      name: 'TypeError',
      message: 'no connection',
      code: 'ECONNREFUSED',
      stack: thrown.stack,
    });
  });

  it('S-116: keeps nothing of what clients of databases put onto an error: commands, values of rows, causes', async () => {
    const id = 'kX3v0mQ7-a-session-id';
    const thrown = Object.assign(new Error('syntax error'), {
      code: 42_601,
      command: { name: 'EVALSHA', args: [id] },
      parameters: [id],
      detail: `Key (id)=(${id}) already exists.`,
      where: id,
      cause: new Error(id),
      errors: [new Error(id)],
      [Symbol('id')]: id,
    });
    const { ask, failures } = deadlineOver(() => Promise.reject(thrown));
    const error = await errorOf(ask('create'));
    const printed = inspect([error, failures], {
      depth: null,
      showHidden: true,
    });
    expect(printed).toContain('syntax error');
    expect(printed).not.toContain(id);
    expect(error.cause).not.toHaveProperty('code');
  });

  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'object'],
    ['an address with a password', 'redis://user:password@host', 'string'],
    ['an object', { message: 'x' }, 'object'],
  ])('says of %s only of which type it is', async (_case, thrown, type) => {
    const { ask } = deadlineOver(() => Promise.reject(thrown));
    expect((await errorOf(ask('read'))).cause).toEqual(
      new Error(`the store threw ${type}`),
    );
  });

  it.each(['read', 'update'] as const)(
    'asked to %s takes null for no record, and nothing else that is none',
    async (operation) => {
      const none = deadlineOver(async () => null);
      expect(await none.ask(operation)).toBeUndefined();
      expect(none.failures).toEqual([]);
      for (const answer of [
        0,
        true,
        'a',
        [],
        {},
        { ...RECORD, attributes: null },
        { ...RECORD, attributes: '{}' },
        { ...RECORD, revision: '0' },
        { ...RECORD, revision: NaN },
        { ...RECORD, revision: undefined },
        { ...RECORD, asOf: 0 },
        { ...RECORD, asOf: '1970-01-01' },
        { ...RECORD, asOf: undefined },
      ]) {
        const { ask, failures } = deadlineOver(async () => answer);
        const error = await errorOf(ask(operation));
        expect(error.code).toBe('STORE_UNAVAILABLE');
        expect(error.cause).toBeInstanceOf(Error);
        expect(failures).toEqual([{ operation, error: error.cause }]);
      }
    },
  );

  it('takes an answer that is no promise, and a thenable', async () => {
    expect(await deadlineOver(() => 7).ask('endAll')).toBe(7);
    // eslint-disable-next-line unicorn/no-thenable
    const thenable = { then: (resolve: (value: number) => void) => resolve(8) };
    expect(await deadlineOver(() => thenable).ask('endAll')).toBe(8);
  });

  it('takes an answer of the last millisecond', async () => {
    const { ask, failures } = deadlineOver(
      () => new Promise((resolve) => setTimeout(resolve, TIMEOUT - 1, 'late')),
    );
    const answer = ask('list');
    await jest.advanceTimersByTimeAsync(TIMEOUT - 1);
    expect(await answer).toBe('late');
    expect(failures).toEqual([]);
  });

  it.each([
    ['answers', () => 'too late'],
    [
      'fails',
      () => {
        throw new Error('too late');
      },
    ],
  ])(
    'F-18: ignores a store that %s after the deadline',
    async (_case, late: () => unknown) => {
      let settle: () => void = () => undefined;
      const { ask, failures } = deadlineOver(() =>
        new Promise<void>((resolve) => (settle = resolve)).then(late),
      );
      const settled = errorOf(ask('rotate'));
      await jest.advanceTimersByTimeAsync(TIMEOUT);
      const error = await settled;
      settle();
      await turn();
      expect(error.code).toBe('STORE_UNAVAILABLE');
      expect(failures).toHaveLength(1);
    },
  );

  it('F-07: 1,000 calls that hang end at their own deadline each', async () => {
    const { ask, failures } = deadlineOver(hangs);
    const first = Promise.all(
      Array.from({ length: 500 }, () => errorOf(ask('read'))),
    );
    await jest.advanceTimersByTimeAsync(2);
    const second = Promise.all(
      Array.from({ length: 500 }, () => errorOf(ask('end'))),
    );
    await jest.advanceTimersByTimeAsync(TIMEOUT - 2);
    await first;
    expect(failures.map(({ operation }) => operation)).toEqual(
      Array.from({ length: 500 }, () => 'read'),
    );
    await jest.advanceTimersByTimeAsync(2);
    await second;
    expect(failures).toHaveLength(1_000);
  });

  it.each([
    [0.001, 1],
    [0.25, 250],
    [60, 60_000],
  ])('waits %d s, in real time', async (seconds, milliseconds) => {
    const { ask, failures } = deadlineOver(hangs, seconds);
    const settled = errorOf(ask('read'));
    await jest.advanceTimersByTimeAsync(milliseconds - 1);
    expect(failures).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect((await settled).cause).toEqual(
      new Error(`the store took longer than ${seconds} s`),
    );
  });
});
