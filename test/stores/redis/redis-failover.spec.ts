import { Redis } from 'ioredis';
import type { SessionRecord } from '../../../lib/ports/session-store.js';
import {
  RedisSessionStore,
  type RedisClient,
} from '../../../lib/stores/redis/index.js';
import { rounds } from '../../support/effort.js';
import { printFigures } from '../../support/figures.js';
import {
  startRedis,
  startReplica,
  type RedisServer,
} from '../../support/redis-server.js';
import { connectIoredis } from './clients.js';
import { newRecord, presentedOf } from './records.js';

const SESSIONS = rounds(1_000, 200);

type Session = Pick<SessionRecord, 'id' | 'subject'>;

let primary: RedisServer;
let replica: RedisServer;
let toPrimary: Redis;
let toReplica: Redis;

beforeEach(async () => {
  primary = await startRedis();
  replica = await startReplica(primary);
  toPrimary = connectIoredis(primary.port).client;
  toReplica = connectIoredis(replica.port).client;
});

afterEach(async () => {
  toPrimary.disconnect();
  toReplica.disconnect();
  await primary.stop();
  await replica.stop();
});

/** Sessions of as many subjects, all of them on the replica too. */
async function beginSessions(store: RedisSessionStore): Promise<Session[]> {
  const records = Array.from({ length: SESSIONS }, (_, i) =>
    newRecord({ subject: `user-${i}` }),
  );
  await Promise.all(records.map((record) => store.create(record)));
  expect(await toPrimary.wait(1, 5_000)).toBe(1);
  return records;
}

/** The replica takes over and knows nothing of what the old primary still accepts, as in a partition. */
async function promoteReplica(): Promise<void> {
  expect(await toReplica.replicaof('NO', 'ONE')).toBe('OK');
}

/**
 * Ends them all, half of them after the replica has taken over, over many connections, since WAIT holds up its own.
 * Gives the sessions whose callers were told that they have ended.
 *
 * @param replicas those that must confirm an end: as long as it takes while they are there, briefly once they are not
 */
async function endDuringFailover(
  replicas: number,
): Promise<{ ended: Session[]; rejected: number }> {
  const sessions = await beginSessions(
    new RedisSessionStore({ client: toPrimary }),
  );
  const connections = Array.from({ length: rounds(50, 10) }, () =>
    connectIoredis(primary.port),
  );
  const ended: Session[] = [];
  const endAll = (part: Session[], timeout: string): Promise<unknown> =>
    Promise.all(
      connections.map(async ({ client }, i) => {
        const store = new RedisSessionStore({
          client,
          ...(replicas > 0 && {
            waitForReplicas: { count: replicas, timeout },
          }),
        });
        for (let j = i; j < part.length; j += connections.length) {
          const { id, subject } = part[j]!;
          const isDone = await store.end(id, subject).catch(() => false);
          if (isDone) ended.push(part[j]!);
        }
      }),
    );
  const start = performance.now();
  await endAll(sessions.slice(0, SESSIONS / 2), '1m');
  printFigures(
    'F-09',
    `${SESSIONS / 2} revocations in ${Math.round(performance.now() - start)} ms, waitForReplicas ${replicas > 0 ? 'on' : 'off'}`,
  );
  await promoteReplica();
  await endAll(sessions.slice(SESSIONS / 2), '10ms');
  await Promise.all(connections.map(({ close }) => close()));
  expect(await countAlive(toPrimary, sessions)).toBe(0);
  return { ended, rejected: SESSIONS - ended.length };
}

async function countAlive(
  client: RedisClient,
  sessions: Session[],
): Promise<number> {
  const store = new RedisSessionStore({ client });
  const records = await Promise.all(
    sessions.map(({ id, subject }) => store.read(id, subject)),
  );
  return records.filter(Boolean).length;
}

describe('a failover of Redis', () => {
  it(`that loses ${SESSIONS.toLocaleString('en')} rotations ends no session and raises no alarm (F-09)`, async () => {
    const store = new RedisSessionStore({ client: toPrimary });
    const sessions = await beginSessions(store);
    await promoteReplica();
    const verdicts = new Map<string, number>();
    const rotate = async (
      through: RedisSessionStore,
      generation: number,
    ): Promise<void> => {
      for (const { id, subject } of sessions) {
        const verdict = await through.rotate(
          id,
          subject,
          presentedOf(generation),
        );
        const line = `generation ${generation}: ${verdict}`;
        verdicts.set(line, (verdicts.get(line) ?? 0) + 1);
      }
    };
    await rotate(store, 0);
    await primary.stop();
    const promoted = new RedisSessionStore({ client: toReplica });
    await rotate(promoted, 1);
    await rotate(promoted, 2);
    printFigures(
      'F-09',
      `${SESSIONS} unreplicated rotations: ${JSON.stringify(Object.fromEntries(verdicts))}`,
    );
    expect(Object.fromEntries(verdicts)).toEqual({
      'generation 0: rotated': SESSIONS,
      'generation 1: rolled-forward': SESSIONS,
      'generation 2: rotated': SESSIONS,
    });
  });

  it('keeps the bindings that a replica has, and loses the others, whose sessions go on unbound', async () => {
    const store = new RedisSessionStore({ client: toPrimary });
    const sessions = (await beginSessions(store)).slice(0, 20);
    const bind = (part: Session[]) =>
      Promise.all(
        part.map(({ id, subject }) => store.bind(id, subject, 'key')),
      );
    await bind(sessions.slice(0, 10));
    expect(await toPrimary.wait(1, 5_000)).toBe(1);
    await promoteReplica();
    await bind(sessions.slice(10));
    await primary.stop();
    const promoted = new RedisSessionStore({ client: toReplica });
    const verdicts = await Promise.all(
      sessions.map(({ id, subject }) =>
        promoted.rotate(id, subject, presentedOf(0)),
      ),
    );
    expect(verdicts).toEqual(
      sessions.map((_, i) => (i < 10 ? 'unproven' : 'rotated')),
    );
    const [bound] = sessions;
    const proof = { deviceKey: 'key' };
    expect(
      await promoted.rotate(bound!.id, bound!.subject, presentedOf(0, proof)),
    ).toBe('rotated');
  });

  it('brings back none of the sessions whose end was confirmed by a replica (F-09)', async () => {
    const { ended, rejected } = await endDuringFailover(1);
    const back = await countAlive(toReplica, ended);
    printFigures(
      'F-09',
      `waitForReplicas on: ${ended.length} revocations confirmed, ${back} of them came back; ${rejected} rejected as not safe`,
    );
    expect({ ended: ended.length, rejected, back }).toEqual({
      ended: SESSIONS / 2,
      rejected: SESSIONS / 2,
      back: 0,
    });
  });

  it('brings sessions back that were ended without waiting (F-09)', async () => {
    const { ended, rejected } = await endDuringFailover(0);
    expect(rejected).toBe(0);
    const back = await countAlive(toReplica, ended);
    printFigures(
      'F-09',
      `waitForReplicas off: ${ended.length} revocations, ${back} of them came back`,
    );
    expect(back).toBeGreaterThanOrEqual(SESSIONS / 2);
  });
});
