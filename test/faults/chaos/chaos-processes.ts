import type { CompiledLibrary } from '../../support/compiled-library.js';
import { until } from '../../support/redis-server.js';
import { SECRET } from '../../support/secrets.js';
import type { ChaosStore } from './chaos-store.js';
import { beginAt, type PlannedFault } from './fault-plan.js';
import { FaultyProxy } from './faulty-proxy.js';
import { call } from './http-call.js';
import type { MovedClock } from './moved-clock.js';
import { NodeProcess, type EventListener } from './node-process.js';
import { TIMING } from './timing.js';

/** The processes with their proxies, their store and their clocks. */
export class ChaosProcesses {
  readonly nodes: NodeProcess[] = [];

  constructor(
    readonly store: ChaosStore,
    readonly clock: MovedClock,
    readonly hasLog: boolean,
    readonly hear: EventListener,
  ) {}

  /** How many places a fault may have. */
  get places(): number {
    return this.nodes.length + this.store.shared.length;
  }

  async startNode(library: CompiledLibrary): Promise<void> {
    const { upstreams, storeTimeout } = this.store;
    const proxies = await Promise.all(
      upstreams.map((upstream) => FaultyProxy.start(upstream)),
    );
    const portOf = (upstream: number): number =>
      proxies[upstreams.indexOf(upstream)]!.port;
    const settings = {
      ...TIMING,
      secret: SECRET,
      store: this.store.settingsFor(portOf),
      storeTimeout,
      hasLog: this.hasLog,
      aheadMilliseconds: this.clock.aheadMilliseconds,
    };
    const name = 'ABCDEFGH'[this.nodes.length]!;
    this.nodes.push(
      await NodeProcess.start(library, name, proxies, settings, this.hear),
    );
  }

  begin(fault: PlannedFault): void {
    if (fault.what.kind === 'loader') {
      void this.nodes[fault.place]?.ask({ loader: fault.what.mood });
    } else {
      for (const proxy of this.#proxiesAt(fault)) beginAt(proxy, fault);
    }
  }

  end(fault: PlannedFault): void {
    if (fault.what.kind === 'loader') {
      void this.nodes[fault.place]?.ask({ loader: 'well' });
    } else {
      for (const proxy of this.#proxiesAt(fault)) proxy.heal();
    }
  }

  /** Takes the store away from all of them. */
  sever(): void {
    for (const proxy of this.#proxies()) {
      proxy.refuse();
      proxy.cut('rst');
    }
  }

  /** Ends the faults of all proxies. What was held back arrives. */
  heal(): void {
    for (const proxy of this.#proxies()) proxy.heal();
  }

  /** Ends every fault, and waits until each process reaches its store and all its events have been heard. */
  async recover(): Promise<void> {
    this.heal();
    await Promise.all(this.nodes.map((node) => node.ask({ loader: 'well' })));
    await Promise.all(this.nodes.map((node) => this.#ready(node)));
  }

  /** Moves the clocks of the application and of the store. */
  async jump(seconds: number): Promise<void> {
    const aheadMilliseconds = this.clock.aheadMilliseconds + seconds * 1000;
    await Promise.all(
      this.nodes.map((node) => node.ask({ aheadMilliseconds })),
    );
    this.clock.aheadMilliseconds = aheadMilliseconds;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await Promise.all(
      this.nodes.flatMap(({ proxies }) => proxies.map((each) => each.stop())),
    );
    await this.store.stop();
  }

  #proxiesAt({ place }: PlannedFault): readonly FaultyProxy[] {
    const { shared } = this.store;
    return this.nodes[place]?.proxies ?? [shared[place - this.nodes.length]!];
  }

  #proxies(): FaultyProxy[] {
    const own = this.nodes.flatMap(({ proxies }) => proxies);
    return [...own, ...this.store.shared];
  }

  async #ready(node: NodeProcess): Promise<void> {
    const subjects = this.store.subjects.slice(0, 3);
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
