import { seededRandom, type Random } from '../../support/random.js';
import type { ChaosProcesses } from './chaos-processes.js';
import { between } from './choose.js';
import { Client, type ClientWorld } from './client.js';
import { planRound } from './fault-plan.js';
import { OPERATIONS } from './operations.js';
import type { Oracle } from './oracle.js';
import { TIMING } from './timing.js';

export interface TheftScene {
  readonly world: ClientWorld;
  readonly oracle: Oracle;
  readonly processes: ChaosProcesses;
  readonly random: Random;
  /** Does some work as a round: then all faults end, and all events are judged. */
  step(work: () => Promise<void>): Promise<void>;
}

/** Uses of the same session further apart than the grace time. */
const PAUSE = TIMING.graceSeconds + 10;
/** Each side refreshes once in a cycle, and a cycle is an access lifetime. */
const CYCLES = 6;
/** In so many cycles with answers for both, the theft must have been noticed: two access lifetimes. */
const NOTICED_WITHIN = 2;

/** An owner and a thief with copies of the same tokens. */
class Robbery {
  readonly #answers = new Map<Client, number>();
  isOver = false;

  constructor(
    readonly owner: Client,
    readonly thief: Client,
    /** Whether the thief is the first to refresh. */
    readonly isThiefFirst: boolean,
    /** Whether the thief uses what the refresh gives, before the next one. */
    readonly isThiefActive: boolean,
  ) {}

  at(turn: number): Client {
    return (turn === 0) === this.isThiefFirst ? this.thief : this.owner;
  }

  async use(client: Client): Promise<void> {
    if (this.isOver) return;
    const outcome = await client.perform(OPERATIONS.refresh);
    this.isOver = outcome === 'over';
    if (outcome !== 'done') return;
    this.#answers.set(client, (this.#answers.get(client) ?? 0) + 1);
    if (client === this.owner || this.isThiefActive) {
      this.isOver = (await client.perform(OPERATIONS.checked)) === 'over';
    }
  }

  /** Whether both have been answered so often that it must have been noticed. */
  get isOverdue(): boolean {
    const answers = [this.owner, this.thief].map(
      (client) => this.#answers.get(client) ?? 0,
    );
    return !this.isOver && Math.min(...answers) >= NOTICED_WITHIN;
  }
}

/** Copies tokens, lets owner and thief use them under faults, and sees to it that each theft is noticed. */
export async function commitThefts(
  count: number,
  scene: TheftScene,
): Promise<void> {
  const { oracle, processes, random } = scene;
  const { findings, ledger } = oracle;
  const robberies = await Promise.all(
    Array.from({ length: count }, (_, i) => rob(i, scene)),
  );
  findings.counts.thefts += count;
  for (let cycle = 0; cycle < CYCLES; cycle += 1) {
    const open = robberies.filter(({ isOver }) => !isOver);
    if (open.length === 0) break;
    for (const turn of [0, 1]) {
      await scene.step(async () => {
        for (const fault of planRound(0, processes.places, random).faults) {
          processes.begin(fault);
        }
        await Promise.all(open.map((each) => each.use(each.at(turn))));
      });
      await processes.jump(
        turn === 0 ? PAUSE : TIMING.accessSeconds + 10 - PAUSE,
      );
    }
    for (const robbery of open.filter(({ isOverdue }) => isOverdue)) {
      robbery.isOver = true;
      findings.add(
        'theft not noticed',
        `two access lifetimes after both sides used it`,
        robbery.owner.session,
      );
    }
  }
  for (const session of oracle.robbed) {
    if (session.state === 'gone' && !ledger.hasAlarm(session)) {
      findings.add(
        'failure without an event',
        `${session.label} was robbed and ended without an alarm`,
        session,
      );
    }
  }
  oracle.robbed.clear();
}

async function rob(
  i: number,
  { world, oracle, random }: TheftScene,
): Promise<Robbery> {
  const kind = i % 2 === 0 ? 'cookie' : 'bearer';
  const subject = `victim-${i}`;
  const client = (name: string): Client =>
    new Client(
      name,
      subject,
      kind,
      world,
      seededRandom(between(0, 1e9, random)),
    );
  const [owner, thief] = [client('owner'), client('thief')];
  while (!owner.session) await owner.act();
  if (random() < 0.5) await owner.perform(OPERATIONS.refresh);
  const { session } = owner;
  // Both answers are right from here on: it may be noticed at once.
  session.state = 'threatened';
  oracle.robbed.add(session);
  thief.copy(owner);
  return new Robbery(owner, thief, random() < 0.5, random() < 0.5);
}
