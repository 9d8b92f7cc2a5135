import { createServer } from 'node:net';

/** Ports below those that systems give to clients and to servers that ask for any (32768 on Linux). */
const FIRST_PORT = 10_000;
const PORTS_PER_WORKER = 1_400;
const WORKERS = 16;

const worker = Number(process.env.JEST_WORKER_ID ?? 0) % WORKERS;
let next = Math.floor(Math.random() * PORTS_PER_WORKER);

/**
 * A port of this machine on which nothing listens, and that nothing takes before the server that it is for: neither
 * another worker of Jest, nor the system for a connection.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORTS_PER_WORKER; tries += 1) {
    next = (next + 1) % PORTS_PER_WORKER;
    const port = FIRST_PORT + worker * PORTS_PER_WORKER + next;
    if ((await isFree(port, '127.0.0.1')) && (await isFree(port, 'localhost')))
      return port;
  }
  throw new Error('no free port');
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
