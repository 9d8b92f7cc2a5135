import { TestSessionClock } from '../../lib/testing/index.js';
import type { CompiledLibrary } from '../support/compiled-library.js';
import { combinations, rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import { SECRET } from '../support/secrets.js';
import { postManyTimes } from './many-requests.js';
import type { NodeFigures } from './node-server.js';
import { linkIn, openNode, percentile, signIn, tally } from './nodes.js';
import { compilePrograms, RunningProgram } from './processes.js';
import { StoreServers } from './stores.js';

const REFRESHES = rounds(10_000, 400);
const STORES = combinations(['redis', 'postgres'] as const, 1);

let library: CompiledLibrary;
const servers = new StoreServers();

beforeAll(async () => {
  library = compilePrograms();
  await servers.start(STORES);
});

afterAll(async () => {
  library.remove();
  await servers.stop();
});

describe.each(STORES)('on %s', (name) => {
  it(`F-01, V-25, A-182: gives ${REFRESHES} parallel refreshes of one token at two processes one child, and no alarm`, async () => {
    const clock = new TestSessionClock(new Date());
    const shared = await servers.open(name, clock);
    const own = await openNode(shared.storeForNode(), clock);
    const settings = { secret: SECRET, ...shared.connection() };
    const start = () =>
      RunningProgram.start<{ port: number }>(library, 'node-server', settings);
    const nodes = await Promise.all([start(), start()]);
    try {
      const refreshToken = await signIn(own, 'ada');
      const answers = await Promise.all(
        nodes.map(({ ready: { port } }) =>
          postManyTimes(port, '/refresh', { refreshToken }, REFRESHES / 2, 100),
        ),
      ).then((each) => each.flat());
      const figures = await Promise.all(
        nodes.map((node) => node.ask<NodeFigures>({})),
      );
      const sum = (of: (figures: NodeFigures) => number | undefined): number =>
        figures.reduce((total, each) => total + (of(each) ?? 0), 0);

      const statuses = tally(answers.map(({ status }) => String(status)));
      const tokens = answers
        .filter(({ status }) => status === 200)
        .map(({ body }) => (JSON.parse(body) as Tokens).refreshToken);
      const children = new Set(tokens.map(linkIn)).size;
      const alarms = sum(({ events }) => events['refreshReused']);
      const times = answers.map(({ milliseconds }) => milliseconds);
      const p99 = percentile(times, 99);
      const sessions = await own.sessions.list('ada');
      printFigures(
        'F-01',
        `${name}: ${REFRESHES} refreshes at 2 processes: ${JSON.stringify(statuses)}, ${children} child, ${alarms} alarms, ${1 - sessions.length} lost, ${sum(({ rotations }) => rotations)} rotations asked of the store, p99 ${p99} ms`,
      );
      expect(statuses).toEqual({ 200: REFRESHES });
      expect(children).toBe(1);
      expect(alarms).toBe(0);
      expect(sessions).toHaveLength(1);
      expect(figures.every(({ rotations }) => rotations > 1)).toBe(true);
      expect(
        (await own.sessions.refresh(tokens[0]!)).refreshToken,
      ).toBeDefined();
    } finally {
      await Promise.all([own.close(), ...nodes.map((node) => node.stop())]);
      await shared.close();
    }
  });
});

interface Tokens {
  readonly refreshToken: string;
}
