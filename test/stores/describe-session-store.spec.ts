import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  CreateVerdict,
  NewSessionRecord,
  SessionStore,
  RotationVerdict,
  SessionRecord,
} from '../../lib/ports/session-store.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { describeSessionStore } from '../../lib/testing/describe-session-store.js';
import type { StoreAbility } from '../../lib/testing/store-contract/scenario.js';
import { TestSessionClock } from '../../lib/testing/test-session-clock.js';
import { rounds } from '../support/effort.js';
import { ROOT } from '../support/library-sources.js';
import { FAULTY_BINDINGS, type FaultyStore } from './faulty-bindings.js';
import { compileLibrary } from '../support/compiled-library.js';
import { privateStateOf } from './private-state.js';

/** Stores with one fault each, and a test that must find it. */
const FAULTY: readonly FaultyStore[] = [
  [
    'counts sessions before it waits (S-122)',
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
    'creates as many of 50 concurrent sessions as the limit allows, and refuses the others',
  ],
  [
    'revives a session at a late update (V-26)',
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
    'revives nothing when a change races the end of its session, 200 times',
  ],
  [
    'reports a replay as a rotation (F-01, V-25, S-122)',
    class extends MemorySessionStore {
      override async rotate(
        ...call: Parameters<MemorySessionStore['rotate']>
      ): Promise<RotationVerdict> {
        const verdict = await super.rotate(...call);
        return verdict === 'repeated' ? 'rotated' : verdict;
      }
    },
    'creates one child for 200 concurrent presentations of one token',
  ],
  [
    'spares no session (S-055)',
    class extends MemorySessionStore {
      override async endAll(subject: string): Promise<number | undefined> {
        return super.endAll(subject);
      }
    },
    'ends all sessions of a subject except one, which goes on',
  ],
  [
    'lets an ended session end the others (S-055)',
    class extends MemorySessionStore {
      override async endAll(
        subject: string,
        except?: string,
      ): Promise<number | undefined> {
        const ended = await super.endAll(subject, except);
        return ended ?? super.endAll(subject);
      }
    },
    'ends nothing if the exception has ended or never existed',
  ],
  [
    'checks the exception before it ends the others (S-122)',
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
    'keeps exactly one of several sessions that end all others concurrently, 40 times',
  ],
  [
    'confuses two spellings of a subject (A-070)',
    class extends MemorySessionStore {
      override async create(record: NewSessionRecord): Promise<CreateVerdict> {
        return super.create({
          ...record,
          subject: record.subject.normalize('NFC'),
        });
      }
    },
    'separates two subjects in two Unicode normalisations',
  ],
  [
    'retains ended sessions (F-30)',
    class extends MemorySessionStore {
      readonly #log: string[] = [];
      override async create(
        ...call: Parameters<MemorySessionStore['create']>
      ): Promise<CreateVerdict> {
        this.#log.push(call[0].id);
        return super.create(...call);
      }
    },
    'retains nothing of a session, however it ended',
  ],
  ...FAULTY_BINDINGS,
];

/** The group of tests that a store without bindings leaves out. */
const BINDING = 'device binding';

describe('describeSessionStore', () => {
  it.each(FAULTY)('finds a store that %s', async (_title, store, test) => {
    const failures = await failuresOfFaulty(store, test);
    expect([...failures.keys()]).toContain(test);
  });

  it('has no test of bindings that no faulty store fails', async () => {
    const failed = new Set<string>();
    for (const [, store, test] of FAULTY_BINDINGS) {
      for (const title of (await failuresOfFaulty(store, test)).keys()) {
        failed.add(title);
      }
    }
    const titles = titlesOf(BINDING);
    expect(titles.length).toBeGreaterThan(50);
    expect(titles.filter((title) => !failed.has(title))).toEqual([]);
  });

  it('lets a store do without optional methods, if the suite is told so', async () => {
    class Without extends MemorySessionStore {
      override readonly bind = undefined as never;
    }
    const without = missingIn(new Without());
    expect(without).toEqual(['bind', 'confirm', 'now']);
    const failures = await failuresOf(
      () => fixtureOf(new Without()),
      undefined,
      without,
    );
    expect(failures).toEqual(new Map());
  });

  describe.each([
    ['bind', 50],
    ['confirm', 1],
    ['now', 20],
  ] as const)('a store without %s', (ability, atLeast) => {
    class Without extends MemorySessionStore {}
    Object.assign(Without.prototype, { [ability]: undefined });
    const fixture = () => fixtureOf(new Without());

    it('fails the tests that need it, and only those are left out', async () => {
      const others = missingIn(new Without()).filter(
        (each) => each !== ability,
      );
      const rest = testsOf(fixture, [...others, ability]);
      const kept = new Set(rest.map(({ title }) => title));
      expect(kept).toContain(`has no ${ability}()`);
      const needIt = testsOf(fixture, others).filter(
        ({ title }) => !kept.has(title),
      );
      expect(needIt.length).toBeGreaterThanOrEqual(atLeast);
      for (const { body } of needIt) {
        await expect(body()).rejects.toThrow(
          `expected ${ability}(), got none; to leave out the tests that need it, pass \`without: ['${ability}']\` to describeSessionStore`,
        );
      }
    });

    it('is not one that has it', async () => {
      const store = { [ability]: async () => undefined };
      const create = () => {
        const complete = fixtureOf(new MemorySessionStore());
        return { ...complete, store: Object.assign(complete.store, store) };
      };
      const title = `has no ${ability}()`;
      const failures = await failuresOf(
        create,
        (test) => test.title === title,
        [ability],
      );
      expect(failures.get(title)).toContain(
        `expected no ${ability}(), because describeSessionStore runs without it`,
      );
    });
  });

  it.each(FAULTY)(
    'reports what was expected of a store that %s, and what it did',
    async (_title, store, test) => {
      const failures = await failuresOfFaulty(store, test);
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
    const failures = await failuresOf(
      () => fixtureOf(new Sparing()),
      ({ group }) => group === 'revocation',
    );
    const message = failures.get(
      'ends nothing if the exception has ended or never existed',
    );
    expect(message).toMatch(/^expected undefined, got 1\n/);
    expect(message).toMatch(
      / {2}store\.endAll\('user-[\w-]+', '[\w-]{43}'\) → 1$/m,
    );
  });

  it('creates a fixture for each test and closes it, even if the test fails', async () => {
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

  it('fails every test of a store that cannot be created', async () => {
    const failures = await failuresOf(() => {
      throw new Error('no server');
    });
    expect(failures.size).toBeGreaterThan(150);
    expect(new Set(failures.values())).toEqual(new Set(['no server']));
  });

  it('gives each test a different title without the ID of a requirement', async () => {
    const titles: string[] = [];
    describeSessionStore('', () => fixtureOf(new MemorySessionStore()), {
      describe: (_name, body) => body(),
      it: (name) => titles.push(name),
    });
    expect(titles.length).toBeGreaterThan(150);
    expect(new Set(titles).size).toBe(titles.length);
    expect(titles.filter((title) => /\b[AFSV]-\d{2,3}\b/.test(title))).toEqual(
      [],
    );
  });

  it('has as many tests as docs/stores.md says', () => {
    const all = testsOf(() => fixtureOf(new MemorySessionStore()), []);
    const page = readFileSync(join(ROOT, 'docs/stores.md'), 'utf8');
    expect(page).toContain(`the ${all.length} tests that our stores pass`);
  });

  it('explains what to do without a test runner', () => {
    const { describe: before } = globalThis;
    Reflect.deleteProperty(globalThis, 'describe');
    try {
      expect(() =>
        describeSessionStore('', () => fixtureOf(new MemorySessionStore())),
      ).toThrow(
        new TypeError(
          'describeSessionStore: expected a global describe and it, got none; pass those of the test runner: describeSessionStore(name, create, { describe, it })',
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
         }, { describe, it, without: ['confirm', 'now'] });`,
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
      expect(stdout).toMatch(
        /^ *not ok \d+ - stores no usable token in a record$/m,
      );
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

interface ContractTest {
  readonly group: string;
  readonly title: string;
  readonly body: () => Promise<void>;
}

/** What the memory store does not have, nor most faulty ones. */
const MISSING = ['confirm', 'now'] as const;

function missingIn(store: SessionStore): StoreAbility[] {
  const abilities = ['bind', 'confirm', 'confirmUse', 'now'] as const;
  return abilities.filter((name) => store[name] === undefined);
}

function testsOf(
  create: Parameters<typeof describeSessionStore>[1],
  without: readonly StoreAbility[] = MISSING,
): ContractTest[] {
  const tests: ContractTest[] = [];
  let group = '';
  describeSessionStore('', create, {
    describe(name, body) {
      group = name;
      body();
    },
    it: (title, body) => tests.push({ group, title, body }),
    without,
  });
  return tests;
}

/** The titles of the tests of a group. */
function titlesOf(group: string): string[] {
  return testsOf(() => fixtureOf(new MemorySessionStore()))
    .filter((test) => test.group === group)
    .map(({ title }) => title);
}

const failuresByStore = new Map<FaultyStore[1], Promise<Map<string, string>>>();

/**
 * As {@link failuresOf}, once for each class: of the whole suite, or at modest effort of the groups that are to find
 * its fault.
 */
function failuresOfFaulty(
  store: FaultyStore[1],
  finder: string,
): Promise<Map<string, string>> {
  const isWhole = rounds(1, 0) === 1;
  const isBinding = FAULTY_BINDINGS.some(([, each]) => each === store);
  const create = () => fixtureOf(new store());
  const without = missingIn(new store());
  const found = testsOf(create, without).find(({ title }) => title === finder);
  const failures =
    failuresByStore.get(store) ??
    failuresOf(
      create,
      ({ group }) =>
        isWhole || group === found?.group || (isBinding && group === BINDING),
      without,
    );
  failuresByStore.set(store, failures);
  return failures;
}

/** The tests of the suite that fail, and what they say. */
async function failuresOf(
  create: Parameters<typeof describeSessionStore>[1],
  isToRun: (test: ContractTest) => boolean = () => true,
  without: readonly StoreAbility[] = MISSING,
): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  for (const { title, body } of testsOf(create, without).filter(isToRun)) {
    try {
      await body();
    } catch (error) {
      failures.set(title, (error as Error).message);
    }
  }
  return failures;
}
