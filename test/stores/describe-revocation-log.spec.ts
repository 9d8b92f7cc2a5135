import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RevocationBatch } from '../../lib/ports/revocation-log.js';
import { MemoryRevocationLog } from '../../lib/stores/memory-revocation-log.js';
import { describeRevocationLog } from '../../lib/testing/describe-revocation-log.js';
import { TestSessionClock } from '../../lib/testing/test-session-clock.js';
import { compileLibrary } from '../support/compiled-library.js';

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
    const failures = await failuresOf(() => fixtureOf(new Log()));
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

  it('says what is missing', async () => {
    const [, Log, test] = FAULTY[0]!;
    const failures = await failuresOf(() => fixtureOf(new Log()));
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
         }, { describe, it });`,
      );
      const { stdout } = spawnSync(
        process.execPath,
        ['--test', '--test-reporter=tap', file],
        { env: { PATH: process.env['PATH'] }, encoding: 'utf8' },
      );
      expect(stdout).toMatch(/^# pass 32$/m);
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

/** The tests of the suite that fail, and what they say. */
async function failuresOf(
  create: Parameters<typeof describeRevocationLog>[1],
): Promise<Map<string, string>> {
  const tests: [string, () => Promise<void>][] = [];
  describeRevocationLog('', create, {
    describe: (_name, body) => body(),
    it: (name, body) => tests.push([name, body]),
  });
  const failures = new Map<string, string>();
  for (const [name, body] of tests) {
    try {
      await body();
    } catch (error) {
      failures.set(name, (error as Error).message);
    }
  }
  return failures;
}
