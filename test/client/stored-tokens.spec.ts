import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { SessionTokens } from '../../lib/client/index.js';
import { createStoredTokens } from '../../lib/client/stored-tokens.js';
import { createGate, turn, until } from '../support/asynchrony.js';
import { FakeStorage } from './fake-storage.js';
import { ROUTES } from './fake-routes.js';

const NAME = 'session-https___api.example_session';
const LONG = 60_000;
/** An app that is killed waits for nothing; its timers must not keep this process waiting. */
const KILLED = 1;

const open = (storage: FakeStorage, milliseconds = LONG) =>
  createStoredTokens(storage, ROUTES, milliseconds);

/** Tokens of several parts, which differ from those of another generation from the first character on. */
function tokensOf(generation: number, length = 1500): SessionTokens {
  return {
    token: `${generation}.`.repeat(length),
    refreshToken: `refresh-${generation}`,
  };
}

const found = (storage: FakeStorage) => open(storage.restarted()).load();

async function settle(): Promise<void> {
  for (let i = 0; i < 60; i += 1) await turn();
}

let reported: ReturnType<typeof jest.spyOn>;

beforeEach(() => {
  reported = jest.spyOn(console, 'error').mockReturnValue();
});

afterEach(() => {
  jest.restoreAllMocks();
});

describe('stored tokens', () => {
  it('are found at the next start, short and long ones', async () => {
    const storage = new FakeStorage();
    for (const length of [1, 1500, 1, 1500, 3000, 1500]) {
      const tokens = tokensOf(7, length);
      await open(storage).save(tokens);
      expect(await found(storage)).toEqual(tokens);
    }
    expect(await open(new FakeStorage()).load()).toBeUndefined();
    expect(reported).not.toHaveBeenCalled();
  });

  it('take one write under one name if they fit into one value', async () => {
    const storage = new FakeStorage();
    await open(storage).save(tokensOf(1, 1));
    expect(storage.calls).toEqual([`set ${NAME}`]);
  });

  it('are written with their first part last, each time in the other place', async () => {
    const storage = new FakeStorage();
    const stored = open(storage);
    for (const place of [0, 1, 0]) {
      storage.calls.length = 0;
      await stored.save(tokensOf(1));
      expect(storage.calls).toEqual([
        `get ${NAME}`,
        `set ${NAME}.${place}.1`,
        `set ${NAME}`,
      ]);
    }
  });

  it('are deleted completely, the first part first', async () => {
    const storage = new FakeStorage();
    const stored = open(storage);
    for (const length of [4500, 3000, 1]) {
      await stored.save(tokensOf(1, length));
    }
    expect(storage.values.size).toBeGreaterThan(3);
    storage.calls.length = 0;
    await stored.save(undefined);
    expect(storage.calls[0]).toBe(`delete ${NAME}`);
    expect(storage.values.size).toBe(0);
  });

  it('are the previous or the new ones after a crash at any moment, never a mixture', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(1, 1200, 2200, 4400), {
          minLength: 2,
          maxLength: 6,
        }),
        fc.nat(8),
        async (lengths, calls) => {
          let storage = new FakeStorage();
          let before: SessionTokens | undefined;
          for (const [generation, length] of lengths.entries()) {
            const after = tokensOf(generation, length);
            storage.killAfter(calls);
            void open(storage, KILLED).save(after);
            await settle();
            storage = storage.restarted();
            const now = await found(storage);
            expect([before, after]).toContainEqual(now);
            before = now;
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are the previous ones or none after a crash while they are deleted', async () => {
    for (let calls = 0; calls < 10; calls += 1) {
      const storage = new FakeStorage();
      await open(storage).save(tokensOf(1));
      storage.killAfter(calls);
      void open(storage, KILLED).save(undefined);
      await settle();
      expect(await found(storage)).toEqual(
        calls === 0 ? tokensOf(1) : undefined,
      );
    }
  });

  it('are those of one write or none when two clients write to one storage', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean()), async (order) => {
        const storage = new FakeStorage();
        await open(storage).save(tokensOf(0));
        const waiting: (() => void)[][] = [[], []];
        const clients = [0, 1].map((client) =>
          open(
            Object.assign(new FakeStorage(), {
              get: async (name: string) => {
                await new Promise<void>((go) => waiting[client]!.push(go));
                return storage.get(name);
              },
              set: async (name: string, value: string | null) => {
                await new Promise<void>((go) => waiting[client]!.push(go));
                return storage.set(name, value);
              },
            }),
          ),
        );
        const settled: number[] = [];
        clients.forEach(
          (each, i) =>
            void each.save(tokensOf(i + 1)).then(() => settled.push(i)),
        );
        for (let step = 0; settled.length < 2; step += 1) {
          const first = Number(order[step] ?? false);
          (waiting[first]!.shift() ?? waiting[1 - first]!.shift())?.();
          await turn();
        }
        expect([tokensOf(1), tokensOf(2), undefined]).toContainEqual(
          await found(storage),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('are the newest ones when a slow write settles after newer ones were saved, which are written once', async () => {
    const storage = new FakeStorage();
    const stored = open(storage);
    const gate = createGate();
    storage.before = () => gate.promise;
    const saves = [1, 2, 3].map((each) => stored.save(tokensOf(each, 1)));
    await settle();
    expect(storage.calls).toEqual([`set ${NAME}`]);
    gate.open();
    await Promise.all(saves);
    expect(storage.calls).toEqual([`set ${NAME}`, `set ${NAME}`]);
    expect(await found(storage)).toEqual(tokensOf(3, 1));
  });

  it('of another tab replace those whose parts are being written, and a write that takes effect later', async () => {
    const storage = new FakeStorage();
    const stored = open(storage);
    await stored.save(tokensOf(1));
    for (const held of [`set ${NAME}.1.1`, `set ${NAME}`, `delete ${NAME}`]) {
      const gate = createGate();
      storage.before = (call) => (call === held ? gate.promise : undefined);
      const saved = stored.save(
        held.startsWith('set') ? tokensOf(2) : undefined,
      );
      await until(() => storage.calls.at(-1) === held, 'the write');
      storage.before = () => undefined;
      await open(storage).save(tokensOf(3));
      stored.follow(tokensOf(3));
      gate.open();
      await saved;
      expect(await found(storage)).toEqual(tokensOf(3));
    }
  });

  it('of another tab replace those of a write that failed, which is not repeated', async () => {
    const storage = new FakeStorage();
    const stored = open(storage);
    storage.before = () => Promise.reject(new Error('full'));
    await stored.save(tokensOf(1));
    storage.before = () => undefined;
    stored.follow(tokensOf(2));
    await stored.written();
    expect(storage.values.size).toBe(0);
  });

  it('are written immediately if older ones failed meanwhile', async () => {
    const storage = new FakeStorage();
    const stored = open(storage);
    const gate = createGate();
    storage.before = async () => {
      await gate.promise;
      storage.before = () => undefined;
      throw new Error('busy');
    };
    const saves = [1, 2].map((each) => stored.save(tokensOf(each, 1)));
    await settle();
    gate.open();
    await Promise.all(saves);
    expect(await found(storage)).toEqual(tokensOf(2, 1));
  });

  it.each<[how: string, before: () => Promise<void> | void]>([
    ['rejects', () => Promise.reject(new Error('locked'))],
    [
      'throws',
      () => {
        throw new Error('locked');
      },
    ],
  ])(
    'survive a storage that %s: it is reported once, and the write is repeated',
    async (_how, before) => {
      const storage = new FakeStorage();
      const stored = open(storage);
      await stored.save(tokensOf(1));
      storage.before = before;
      await stored.save(tokensOf(2));
      await stored.save(tokensOf(3));
      await stored.written();
      expect(reported.mock.calls).toEqual([
        ['SessionClient: tokens.set failed', new Error('locked')],
      ]);
      expect(await found(storage)).toEqual(tokensOf(1));
      storage.before = () => undefined;
      await stored.written();
      expect(await found(storage)).toEqual(tokensOf(3));
      const calls = storage.calls.length;
      await stored.written();
      expect(storage.calls).toHaveLength(calls);
      storage.before = before;
      await stored.save(tokensOf(4));
      expect(reported).toHaveBeenCalledTimes(2);
    },
  );

  it('wait for a storage that hangs once, and are written when it settles', async () => {
    const storage = new FakeStorage();
    const stored = open(storage, 5);
    const gate = createGate();
    storage.before = () => gate.promise;
    await stored.save(tokensOf(1, 1));
    expect(reported.mock.calls).toMatchObject([
      ['SessionClient: tokens.set failed', { name: 'TimeoutError' }],
    ]);
    const timers = jest.spyOn(globalThis, 'setTimeout');
    await stored.save(tokensOf(2, 1));
    await stored.written();
    expect(timers).not.toHaveBeenCalled();
    expect(storage.calls).toHaveLength(1);
    gate.open();
    await until(() => storage.calls.length === 2, 'the second write');
    await settle();
    expect(await found(storage)).toEqual(tokensOf(2, 1));
    expect(reported).toHaveBeenCalledTimes(1);
    timers.mockClear();
    await stored.save(tokensOf(3, 1));
    expect(timers).toHaveBeenCalledTimes(1);
  });

  it('that are too long are reported and not stored, and the previous ones are deleted', async () => {
    const storage = new FakeStorage();
    const stored = open(storage);
    await stored.save(tokensOf(1));
    await stored.save(tokensOf(2, 9000));
    expect(reported.mock.calls).toMatchObject([
      ['SessionClient: tokens.set failed', { name: 'RangeError' }],
    ]);
    expect(storage.values.size).toBe(0);
    const calls = storage.calls.length;
    await stored.written();
    expect(storage.calls).toHaveLength(calls);
  });

  it('are read once, however many requests wait, and again after a failure', async () => {
    const storage = new FakeStorage();
    await open(storage).save(tokensOf(1));
    storage.calls.length = 0;
    storage.before = () => Promise.reject(new Error('locked'));
    const stored = open(storage);
    expect(await Promise.all([stored.load(), stored.load()])).toEqual([
      undefined,
      undefined,
    ]);
    expect(storage.calls).toEqual([`get ${NAME}`]);
    expect(reported.mock.calls).toEqual([
      ['SessionClient: tokens.get failed', new Error('locked')],
    ]);
    storage.before = () => undefined;
    expect(await stored.load()).toEqual(tokensOf(1));
    await stored.load();
    expect(storage.count('get')).toBe(3);
  });

  it('are waited for only for a time, and read once all the same if the storage hangs, as for a fingerprint', async () => {
    const storage = new FakeStorage();
    await open(storage).save(tokensOf(1, 1));
    const gate = createGate();
    storage.before = () => gate.promise;
    const stored = open(storage, 5);
    expect(await stored.load()).toBeUndefined();
    expect(reported.mock.calls).toMatchObject([
      ['SessionClient: tokens.get failed', { name: 'TimeoutError' }],
    ]);
    gate.open();
    expect(await stored.load()).toEqual(tokensOf(1, 1));
    expect(storage.count('get')).toBe(1);
  });

  it('have other names for other routes', async () => {
    const storage = new FakeStorage();
    await open(storage).save(tokensOf(1));
    const other = createStoredTokens(
      storage,
      'http://localhost:3000/auth',
      LONG,
    );
    expect(await other.load()).toBeUndefined();
    await other.save(tokensOf(2));
    expect(await found(storage)).toEqual(tokensOf(1));
  });
});
