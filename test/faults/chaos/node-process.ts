import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { CompiledLibrary } from '../../support/compiled-library.js';
import { programIn, withoutOptions } from '../processes.js';
import type {
  ChaosNodeMessage,
  ChaosNodeRequest,
  ChaosNodeSettings,
  SentEvent,
} from './chaos-node.js';
import type { FaultyProxy } from './faulty-proxy.js';

/** Hears what happens to sessions at a node. */
export type EventListener = (
  node: NodeProcess,
  event: SentEvent,
  operation: string | undefined,
) => void;

/** One of the processes, as the harness sees it. */
export class NodeProcess {
  readonly #waiting: ((heap: number) => void)[] = [];

  private constructor(
    readonly name: string,
    readonly port: number,
    /** Between it and its store: one for each server that it may speak to. */
    readonly proxies: readonly FaultyProxy[],
    readonly child: ChildProcess,
    hear: EventListener,
  ) {
    child.on('message', (message: ChaosNodeMessage) => {
      if (message.kind === 'done') this.#waiting.shift()?.(message.heap);
      if (message.kind === 'event') {
        hear(this, message.event, message.operation);
      }
    });
  }

  static async start(
    { folder }: CompiledLibrary,
    name: string,
    proxies: readonly FaultyProxy[],
    settings: ChaosNodeSettings,
    hear: EventListener,
  ): Promise<NodeProcess> {
    const child = fork(
      programIn(folder, 'chaos/chaos-node'),
      [JSON.stringify(settings)],
      { execArgv: ['--expose-gc'], env: withoutOptions() },
    );
    const [first] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => {
        throw new Error(`node ${name} ended before it was ready`);
      }),
    ])) as [ChaosNodeMessage];
    if (first.kind !== 'ready') throw new Error(`node ${name} is not ready`);
    return new NodeProcess(name, first.port, proxies, child, hear);
  }

  /**
   * Fulfilled when the node has done it, and every event until then has been heard: with the bytes of its heap in use.
   */
  ask(request: ChaosNodeRequest): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.child.send(request);
    });
  }

  get faults(): string {
    return this.proxies
      .map((proxy) => proxy.state)
      .filter((state) => state !== 'open')
      .join('; ');
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}
