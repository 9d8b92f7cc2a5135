import { LateCallError } from '../../lib/errors/late-call-error.js';
import {
  SessionStore,
  type BindOptions,
  type PresentedRefresh,
  type WriteDeadline,
} from '../../lib/ports/session-store.js';
import {
  DeadlineSessionStore,
  type LateAnswer,
} from '../../lib/stores/deadline-session-store.js';
import { createGate, turn } from '../support/asynchrony.js';
import { UnhandledErrors } from '../support/unhandled.js';

const PRESENTED = { generation: 0 } as PresentedRefresh;
/** Longer than any test runs, unless a test says otherwise. */
const PATIENT = 600;

type Rotate = (deadline: WriteDeadline) => Promise<unknown>;

/** A store that tells its time and rotates as a test says. */
function open(
  rotate: Rotate,
  { now = async (): Promise<unknown> => new Date(), timeout = PATIENT } = {},
) {
  const asked: string[] = [];
  const late: LateAnswer[] = [];
  const failures: string[] = [];
  const unreadable = { isOn: false };
  const store = new DeadlineSessionStore(
    {
      now: () => {
        asked.push('now');
        return now();
      },
      rotate: (_id: string, _subject: string, given: PresentedRefresh) => {
        asked.push('rotate');
        return rotate(given);
      },
    } as unknown as SessionStore,
    timeout,
    {
      onFailure: (operation, error) =>
        failures.push(`${operation}: ${(error as Error).message}`),
      onAnswer: () => undefined,
      onLateAnswer(answer) {
        if (unreadable.isOn) throw new TypeError('no verdict');
        late.push(answer);
      },
    },
  );
  return {
    asked,
    late,
    failures,
    unreadable,
    rotate: () => store.rotate('id', 'ada', PRESENTED),
  };
}

describe('a write of a store that tells its time', () => {
  const unhandled = new UnhandledErrors();

  beforeEach(() => unhandled.start());

  afterEach(async () => {
    const seen = await unhandled.settled();
    unhandled.stop();
    expect(seen).toEqual([]);
  });

  it('asks for the time before the first one only, and says until when it may write', async () => {
    const deadlines: WriteDeadline[] = [];
    const { rotate, asked } = open(async (deadline) => {
      deadlines.push(deadline);
      return 'rotated';
    });
    const before = Date.now();
    for (let i = 0; i < 3; i += 1) {
      expect(await rotate()).toBe('rotated');
    }
    expect(asked).toEqual(['now', 'rotate', 'rotate', 'rotate']);
    for (const { notBefore, notAfter } of deadlines) {
      const wait = notAfter!.getTime() - before;
      expect(Math.abs(wait - PATIENT * 1000)).toBeLessThan(PATIENT * 500);
      expect(notAfter!.getTime() - notBefore!.getTime()).toBe(
        2 * PATIENT * 1000,
      );
    }
  });

  it('is made once more where it came too late, with the time that the store tells', async () => {
    const ahead = 3_600_000;
    const deadlines: WriteDeadline[] = [];
    const { rotate, asked, failures } = open(async (deadline) => {
      deadlines.push(deadline);
      if (deadlines.length === 1) {
        throw new LateCallError(new Date(Date.now() + ahead));
      }
      return 'rotated';
    });
    expect(await rotate()).toBe('rotated');
    expect(asked).toEqual(['now', 'rotate', 'rotate']);
    expect(failures).toEqual([]);
    const moved =
      deadlines[1]!.notAfter!.getTime() - deadlines[0]!.notAfter!.getTime();
    expect(moved).toBeGreaterThan(ahead / 2);
  });

  it('is not repeated after another error, whatever that tells of a time', async () => {
    const error = Object.assign(new Error('refused'), { asOf: new Date() });
    const { rotate, asked } = open(() => Promise.reject(error));
    await expect(rotate()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(asked).toEqual(['now', 'rotate']);
  });

  it('fails where it comes too late again', async () => {
    const { rotate, asked, failures } = open(() =>
      Promise.reject(new LateCallError(new Date())),
    );
    await expect(rotate()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(asked).toEqual(['now', 'rotate', 'rotate']);
    expect(failures).toHaveLength(1);
  });

  it('is not sent where its caller has given up while the store was asked for its time', async () => {
    const gate = createGate();
    const { rotate, asked } = open(async () => 'rotated', {
      now: () => gate.promise.then(() => new Date()),
      timeout: 0.01,
    });
    await expect(rotate()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    gate.open();
    await turn();
    await turn();
    expect(asked).toEqual(['now']);
  });

  it.each([undefined, null, 7, '2030-01-01', {}, []])(
    'fails where the time of the store is %j',
    async (time) => {
      const { rotate, asked } = open(async () => 'rotated', {
        now: async () => time,
      });
      await expect(rotate()).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
      });
      expect(asked).toEqual(['now']);
    },
  );

  it.each([false, true])(
    'passes an answer on that comes late, whatever it is (%p: one that cannot be read)',
    async (isUnreadable) => {
      const gate = createGate();
      const { rotate, late, failures, unreadable } = open(
        () => gate.promise.then(() => 'reused'),
        { timeout: 0.01 },
      );
      unreadable.isOn = isUnreadable;
      await expect(rotate()).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
      });
      gate.open();
      await turn();
      await turn();
      expect(late).toEqual(
        isUnreadable
          ? []
          : [
              {
                operation: 'rotate',
                id: 'id',
                subject: 'ada',
                verdict: 'reused',
              },
            ],
      );
      expect(failures).toHaveLength(isUnreadable ? 2 : 1);
    },
  );
});

describe('a binding of a store that tells its time', () => {
  const LINK = { generation: 0, secretHash: 'hash' };

  function openBinding(
    bind: (options: BindOptions) => Promise<unknown>,
    timeout = PATIENT,
  ) {
    const late: LateAnswer[] = [];
    const failures: string[] = [];
    const calls: unknown[][] = [];
    const store = new DeadlineSessionStore(
      {
        now: async () => new Date(),
        bind: (...call: [string, string, string, BindOptions]) => {
          calls.push(call.slice(0, 3));
          return bind(call[3]);
        },
      } as unknown as SessionStore,
      timeout,
      {
        onFailure: (operation) => failures.push(operation),
        onAnswer: () => undefined,
        onLateAnswer: (answer) => late.push(answer),
      },
    );
    return {
      late,
      failures,
      calls,
      bind: () => store.bind!('id', 'ada', 'key', { continuesFrom: LINK }),
    };
  }

  it('has a deadline, and is made once more where it came too late', async () => {
    const deadlines: BindOptions[] = [];
    const { bind, calls } = openBinding(async (deadline) => {
      deadlines.push(deadline);
      if (deadlines.length === 1) throw new LateCallError(new Date());
      return 'bound';
    });
    expect(await bind()).toBe('bound');
    expect(calls).toEqual([
      ['id', 'ada', 'key'],
      ['id', 'ada', 'key'],
    ]);
    for (const { notBefore, notAfter, continuesFrom } of deadlines) {
      expect(notAfter!.getTime() - notBefore!.getTime()).toBe(
        2 * PATIENT * 1000,
      );
      expect(continuesFrom).toBe(LINK);
    }
  });

  it('passes on an answer that comes late', async () => {
    const gate = createGate();
    const { bind, late, failures } = openBinding(
      () => gate.promise.then(() => 'conflict'),
      0.01,
    );
    await expect(bind()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(late).toEqual([]);
    gate.open();
    await turn();
    await turn();
    expect(late).toEqual([
      { operation: 'bind', id: 'id', subject: 'ada', verdict: 'conflict' },
    ]);
    expect(failures).toEqual(['bind']);
  });

  it('is missing where the store has none', () => {
    const store = new DeadlineSessionStore({} as unknown as SessionStore, 1, {
      onFailure: () => undefined,
      onAnswer: () => undefined,
      onLateAnswer: () => undefined,
    });
    expect(store.bind).toBeUndefined();
  });
});
