import { Controller, Get } from '@nestjs/common';
import {
  HealthCheck,
  HealthCheckService,
  HealthIndicatorService,
  TerminusModule,
} from '@nestjs/terminus';
import { Redis } from 'ioredis';
import {
  MemoryRevocationLog,
  Public,
  SessionHealth,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { RedisSessionStore } from '../../lib/stores/redis/index.js';
import { SessionHealthIndicator } from '../../lib/terminus/index.js';
import { until } from '../support/asynchrony.js';
import { openTestApp } from '../support/opened-apps.js';
import { startRedis } from '../support/redis-server.js';
import { ILL, SickStore } from '../support/sick-store.js';
import {
  bothAdapters as adapters,
  type AdapterName,
} from '../support/test-app.js';

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly sessions: SessionHealthIndicator,
  ) {}

  @Public()
  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.sessions.isHealthy()]);
  }

  @Public()
  @Get('named')
  @HealthCheck()
  named() {
    return this.health.check([() => this.sessions.isHealthy('sign-in')]);
  }
}

async function openApp(
  adapter: AdapterName,
  session: Partial<SessionJwtModuleOptions>,
) {
  const app = await openTestApp(adapter, {
    session,
    imports: [TerminusModule.forRoot({ logger: false })],
    controllers: [HealthController],
    providers: [SessionHealthIndicator],
  });
  const ask = async (path = '/health') => {
    const { status, text } = await app.browser().get(path);
    return { status, body: JSON.parse(text) };
  };
  return { app, ask };
}

/** A node that hears nothing of its log. */
class SilentLog extends MemoryRevocationLog {
  isSilent = false;

  override append(
    ...args: Parameters<MemoryRevocationLog['append']>
  ): Promise<Date> {
    return this.isSilent ? new Promise(() => undefined) : super.append(...args);
  }
}

describe.each(adapters)('the indicator for terminus on %s', (adapter) => {
  it('answers 503 when Redis is down, and says no more than what is down', async () => {
    const redis = await startRedis();
    const client = new Redis(redis.port, { maxRetriesPerRequest: 0 });
    client.on('error', () => undefined);
    try {
      const { app, ask } = await openApp(adapter, {
        store: new RedisSessionStore({ client }),
        // A busy machine must not look like a server that is down.
        storeTimeout: '10s',
      });
      const browser = await app.signIn();
      expect(await ask()).toMatchObject({
        status: 200,
        body: {
          status: 'ok',
          info: {
            session: { status: 'up', state: 'up', store: { state: 'up' } },
          },
        },
      });
      await redis.stop();
      // An answer of a moment ago is enough.
      app.clock.advance(2);
      const { status, body } = await ask();
      expect(status).toBe(503);
      expect(body.error.session).toMatchObject({
        status: 'down',
        state: 'down',
        store: { state: 'down', since: expect.stringMatching(/^2030-/) },
      });
      expect(JSON.stringify(body)).not.toMatch(
        /redis|ECONN|127\.0\.0\.1|last/i,
      );
      expect(app.app.get(SessionHealth).check().store!.lastError).toMatchObject(
        {
          message: expect.any(String),
        },
      );
      // Sessions are verified without the store.
      expect((await browser.get('/me')).status).toBe(200);
    } finally {
      client.disconnect();
      await redis.stop();
    }
  });

  it('notices that the store is back although no request needs it', async () => {
    const store = new SickStore();
    const { ask } = await openApp(adapter, { store });
    store.fall('rejects');
    expect((await ask()).status).toBe(503);
    expect(JSON.stringify((await ask()).body)).not.toContain(ILL);
    store.recover();
    expect(await ask('/health/named')).toMatchObject({
      status: 200,
      body: { info: { 'sign-in': { status: 'up' } } },
    });
  });

  it('goes on while the loader is down, and shows it', async () => {
    const { app, ask } = await openApp(adapter, {});
    app.users.failure = new Error('down');
    for (let i = 0; i < 5; i += 1) {
      expect((await app.browser().post('/login', { user: 'ada' })).status).toBe(
        503,
      );
    }
    const { status, body } = await ask();
    expect(status).toBe(200);
    expect(body.details.session).toMatchObject({
      state: 'down',
      loader: { state: 'down' },
    });
    // Terminus 11 knows up and down alone.
    const knowsDegraded =
      'degraded' in app.app.get(HealthIndicatorService).check('');
    expect(body.status).toBe(knowsDegraded ? 'degraded' : 'ok');
  });

  it.each([
    ['accept', 200],
    ['refuse', 503],
  ] as const)(
    'answers for a process that may miss revocations as requests are: %s gives %i',
    async (whenLagging, expected) => {
      const log = new SilentLog();
      const { app, ask } = await openApp(adapter, {
        revocations: { log, maxLag: '2s', whenLagging },
      });
      await until(
        () => app.app.get(SessionHealth).check().state === 'up',
        'the log was read',
      );
      expect((await ask()).status).toBe(200);
      const browser = await app.signIn();
      log.isSilent = true;
      app.clock.advance(10);
      const { status, body } = await ask();
      expect(status).toBe(expected);
      expect(body.details.session.revocations).toMatchObject({
        reason: 'silent',
      });
      expect((await browser.get('/me')).status).toBe(expected);
    },
  );
});
