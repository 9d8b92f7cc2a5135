import type { CompiledLibrary } from '../../support/compiled-library.js';
import { seededRandom, type Random } from '../../support/random.js';
import { until } from '../../support/redis-server.js';
import { SECRET } from '../../support/secrets.js';
import {
  CHAOS_STORES,
  type ChaosStore,
  type ChaosStoreName,
} from './chaos-store.js';
import { Client, type ClientWorld } from './client.js';
import { EventLedger } from './event-ledger.js';
import { beginAt, planRound, WAVES, type PlannedFault } from './fault-plan.js';
import { FaultyProxy } from './faulty-proxy.js';
import { Findings } from './findings.js';
import { call } from './http-call.js';
import { MovedClock } from './moved-clock.js';
import { NodeProcess } from './node-process.js';
import { OPERATIONS } from './operations.js';
import { Oracle } from './oracle.js';
import { TIMING } from './timing.js';

export interface ChaosOptions {
  readonly store: ChaosStoreName;
  readonly seed: number;
  readonly nodes: number;
  /** How many clients each user has. */
  readonly clientsEach: number;
  print(line: string): void;
}

/** More waves than planned, while something happens to the servers of the store. */
const EXTRA_WAVES = 60;
/** How many clients act in a wave. */
const ACTIVE = 0.4;

/** Processes, their store, their clients and the oracle. */
export class ChaosRun {
  readonly clock = new MovedClock();
  readonly ledger = new EventLedger();
  readonly findings: Findings;
  readonly oracle: Oracle;
  readonly #nodes: NodeProcess[] = [];
  readonly #clients: Client[] = [];
  readonly #plan: Random;
  readonly #chance: Random;
  readonly #world: { -readonly [Key in keyof ClientWorld]: ClientWorld[Key] };

  private constructor(
    readonly options: ChaosOptions,
    readonly store: ChaosStore,
  ) {
    this.findings = new Findings(options.print);
    this.oracle = new Oracle(this.findings, this.ledger, this.clock);
    this.#plan = seededRandom(options.seed);
    this.#chance = seededRandom(options.seed + 1);
    this.#world = {
      nodes: this.#nodes,
      oracle: this.oracle,
      round: 0,
      lists: 0,
      losesAnswers: true,
      isLossy: false,
    };
    Object.defineProperty(this.#world, 'isLossy', {
      get: () => store.isLossy,
    });
  }

  static async start(
    library: CompiledLibrary,
    options: ChaosOptions,
  ): Promise<ChaosRun> {
    const store = await CHAOS_STORES[options.store]();
    const run = new ChaosRun(options, store);
    try {
      for (let i = 0; i < options.nodes; i += 1) await run.#startNode(library);
      run.#createClients();
      await run.#ready();
      return run;
    } catch (error) {
      await run.stop();
      throw error;
    }
  }

  /** Waves of requests with faults among them; then all faults end, what was held back arrives, and time passes. */
  async round(): Promise<void> {
    this.#world.round += 1;
    this.findings.counts.rounds += 1;
    const places = this.#nodes.length + this.store.shared.length;
    const { faults, eventAt, outage, jump } = planRound(places, this.#plan);
    let event: Promise<void> | undefined;
    let extra = 0;
    for (let wave = 0; wave < WAVES || (event && extra < EXTRA_WAVES); wave++) {
      for (const fault of faults) {
        if (fault.until === wave) this.#end(fault);
        if (fault.from === wave) this.#begin(fault);
      }
      if (eventAt === wave && this.store.happen) {
        this.#world.lists = this.store.listsDuringEvent;
        event = this.store.happen(this.#plan).finally(() => {
          event = undefined;
          this.#world.lists = 0;
        });
      }
      if (outage?.at === wave) await this.#goAway(outage.seconds);
      if (wave >= WAVES) extra += 1;
      await this.#wave();
    }
    await event;
    await this.#settle();
    this.oracle.review();
    await this.#jump(jump);
  }

  /** Without faults, every session that may live must still do so. */
  async finish(): Promise<void> {
    this.#world.losesAnswers = false;
    for (const pause of [0, TIMING.accessSeconds + 10]) {
      await this.#jump(pause);
      this.#world.round += 1;
      for (const client of this.#clients) {
        client.wake();
        await client.perform(OPERATIONS.refresh);
        await client.perform(OPERATIONS.checked);
      }
      await this.#settle();
      this.oracle.review();
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()));
    for (const { proxies } of this.#nodes) {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
    }
    await this.store.stop();
  }

  async #startNode(library: CompiledLibrary): Promise<void> {
    const { upstreams, storeTimeout } = this.store;
    const proxies = await Promise.all(
      upstreams.map((upstream) => FaultyProxy.start(upstream)),
    );
    const portOf = (upstream: number): number =>
      proxies[upstreams.indexOf(upstream)]!.port;
    const name = 'ABCDEFGH'[this.#nodes.length]!;
    const node = await NodeProcess.start(
      library,
      name,
      proxies,
      {
        ...TIMING,
        secret: SECRET,
        store: this.store.settingsFor(portOf),
        storeTimeout,
        aheadMilliseconds: this.clock.aheadMilliseconds,
      },
      (...happened) =>
        this.ledger.hear(
          ...happened,
          this.#world.round,
          this.clock.nowSeconds(),
        ),
    );
    this.#nodes.push(node);
  }

  #createClients(): void {
    const { seed, clientsEach } = this.options;
    for (const [i, subject] of this.store.subjects.entries()) {
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

  /** All processes lose their store, and time passes. */
  async #goAway(seconds: number): Promise<void> {
    await this.#clientsSettled();
    for (const proxy of this.#proxies()) {
      proxy.refuse();
      proxy.cut('rst');
    }
    await this.#wave();
    await this.#clientsSettled();
    await this.#jump(seconds);
    await this.#wave();
    await this.#clientsSettled();
    for (const proxy of this.#proxies()) proxy.heal();
  }

  #begin(fault: PlannedFault): void {
    if (fault.what.kind === 'loader') {
      void this.#nodes[fault.place]?.ask({ loader: fault.what.mood });
    } else {
      for (const proxy of this.#proxiesAt(fault)) beginAt(proxy, fault);
    }
  }

  #end(fault: PlannedFault): void {
    if (fault.what.kind === 'loader') {
      void this.#nodes[fault.place]?.ask({ loader: 'well' });
    } else {
      for (const proxy of this.#proxiesAt(fault)) proxy.heal();
    }
  }

  #proxiesAt({ place }: PlannedFault): readonly FaultyProxy[] {
    return (
      this.#nodes[place]?.proxies ?? [
        this.store.shared[place - this.#nodes.length]!,
      ]
    );
  }

  #proxies(): FaultyProxy[] {
    return [
      ...this.#nodes.flatMap(({ proxies }) => proxies),
      ...this.store.shared,
    ];
  }

  async #clientsSettled(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.settled()));
  }

  /** No fault is left, nothing is on its way, every process reaches its store, and every event has been heard. */
  async #settle(): Promise<void> {
    for (const proxy of this.#proxies()) proxy.heal();
    await this.#clientsSettled();
    await Promise.all(this.#nodes.map((node) => node.ask({ loader: 'well' })));
    await this.#ready();
  }

  async #ready(): Promise<void> {
    const subjects = this.store.subjects.slice(0, 3);
    for (const node of this.#nodes) {
      await until(async () => {
        const { outcome } = call(node.port, {
          method: 'POST',
          path: '/ready',
          headers: {},
          body: { subjects },
        });
        const answer = await outcome;
        return answer !== 'lost' && answer.status === 200;
      });
      await node.ask({});
    }
  }

  async #jump(seconds: number): Promise<void> {
    const aheadMilliseconds = this.clock.aheadMilliseconds + seconds * 1000;
    await Promise.all(
      this.#nodes.map((node) => node.ask({ aheadMilliseconds })),
    );
    this.clock.aheadMilliseconds = aheadMilliseconds;
  }
}
