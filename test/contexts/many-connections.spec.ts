import { EventEmitter } from 'node:events';
import { SessionConnections } from '../../lib/index.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import { createTestSession } from '../../lib/testing/index.js';
import { until } from '../support/asynchrony.js';
import { ORIGIN } from '../support/browser.js';
import { rounds } from '../support/effort.js';
import { usedHeap } from '../support/heap.js';
import type { TestApp } from '../support/test-app.js';
import { startGatewayApp } from './gateway-app.js';
import { closeClients, connect } from './gateway-client.js';

const CONNECTIONS = rounds(10_000, 200);
const REAL = rounds(300, 20);
const PER_SESSION = 2;
const SECONDS = 300;

/** A client of ws without a network. */
class FakeSocket extends EventEmitter {
  readyState = 1;

  constructor(readonly onClose: (code: number) => void) {
    super();
  }

  close(code: number): void {
    this.readyState = 3;
    this.onClose(code);
    this.emit('close');
  }
}

describe(`${CONNECTIONS} connections, for five minutes with reloads`, () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startGatewayApp('express', 'ws', {
      session: { dataRefreshInterval: '60s' },
    });
  });

  afterAll(async () => {
    await closeClients();
    await app.close();
  });

  it('are all kept, each session is loaded once a minute, and the heap stays flat', async () => {
    const connections = app.app.get(SessionConnections);
    const { live } = app.app.get<SessionRuntime>(SESSION_RUNTIME);
    const sockets: FakeSocket[] = [];
    const closed: number[] = [];
    const cookies: string[] = [];
    const sessions = CONNECTIONS / PER_SESSION;
    while (cookies.length < sessions) {
      cookies.push((await createTestSession(app.app, 'ada')).cookie);
    }
    const empty = await usedHeap();
    for (const cookie of cookies) {
      for (let i = 0; i < PER_SESSION; i += 1) {
        const socket = new FakeSocket((code) => closed.push(code));
        sockets.push(socket);
        await connections.open(socket, {
          headers: { cookie, origin: ORIGIN, host: new URL(ORIGIN).host },
        });
      }
    }
    const real = cookies
      .slice(0, REAL)
      .map((cookie) =>
        connect('ws', app.port, { headers: { cookie, origin: ORIGIN } }),
      );
    for (const client of real) expect(await client.ask('say')).toBe('ada');
    const full = await usedHeap();
    expect(live.size).toBe(sessions);

    app.users.loads = [];
    const heaps: number[] = [];
    let loads = 0;
    for (let second = 1; second <= SECONDS; second += 1) {
      app.clock.advance(1);
      await until(() => live.isIdle, 'the checks of this second are done');
      loads += app.users.loads.length;
      app.users.loads = [];
      app.events.length = 0;
      if (second % 60 === 0) heaps.push(await usedHeap());
    }
    const perConnection = (full - empty) / (CONNECTIONS + REAL);
    console.info(
      `${CONNECTIONS} connections of ${sessions} sessions and ${REAL} over TCP: ${Math.round(perConnection)} bytes each; ${loads} loads; heap ${[full, ...heaps].map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(', ')} MiB`,
    );
    expect(closed).toEqual([]);
    for (const client of real) expect(await client.ask('who')).toBe('ada');
    // Each is reloaded up to a tenth of a minute early.
    expect(loads).toBeGreaterThanOrEqual(sessions * 4);
    expect(loads).toBeLessThanOrEqual(sessions * 6);
    expect(heaps.at(-1)! / heaps[0]!).toBeLessThan(1.05);

    for (const socket of sockets) socket.emit('close');
    await closeClients();
    await until(() => live.size === 0, 'all are forgotten');
  });
});
