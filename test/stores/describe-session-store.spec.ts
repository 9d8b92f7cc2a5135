import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  CreateVerdict,
  NewSessionRecord,
  RotationVerdict,
  SessionRecord,
} from '../../lib/options/session-store.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { describeSessionStore } from '../../lib/testing/describe-session-store.js';
import { TestSessionClock } from '../../lib/testing/test-session-clock.js';
import { compileLibrary } from '../support/compiled-library.js';
import { privateStateOf } from './private-state.js';

type StoreClass = new () => MemorySessionStore;

/** Stores with one fault each, and a test that must find it. */
const FAULTY: readonly [title: string, store: StoreClass, test: string][] = [
  [
    'counts sessions before it waits',
    class extends MemorySessionStore {
      override async create(
        ...[record, options]: Parameters<MemorySessionStore['create']>
      ): Promise<CreateVerdict> {
        const { limit, ...others } = options ?? {};
        if (limit?.policy !== 'refuse') return super.create(record, options);
        const isFull = (await this.list(record.subject)).length >= limit.max;
        return isFull ? { kind: 'refused' } : super.create(record, others);
      }
    },
    'S-122: of 50 that begin at once exactly as many as may, the others are refused',
  ],
  [
    'brings a session back at a late update',
    class extends MemorySessionStore {
      override async update(
        ...[id, subject, change]: Parameters<MemorySessionStore['update']>
      ): Promise<SessionRecord | undefined> {
        const record = await this.read(id, subject);
        if (record && !(await super.update(id, subject, change))) {
          const lifetime = { idleSeconds: 100, absoluteSeconds: 100 };
          await this.create({ ...record, lifetime });
        }
        return this.read(id, subject);
      }
    },
    'V-26: a change that races the end of its session brings nothing back, 200 times',
  ],
  [
    'tells of a replay as of a rotation',
    class extends MemorySessionStore {
      override async rotate(
        ...call: Parameters<MemorySessionStore['rotate']>
      ): Promise<RotationVerdict> {
        const verdict = await super.rotate(...call);
        return verdict === 'repeated' ? 'rotated' : verdict;
      }
    },
    'F-01, V-25, S-122: 200 presentations of one token at once make one child',
  ],
  [
    'spares nobody',
    class extends MemorySessionStore {
      override async endAll(subject: string): Promise<number | undefined> {
        return super.endAll(subject);
      }
    },
    'S-055: all but one end; that one goes on',
  ],
  [
    'lets an ended session end the others',
    class extends MemorySessionStore {
      override async endAll(
        subject: string,
        except?: string,
      ): Promise<number | undefined> {
        const ended = await super.endAll(subject, except);
        return ended ?? super.endAll(subject);
      }
    },
    'S-055: an exception that has ended, or never was alive, ends nothing',
  ],
  [
    'checks the exception before it ends the others',
    class extends MemorySessionStore {
      override async endAll(
        subject: string,
        except?: string,
      ): Promise<number | undefined> {
        if (except === undefined) return super.endAll(subject);
        if (!(await this.read(except, subject))) return undefined;
        const all = await this.list(subject);
        const others = all.filter(({ id }) => id !== except);
        for (const { id } of others) await this.end(id, subject);
        return others.length;
      }
    },
    'S-122: of sessions that each end all others at once exactly one stays, 40 times',
  ],
  [
    'takes two spellings for one subject',
    class extends MemorySessionStore {
      override async create(record: NewSessionRecord): Promise<CreateVerdict> {
        return super.create({
          ...record,
          subject: record.subject.normalize('NFC'),
        });
      }
    },
    'A-070: two subjects of which one has another Unicode normalisation',
  ],
  [
    'keeps what is over',
    class extends MemorySessionStore {
      readonly #log: string[] = [];
      override async create(
        ...call: Parameters<MemorySessionStore['create']>
      ): Promise<CreateVerdict> {
        this.#log.push(call[0].id);
        return super.create(...call);
      }
    },
    'F-30: however sessions end, nothing of them is left',
  ],
];

describe('describeSessionStore', () => {
  it.each(FAULTY)('finds a store that %s', async (_title, store, test) => {
    const failures = await failuresOf(() => fixtureOf(new store()));
    expect([...failures.keys()]).toContain(test);
  });

  it.each(FAULTY)(
    'says of a store that %s what was expected, and what the store did',
    async (_title, store) => {
      const failures = await failuresOf(() => fixtureOf(new store()));
      expect(failures.size).toBeGreaterThan(0);
      for (const message of failures.values()) {
        expect(message).toMatch(
          /^(expected .+|Expected values to be strictly deep-equal:[^]+?)\n\nThe last calls of the test, newest last:\n( {2}(store|another)\.\w+\(.*\) → .+| {2}(advance|dump)\(.*\) → .+|\n)+$/,
        );
        expect(message).not.toMatch(/false == true|falsy/);
      }
    },
  );

  it('names the calls of a failed test with their answers', async () => {
    class Sparing extends MemorySessionStore {
      override async endAll(subject: string): Promise<number | undefined> {
        return super.endAll(subject);
      }
    }
    const failures = await failuresOf(() => fixtureOf(new Sparing()));
    const message = failures.get(
      'S-055: an exception that has ended, or never was alive, ends nothing',
    );
    expect(message).toMatch(/^expected undefined, got 1\n/);
    expect(message).toMatch(
      / {2}store\.endAll\('user-[\w-]+', '[\w-]{43}'\) → 1$/m,
    );
  });

  it('makes a fixture for each test and closes it, also when the test fails', async () => {
    let made = 0;
    let open = 0;
    const failures = await failuresOf(() => {
      made += 1;
      open += 1;
      const { store } = fixtureOf(new MemorySessionStore());
      return {
        store,
        advance: () => {},
        dump: () => '',
        close: async () => {
          open -= 1;
        },
      };
    });
    expect(made).toBeGreaterThan(150);
    expect(failures.size).toBeGreaterThan(10);
    expect(open).toBe(0);
  });

  it('fails every test of a store that cannot be made', async () => {
    const failures = await failuresOf(() => {
      throw new Error('no server');
    });
    expect(failures.size).toBeGreaterThan(150);
    expect(new Set(failures.values())).toEqual(new Set(['no server']));
  });

  it('has no two tests of one title', async () => {
    const titles: string[] = [];
    describeSessionStore('', () => fixtureOf(new MemorySessionStore()), {
      describe: (_name, body) => body(),
      it: (name) => titles.push(name),
    });
    expect(titles.length).toBeGreaterThan(150);
    expect(new Set(titles).size).toBe(titles.length);
  });

  it('says what to do where there is no test runner', () => {
    const { describe: before } = globalThis;
    Reflect.deleteProperty(globalThis, 'describe');
    try {
      expect(() =>
        describeSessionStore('', () => fixtureOf(new MemorySessionStore())),
      ).toThrow(
        new TypeError(
          'describeSessionStore found no global describe and it: give it those of the test runner, describeSessionStore(name, create, { describe, it })',
        ),
      );
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
         import { MemorySessionStore } from './lib/stores/memory-session-store.js';
         import { describeSessionStore } from './lib/testing/describe-session-store.js';
         import { TestSessionClock } from './lib/testing/test-session-clock.js';
         describeSessionStore('MemorySessionStore', () => {
           const store = new MemorySessionStore();
           const clock = new TestSessionClock();
           store.useClock(clock);
           return { store, advance: (seconds) => clock.advance(seconds), dump: () => '' };
         }, { describe, it });`,
      );
      const { stdout } = spawnSync(
        process.execPath,
        ['--test', '--test-reporter=tap', file],
        {
          env: { PATH: process.env['PATH'] },
          encoding: 'utf8',
          timeout: 1_200_000,
        },
      );
      const count = (what: string): number =>
        Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(stdout)?.[1]);
      expect(count('pass')).toBeGreaterThan(150);
      // Nothing can be found in an empty dump, so the tests that look into it must fail.
      expect(count('fail')).toBeGreaterThan(2);
      expect(stdout).toMatch(/^ *not ok \d+ - S-053: /m);
    } finally {
      library.remove();
    }
  });
});

function fixtureOf(store: MemorySessionStore) {
  const clock = new TestSessionClock();
  store.useClock(clock);
  return {
    store,
    advance: (seconds: number) => clock.advance(seconds),
    dump: () => privateStateOf(store),
  };
}

/** The tests of the suite that fail, and what they say. */
async function failuresOf(
  create: Parameters<typeof describeSessionStore>[1],
): Promise<Map<string, string>> {
  const tests: [string, () => Promise<void>][] = [];
  describeSessionStore('', create, {
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
