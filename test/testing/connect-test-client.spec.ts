import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import {
  connectTestClient,
  createTestSession,
  type TestClientOptions,
} from '../../lib/testing/index.js';
import { startGatewayApp, type Sockets } from '../contexts/gateway-app.js';
import type { TestApp } from '../support/test-app.js';

describe.each<[Sockets, TestClientOptions, number | string]>([
  ['ws', { WebSocket, path: '/chat' }, 4401],
  ['io', { io, namespace: '/chat' }, 'io server disconnect'],
])('connectTestClient over %s', (sockets, options, ended) => {
  let app: TestApp;

  const start = async (transport?: 'header'): Promise<void> => {
    app = await startGatewayApp('express', sockets, {
      open: 'optional',
      session: transport ? { transport } : {},
    });
  };

  afterEach(() => app.close());

  it.each([undefined, 'header' as const])(
    'sends the session of a test, transport %s',
    async (transport) => {
      await start(transport);
      const held = await createTestSession(app.app, 'ada');
      expect(Object.keys(held.headers)).toEqual([
        transport ? 'authorization' : 'cookie',
      ]);
      const client = await connectTestClient(app.app, held, options);
      const early = client.next('answer');
      client.send('say', 'hello');
      expect(await early).toBe('ada');
      client.send('say', 'hello');
      client.send('role');
      // In the order of their arrival.
      expect(await client.next('answer')).toBe('ada');
      expect(await client.next('answer')).toBe('admin');
      const pending = client.next('answer');
      await app.sessions.revoke(held.session);
      await expect(pending).rejects.toThrow(`${ended}`);
      expect(await client.closed).toBe(ended);
      await expect(client.next('answer')).rejects.toThrow(`${ended}`);
    },
  );

  it('connects without a session, and sends other headers', async () => {
    await start();
    const client = await connectTestClient(app.app, undefined, options);
    client.send('optional');
    expect(await client.next('answer')).toBe('nobody');
    client.send('say');
    expect(await client.next('exception')).toMatchObject({
      status: 401,
      errorCode: 'SESSION_REQUIRED',
    });
    client.close();
    await client.closed;
    const held = await createTestSession(app.app, 'ada');
    const headers = { origin: 'https://evil.example' };
    const foreign = await connectTestClient(app.app, held, {
      ...options,
      headers,
    });
    expect(await foreign.closed).toBe(ended);
  });

  it('rejects if nothing accepts the connection', async () => {
    await start();
    await expect(
      connectTestClient(app.app, undefined, {
        ...options,
        path: '/nothing',
        namespace: '/nothing',
      }),
    ).rejects.toThrow();
  });
});
