import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A line to a server that can go dead as a network does: without a reset, so neither end hears of it. */
export interface SilentProxy {
  readonly port: number;
  /** How many connections were made. */
  readonly connections: number;
  /** From now on nothing passes on the connections of now; new ones work. */
  silenceConnections(): void;
  /** Whether connections that are made from now on are silent as well. */
  isSilent: boolean;
  /** Where new connections lead. */
  target: number;
  close(): Promise<void>;
}

export async function startSilentProxy(target: number): Promise<SilentProxy> {
  const lines = new Set<{ isSilent: boolean; ends: [Socket, Socket] }>();
  const server = createServer((client) => {
    proxy.connections += 1;
    const upstream = connect(proxy.target, '127.0.0.1');
    const line = {
      isSilent: proxy.isSilent,
      ends: [client, upstream] as [Socket, Socket],
    };
    lines.add(line);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('data', (chunk) => line.isSilent || to.write(chunk));
      from.on('error', () => undefined);
      from.on('close', () => line.isSilent || to.destroy());
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const proxy = {
    port: (server.address() as AddressInfo).port,
    connections: 0,
    isSilent: false,
    target,
    silenceConnections() {
      for (const line of lines) line.isSilent = true;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const { ends } of lines) for (const end of ends) end.destroy();
      await closed;
    },
  };
  return proxy;
}
