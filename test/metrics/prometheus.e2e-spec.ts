import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { MemoryRevocationLog } from '../../lib/index.js';
import { SessionMetricsModule } from '../../lib/metrics/index.js';
import { alertRules, ALERTS } from '../docs/operations-page.js';
import { freePort } from '../support/free-port.js';
import { openTestApp } from '../support/opened-apps.js';
import {
  itWithPrometheus,
  startPrometheus,
} from '../support/prometheus-server.js';
import { until } from '../support/redis-server.js';
import { COOKIE } from '../support/set-cookie.js';
import { SickStore } from '../support/sick-store.js';
import { RECORDED } from './recorded-metrics.js';

/** The label that contains the name of a metric. */
const NAME = '__name__';
const SUFFIXES = /_(total|bucket|count|sum)$/;

itWithPrometheus(
  'can be scraped by Prometheus, whose numbers are those of the traffic, and whose alert rules load',
  async () => {
    const port = await freePort();
    const exporter = new PrometheusExporter({ port, host: '127.0.0.1' });
    const provider = new MeterProvider({ readers: [exporter] });
    const store = new SickStore();
    const app = await openTestApp('fastify', {
      session: {
        store,
        revocationCheck: 'always',
        refreshToken: {},
        revocations: new MemoryRevocationLog(),
      },
      imports: [SessionMetricsModule.forRoot({ meterProvider: provider })],
    });
    const prometheus = await startPrometheus(port, alertRules);
    try {
      const { sessions } = app;
      const browser = await app.signIn();
      for (let i = 0; i < 20; i += 1) {
        expect((await browser.get('/me')).status).toBe(200);
      }
      for (let i = 0; i < 5; i += 1) {
        await app.browser().get('/me', { Cookie: `${COOKIE}=forged` });
      }
      const { refreshToken } = await sessions.generate('bob');
      await Promise.all([
        sessions.refresh(refreshToken!),
        sessions.refresh(refreshToken!),
      ]);
      store.fall('rejects');
      for (let i = 0; i < 3; i += 1) {
        expect((await browser.get('/me')).status).toBe(503);
      }
      store.recover();
      await sessions.revokeAll('ada');

      const value = async (expression: string): Promise<number | undefined> =>
        (await prometheus.query(expression))[0]?.value;
      const outcome = (name: string, labels = '') =>
        `nestjs_session_verifications_total{nestjs_session_outcome="${name}"${labels}}`;
      const expected: Readonly<Record<string, number>> = {
        [outcome('accepted')]: 20,
        [outcome('refused', ',nestjs_session_reason="malformed"')]: 5,
        [outcome('unavailable', ',nestjs_session_reason="STORE_UNAVAILABLE"')]:
          3,
        nestjs_session_created_total: 2,
        'nestjs_session_refreshes_total{nestjs_session_result="rotated"}': 1,
        'nestjs_session_refreshes_total{nestjs_session_result="coalesced"}': 1,
        nestjs_session_refresh_reuses_total: 0,
        'nestjs_session_revocations_total{nestjs_session_scope="subject",nestjs_session_reach="log"}': 1,
        'nestjs_session_loader_call_duration_count{nestjs_session_operation="generate"}': 2,
        'nestjs_session_store_call_duration_count{error_type="failed"}': 3,
        'nestjs_session_health{nestjs_session_part="store",nestjs_session_state="up"}': 1,
        'sum(nestjs_session_health) by (instance)': 3,
        nestjs_session_revocation_log_unconfirmed: 0,
      };
      const last = Object.entries(expected).find(([name]) =>
        name.includes('revocations_total'),
      )!;
      await until(async () => (await value(last[0])) === last[1]);
      const found = await Promise.all(
        Object.keys(expected).map(async (each) => [each, await value(each)]),
      );
      expect(Object.fromEntries(found)).toEqual(expected);

      // Each metric under the name that Prometheus gives it.
      const names = (
        await prometheus.query(
          'count({__name__=~"nestjs_session.*"}) by (__name__)',
        )
      ).map(({ labels }) => labels[NAME]!.replace(SUFFIXES, ''));
      expect([...new Set(names)].toSorted()).toEqual(
        Object.keys(RECORDED)
          .map((name) => name.replaceAll('.', '_'))
          .toSorted(),
      );

      await until(async () =>
        (await prometheus.rules()).every(({ health }) => health === 'ok'),
      );
      expect((await prometheus.rules()).map(({ name }) => name)).toEqual(
        ALERTS,
      );
    } finally {
      await prometheus.stop();
      await provider.shutdown();
    }
  },
);
