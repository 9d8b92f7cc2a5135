import type { ChildProcess } from 'node:child_process';
import { Agent, request } from 'node:http';
import type { CompiledLibrary } from '../support/compiled-library.js';
import { until } from '../support/asynchrony.js';
import { combinations, rounds } from '../support/effort.js';
import { printLine } from '../support/figures.js';
import { seededRandom } from '../support/random.js';
import { PostgresRevocationLog } from '../../lib/stores/postgres/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { percentile } from './nodes.js';
import { compilePrograms, RunningProgram } from './processes.js';
import type {
  HeardRevocation,
  RevocationNodeSettings,
} from './revocation-node.js';
import { StoreServers } from './stores.js';

const NODES = rounds(4, 2);
const REVOCATIONS = rounds(1_000, 20);
/** Requests that are under way all the time. */
const LOAD = rounds(4, 2);
const SECRET = 'a secret of nodes that share a log, 32 bytes';

const COMBINATIONS = combinations(
  [
    ['redis', 'with a store', true],
    ['postgres', 'without a store', false],
    ['redis', 'without a store', false],
  ] as const,
  1,
);

const servers = new StoreServers();
let library: CompiledLibrary;

beforeAll(async () => {
  await servers.start(COMBINATIONS.map(([name]) => name));
  library = compilePrograms();
});

afterAll(async () => {
  library.remove();
  await servers.stop();
});

interface SignedIn {
  readonly token: string;
  readonly sid: string;
  readonly sub: string;
  /** When its revocation was asked for, and when each node has heard of it. Microseconds. */
  askedAt?: number;
  readonly heardAt: number[];
}

describe.each(COMBINATIONS)('on %s, %s', (name, _store, hasStore) => {
  it(`no node accepts one of ${REVOCATIONS} revoked sessions after the last node has heard of it`, async () => {
    const shared = await servers.open(name, new TestSessionClock(new Date()));
    const nodes = await openNodes({
      secret: SECRET,
      ...shared.connection(),
      hasStore,
      hasLog: true,
      maxLag: '20s',
    });
    const random = seededRandom(12);
    const pick = <T>(items: readonly T[]): T =>
      items[Math.floor(random() * items.length)]!;
    const figures = { accepted: 0, refused: 0, wrong: 0 };
    try {
      const sessions: SignedIn[] = [];
      for (let i = 0; i < REVOCATIONS; i += 1) {
        sessions.push(await pick(nodes).signIn(`user-${i}`));
      }
      const byName = new Map(
        sessions.flatMap((each) => [
          [each.sid, each],
          [each.sub, each],
        ]),
      );
      for (const node of nodes) {
        node.whenHeard(({ kind, sid, sub, at }) => {
          const named = kind === 'session' ? sid : sub;
          byName.get(named ?? '')?.heardAt.push(at);
        });
      }
      const load = { isOver: false };
      const loads = Array.from({ length: LOAD }, async () => {
        while (!load.isOver) {
          const session = pick(sessions);
          const isEnded = session.heardAt.length === NODES;
          const status = await pick(nodes).status(session.token);
          if (status === 200) figures.accepted += 1;
          else if (status === 401) figures.refused += 1;
          else figures.wrong += 1;
          if (isEnded && status !== 401) figures.wrong += 1;
          if (session.askedAt === undefined && status !== 200) {
            figures.wrong += 1;
          }
        }
      });
      for (const session of sessions) {
        session.askedAt = Number(process.hrtime.bigint() / 1000n);
        await (random() < 0.8
          ? pick(nodes).post('revoke', {
              id: session.sid,
              subject: session.sub,
            })
          : pick(nodes).post('revoke-all', { subject: session.sub }));
      }
      await until(
        () => sessions.every(({ heardAt }) => heardAt.length === NODES),
        'every node has heard of every revocation',
      );
      load.isOver = true;
      await Promise.all(loads);
      const times = sessions.map(
        ({ askedAt, heardAt }) => (Math.max(...heardAt) - askedAt!) / 1000,
      );
      printLine(
        `pushed revocations, ${name} ${hasStore ? 'with' : 'without'} a store: the last of ${NODES} nodes has heard after ${percentile(times, 50)} ms (p50), ${percentile(times, 99)} ms (p99); ${figures.accepted + figures.refused} requests meanwhile, ${figures.wrong} wrong answers`,
      );
      expect(figures.wrong).toBe(0);
      expect(figures.accepted).toBeGreaterThan(0);
      expect(figures.refused).toBeGreaterThan(0);
      for (const node of nodes) {
        for (const { token } of sessions.slice(0, 50)) {
          expect(await node.status(token)).toBe(401);
        }
      }
      // Everything else goes on until everything ends.
      const others = await Promise.all(
        nodes.map((node, i) => node.signIn(`other-${i}`)),
      );
      const answers = () =>
        Promise.all(
          nodes.flatMap((node) =>
            others.map(({ token }) => node.status(token)),
          ),
        );
      expect(new Set(await answers())).toEqual(new Set([200]));
      await nodes[0]!.post('revoke-everything', {});
      const later = await nodes[1]!.signIn('later');
      await until(
        () => nodes.every(({ heard }) => heard.everything > 0),
        'every node has heard of the end of everything',
      );
      expect(new Set(await answers())).toEqual(new Set([401]));
      for (const node of nodes) {
        expect(await node.status(later.token)).toBe(200);
      }
    } finally {
      await Promise.all(nodes.map((node) => node.stop()));
      await shared.close();
    }
  });

  async function openNodes(settings: RevocationNodeSettings) {
    if (settings.postgres) {
      const pool = new (await import('pg')).Pool(settings.postgres);
      await new PostgresRevocationLog({ pool }).ensureSchema();
      await pool.end();
    }
    return Promise.all(
      Array.from({ length: NODES }, () => RevocationNode.start(settings)),
    );
  }
});

/** A node, and a client of it. */
class RevocationNode {
  readonly heard = { session: 0, subject: 0, everything: 0 };
  readonly #agent = new Agent({ keepAlive: true });
  readonly #program: RunningProgram<{ port: number }>;

  private constructor(program: RunningProgram<{ port: number }>) {
    this.#program = program;
    this.whenHeard(({ kind }) => (this.heard[kind] += 1));
  }

  static async start(
    settings: RevocationNodeSettings,
  ): Promise<RevocationNode> {
    return new RevocationNode(
      await RunningProgram.start<{ port: number }>(
        library,
        'revocation-node',
        settings,
      ),
    );
  }

  whenHeard(listener: (revocation: HeardRevocation) => void): void {
    const { child }: { child: ChildProcess } = this.#program;
    child.on('message', (message) => listener(message as HeardRevocation));
  }

  async signIn(sub: string): Promise<SignedIn> {
    const { body } = await this.#send('POST', '/sign-in', { subject: sub });
    const { token } = JSON.parse(body) as { token: string };
    const [, payload] = token.split('.');
    const { sid } = JSON.parse(
      Buffer.from(payload!, 'base64url').toString(),
    ) as { sid: string };
    return { token, sid, sub, heardAt: [] };
  }

  async status(token: string): Promise<number> {
    const { status } = await this.#send('GET', '/me', undefined, token);
    return status;
  }

  async post(path: string, body: object): Promise<void> {
    const { status } = await this.#send('POST', `/${path}`, body);
    expect(status).toBe(200);
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.#program.stop();
  }

  #send(
    method: string,
    path: string,
    body?: object,
    token?: string,
  ): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: this.#program.ready.port,
          method,
          path,
          agent: this.#agent,
          headers: {
            'content-type': 'application/json',
            ...(token && { authorization: `Bearer ${token}` }),
          },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (part: string) => (text += part));
          response.on('end', () =>
            resolve({ status: response.statusCode!, body: text }),
          );
        },
      );
      sent.on('error', reject);
      sent.end(body && JSON.stringify(body));
    });
  }
}
