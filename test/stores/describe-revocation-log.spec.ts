import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RevocationBatch } from '../../lib/ports/revocation-log.js';
import { MemoryRevocationLog } from '../../lib/stores/memory-revocation-log.js';
import { describeRevocationLog } from '../../lib/testing/describe-revocation-log.js';
import type { LogAbility } from '../../lib/testing/log-contract/follower.js';
import { TestSessionClock } from '../../lib/testing/test-session-clock.js';
import { isFull } from '../support/effort.js';
import { compileLibrary } from '../support/compiled-library.js';
import { BreakableLog } from './breakable-log.js';

type Append = Parameters<MemoryRevocationLog['append']>;
type Follow = Parameters<MemoryRevocationLog['follow']>;
type LogClass = new () => MemoryRevocationLog;

/** A log whose batches are changed on their way. */
function changed(
  change: (
    batch: RevocationBatch,
    deliver: (batch: RevocationBatch) => void,
  ) => void,
): LogClass {
  return class extends MemoryRevocationLog {
    override follow(...[from, listener, signal]: Follow): Promise<void> {
      return super.follow(from, (batch) => change(batch, listener), signal);
    }
  };
}

/** A log that can be broken, with changed batches. */
function delivering(
  change: (batch: RevocationBatch, from: string | undefined) => RevocationBatch,
): typeof BreakableLog {
  return class extends BreakableLog {
    override follow(...[from, listener, signal]: Follow): Promise<void> {
      return super.follow(
        from,
        (batch) => listener(change(batch, from)),
        signal,
      );
    }
  };
}

/** A log that appends something else. */
function appending(
  append: (
    log: (...call: Append) => Promise<Date>,
    ...call: Append
  ) => Promise<Date>,
): LogClass {
  return class extends MemoryRevocationLog {
    override append(...call: Append): Promise<Date> {
      return append((...other) => super.append(...other), ...call);
    }
  };
}

/** Logs with one fault each, and a test that must find it. */
const FAULTY: readonly [title: string, log: LogClass, test: string][] = [
  [
    'loses an entry now and then',
    changed((batch, deliver) =>
      deliver({
        ...batch,
        entries: batch.entries.filter((text) => !text.endsWith(' 17')),
      }),
    ),
    'delivers the entries of every process to the followers of every process',
  ],
  [
    'passes an entry that commits late',
    class extends MemoryRevocationLog {
      override follow(...[from, listener, signal]: Follow): Promise<void> {
        let late: string[] = [];
        return super.follow(
          from,
          (batch) => {
            const { entries } = batch;
            const isLate = entries[0]?.endsWith('5') ?? false;
            listener({ ...batch, entries: isLate ? late : entries });
            if (isLate) late = [...entries];
          },
          signal,
        );
      }
    },
    'never claims to have delivered an entry that it has not',
  ],
  [
    'says that a follower has everything before it has',
    changed(({ entries, ...batch }, deliver) => {
      for (let i = 0; i < entries.length; i += 500) {
        deliver({ ...batch, entries: entries.slice(i, i + 500) });
      }
    }),
    'says how far a follower is as soon as it has everything, and from then on',
  ],
  [
    'does not say that there is nothing new',
    changed((batch, deliver) => {
      if (batch.entries.length > 0) deliver(batch);
    }),
    'says how far a follower is as soon as it has everything, and from then on',
  ],
  [
    'continues after what was appended meanwhile',
    class extends MemoryRevocationLog {
      #last: string | undefined;
      override follow(...[from, listener, signal]: Follow): Promise<void> {
        return super.follow(
          from && this.#last,
          (batch) => {
            this.#last = batch.position;
            listener(batch);
          },
          signal,
        );
      }
    },
    'continues from every earlier position',
  ],
  [
    'delivers nothing that is there already',
    class extends MemoryRevocationLog {
      #count = 0;
      override append(...call: Append): Promise<Date> {
        this.#count += call[0].length;
        return super.append(...call);
      }
      override follow(...[from, listener, signal]: Follow): Promise<void> {
        return super.follow(from ?? String(this.#count), listener, signal);
      }
    },
    'delivers what is there already, and then each new entry',
  ],
  [
    'keeps every proof of life',
    appending((append, entries, { retentionSeconds }) =>
      append(entries, { retentionSeconds }),
    ),
    'keeps only the last proof of life',
  ],
  [
    'removes an old proof of life',
    changed((batch, deliver) =>
      deliver({
        ...batch,
        entries: batch.entries.filter(
          (text) => batch.entries.length === 1 || text !== 'last proof',
        ),
      }),
    ),
    'keeps the last proof of life whatever its age',
  ],
  [
    'has a time that goes back',
    class extends MemoryRevocationLog {
      #offset = 0;
      override async append(...call: Append): Promise<Date> {
        this.#offset -= 1_000;
        const time = await super.append(...call);
        return new Date(time.getTime() + this.#offset);
      }
    },
    'returns a time that moves with its clock and never goes back',
  ],
  [
    'removes entries too early',
    appending((append, entries, { retentionSeconds, ...options }) =>
      append(entries, { ...options, retentionSeconds: retentionSeconds - 100 }),
    ),
    'keeps entries until their retention has ended',
  ],
  [
    'takes the removal of old entries for a gap',
    changed((batch, deliver) => {
      const hasGap = batch.entries.includes('kept');
      deliver({ ...batch, hasGap });
    }),
    'reports no gap to a new follower after older entries were removed',
  ],
  [
    'goes on after an abort',
    class extends MemoryRevocationLog {
      override follow(...[from, listener, signal]: Follow): Promise<void> {
        void super.follow(from, listener, new AbortController().signal);
        return super.follow(from, () => undefined, signal);
      }
    },
    'resolves after an abort and delivers nothing more',
  ],
  [
    'does not notice that it was aborted before',
    class extends MemoryRevocationLog {
      override async follow(
        ...[from, listener, signal]: Follow
      ): Promise<void> {
        if (signal.aborted) listener({ entries: [], position: '' });
        return super.follow(from, listener, signal);
      }
    },
    'resolves if it was aborted before it began',
  ],
  [
    'normalises texts',
    appending((append, entries, options) =>
      append(
        entries.map((text) => text.trim()),
        options,
      ),
    ),
    'delivers every text unchanged',
  ],
  [
    'takes equal entries for one',
    appending((append, entries, options) =>
      append([...new Set(entries)], options),
    ),
    'delivers equal entries one by one',
  ],
];

describe('describeRevocationLog', () => {
  it.each(FAULTY)('finds a log that %s', async (_title, Log, test) => {
    const failures = await failuresOf(
      () => fixtureOf(new Log()),
      NEITHER,
      test,
    );
    expect([...failures.keys()]).toContain(test);
  });

  it('finds logs that do not hear of each other', async () => {
    const failures = await failuresOf(() => {
      const fixture = fixtureOf(new MemoryRevocationLog());
      return { ...fixture, another: new MemoryRevocationLog() };
    });
    expect([...failures.keys()]).toContain(
      'delivers the entries of every process to the followers of every process',
    );
  });

  it('finds nothing in a sound log that breaks', async () => {
    const failures = await failuresOf(breakableFixture(), []);
    expect(failures).toEqual(new Map());
  });

  it.each<[string, typeof BreakableLog, string]>([
    [
      'is silent once its connection breaks',
      class extends BreakableLog {
        #isSilent = false;
        override follow(...[from, listener, signal]: Follow): Promise<void> {
          const unlessSilent: typeof listener = (batch) => {
            if (!this.#isSilent) listener(batch);
          };
          return super.follow(from, unlessSilent, signal);
        }
        override cut(): void {
          this.#isSilent = true;
        }
      },
      'rejects or goes on when its connection breaks, and misses nothing',
    ],
    [
      'loses what comes while its connection is broken',
      delivering((batch) => ({
        ...batch,
        entries: batch.entries.filter((text) => text !== 'meanwhile'),
      })),
      'rejects or goes on when its connection breaks, and misses nothing',
    ],
    [
      'reports lost entries where only its connection broke',
      delivering((batch, from) => ({ ...batch, hasGap: from !== undefined })),
      'rejects or goes on when its connection breaks, and misses nothing',
    ],
    [
      'does not report lost entries',
      delivering((batch) => ({ ...batch, hasGap: false })),
      'reports once that entries are missing which it has not received',
    ],
    [
      'reports lost entries with each batch',
      delivering((batch, from) => ({ ...batch, hasGap: from !== undefined })),
      'reports once that entries are missing which it has not received',
    ],
    [
      'delivers nothing more after a loss',
      class extends BreakableLog {
        #hasLost = false;
        override follow(...[from, listener, signal]: Follow): Promise<void> {
          const deliver = this.#hasLost ? () => undefined : listener;
          return super.follow(from, deliver, signal);
        }
        override lose(): void {
          this.#hasLost = true;
          super.lose();
        }
      },
      'notices while it follows that entries which it has received are lost, or goes on',
    ],
  ])('finds a log that %s', async (_title, Log, test) => {
    const failures = await failuresOf(breakableFixture(Log), [], test);
    expect([...failures.keys()]).toContain(test);
  });

  it.each(['cut', 'lose'] as const)(
    'wants to be told that a fixture cannot %s',
    async (ability) => {
      const others = (['cut', 'lose'] as const).filter(
        (each) => each !== ability,
      );
      const create = () => fixtureOf(new MemoryRevocationLog());
      const failures = await failuresOf(create, others);
      expect(failures.size).toBe(ability === 'cut' ? 1 : 2);
      expect([...failures.values()].join()).toContain(
        `pass \`without: ['${ability}']\` to describeRevocationLog`,
      );
      const needless = await failuresOf(breakableFixture(), [ability]);
      expect([...needless.keys()]).toEqual([`has no ${ability}()`]);
    },
  );

  it('says what is missing', async () => {
    const [, Log, test] = FAULTY[0]!;
    const failures = await failuresOf(
      () => fixtureOf(new Log()),
      NEITHER,
      test,
    );
    expect(failures.get(test)).toContain('"writer 0, entry 17"');
  });

  it('finds nothing in a sound log', async () => {
    const failures = await failuresOf(() =>
      fixtureOf(new MemoryRevocationLog()),
    );
    expect(failures).toEqual(new Map());
  });

  it('explains what to do without a test runner', () => {
    const { describe: before } = globalThis;
    Reflect.deleteProperty(globalThis, 'describe');
    try {
      expect(() =>
        describeRevocationLog('', () => fixtureOf(new MemoryRevocationLog())),
      ).toThrow('describeRevocationLog: expected a global describe and it');
    } finally {
      Object.assign(globalThis, { describe: before });
    }
  });

  it('runs with node:test, which has no globals', () => {
    const library = compileLibrary();
    try {
      const file = join(library.folder, 'memory.test.js');
      writeFileSync(
        file,
        `import { describe, it } from 'node:test';
         import { MemoryRevocationLog } from './lib/stores/memory-revocation-log.js';
         import { describeRevocationLog } from './lib/testing/describe-revocation-log.js';
         import { TestSessionClock } from './lib/testing/test-session-clock.js';
         describeRevocationLog('MemoryRevocationLog', () => {
           const log = new MemoryRevocationLog();
           const clock = new TestSessionClock();
           log.useClock(clock);
           return { log, advance: (seconds) => clock.advance(seconds) };
         }, { describe, it, without: ['cut', 'lose'] });`,
      );
      const { stdout } = spawnSync(
        process.execPath,
        ['--test', '--test-reporter=tap', file],
        { env: { PATH: process.env['PATH'] }, encoding: 'utf8' },
      );
      expect(stdout).toMatch(/^# pass 31$/m);
      expect(stdout).toMatch(/^# fail 0$/m);
    } finally {
      library.remove();
    }
  });
});

function fixtureOf(log: MemoryRevocationLog) {
  const clock = new TestSessionClock();
  log.useClock(clock);
  return {
    log,
    advance: (seconds: number) => clock.advance(seconds),
    patienceSeconds: 0.02,
  };
}

/** As {@link fixtureOf}, of a log that can be broken. */
function breakableFixture(Log = BreakableLog) {
  return () => {
    const clock = new TestSessionClock();
    const log = new Log(clock);
    return {
      log,
      advance: (seconds: number) => clock.advance(seconds),
      cut: () => log.cut(),
      lose: () => log.lose(),
      patienceSeconds: 0.02,
    };
  };
}

/** What the log in memory cannot do. */
const NEITHER = ['cut', 'lose'] as const;

/**
 * The tests of the suite that fail, and what they say.
 *
 * @param finder the only one that is run at modest effort
 */
async function failuresOf(
  create: Parameters<typeof describeRevocationLog>[1],
  without: readonly LogAbility[] = NEITHER,
  finder?: string,
): Promise<Map<string, string>> {
  const tests: [string, () => Promise<void>][] = [];
  describeRevocationLog('', create, {
    describe: (_name, body) => body(),
    it: (name, body) => tests.push([name, body]),
    without,
  });
  const failures = new Map<string, string>();
  for (const [name, body] of tests) {
    if (finder !== undefined && !isFull && name !== finder) continue;
    try {
      await body();
    } catch (error) {
      failures.set(name, (error as Error).message);
    }
  }
  return failures;
}
