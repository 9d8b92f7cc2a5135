import { SystemSessionClock } from '../../lib/ports/clock.js';
import { until } from '../support/asynchrony.js';
import type { CompiledLibrary } from '../support/compiled-library.js';
import { rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import { SECRET } from '../support/secrets.js';
import { inBatches, openNode, refresh, signIn, tally } from './nodes.js';
import { compilePrograms, RunningProgram } from './processes.js';
import { StoreServers } from './stores.js';

const NODES = 2;
const RESTARTS = rounds(100, NODES);
/** Few, so that a machine with two processors starts processes meanwhile. */
const CLIENTS = rounds(2, 1);

type Node = RunningProgram<{ port: number }>;

let library: CompiledLibrary;
const servers = new StoreServers();

beforeAll(async () => {
  library = compilePrograms();
  await servers.redis();
});

afterAll(async () => {
  library.remove();
  await servers.stop();
});

it(`${RESTARTS} restarts of processes under load lose no session (F-27)`, async () => {
  const clock = new SystemSessionClock();
  const shared = await servers.open('redis', clock);
  const own = await openNode(shared.storeForNode(), clock);
  const start = (): Promise<Node> =>
    RunningProgram.start(library, 'node-server', {
      secret: SECRET,
      ...shared.connection(),
    });
  const nodes = await Promise.all(Array.from({ length: NODES }, start));
  const load = { isOver: false };
  const figures = { refreshes: 0, unanswered: 0, lost: 0 };

  /** Refreshes until the load ends; what gets no answer is sent to the other node. */
  const use = async (client: number): Promise<string> => {
    let token = await signIn(own, `user-${client}`);
    for (let turn = client; !load.isOver; turn += 1) {
      const answer = await fetch(
        `http://127.0.0.1:${nodes[turn % NODES]!.ready.port}/refresh`,
        {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ refreshToken: token }),
        },
      ).catch(() => undefined);
      if (answer === undefined) figures.unanswered += 1;
      else if (answer.status === 200) {
        token = ((await answer.json()) as { refreshToken: string })
          .refreshToken;
        figures.refreshes += 1;
      } else {
        figures.lost += 1;
        return token;
      }
    }
    return token;
  };

  try {
    const clients = Array.from({ length: CLIENTS }, (_, i) => use(i));
    for (let restart = 0; restart < RESTARTS; restart += 1) {
      const before = figures.refreshes;
      const old = nodes[restart % NODES]!;
      const young = await start();
      old.child.kill('SIGTERM');
      await old.exited;
      // Until now, clients may have found that nothing listens there.
      nodes[restart % NODES] = young;
      await until(
        () => figures.refreshes > before + CLIENTS || figures.lost > 0,
        'the clients use the new process',
      );
    }
    load.isOver = true;
    const tokens = await Promise.all(clients);
    const codes = await inBatches(tokens, CLIENTS, async (token) =>
      String((await refresh(own, token)).code),
    );
    printFigures(
      'F-27',
      `${RESTARTS} restarts of ${NODES} processes: ${figures.refreshes} refreshes of ${CLIENTS} sessions, ${figures.unanswered} sent again, ${figures.lost} sessions lost`,
    );
    expect(figures.lost).toBe(0);
    expect(tally(codes)).toEqual({ undefined: CLIENTS });
  } finally {
    load.isOver = true;
    await Promise.all(nodes.map((node) => node.stop()));
    await own.close();
    await shared.close();
  }
});
