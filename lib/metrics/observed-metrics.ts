import type {
  BatchObservableResult,
  Meter,
  Observable,
} from '@opentelemetry/api';
import type { SessionHealth } from '../nest/session-health.js';
import type { SessionRuntime } from '../nest/session-runtime.js';
import type {
  SessionHealthReport,
  SessionHealthState,
} from '../session/session-health-report.js';
import type { EventCounts } from './event-counts.js';

export interface ObservedParts {
  readonly runtime: SessionRuntime;
  readonly health: SessionHealth;
  readonly counts: EventCounts;
}

const STATES: readonly SessionHealthState[] = ['up', 'slow', 'lagging', 'down'];
const PARTS = ['store', 'revocations', 'loader', 'keys'] as const;

/** Reports the library's own numbers each time metrics are collected. Returns what ends that. */
export function observe(meter: Meter, parts: ObservedParts): () => void {
  const instruments = createInstruments(meter, parts.runtime);
  const all = Object.values(instruments).filter((each) => each !== undefined);
  const report = (result: BatchObservableResult): void => {
    const health = parts.health.check();
    observeRequests(result, instruments, parts.runtime);
    observeSessions(result, instruments, parts);
    observeLog(result, instruments, health);
    observeHealth(result, instruments.health, health);
  };
  meter.addBatchObservableCallback(report, all);
  return () => meter.removeBatchObservableCallback(report, all);
}

type Instruments = ReturnType<typeof createInstruments>;

function createInstruments(meter: Meter, { options }: SessionRuntime) {
  const counter = (name: string, unit: string, description: string) =>
    meter.createObservableCounter(`nestjs_session.${name}`, {
      unit,
      description,
    });
  const hasLog = options.revocations !== undefined;
  return {
    verifications: counter(
      'verifications',
      '{verification}',
      'Requests whose session was looked for, by outcome and by the reason of a refusal',
    ),
    lookups: counter(
      'token_cache.lookups',
      '{lookup}',
      'Session tokens looked up in the cache of verified tokens',
    ),
    created: counter('created', '{session}', 'Sessions created by sign-ins'),
    refreshes: options.refresh
      ? counter(
          'refreshes',
          '{refresh}',
          'Exchanges of refresh tokens, by their result',
        )
      : undefined,
    reuses: options.refresh
      ? counter(
          'refresh_reuses',
          '{reuse}',
          'Refresh tokens used again after their grace period: thefts',
        )
      : undefined,
    revocations: counter(
      'revocations',
      '{revocation}',
      'Ends of sessions, by what was ended, why, and where it is known',
    ),
    connections: meter.createObservableUpDownCounter(
      'nestjs_session.connections',
      {
        unit: '{connection}',
        description:
          'Open connections and end signals that depend on a session',
      },
    ),
    lag: hasLog
      ? meter.createObservableGauge('nestjs_session.revocation_log.lag', {
          unit: 's',
          description: 'Time since this process knew every revocation',
        })
      : undefined,
    entries: hasLog
      ? meter.createObservableUpDownCounter(
          'nestjs_session.revocation_log.entries',
          {
            unit: '{revocation}',
            description: 'Live revocations that this process keeps',
          },
        )
      : undefined,
    unconfirmed: hasLog
      ? meter.createObservableUpDownCounter(
          'nestjs_session.revocation_log.unconfirmed',
          {
            unit: '{revocation}',
            description: 'Revocations that the log has not confirmed',
          },
        )
      : undefined,
    health: meter.createObservableUpDownCounter('nestjs_session.health', {
      unit: '{part}',
      description: 'State of each part: 1 for the state that it is in, or 0',
    }),
  };
}

function observeRequests(
  result: BatchObservableResult,
  { verifications, lookups }: Instruments,
  { measures }: SessionRuntime,
): void {
  const ofOutcome = (outcome: string, count: number, reason?: string): void =>
    result.observe(verifications, count, {
      'nestjs_session.outcome': outcome,
      ...(reason !== undefined && { 'nestjs_session.reason': reason }),
    });
  ofOutcome('accepted', measures.accepted);
  ofOutcome('anonymous', measures.anonymous);
  for (const [reason, count] of measures.refused) {
    ofOutcome('refused', count, reason);
  }
  for (const [reason, count] of measures.unavailable) {
    ofOutcome('unavailable', count, reason);
  }
  observeEach(result, lookups, 'nestjs_session.result', {
    hit: measures.cacheHits,
    miss: measures.cacheMisses,
  });
}

function observeSessions(
  result: BatchObservableResult,
  { created, refreshes, reuses, revocations, connections }: Instruments,
  { runtime, counts }: ObservedParts,
): void {
  result.observe(created, counts.created);
  if (refreshes && reuses) {
    observeEach(result, refreshes, 'nestjs_session.result', {
      rotated: counts.rotated,
      repeated: counts.repeated,
      recovered: counts.recovered,
      coalesced: runtime.measures.coalescedRefreshes,
    });
    result.observe(reuses, counts.reused);
  }
  for (const { scope, reason, reach, count } of counts.revocations) {
    result.observe(revocations, count, {
      'nestjs_session.scope': scope,
      'nestjs_session.reason': reason,
      'nestjs_session.reach': reach,
    });
  }
  result.observe(connections, runtime.live.dependents);
}

function observeLog(
  result: BatchObservableResult,
  { lag, entries, unconfirmed }: Instruments,
  { revocations }: SessionHealthReport,
): void {
  if (revocations && lag && entries && unconfirmed) {
    // Infinity is greater than any limit of an alert.
    result.observe(lag, revocations.lagSeconds ?? Infinity);
    result.observe(entries, revocations.entries);
    result.observe(unconfirmed, revocations.unconfirmed);
  }
}

function observeHealth(
  result: BatchObservableResult,
  instrument: Observable,
  health: SessionHealthReport,
): void {
  for (const part of PARTS) {
    const found = health[part];
    if (!found) continue;
    for (const state of STATES) {
      result.observe(instrument, Number(found.state === state), {
        'nestjs_session.part': part,
        'nestjs_session.state': state,
      });
    }
  }
}

function observeEach(
  result: BatchObservableResult,
  instrument: Observable,
  label: string,
  values: Readonly<Record<string, number>>,
): void {
  for (const [value, count] of Object.entries(values)) {
    result.observe(instrument, count, { [label]: value });
  }
}
