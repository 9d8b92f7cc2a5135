import { metrics as globalMetrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { MemoryRevocationLog, SessionService } from '../../lib/index.js';
import { EventCounts } from '../../lib/metrics/event-counts.js';
import { SessionMetricsModule } from '../../lib/metrics/index.js';
import { createSessionRuntime } from '../../lib/nest/create-session-runtime.js';
import { SESSION_RUNTIME } from '../../lib/nest/session-runtime.js';
import { RECORDED } from './recorded-metrics.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { openTestApp } from '../support/opened-apps.js';
import { SECRET } from '../support/secrets.js';
import { SickStore } from '../support/sick-store.js';
import { COOKIE } from '../support/set-cookie.js';
import type { TestAppOptions } from '../support/test-app.js';

type Labels = Record<string, string>;

/** An application, and what an SDK collects of it. */
async function openMeasured(options: TestAppOptions = {}) {
  const exporter = new InMemoryMetricExporter(
    AggregationTemporality.CUMULATIVE,
  );
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: 2 ** 30,
  });
  const provider = new MeterProvider({ readers: [reader] });
  const app = await openTestApp('express', {
    ...options,
    imports: [SessionMetricsModule.forRoot({ meterProvider: provider })],
  });
  /** Every metric by its name, each with its values by labels. */
  const collect = async () => {
    exporter.reset();
    await provider.forceFlush();
    return exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics)
      .flatMap(({ metrics }) => metrics);
  };
  const valueOf = async (name: string, labels: Labels = {}) => {
    const metric = (await collect()).find(
      ({ descriptor }) => descriptor.name === `nestjs_session.${name}`,
    );
    const found = metric?.dataPoints.filter(({ attributes }) =>
      Object.entries(labels).every(
        ([key, value]) =>
          (attributes[key] ?? attributes[`nestjs_session.${key}`]) === value,
      ),
    );
    return found?.reduce(
      (sum, { value }) =>
        sum + (typeof value === 'number' ? value : value.count),
      0,
    );
  };
  return { app, collect, valueOf, provider };
}

describe('metrics', () => {
  it('count verifications by outcome and reason, and hits of the cache', async () => {
    const { app, valueOf } = await openMeasured();
    const browser = await app.signIn();
    for (let i = 0; i < 3; i += 1) await browser.get('/me');
    await app.browser().get('/me');
    const forged = app.browser();
    await forged.get('/me', { Cookie: `${COOKIE}=no-token` });
    expect(await valueOf('verifications', { outcome: 'accepted' })).toBe(3);
    expect(await valueOf('verifications', { outcome: 'anonymous' })).toBe(1);
    expect(
      await valueOf('verifications', {
        outcome: 'refused',
        reason: 'malformed',
      }),
    ).toBe(1);
    expect(await valueOf('token_cache.lookups', { result: 'hit' })).toBe(2);
    expect(await valueOf('token_cache.lookups', { result: 'miss' })).toBe(2);
    expect(await valueOf('created')).toBe(1);
  });

  it('count requests that cannot be decided on, by what is unavailable', async () => {
    const store = new SickStore();
    const { app, valueOf } = await openMeasured({
      session: { store, revocationCheck: 'always' },
    });
    const browser = await app.signIn();
    store.fall('rejects');
    for (let i = 0; i < 2; i += 1) await browser.get('/me');
    expect(
      await valueOf('verifications', {
        outcome: 'unavailable',
        reason: 'STORE_UNAVAILABLE',
      }),
    ).toBe(2);
    expect(
      await valueOf('store.call.duration', { 'error.type': 'failed' }),
    ).toBe(2);
    expect(await valueOf('health', { part: 'store', state: 'down' })).toBe(1);
    expect(await valueOf('health', { part: 'store', state: 'up' })).toBe(0);
  });

  it('count refreshes by result, and reuse', async () => {
    const store = new SickStore();
    const { app, valueOf } = await openMeasured({
      session: { store, transport: 'header', refreshToken: { grace: 10 } },
    });
    const { sessions, clock } = app;
    const { refreshToken: first } = await sessions.generate('ada');
    const { refreshToken: second } = await sessions.refresh(first!);
    await sessions.refresh(first!);
    clock.advance(60);
    await sessions.refresh(first!); // nothing used the second
    await Promise.all([sessions.refresh(second!), sessions.refresh(second!)]);
    const counts = async () =>
      Object.fromEntries(
        await Promise.all(
          ['rotated', 'repeated', 'recovered', 'coalesced'].map(
            async (result) => [result, await valueOf('refreshes', { result })],
          ),
        ),
      );
    expect(await counts()).toEqual({
      rotated: 2,
      repeated: 1,
      recovered: 1,
      coalesced: 1,
    });
    expect(await valueOf('refresh_reuses')).toBe(0);
    const { refreshToken: stolen } = await sessions.generate('bob');
    const next = await sessions.refresh(stolen!);
    await sessions.refresh(next.refreshToken!);
    await expect(sessions.refresh(stolen!)).rejects.toThrow();
    expect(await valueOf('refresh_reuses')).toBe(1);
    expect(await valueOf('revocations', { reason: 'reused' })).toBe(1);
  });

  it('count revocations by what ended, and how far that is known', async () => {
    const { app, valueOf } = await openMeasured({
      session: { revocations: new MemoryRevocationLog() },
    });
    const { sessions } = app;
    const browser = await app.signIn();
    await browser.post('/sign-out');
    await sessions.revokeAll('bob');
    await sessions.revokeEverything();
    for (const scope of ['session', 'subject', 'everything']) {
      expect(
        await valueOf('revocations', {
          scope,
          reach: 'log',
          reason: 'revoked',
        }),
      ).toBe(1);
    }
    expect(
      await valueOf('revocation_log.call.duration', { operation: 'append' }),
    ).toBe(3);
    expect(await valueOf('revocation_log.lag')).toBeLessThan(1);
    expect(await valueOf('revocation_log.entries')).toBe(2);
    expect(await valueOf('revocation_log.unconfirmed')).toBe(0);
  });

  it('time calls of the loader by their reason, and count what depends on sessions', async () => {
    const { app, valueOf } = await openMeasured();
    const { sessions, clock } = app;
    const browser = await app.signIn();
    clock.advance('15m');
    await browser.get('/me');
    app.users.failure = new Error('down');
    await app.browser().post('/login', { user: 'ada' });
    const calls = (labels: Labels) => valueOf('loader.call.duration', labels);
    expect(await calls({ operation: 'generate' })).toBe(2);
    expect(await calls({ operation: 'reload' })).toBe(1);
    expect(await calls({ 'error.type': 'failed' })).toBe(1);
    expect(await valueOf('connections')).toBe(0);
    app.users.failure = undefined;
    const { token } = await sessions.generate('ada');
    const session = await sessions.authenticate({
      headers: { cookie: `${COOKIE}=${token}` },
    });
    const signal = sessions.endSignal(session!);
    expect(await valueOf('connections')).toBe(1);
    await sessions.revoke(session!);
    expect(signal.aborted).toBe(true);
    expect(await valueOf('connections')).toBe(0);
  });

  it('have names, units and labels of a fixed set, and no id, subject or token', async () => {
    const store = new SickStore();
    const { app, collect } = await openMeasured({
      session: {
        store,
        refreshToken: {},
        revocations: new MemoryRevocationLog(),
      },
    });
    const { sessions } = app;
    const users = Array.from({ length: 50 }, (_, i) => `user-${i}`);
    const ids: string[] = [];
    const size = async () =>
      (await collect()).reduce((sum, each) => sum + each.dataPoints.length, 0);
    const signInAndOut = async (user: string) => {
      app.users.all.set(user, { id: user, role: 'member' });
      const { token, session } = await sessions.generate(user);
      ids.push(token, session.id);
      await sessions.revoke(session);
      await app.browser().get('/me', { Cookie: `${COOKIE}=${token}` });
    };
    await signInAndOut('user-0');
    const before = await size();
    for (const user of users) await signInAndOut(user);
    expect(await size()).toBe(before);
    const metrics = await collect();
    const text = JSON.stringify(metrics);
    for (const secret of [...ids, ...users]) expect(text).not.toContain(secret);
    expect(
      Object.fromEntries(
        metrics.map(({ descriptor: { name, unit } }) => [name, unit]),
      ),
    ).toEqual(RECORDED);
  });

  it('are recorded until the application is closed, by the global provider if no other is given', async () => {
    const { app, valueOf } = await openMeasured();
    const { measures } = app.app.get(SESSION_RUNTIME);
    await app.app.get(SessionService).generate('ada');
    expect(await valueOf('created')).toBe(1);
    expect(measures.onCall).toBeDefined();
    await app.app.close();
    expect(measures.onCall).toBeUndefined();
    measures.accepted += 5;
    expect(await valueOf('verifications', { outcome: 'accepted' })).toBe(0);

    const asked: string[] = [];
    globalMetrics.setGlobalMeterProvider({
      getMeter(name) {
        asked.push(name);
        return new MeterProvider().getMeter(name);
      },
    });
    try {
      await openTestApp('express', { imports: [SessionMetricsModule] });
      expect(asked).toEqual(['nestjs-session-jwt']);
    } finally {
      globalMetrics.disable();
    }
  });

  it('cost nothing without an SDK but what they count, and work without a provider', async () => {
    const app = await openTestApp('express', {
      imports: [SessionMetricsModule],
    });
    const browser = await app.signIn();
    expect((await browser.get('/me')).status).toBe(200);
    expect(app.app.get(SESSION_RUNTIME).measures.accepted).toBe(1);
  });
});

describe('without the module', () => {
  it('no event is created that metrics count, and calls have no listener', async () => {
    const runtime = await createSessionRuntime(
      { secret: SECRET },
      new TestSessionClock(),
      { loader: false },
    );
    const { events, measures, issuing } = runtime;
    let created = 0;
    const { nameOf } = events;
    events.nameOf = (sid) => {
      created += 1;
      return nameOf.call(events, sid);
    };
    const signIn = () => issuing!.issuer.generate('ada', {}, undefined);
    await signIn();
    expect(created).toBe(0);
    expect(measures.onCall).toBeUndefined();
    const counts = new EventCounts(runtime);
    await signIn();
    expect([created, counts.created]).toEqual([1, 1]);
    counts.stop();
    await signIn();
    expect([created, counts.created]).toEqual([1, 1]);
  });
});
