import fc from 'fast-check';
import type { SessionError } from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import {
  claimsOfRefresh,
  HeardUses,
  linkIn,
  openNode,
  refresh,
  signIn,
  use,
  type SessionNode,
} from '../faults/nodes.js';
import { STORES, StoreServers, type StoreName } from '../faults/stores.js';
import { rounds } from '../support/effort.js';
import { printLine } from '../support/figures.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import {
  ReferenceModel,
  type ModelTimes,
  type ModelToken,
} from './reference-model.js';

/**
 * The clock moves by multiples of ten seconds and no boundary is one, so that the milliseconds that a server takes
 * decide nothing.
 */
const TIMES: ModelTimes = { grace: 25, idle: 1_005, absolute: 3_005 };
const MOVES = [10, 10, 10, 10, 20, 30, 30, 600, 1_500];

const SEED = 20_260_301;
const RUNS: Readonly<Record<StoreName, { fixed: number; random: number }>> = {
  memory: { fixed: rounds(400, 20), random: rounds(100, 5) },
  redis: { fixed: rounds(120, 10), random: rounds(30, 3) },
  postgres: { fixed: rounds(80, 8), random: rounds(20, 2) },
};
const THIRD_SECRET = SECRET.slice(20) + SECRET.slice(0, 20);
const SUBJECTS = ['ada', 'bob'];
const CLIENTS = 3;
const NODES = 2;

/** The nodes that are tested, and what their clients hold. */
class Reality {
  /** Which refresh token each client holds. */
  readonly jars: (ModelToken | undefined)[] = Array.from({ length: CLIENTS });
  /** Every token that was issued. */
  readonly issued: ModelToken[] = [];
  /** What events the model expects: `refreshed 0 first`. */
  readonly expected: string[] = [];
  readonly #tokens = new Map<string, string>();
  #sessionToken: string | undefined;
  readonly #ids: string[] = [];
  readonly #names: string[] = [];
  readonly #begin: number;

  constructor(
    readonly nodes: readonly SessionNode[],
    readonly clock: TestSessionClock,
    readonly run: number,
  ) {
    for (const { events } of nodes) events.length = 0;
    this.#begin = clock.nowSeconds();
  }

  subject(name: string): string {
    return `${name}-${this.run}`;
  }

  wait(model: ReferenceModel, seconds: number): void {
    model.now += seconds;
    this.clock.advance(seconds);
  }

  idOf(session: number): string {
    return this.#ids[session]!;
  }

  async login(node: number, name: string, place: ModelToken): Promise<void> {
    const { events } = this.nodes[node]!;
    const token = await signIn(this.nodes[node]!, this.subject(name));
    this.#ids.push(claimsOfRefresh(token).sid);
    this.#names.push((events.at(-1) as { session: string }).session);
    this.#keep(place, token);
  }

  /** Presents a token to some nodes at once, and holds their answers against those of the model. */
  async refresh(
    model: ReferenceModel,
    nodes: readonly number[],
    place: ModelToken,
  ): Promise<ModelToken | undefined> {
    const token = this.#tokens.get(keyOf(place))!;
    const verdicts = nodes.map(() => model.refresh(place));
    const outcomes = await Promise.all(
      nodes.map((node) => refresh(this.nodes[node]!, token)),
    );
    const words = verdicts.map((verdict) =>
      typeof verdict === 'object' ? 'child' : verdict,
    );
    expect(outcomes.map(({ code }) => wordOf(code)).toSorted()).toEqual(
      words.toSorted(),
    );
    for (const word of words) note(`answer: ${word}`);
    let child: ModelToken | undefined;
    for (const verdict of verdicts) {
      if (typeof verdict === 'object') {
        child = verdict.child;
        const { how } = verdict;
        note(`answer: ${how}`);
        this.expected.push(
          `refreshed ${place.session} ${how === 'first' ? how : 'again'}`,
        );
        if (how === 'recovered') {
          this.expected.push(`recovered ${place.session}`);
        }
      } else if (verdict === 'reused') {
        this.expected.push(`refreshReused ${place.session}`);
      }
    }
    for (const outcome of outcomes) {
      if (outcome.token === undefined) continue;
      this.#keep(child!, outcome.token);
      this.#sessionToken = outcome.sessionToken;
    }
    return child;
  }

  /** Uses, at a node, the session token that was issued last. */
  async useLast(
    model: ReferenceModel,
    node: number,
    place: ModelToken,
  ): Promise<void> {
    expect(await use(this.nodes[node]!, this.#sessionToken!)).toBe(true);
    await heard.settled();
    model.use(place);
  }

  /** Presents a token while no data can be loaded: nothing may come of that. */
  async refreshInVain(
    model: ReferenceModel,
    node: number,
    place: ModelToken,
  ): Promise<void> {
    outage.isOn = true;
    const token = this.#tokens.get(keyOf(place))!;
    const { code } = await refresh(this.nodes[node]!, token);
    outage.isOn = false;
    expect(wordOf(code)).toBe(
      model.isAlive(place.session) ? 'LOADER_UNAVAILABLE' : 'over',
    );
  }

  /** What can be seen of all sessions agrees. */
  async agreesWith(model: ReferenceModel, node: number): Promise<void> {
    for (const name of SUBJECTS) {
      const listed = await this.nodes[node]!.sessions.list(this.subject(name));
      const found = listed.map(({ id, expiresAt }) => {
        const session = this.#ids.indexOf(id);
        const end = expiresAt.getTime() / 1000 - this.#begin;
        return [session, Math.round(end / 5) * 5];
      });
      expect(found.toSorted(([a], [b]) => a! - b!)).toEqual(
        model
          .list(name)
          .map((session) => [session, model.sessions[session]!.expiresAt]),
      );
    }
    expect(this.#happened()).toEqual(this.expected.toSorted());
  }

  #happened(): string[] {
    const lines: string[] = [];
    for (const event of this.nodes.flatMap(({ events }) => events)) {
      const ofSession =
        'session' in event && this.#names.indexOf(event.session);
      if (event.type === 'refreshed') {
        const how = event.repeated ? 'again' : 'first';
        lines.push(`refreshed ${ofSession} ${how}`);
      } else if (
        [
          'recovered',
          'refreshReused',
          'storeFailed',
          'storeRolledBack',
        ].includes(event.type)
      ) {
        lines.push(`${event.type} ${ofSession}`);
      }
    }
    return lines.toSorted();
  }

  /** There is one token at each place, however often it is issued. */
  #keep(place: ModelToken, token: string): void {
    const known = this.#tokens.get(keyOf(place));
    const { sid, gen } = claimsOfRefresh(token);
    expect({
      ofThisSession: sid === this.idOf(place.session),
      generation: gen,
      isTheSame: known === undefined || linkIn(known) === linkIn(token),
    }).toEqual({
      ofThisSession: true,
      generation: place.generation,
      isTheSame: true,
    });
    if (known === undefined) this.issued.push(place);
    this.#tokens.set(keyOf(place), token);
  }
}

function keyOf({ session, generation }: ModelToken): string {
  return `${session} ${generation}`;
}

/** Which refusal of an ended session it is depends on what the node happens to remember. */
function wordOf(code: string | undefined): string {
  switch (code) {
    case undefined:
      return 'child';
    case 'REFRESH_REUSED':
      return 'reused';
    case 'SESSION_ENDED':
    case 'SESSION_UNKNOWN':
    case 'TOKEN_EXPIRED':
      return 'over';
    default:
      return code;
  }
}

type Step = (model: ReferenceModel, reality: Reality) => Promise<void>;

const heard = new HeardUses();

/** Of the data source of all nodes. */
const outage = { isOn: false };

async function load(): Promise<object> {
  if (outage.isOn) throw new Error('the data source is down');
  return { role: 'member' };
}

/** How often each command acted on something, and what refreshes were answered, over all runs of a store. */
let acted: Record<string, number> = {};

/** @param node which one is asked for the list afterwards; none after a move, so that nothing has looked at the records since */
function command(
  name: string,
  text: string,
  node: number | undefined,
  step: Step,
): fc.AsyncCommand<ReferenceModel, Reality> {
  return {
    check: () => true,
    async run(model, reality) {
      await step(model, reality);
      if (node !== undefined) await reality.agreesWith(model, node);
    },
    toString: () => `${name}(${text})`,
  };
}

const node = fc.nat(NODES - 1);
const client = fc.nat(CLIENTS - 1);
const subject = fc.constantFrom(...SUBJECTS);

function note(name: string): void {
  acted[name] = (acted[name] ?? 0) + 1;
}

const COMMANDS: fc.Arbitrary<fc.AsyncCommand<ReferenceModel, Reality>>[] = [
  fc.tuple(client, subject, node).map(([who, name, at]) =>
    command(
      'login',
      `client ${who}, ${name}, node ${at}`,
      at,
      async (model, reality) => {
        const place = model.login(name);
        await reality.login(at, name, place);
        reality.jars[who] = place;
        note('login');
      },
    ),
  ),
  fc.tuple(client, node).map(([who, at]) =>
    command(
      'refresh',
      `client ${who}, node ${at}`,
      at,
      async (model, reality) => {
        const held = reality.jars[who];
        if (!held) return;
        note('refresh');
        reality.jars[who] = (await reality.refresh(model, [at], held)) ?? held;
      },
    ),
  ),
  fc.tuple(client, node, node).map(([who, at, elsewhere]) =>
    command(
      'refreshAndUse',
      `client ${who}, node ${at}, then node ${elsewhere}`,
      at,
      async (model, reality) => {
        const held = reality.jars[who];
        if (!held) return;
        note('refreshAndUse');
        const child = await reality.refresh(model, [at], held);
        if (!child) return;
        reality.jars[who] = child;
        await reality.useLast(model, elsewhere, child);
      },
    ),
  ),
  client.map((who) =>
    command('refreshInTwoTabs', `client ${who}`, 0, async (model, reality) => {
      const held = reality.jars[who];
      if (!held) return;
      note('refreshInTwoTabs');
      reality.jars[who] = (await reality.refresh(model, [0, 1], held)) ?? held;
    }),
  ),
  fc
    .tuple(client, node, fc.array(fc.constantFrom(10, 20), { maxLength: 3 }))
    .map(([who, at, pauses]) =>
      command(
        'loseAnswers',
        `client ${who}, node ${at}, again after ${pauses.join()} s`,
        at,
        async (model, reality) => {
          const held = reality.jars[who];
          if (!held) return;
          note('loseAnswers');
          for (const pause of [0, ...pauses]) {
            reality.wait(model, pause);
            await reality.refresh(model, [at], held);
          }
        },
      ),
    ),
  fc
    .tuple(client, node, fc.integer({ min: 2, max: 6 }))
    .map(([who, at, uses]) =>
      command(
        'stayActive',
        `client ${who}, node ${at}, ${uses} times`,
        at,
        async (model, reality) => {
          for (let i = 0; i < uses; i += 1) {
            const held = reality.jars[who];
            if (!held) return;
            note('stayActive');
            reality.wait(model, 600);
            reality.jars[who] =
              (await reality.refresh(model, [at], held)) ?? held;
          }
        },
      ),
    ),
  fc.tuple(fc.nat(), node).map(([which, at]) =>
    command(
      'replay',
      `token ${which}, node ${at}`,
      at,
      async (model, reality) => {
        const { issued } = reality;
        const place = issued[which % Math.max(issued.length, 1)];
        if (!place) return;
        note('replay');
        await reality.refresh(model, [at], place);
      },
    ),
  ),
  fc.tuple(client, client).map(([victim, thief]) =>
    command(
      'steal',
      `client ${thief} from client ${victim}`,
      0,
      async (_, reality) => {
        if (!reality.jars[victim]) return;
        note('steal');
        reality.jars[thief] = reality.jars[victim];
      },
    ),
  ),
  fc.tuple(client, node).map(([who, at]) =>
    command(
      'revoke',
      `session of client ${who}, node ${at}`,
      at,
      async (model, reality) => {
        const held = reality.jars[who];
        if (!held) return;
        note('revoke');
        const { subject: name } = model.sessions[held.session]!;
        const ended = await reality.nodes[at]!.sessions.revoke({
          id: reality.idOf(held.session),
          subject: reality.subject(name),
        });
        expect(ended).toBe(model.revoke(held.session));
      },
    ),
  ),
  fc.tuple(subject, fc.option(client), node).map(([name, keeper, at]) =>
    command(
      'revokeAll',
      `${name} except client ${keeper}, node ${at}`,
      at,
      async (model, reality) => {
        note('revokeAll');
        const kept =
          keeper === null ? undefined : reality.jars[keeper]?.session;
        const ended = await reality.nodes[at]!.sessions.revokeAll(
          reality.subject(name),
          kept === undefined ? {} : { except: reality.idOf(kept) },
        ).catch((error: SessionError) => {
          expect(error.code).toBe('SESSION_UNKNOWN');
          return undefined;
        });
        expect(ended).toBe(model.revokeAll(name, kept));
      },
    ),
  ),
  fc.tuple(client, node).map(([who, at]) =>
    command(
      'refreshInOutage',
      `client ${who}, node ${at}`,
      undefined,
      async (model, reality) => {
        const held = reality.jars[who];
        if (!held) return;
        note('refreshInOutage');
        await reality.refreshInVain(model, at, held);
        // Until then the node does not ask the loader again.
        reality.wait(model, 40);
      },
    ),
  ),
  fc.constantFrom(...MOVES).map((seconds) =>
    command('move', `${seconds} s`, undefined, async (model, reality) => {
      note('move');
      reality.wait(model, seconds);
    }),
  ),
];

/** Mostly what is usual: sessions that are ended at every third step tell nothing of long chains. */
const anyCommand = fc.oneof(
  ...COMMANDS.map((arbitrary, i) => ({
    arbitrary,
    weight: [4, 10, 6, 4, 6, 2, 6, 4, 1, 1, 2, 10][i]!,
  })),
);

const servers = new StoreServers();

beforeAll(async () => {
  await Promise.all([servers.redis(), servers.postgres()]);
});

afterAll(() => servers.stop());

describe.each(STORES)('sessions on %s', (name) => {
  it('F-02 F-03 A-083 do what a model of them does, however clients, thieves, losses, ends and the clock mix', async () => {
    const clock = new TestSessionClock();
    const shared = await servers.open(name, clock);
    const nodes = await Promise.all(
      // In the middle of a change of secrets.
      [
        [OTHER_SECRET, THIRD_SECRET],
        [THIRD_SECRET, OTHER_SECRET],
      ].map((secret) =>
        openNode(
          heard.watch(shared.storeForNode()),
          clock,
          {
            refreshToken: { secret, grace: TIMES.grace },
            dataRefreshInterval: '5m',
            lifetime: { idle: TIMES.idle, absolute: TIMES.absolute },
          },
          load,
        ),
      ),
    );
    let run = 0;
    let commands = 0;
    const check = (seed: number, numRuns: number): Promise<void> =>
      fc.assert(
        fc.asyncProperty(
          fc.commands([anyCommand], { maxCommands: 50, size: 'max' }),
          async (steps) => {
            run += 1;
            // A server keeps records by its own time.
            clock.set(new Date());
            await fc.asyncModelRun(
              () => ({
                model: new ReferenceModel(TIMES),
                real: new Reality(nodes, clock, run),
              }),
              steps,
            );
            commands += [...steps].length;
          },
        ),
        // Fast-check prints the seed and the shortest list of commands that fails.
        {
          seed,
          numRuns,
        },
      );
    try {
      acted = {};
      const seed = Date.now() % 2 ** 31;
      await check(SEED, RUNS[name].fixed);
      await check(seed, RUNS[name].random);
      printLine(
        `model ${name}: ${run} runs (seeds ${SEED}, ${seed}), ${commands} commands: ${JSON.stringify(acted)}`,
      );
      expect(Object.keys(acted)).toHaveLength(COMMANDS.length + 6);
      expect(Math.min(...Object.values(acted))).toBeGreaterThan(rounds(5, 0));
    } finally {
      await Promise.all(nodes.map((each) => each.close()));
      await shared.close();
    }
  });
});
