import { RedisSessionStore } from '../../../lib/stores/redis/index.js';
import {
  startRedisCluster,
  until,
  type RedisCluster,
  type RedisServer,
} from '../../support/redis-server.js';
import { CLUSTER_CLIENTS } from './clients.js';
import { newRecord, presentedOf } from './records.js';

const INDEX = 'session:{YWRh}';

let cluster: RedisCluster;

beforeEach(async () => {
  cluster = await startRedisCluster(2);
});

afterEach(() => cluster.stop());

/** What a server answers, without the framing of its protocol. */
async function ask(server: RedisServer, command: string): Promise<string> {
  const reply = await server.command(command);
  if (reply.startsWith('-')) throw new Error(`${command}: ${reply}`);
  return reply
    .split('\r\n')
    .at(reply.startsWith('$') ? 1 : 0)!
    .replace(/^[:+]/, '');
}

/** The slot of a subject on its way from one server to the other. */
class MovingSlot {
  private constructor(
    private readonly slot: string,
    private readonly from: RedisServer,
    private readonly to: RedisServer,
  ) {}

  static async begin(): Promise<MovingSlot> {
    const [first, second] = cluster.primaries as [RedisServer, RedisServer];
    const slot = await ask(first, `CLUSTER KEYSLOT ${INDEX}`);
    const isFirst =
      (await ask(first, `CLUSTER COUNTKEYSINSLOT ${slot}`)) !== '0';
    const [from, to] = isFirst ? [first, second] : [second, first];
    const [source, target] = [
      await ask(from, 'CLUSTER MYID'),
      await ask(to, 'CLUSTER MYID'),
    ];
    await ask(to, `CLUSTER SETSLOT ${slot} IMPORTING ${source}`);
    await ask(from, `CLUSTER SETSLOT ${slot} MIGRATING ${target}`);
    return new MovingSlot(slot, from, to);
  }

  async move(key: string): Promise<void> {
    await ask(this.from, `MIGRATE 127.0.0.1 ${this.to.port} ${key} 0 60000`);
  }

  async end(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.move(key);
    const count = `CLUSTER COUNTKEYSINSLOT ${this.slot}`;
    // The server still has to remove what has expired.
    await until(async () => (await ask(this.from, count)) === '0');
    const target = await ask(this.to, 'CLUSTER MYID');
    for (const server of [this.to, this.from]) {
      await ask(server, `CLUSTER SETSLOT ${this.slot} NODE ${target}`);
    }
  }
}

describe.each(Object.entries(CLUSTER_CLIENTS))(
  'a slot that moves, through %s',
  (_name, connect) => {
    it('costs no session: what needs a record that is on its way rejects, and deletes nothing (F-12)', async () => {
      const { client, close } = await connect(
        cluster.primaries.map(({ port }) => port),
      );
      const store = new RedisSessionStore({ client });
      const ids: string[] = [];
      for (let i = 0; i < 3; i += 1) {
        const record = newRecord();
        ids.push(record.id);
        await store.create(record);
      }
      const leaving = newRecord();
      await store.create(leaving);
      // The index names one more, which has expired.
      await store.create(
        newRecord({ lifetime: { idleSeconds: 0.001, absoluteSeconds: 60 } }),
      );
      const [moved, ...stay] = ids as [string, string, string];
      const slot = await MovingSlot.begin();
      await slot.move(`${INDEX}:${moved}`);
      expect(await store.end(leaving.id, 'ada')).toBe(true);
      const limit = { max: 3, policy: 'end-oldest' } as const;
      const calls: Record<string, () => Promise<unknown>> = {
        list: () => store.list('ada'),
        'create at the limit': () => store.create(newRecord(), { limit }),
        read: () => store.read(moved, 'ada'),
        rotate: () => store.rotate(moved, 'ada', presentedOf(0)),
        bind: () => store.bind(moved, 'ada', 'key'),
        update: () => store.update(moved, 'ada', { attributes: { a: 1 } }),
        'endAll but for it': () => store.endAll('ada', moved),
        'endAll but for one that is here': () => store.endAll('ada', stay[0]),
      };
      for (const [name, call] of Object.entries(calls)) {
        const outcome = await call().then(
          () => 'answered',
          () => 'rejected',
        );
        expect([name, outcome]).toEqual([name, 'rejected']);
      }
      // What needs no other record goes on.
      const [here, other] = stay;
      expect(await store.read(here, 'ada', 'seen', 0)).toMatchObject({
        id: here,
      });
      expect(await store.confirm(here, 'ada', 0)).toBeInstanceOf(Date);
      expect(await store.rotate(here, 'ada', presentedOf(0))).toBe('rotated');
      expect(await store.rotate(here, 'ada', presentedOf(0))).toBe('repeated');
      expect(await store.bind(here, 'ada', 'key')).toBe('bound');
      expect(await store.bind(here, 'ada', 'key')).toBe('bound');
      expect(await store.rotate(here, 'ada', presentedOf(0))).toBe('unproven');
      const change = { attributes: { a: 1 } };
      expect(await store.update(here, 'ada', change)).toMatchObject(change);
      expect(await store.end(other, 'ada')).toBe(true);
      ids.splice(ids.indexOf(other), 1);
      await slot.end([
        ...stay.map((id) => `${INDEX}:${id}`),
        `${INDEX}.begun`,
        INDEX,
      ]);
      expect((await store.list('ada')).map(({ id }) => id).toSorted()).toEqual(
        ids.toSorted(),
      );
      expect(await store.rotate(moved, 'ada', presentedOf(0))).toBe('rotated');
      await close();
    });
  },
);
