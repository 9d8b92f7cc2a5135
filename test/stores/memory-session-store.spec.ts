import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NewSessionRecord } from '../../lib/ports/session-store.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { describeSessionStore } from '../../lib/testing/describe-session-store.js';
import { TestSessionClock } from '../../lib/testing/test-session-clock.js';
import {
  compileLibrary,
  type CompiledLibrary,
} from '../support/compiled-library.js';
import { rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import { usedHeap } from '../support/heap.js';
import { privateStateOf } from './private-state.js';

const MANY = rounds(100_000, 15_000);
const LIFETIME = { idleSeconds: 100, absoluteSeconds: 1_000 };

describeSessionStore(
  'MemorySessionStore',
  () => {
    const { store, clock } = startStore();
    return {
      store,
      advance: (seconds) => clock.advance(seconds),
      dump: () => privateStateOf(store),
    };
  },
  { without: ['confirm', 'now'] },
);

describe('MemorySessionStore', () => {
  describe('forgetting what has expired', () => {
    it('F-30: sign-ins gradually forget many expired sessions, each of them 16 at most', async () => {
      const { store, clock } = startStore();
      await fill(store, MANY);
      expect(store.size).toBe(MANY);
      clock.advance(LIFETIME.idleSeconds);

      const signIns = Math.ceil(MANY / 15);
      for (let i = 0; i < signIns; i += 1) {
        const isSampled = i % 500 === 0;
        const before = isSampled ? store.size : 0;
        await store.create(recordOf(`later ${i}`));
        if (isSampled) {
          expect(before + 1 - store.size).toBeLessThanOrEqual(16);
        }
      }
      expect(store.size).toBe(signIns);
    });

    it('F-30: sign-ins keep the number bounded while sessions come and go', async () => {
      const { store, clock } = startStore();
      let most = 0;
      for (let second = 0; second < 1_000; second += 1) {
        await fill(store, 20, `${second}:`);
        clock.advance(1);
        most = Math.max(most, store.size);
      }
      const alive = 20 * LIFETIME.idleSeconds;
      expect(most).toBeGreaterThanOrEqual(alive);
      expect(most).toBeLessThan(1.2 * alive);
    });

    it('F-30: a sweep forgets all of them at once and nothing else', async () => {
      const { store, clock } = startStore();
      await fill(store, 10_000);
      clock.advance(LIFETIME.idleSeconds - 1);
      expect(store.sweep()).toBe(0);
      const alive = await begin(store, 'alive');
      clock.advance(1);
      expect(store.size).toBe(10_001);
      expect(store.sweep()).toBe(10_000);
      expect(store.sweep()).toBe(0);
      expect(store.size).toBe(1);
      expect(await store.read(alive.id, alive.subject)).toBeDefined();
    });

    it('F-30: what was forgotten takes no memory, however often that happens', async () => {
      const { store, clock } = startStore();
      let [emptyBefore, full, empty] = [0, 0, 0];
      for (let round = 0; round < 4; round += 1) {
        await fill(store, 20_000, `${round}:`);
        if (round === 3) full = await usedHeap();
        clock.advance(LIFETIME.idleSeconds);
        expect(store.sweep()).toBe(20_000);
        if (round === 1) emptyBefore = await usedHeap();
        if (round === 3) empty = await usedHeap();
      }
      const ofAll = full - empty;
      const left = empty - emptyBefore;
      printFigures(
        'F-30',
        `memory: a session takes ${Math.round(ofAll / 20_000)} bytes; left of 40,000 forgotten ones: ${left} bytes`,
      );
      expect(ofAll).toBeGreaterThan(20_000 * 100);
      expect(left).toBeLessThan(ofAll / 10);
    });

    it('never ends a session that was extended, whatever ended beside it meanwhile', async () => {
      const { store, clock } = startStore();
      const subject = 'one subject';
      for (let i = 0; i < 40; i += 1) {
        await store.create(recordOf(`${i}`, { subject }));
      }
      // The sign-ins are in the midst of this subject's sessions now.
      await store.endAll(subject, '39');
      clock.advance(LIFETIME.idleSeconds - 1);
      const extended = await store.update('39', subject, { extend: LIFETIME });
      expect(extended).toBeDefined();
      clock.advance(LIFETIME.idleSeconds - 1);
      await fill(store, 200);
      expect(await store.read('39', subject)).toMatchObject({
        expiresAt: extended!.expiresAt,
      });
    });
  });

  it('F-31: lists and ends the sessions of one subject as fast among very many as among 1,000', async () => {
    const few = await microsecondsASubject(1_000);
    const many = await microsecondsASubject(MANY);
    printFigures(
      'F-31',
      `memory: list, end and endAll of one subject take ${few.toFixed(1)} µs among 1,000 sessions, ${many.toFixed(1)} µs among ${MANY}`,
    );
    // Many times the sessions.
    expect(many).toBeLessThan(20 * few);
  });

  it('F-31: one subject may begin 10,000 sessions, and ends them in linear time', async () => {
    const ending = async (sessions: number): Promise<number> => {
      const { store } = startStore();
      const subject = 'one subject';
      for (let i = 0; i < sessions; i += 1) {
        await store.create(recordOf(`${i}`, { subject }));
      }
      // Its processor time: a busy machine interrupts the longer one more often.
      const start = process.cpuUsage();
      expect(await store.endAll(subject, '500')).toBe(sessions - 1);
      const { user, system } = process.cpuUsage(start);
      const milliseconds = (user + system) / 1_000;
      expect((await store.list(subject)).map(({ id }) => id)).toEqual(['500']);
      return milliseconds;
    };
    let [few, many] = [Infinity, Infinity];
    for (let round = 0; round < 3; round += 1) {
      few = Math.min(few, await ending(1_000));
      many = Math.min(many, await ending(10_000));
    }
    printFigures(
      'F-31',
      `memory: 10,000 sessions ended in ${many.toFixed(1)} ms, 1,000 in ${few.toFixed(1)} ms`,
    );
    // Quadratic time would be a hundred times as much.
    expect(many).toBeLessThan(50 * few);
  });

  it('reads the clock of the machine until it is given one', async () => {
    const store = new MemorySessionStore();
    const before = Math.floor(Date.now() / 1_000) * 1_000;
    const { id, subject } = await begin(store, 'on the clock of the machine');
    const createdAt = Number((await store.read(id, subject))?.createdAt);
    expect(createdAt).toBeGreaterThanOrEqual(before);
    expect(createdAt).toBeLessThanOrEqual(Date.now());
  });

  describe('F-28: where it would lose sessions', () => {
    let library: CompiledLibrary;
    beforeAll(() => {
      library = compileLibrary();
      writeFileSync(
        join(library.folder, 'start.js'),
        `import cluster from 'node:cluster';
         import { MemorySessionStore } from './lib/stores/memory-session-store.js';
         if (cluster.isPrimary && process.argv[2] === 'in a worker') {
           cluster.fork();
         } else {
           try {
             console.log('size ' + new MemorySessionStore().size);
           } catch (error) {
             console.log(error.name + ': ' + error.message);
             const store = new MemorySessionStore({ allowInProduction: true });
             console.log('allowed, size ' + store.size);
           }
           if (cluster.isWorker) process.disconnect();
         }`,
      );
    });
    afterAll(() => library.remove());

    it.each([
      ['in production', { NODE_ENV: 'production' }, '', 'at a restart'],
      ['in a worker of node:cluster', {}, 'in a worker', 'of several'],
      [
        'in the first process of PM2',
        { NODE_APP_INSTANCE: '0' },
        '',
        'of several',
      ],
    ])(
      '%s it refuses to start and says what to do, unless that is allowed',
      (title, variables, where, why) => {
        const refused = start(variables, where);
        expect(refused).toContain('SessionConfigError: ');
        expect(refused).toContain('store: MemorySessionStore ');
        expect(refused).toContain(why);
        expect(refused).toContain(
          'use RedisSessionStore or PostgresSessionStore',
        );
        expect(refused).toContain(
          'new MemorySessionStore({ allowInProduction: true })',
        );
        expect(refused).toMatch(/\nallowed, size 0\n$/);
        printFigures('F-28', `${title}: ${refused.trim()}`);
      },
    );

    it.each([
      ['without NODE_ENV', {}],
      ['in development', { NODE_ENV: 'development' }],
      ['in tests', { NODE_ENV: 'test' }],
    ])('%s one process of its own is fine', (_title, variables) => {
      expect(start(variables, '')).toBe('size 0\n');
    });

    function start(variables: NodeJS.ProcessEnv, where: string): string {
      const { PATH } = process.env;
      const { stdout, stderr, status } = spawnSync(
        process.execPath,
        [join(library.folder, 'start.js'), where],
        { env: { PATH, ...variables }, encoding: 'utf8' },
      );
      expect(stderr).toBe('');
      expect(status).toBe(0);
      return stdout;
    }
  });
});

function startStore() {
  const store = new MemorySessionStore();
  const clock = new TestSessionClock();
  store.useClock(clock);
  return { store, clock };
}

function recordOf(
  id: string,
  changes: Partial<NewSessionRecord> = {},
): NewSessionRecord {
  return {
    id,
    subject: `subject of ${id}`,
    params: 1,
    attributes: {},
    metadata: {},
    lifetime: LIFETIME,
    ...changes,
  };
}

async function begin(
  store: MemorySessionStore,
  id: string,
): Promise<NewSessionRecord> {
  const record = recordOf(id);
  await store.create(record);
  return record;
}

/** Begins sessions, each of a subject of its own. */
async function fill(
  store: MemorySessionStore,
  count: number,
  prefix = '',
): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await begin(store, `${prefix}${i}`);
  }
}

/** The best of five rounds of 200 subjects, in a store with so many sessions. */
async function microsecondsASubject(sessions: number): Promise<number> {
  const { store } = startStore();
  await fill(store, sessions);
  let best = Infinity;
  for (let round = 0; round < 5; round += 1) {
    const start = performance.now();
    for (let i = round * 200; i < (round + 1) * 200; i += 1) {
      const subject = `subject of ${i}`;
      const listed = await store.list(subject);
      const ended = await store.end(listed[0]!.id, subject);
      if (!ended || (await store.endAll(subject)) !== 0) {
        throw new Error('the sessions of another subject');
      }
    }
    best = Math.min(best, ((performance.now() - start) * 1000) / 200);
  }
  return best;
}
