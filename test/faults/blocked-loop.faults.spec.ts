import type { IssuedSession, SessionService } from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { turn } from '../support/asynchrony.js';
import { blockLoop } from '../support/blocked-loop.js';
import { rounds } from '../support/effort.js';
import { printLine } from '../support/figures.js';
import { SERVERS, type StoreServer } from '../support/store-servers.js';
import { inBatches, openNode, tally } from './nodes.js';

const TIMEOUT = 1_000;
const BLOCK = 1_100;
// As many as there are connections, so that every request leaves before the block.
const AT_ONCE = 5;
const CALLS = AT_ONCE * rounds(20, 1);

type Issued = IssuedSession<any, any, any, any>;

/** What needs the store, by what it is called. */
const USES: Readonly<
  Record<string, (sessions: SessionService, issued: Issued) => Promise<unknown>>
> = {
  refreshes: (sessions, { refreshToken }) => sessions.refresh(refreshToken!),
  "checks with 'always'": (sessions, { token }) =>
    sessions.authenticate({
      headers: { authorization: `Bearer ${token}` },
    }),
};

const outcomeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    (answer) => (answer ? 'answered' : 'nothing'),
    (error: { code: string }) => error.code,
  );

describe.each(Object.entries(SERVERS))('a healthy %s', (name, start) => {
  let server: StoreServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.stop());

  it.each(Object.entries(USES))(
    'answers all %s while handlers block the event loop for longer than storeTimeout',
    async (what, use) => {
      const clock = new TestSessionClock();
      const [store] = await server.openStores(1, clock);
      const patient = await openNode(store!, clock);
      const node = await openNode(store!, clock, {
        storeTimeout: TIMEOUT / 1000,
        revocationCheck: 'always',
      });
      const subjects = Array.from({ length: CALLS }, (_, i) => `user ${i}`);
      const issued = await inBatches(subjects, AT_ONCE, (subject) =>
        patient.sessions.generate(subject),
      );
      const outcomes = await inBatches(
        Array.from({ length: CALLS / AT_ONCE }, (_, i) =>
          issued.slice(i * AT_ONCE, (i + 1) * AT_ONCE),
        ),
        1,
        async (round) => {
          const calls = round.map((each) =>
            outcomeOf(use(node.sessions, each as Issued)),
          );
          // The first block comes when the calls are sent, the second when their answers are read.
          for (let block = 0; block < 2; block += 1) {
            await turn();
            blockLoop(BLOCK);
          }
          return Promise.all(calls);
        },
      );
      const counts = tally(outcomes.flat());
      printLine(
        `${name}, storeTimeout ${TIMEOUT} ms, loop blocked for ${BLOCK} ms twice in each round of ${AT_ONCE}: ${CALLS} ${what}: ${JSON.stringify(counts)}`,
      );
      expect(counts).toEqual({ answered: CALLS });
      expect(node.count('storeFailed')).toBe(0);
      await Promise.all([patient.close(), node.close()]);
    },
  );
});
