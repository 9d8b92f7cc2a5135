import { once } from 'node:events';
import {
  connect,
  createServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { until } from '../../support/redis-server.js';
import { FaultyProxy } from './faulty-proxy.js';

/** A server that answers each chunk with the same, and remembers what it got. */
let echo: Server;
let received = '';
let proxy: FaultyProxy;
const clients: Socket[] = [];

beforeEach(async () => {
  received = '';
  echo = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      received += chunk.toString();
      socket.write(chunk);
    });
  });
  await new Promise<void>((resolve) => {
    echo.listen(0, '127.0.0.1', resolve);
  });
  proxy = await FaultyProxy.start((echo.address() as AddressInfo).port);
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.stop();
  await new Promise((resolve) => echo.close(resolve));
});

interface Connected {
  readonly socket: Socket;
  answers: string;
}

async function connected(): Promise<Connected> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1' });
  clients.push(socket);
  socket.on('error', () => undefined);
  const client: Connected = { socket, answers: '' };
  socket.on('data', (chunk) => (client.answers += chunk.toString()));
  await once(socket, 'connect');
  await exchange(client, '.');
  return client;
}

async function exchange(client: Connected, text: string): Promise<void> {
  const before = client.answers.length;
  client.socket.write(text);
  await until(async () => client.answers.length >= before + text.length);
}

describe('FaultyProxy', () => {
  it('delivers late, in order, what it held back towards the store', async () => {
    const client = await connected();
    proxy.disturb('toStore', { stall: { afterChunks: 1 } });
    await exchange(client, 'a');
    client.socket.write('b');
    await until(async () => proxy.heldBytes === 1);
    expect(received).toBe('.a');
    proxy.heal();
    await until(async () => client.answers === '.ab');
  });

  it('delivers it even when the client has gone away meanwhile', async () => {
    const client = await connected();
    proxy.disturb('toStore', { stall: { afterChunks: 0 } });
    client.socket.end('late');
    await until(async () => proxy.heldBytes === 4);
    client.socket.destroy();
    proxy.heal();
    await until(async () => received === '.late');
  });

  it('stalls the answers alone', async () => {
    const client = await connected();
    proxy.disturb('fromStore', { stall: { afterChunks: 0 } });
    client.socket.write('a');
    await until(async () => proxy.heldBytes === 1);
    expect([received, client.answers]).toEqual(['.a', '.']);
    proxy.heal();
    await until(async () => client.answers === '.a');
  });

  it('stalls one connection and no other', async () => {
    const [first, second] = [await connected(), await connected()];
    proxy.disturb('toStore', { stall: { afterChunks: 0 } }, 0);
    first.socket.write('a');
    await exchange(second, 'b');
    expect(first.answers).toBe('.');
  });

  it('keeps the order of what it delays', async () => {
    const client = await connected();
    proxy.disturb('toStore', { delay: 30 });
    client.socket.write('a');
    await until(async () => proxy.heldBytes === 1);
    client.socket.write('b');
    await until(async () => client.answers === '.ab');
  });

  it.each([
    ['fin', 'end'],
    ['rst', 'error'],
  ] as const)('cuts by %s', async (how, event) => {
    const client = await connected();
    const heard = once(client.socket, event).catch((error: unknown) => [error]);
    proxy.cut(how);
    await heard;
    await until(async () => proxy.connections === 0);
  });

  it('loses a connection without a sign, until it is healed', async () => {
    const client = await connected();
    proxy.cut('silent');
    client.socket.write('a');
    const other = await connected();
    await exchange(other, 'b');
    expect([client.socket.closed, client.answers]).toEqual([false, '.']);
    proxy.heal();
    await until(async () => client.socket.closed);
  });

  it('refuses new connections', async () => {
    proxy.refuse();
    const socket = connect({ port: proxy.port, host: '127.0.0.1' });
    clients.push(socket);
    socket.on('error', () => undefined);
    await until(async () => socket.closed);
    proxy.heal();
    await connected();
  });
});
