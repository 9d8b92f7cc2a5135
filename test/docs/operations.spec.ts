import { itWithPrometheus, promtool } from '../support/prometheus-server.js';
import {
  ALERTS,
  alertRules,
  documentedMetrics,
  namesInAdvice,
} from './operations-page.js';
import { readPage } from './snippets/page.js';
import { RECORDED } from '../metrics/recorded-metrics.js';

/** What Prometheus says at a time of a test of the rules: `0+60x10` starts at 0 and adds 60 each minute. */
interface Scenario {
  readonly title: string;
  readonly series: Readonly<Record<string, string>>;
  readonly at: string;
  readonly alerts: readonly string[];
}

const VERIFICATIONS = (outcome: string) =>
  `nestjs_session_verifications_total{nestjs_session_outcome="${outcome}"}`;
const LAGGING = (state: string) =>
  `nestjs_session_health{instance="a",nestjs_session_part="revocations",nestjs_session_state="${state}"}`;

const SCENARIOS: readonly Scenario[] = [
  {
    title: 'a service whose requests succeed',
    series: {
      [VERIFICATIONS('accepted')]: '0+6000x20',
      [VERIFICATIONS('unavailable')]: '0+10x20',
      [LAGGING('lagging')]: '0x20',
      nestjs_session_refresh_reuses_total: '0+1x5 5x15',
    },
    at: '10m',
    alerts: [],
  },
  {
    title: 'an outage',
    series: {
      [VERIFICATIONS('accepted')]: '0+6000x20',
      [VERIFICATIONS('unavailable')]: '0+100x20',
    },
    at: '10m',
    alerts: ['SessionsUnavailable'],
  },
  {
    title: 'a process that may miss revocations',
    series: { [LAGGING('lagging')]: '0 0 1x18', [LAGGING('down')]: '0x20' },
    at: '5m',
    alerts: ['SessionRevocationsLagging'],
  },
  {
    title: 'a short lag',
    series: { [LAGGING('lagging')]: '0 0 1 0x17' },
    at: '3m',
    alerts: [],
  },
  {
    title: 'a burst of thefts',
    series: { nestjs_session_refresh_reuses_total: '0 0 8x18' },
    at: '6m',
    alerts: ['SessionRefreshTokensReused'],
  },
];

describe('docs/operations.md', () => {
  it('advises by codes, events, options and metrics that exist', () => {
    const reference = readPage('docs/reference.md');
    const metrics = Object.keys(RECORDED).join(' ');
    const known = `${reference} ${metrics}`;
    expect(namesInAdvice.length).toBeGreaterThan(15);
    expect(namesInAdvice.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('lists every metric with its unit', () => {
    expect(documentedMetrics).toEqual(RECORDED);
  });

  itWithPrometheus(
    'has alert rules that promtool accepts, each with a reason',
    async () => {
      const printed = await promtool(['check', 'rules', 'rules.yml'], {
        'rules.yml': alertRules,
      });
      expect(printed).toContain('SUCCESS: 3 rules found');
      expect(ALERTS).toEqual(
        [...alertRules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name),
      );
    },
  );

  itWithPrometheus(
    'has alert rules that fire when they should, and only then',
    async () => {
      const names = [...alertRules.matchAll(/- alert: (\w+)/g)].map(
        ([, name]) => name!,
      );
      const tests = SCENARIOS.map(({ series, at, alerts }) => ({
        interval: '1m',
        input_series: Object.entries(series).map(([each, values]) => ({
          series: each,
          values,
        })),
        // A rule that fires is named with its labels; whether one does, `ALERTS` says.
        promql_expr_test: names.map((name) => ({
          expr: `count(ALERTS{alertname="${name}",alertstate="firing"}) or vector(0)`,
          eval_time: at,
          exp_samples: [{ labels: '{}', value: Number(alerts.includes(name)) }],
        })),
      }));
      const printed = await promtool(['test', 'rules', 'tests.yml'], {
        'rules.yml': alertRules,
        // JSON is YAML.
        'tests.yml': JSON.stringify({
          rule_files: ['rules.yml'],
          evaluation_interval: '1m',
          tests,
        }),
      });
      expect(printed).toContain('SUCCESS');
      expect(SCENARIOS.flatMap(({ alerts }) => alerts).toSorted()).toEqual(
        names.toSorted(),
      );
    },
  );
});
