import {
  connect,
  createServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { Pipe } from './pipe.js';
import { reset } from './reset.js';

/** Which way bytes go: from the process to the store, or back. */
export type Direction = 'toStore' | 'fromStore';

/** How a connection is lost: with FIN, with RST, or without a sign, as behind a firewall that forgot it. */
export type Cut = 'fin' | 'rst' | 'silent';

export interface FlowFault {
  /** Bytes are held back and delivered when the fault is over. */
  readonly stall?: {
    /** So many chunks still pass: a fault can begin between two calls of one operation. */
    readonly afterChunks: number;
  };
  /** Every chunk arrives so many milliseconds late. */
  readonly delay?: number;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  readonly pipes: Readonly<Record<Direction, Pipe>>;
}

/** A TCP proxy on 127.0.0.1 that stalls, delays and cuts connections, each direction by itself, and goes on. */
export class FaultyProxy {
  readonly #links = new Set<Link>();
  /** What new connections suffer as well. */
  #faults: [Direction, FlowFault][] = [];
  #refuses = false;
  #server: Server | undefined;

  private constructor(readonly upstream: number) {}

  static async start(upstream: number): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(upstream);
    const server = createServer({ allowHalfOpen: true }, (client) =>
      proxy.#open(client),
    );
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    proxy.#server = server;
    return proxy;
  }

  get port(): number {
    return (this.#server!.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#links.size;
  }

  /** The faults of now, for a history. */
  get state(): string {
    const faults = this.#faults.map(
      ([direction, { stall, delay }]) =>
        `${direction} ${stall ? 'stalled' : `+${delay} ms`}`,
    );
    if (this.#refuses) faults.push('refuses connections');
    const held = this.heldBytes;
    if (held > 0) faults.push(`holds ${held} bytes`);
    return faults.join(', ') || 'open';
  }

  get heldBytes(): number {
    return [...this.#links].reduce(
      (sum, { pipes }) =>
        sum + pipes.toStore.heldBytes + pipes.fromStore.heldBytes,
      0,
    );
  }

  /** @param connection the one that suffers, by its age; without it all do, new ones too */
  disturb(direction: Direction, fault: FlowFault, connection?: number): void {
    const links = [...this.#links];
    if (connection === undefined) {
      this.#faults.push([direction, fault]);
      for (const link of links) link.pipes[direction].suffer(fault);
    } else {
      links[connection % links.length]?.pipes[direction].suffer(fault);
    }
  }

  /** @param connection the one that is cut, by its age; without it all are */
  cut(how: Cut, connection?: number): void {
    const links = [...this.#links];
    const chosen =
      connection === undefined ? links : [links[connection % links.length]];
    for (const link of chosen) {
      if (link) cutLink(link, how);
    }
  }

  /** New connections are reset from now on. */
  refuse(): void {
    this.#refuses = true;
  }

  /** Delivers what was held back, resets the connections that were lost without a sign, and goes on without faults. */
  heal(): void {
    this.#faults = [];
    this.#refuses = false;
    for (const { client, pipes } of this.#links) {
      if (pipes.fromStore.isSilenced) reset(client);
      pipes.toStore.heal();
      pipes.fromStore.heal();
    }
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server!.close(resolve));
    for (const link of this.#links) cutLink(link, 'rst');
    await closed;
  }

  #open(client: Socket): void {
    if (this.#refuses) {
      client.on('error', () => undefined);
      reset(client);
      return;
    }
    const server = connect({
      port: this.upstream,
      host: '127.0.0.1',
      allowHalfOpen: true,
      noDelay: true,
    });
    client.setNoDelay(true);
    const link: Link = {
      client,
      server,
      pipes: {
        toStore: new Pipe(client, server),
        fromStore: new Pipe(server, client),
      },
    };
    for (const [direction, fault] of this.#faults) {
      link.pipes[direction].suffer(fault);
    }
    this.#links.add(link);
    let open = 2;
    for (const socket of [client, server]) {
      socket.once('close', () => {
        open -= 1;
        if (open === 0) this.#links.delete(link);
      });
    }
  }
}

function cutLink({ client, server, pipes }: Link, how: Cut): void {
  switch (how) {
    case 'fin':
      client.end();
      server.end();
      break;
    case 'rst':
      reset(client);
      reset(server);
      break;
    case 'silent':
      // The store's side is gone; the process hears nothing of it.
      pipes.toStore.silence();
      pipes.fromStore.silence();
      reset(server);
      break;
  }
}
