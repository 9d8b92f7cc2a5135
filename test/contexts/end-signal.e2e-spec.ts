import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { request } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Controller, Get, Res, Sse } from '@nestjs/common';
import { fromEvent, map, Subject, takeUntil } from 'rxjs';
import {
  ActiveSession,
  MemorySessionStore,
  Session,
  SessionService,
} from '../../lib/index.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import {
  createTestSession,
  type TestSession,
} from '../../lib/testing/index.js';
import { until } from '../support/asynchrony.js';
import { ORIGIN } from '../support/browser.js';
import { platforms } from '../support/effort.js';
import { usedHeap } from '../support/heap.js';
import {
  bothAdapters as adapters,
  startTestApp,
  type TestApp,
} from '../support/test-app.js';

const ticks = new Subject<number>();

@Controller()
class StreamsController {
  constructor(private readonly sessions: SessionService) {}

  @Sse('events')
  events(@Session() session: ActiveSession) {
    const ended = fromEvent(this.sessions.endSignal(session), 'abort');
    return ticks.pipe(
      map((tick) => ({ data: tick })),
      takeUntil(ended),
    );
  }

  @Get('download')
  async download(@Session() session: ActiveSession, @Res() response: any) {
    const signal = this.sessions.endSignal(session);
    const endless = Readable.from(
      (async function* () {
        for (;;) {
          yield 'x';
          await nextTurn();
        }
      })(),
    );
    response.hijack?.();
    await pipeline(endless, response.raw ?? response, { signal }).catch(
      () => undefined,
    );
  }
}

interface Stream {
  readonly started: Promise<void>;
  readonly ended: Promise<void>;
  close(): void;
}

function open(port: number, path: string, { cookie }: TestSession): Stream {
  const outgoing = request({
    host: '127.0.0.1',
    port,
    path,
    headers: { cookie, host: new URL(ORIGIN).host },
    agent: false,
  });
  outgoing.on('error', () => undefined);
  let start = (): void => undefined;
  const started = new Promise<void>((resolve) => {
    start = resolve;
  });
  const ended = new Promise<void>((resolve) => {
    outgoing.on('close', () => resolve());
    outgoing.on('response', (response) => {
      response.on('error', () => undefined);
      response.on('close', () => resolve());
      response.resume();
      start();
    });
  });
  outgoing.end();
  return { started, ended, close: () => outgoing.destroy() };
}

describe.each(adapters)('endSignal on %s', (adapter) => {
  let app: TestApp;

  const runtime = (): SessionRuntime => app.app.get(SESSION_RUNTIME);
  const signalOf = ({ session }: TestSession): AbortSignal =>
    app.sessions.endSignal(session);

  beforeEach(async () => {
    app = await startTestApp(adapter, {
      session: { store: new MemorySessionStore(), refreshToken: {} },
      controllers: [StreamsController],
    });
  });

  afterEach(() => app.close());

  it.each(['/events', '/download'])(
    'ends %s when its session is revoked',
    async (path) => {
      const [held, other] = [
        await createTestSession(app.app, 'ada'),
        await createTestSession(app.app, 'ada'),
      ];
      const streams = [open(app.port, path, held), open(app.port, path, held)];
      const kept = open(app.port, path, other);
      await Promise.all([...streams, kept].map(({ started }) => started));
      await app.sessions.revoke(held.session);
      await Promise.all(streams.map(({ ended }) => ended));
      expect(runtime().live.size).toBe(1);
      await app.sessions.revokeAll('ada');
      await kept.ended;
      expect(runtime().live.size).toBe(0);
    },
  );

  it('outlives the session token, and ends with the session', async () => {
    const held = await createTestSession(app.app, 'ada');
    app.clock.advance('20m');
    const signal = signalOf(held);
    expect(signal.aborted).toBe(false);
    expect(signalOf(held)).toBe(signal);
    await app.sessions.revoke(held.session);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: 'SESSION_ENDED' });
    expect(signalOf(held).aborted).toBe(true);
    const other = await createTestSession(app.app, 'ada');
    app.clock.advance('40d');
    expect(signalOf(other).aborted).toBe(true);
  });

  it('leaves nothing behind when its responses have closed', async () => {
    const held = await Promise.all(
      Array.from({ length: 20 }, () => createTestSession(app.app, 'ada')),
    );
    const streams = held.flatMap((each) =>
      ['/events', '/download'].map((path) => open(app.port, path, each)),
    );
    await Promise.all(streams.map(({ started }) => started));
    expect(runtime().live.size).toBe(20);
    app.users.loads = [];
    for (const stream of streams) stream.close();
    await until(() => !ticks.observed, 'the responses are closed');
    for (let checks = 0; checks < 3 && runtime().live.size > 0; checks += 1) {
      app.clock.advance('15m');
      await usedHeap();
    }
    expect(runtime().live.size).toBe(0);
    // Only what was held at the first check has been loaded again.
    expect(app.users.loads.length).toBeLessThanOrEqual(40);
  });

  const onOne = platforms('fastify').includes(adapter) ? it : undefined;
  // The garbage collector knows no framework.
  onOne?.('stays alive for what waits for it alone', async () => {
    const held = await createTestSession(app.app, 'ada');
    const aborted: string[] = [];
    const listen = (name: string, signal: AbortSignal): AbortSignal => {
      signal.addEventListener('abort', () => aborted.push(name));
      return signal;
    };
    listen('listener', signalOf(held));
    const composite = listen(
      'composite',
      AbortSignal.any([
        signalOf(await createTestSession(app.app, 'bob')),
        new AbortController().signal,
      ]),
    );
    // A composite that is made long after the signal, when nothing had used it.
    const late = signalOf(await createTestSession(app.app, 'bob'));
    for (let checks = 0; checks < 3; checks += 1) {
      app.clock.advance('15m');
      await usedHeap();
    }
    const lateComposite = listen('late', AbortSignal.any([late]));
    for (let checks = 0; checks < 3; checks += 1) {
      app.clock.advance('15m');
      await usedHeap();
    }
    await app.sessions.revokeAll('ada');
    await app.sessions.revokeAll('bob');
    expect(aborted.toSorted()).toEqual(['composite', 'late', 'listener']);
    expect(composite.aborted && lateComposite.aborted).toBe(true);
  });
});
