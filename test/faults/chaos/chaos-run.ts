import type { CompiledLibrary } from '../../support/compiled-library.js';
import { seededRandom, type Random } from '../../support/random.js';
import { ChaosProcesses } from './chaos-processes.js';
import { CHAOS_STORES, type ChaosStoreName } from './chaos-store.js';
import { Client, type ClientWorld } from './client.js';
import { EventLedger } from './event-ledger.js';
import { onlyServers, planRound, WAVES } from './fault-plan.js';
import { Findings } from './findings.js';
import { MovedClock } from './moved-clock.js';
import { OPERATIONS } from './operations.js';
import { Oracle } from './oracle.js';
import { commitThefts } from './thefts.js';
import { TIMING } from './timing.js';

export interface ChaosOptions {
  readonly store: ChaosStoreName;
  readonly seed: number;
  readonly nodes: number;
  /** How many clients each user has. */
  readonly clientsEach: number;
  /** Nothing but what happens to the servers, in every round: no bad connections, no lost answers. */
  readonly onlyServers?: boolean;
  /** Whether the nodes share a revocation log. */
  readonly hasLog?: boolean;
  print(line: string): void;
}

/** More waves than planned, while something happens to the servers of the store. */
const EXTRA_WAVES = 60;
/** The part of the clients that act in a wave. */
const ACTIVE = 0.4;

/** Processes on a store, clients that use them, faults between the two, and an oracle that judges what it sees. */
export class ChaosRun {
  readonly ledger = new EventLedger();
  readonly findings: Findings;
  readonly #processes: ChaosProcesses;
  readonly #oracle: Oracle;
  readonly #world: { -readonly [Key in keyof ClientWorld]: ClientWorld[Key] };
  readonly #clients: Client[] = [];
  readonly #plan: Random;
  readonly #chance: Random;
  readonly #options: ChaosOptions;

  private constructor(options: ChaosOptions, processes: ChaosProcesses) {
    this.#options = options;
    this.#processes = processes;
    this.#plan = seededRandom(options.seed);
    this.#chance = seededRandom(options.seed + 1);
    this.findings = new Findings(options.print);
    this.#oracle = new Oracle(this.findings, this.ledger, processes.clock);
    this.#world = {
      nodes: processes.nodes,
      store: processes.store,
      oracle: this.#oracle,
      round: 0,
      lists: 0,
      losesAnswers: options.onlyServers !== true,
    };
  }

  /** Starts the servers, the processes and the clients of a run. */
  static async start(
    library: CompiledLibrary,
    options: ChaosOptions,
  ): Promise<ChaosRun> {
    const store = await CHAOS_STORES[options.store]();
    const clock = new MovedClock();
    const processes = new ChaosProcesses(
      store,
      clock,
      options.hasLog === true,
      (...happened) =>
        run.ledger.hear(...happened, run.#world.round, clock.nowSeconds()),
    );
    const run = new ChaosRun(options, processes);
    try {
      for (let i = 0; i < options.nodes; i += 1) {
        await processes.startNode(library);
      }
      await processes.recover();
      run.#createClients();
      return run;
    } catch (error) {
      await run.stop();
      throw error;
    }
  }

  /** Fills what each node remembers of sessions up to its bounds. */
  async fillMemories(): Promise<void> {
    await Promise.all(
      this.#processes.nodes.map((node) => node.ask({ fills: true })),
    );
  }

  /** Bytes that each node holds, its garbage collected. */
  heaps(): Promise<number[]> {
    return Promise.all(
      this.#processes.nodes.map((node) => node.ask({ collects: true })),
    );
  }

  /** Waves of requests with faults among them; then all faults end, what was held back arrives, and time passes. */
  async round(): Promise<void> {
    this.#beginRound();
    const processes = this.#processes;
    const planned = planRound(
      this.findings.counts.rounds,
      processes.places,
      this.#plan,
    );
    const { faults, eventAt, outage, jump } = this.#options.onlyServers
      ? onlyServers(planned)
      : planned;
    let event: Promise<void> | undefined;
    const last = WAVES + EXTRA_WAVES;
    for (let wave = 0; wave < WAVES || (event && wave < last); wave += 1) {
      for (const fault of faults) {
        if (fault.until === wave) processes.end(fault);
        if (fault.from === wave) processes.begin(fault);
      }
      if (eventAt === wave) {
        event = this.#happen().finally(() => (event = undefined));
      }
      if (outage?.at === wave) await this.#loseStore(outage.seconds);
      await this.#wave();
    }
    await event;
    await this.#settle();
    await processes.jump(jump);
  }

  /** Clients whose refresh tokens have been copied, and who must lose their sessions for it. */
  async thefts(count: number): Promise<void> {
    await commitThefts(count, {
      world: this.#world,
      oracle: this.#oracle,
      processes: this.#processes,
      random: this.#plan,
      step: async (work) => {
        this.#beginRound();
        await work();
        await this.#settle();
      },
    });
  }

  /** Without faults, every session that may live must still do so. */
  async finish(): Promise<void> {
    this.#world.losesAnswers = false;
    for (const pause of [0, TIMING.accessSeconds + 10]) {
      await this.#processes.jump(pause);
      this.#beginRound();
      for (const client of this.#clients) {
        await client.perform(OPERATIONS.refresh);
        await client.perform(OPERATIONS.checked);
      }
      await this.#settle();
    }
  }

  stop(): Promise<void> {
    return this.#processes.stop();
  }

  #beginRound(): void {
    this.#world.round += 1;
    this.findings.counts.rounds += 1;
  }

  #createClients(): void {
    const { seed, clientsEach } = this.#options;
    const { subjects } = this.#processes.store;
    for (const [i, subject] of subjects.entries()) {
      for (let j = 0; j < clientsEach; j += 1) {
        const kind = j % 2 === 0 ? 'cookie' : 'bearer';
        const random = seededRandom(seed * 1_000 + i * 20 + j);
        this.#clients.push(
          new Client(`client ${j}`, subject, kind, this.#world, random),
        );
      }
    }
  }

  async #wave(): Promise<void> {
    const active = this.#clients.filter(() => this.#chance() < ACTIVE);
    await Promise.all(active.map((client) => client.act()));
  }

  /** Something happens to the servers, and there are more device pages while it does. */
  async #happen(): Promise<void> {
    const { store } = this.#processes;
    this.#world.lists = store.listsDuringEvent;
    await store.happen?.(this.#plan);
    this.#world.lists = 0;
  }

  /** All processes lose their store, and time passes. */
  async #loseStore(seconds: number): Promise<void> {
    await this.#clientsSettled();
    this.#processes.sever();
    await this.#wave();
    await this.#clientsSettled();
    await this.#processes.jump(seconds);
    await this.#wave();
    await this.#clientsSettled();
    this.#processes.heal();
  }

  async #clientsSettled(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.settled()));
  }

  /** No fault is left, nothing is on its way, and the oracle has seen all. */
  async #settle(): Promise<void> {
    this.#processes.heal();
    await this.#clientsSettled();
    await this.#processes.recover();
    this.#oracle.review();
  }
}
