import type { ResolvedRevocationOptions } from '../options/resolved-options.js';
import type { CallFailure, CallMeter } from './model/call-meter.js';
import type { RevocationJournal } from './revocations/revocation-journal.js';

/**
 * How a part is doing, from best to worst. `slow`: it answers, but takes more than half of its timeout on average.
 * `lagging`: this process may miss what has changed there. `down`: it does not answer.
 */
export type SessionHealthState = 'up' | 'slow' | 'lagging' | 'down';

/** How a part is doing. */
export interface SessionPartHealth {
  readonly state: SessionHealthState;
  /** Since when it is in this state, as noticed here. */
  readonly since: Date;
  /** The last failure, even if the part has recovered: quoted and shortened like a log line. */
  readonly lastError?: { readonly message: string; readonly at: Date };
}

/** A part that is called: the store or the data loader. */
export interface CalledPartHealth extends SessionPartHealth {
  /** Seconds that a call takes: the moving average of about eight calls. */
  readonly averageSeconds: number;
}

/** The revocation log. */
export interface RevocationsHealth extends CalledPartHealth {
  /**
   * Why revocations may be missing. `gap`: only those of sessions that began before entries were lost. The others
   * concern every session.
   */
  readonly reason?: 'silent' | 'unreadable' | 'full' | 'gap';
  /** Seconds since this process knew every revocation; `null` before it has read the log. */
  readonly lagSeconds: number | null;
  /** Revocations of this process that the log has not confirmed. */
  readonly unconfirmed: number;
  /** Live revocations that this process keeps, and how many it may. */
  readonly entries: number;
  readonly maxEntries: number;
}

/** How the parts of the module are doing. A part that is not configured is absent. */
export interface SessionHealthReport {
  /** The state of the worst part. */
  readonly state: SessionHealthState;
  /**
   * Whether this process can serve requests: for readiness probes. `false` if the store is down (no sign-ins, refreshes
   * and reloads), there are no keys (no request), or revocations may be missing and `revocations.whenLagging` refuses
   * requests. A data loader that is down changes nothing here: users stay signed in for `loader.maxStale`.
   */
  readonly isServing: boolean;
  readonly store?: CalledPartHealth;
  readonly revocations?: RevocationsHealth;
  /** Down after five failed calls in a row. */
  readonly loader?: CalledPartHealth;
  /**
   * The function or the JWKS that provides the keys. `lagging` while it fails and the known keys stay in use; `down`
   * before the first keys.
   */
  readonly keys?: SessionPartHealth;
}

/** Whether a source of keys answers. Times are seconds since the Unix epoch. */
interface KeySourceKnowledge {
  readonly isLoaded: boolean;
  readonly upSince: number | undefined;
  readonly failingSince: number | undefined;
  readonly lastFailure: CallFailure | undefined;
}

export interface HealthParts {
  readonly store: CallMeter | undefined;
  readonly loader: CallMeter | undefined;
  readonly journal: RevocationJournal | undefined;
  readonly revocations: ResolvedRevocationOptions | undefined;
  /** What the key ring knows of its source. */
  readonly keys: KeySourceKnowledge | undefined;
  /** Seconds since the Unix epoch, now and when this process started. */
  readonly now: number;
  readonly startedAt: number;
  /** Formats an error without tokens. */
  readonly quote: (error: unknown) => string;
}

const FROM_BEST: readonly SessionHealthState[] = [
  'up',
  'slow',
  'lagging',
  'down',
];

/** Returns how the parts are doing, from what they know already. */
export function healthReport(parts: HealthParts): SessionHealthReport {
  const { store, loader } = parts;
  const revocations = revocationsHealth(parts);
  const keys = keysHealth(parts);
  const health = {
    ...(store && { store: calledPartHealth(store, parts) }),
    ...(revocations && { revocations }),
    ...(loader && { loader: calledPartHealth(loader, parts) }),
    ...(keys && { keys }),
  };
  return {
    state: worstOf(Object.values(health)),
    isServing: isServing(health, parts.revocations?.whenLagging),
    ...health,
  };
}

function isServing(
  {
    store,
    keys,
    revocations,
  }: Pick<SessionHealthReport, 'store' | 'keys' | 'revocations'>,
  whenLagging: ResolvedRevocationOptions['whenLagging'] | undefined,
): boolean {
  const reason = revocations?.reason;
  const doubtsAll = reason !== undefined && reason !== 'gap';
  // With no room for revocations, 'accept' would let an attacker keep a stolen session alive.
  const refusesAll =
    doubtsAll &&
    (whenLagging === 'refuse' ||
      (whenLagging === 'accept' && reason === 'full'));
  return store?.state !== 'down' && keys?.state !== 'down' && !refusesAll;
}

function worstOf(parts: readonly SessionPartHealth[]): SessionHealthState {
  const ranks = parts.map(({ state }) => FROM_BEST.indexOf(state));
  return FROM_BEST[Math.max(0, ...ranks)]!;
}

function calledPartHealth(
  meter: CallMeter,
  { quote }: HealthParts,
): CalledPartHealth {
  const { state, since, averageSeconds, lastFailure } = meter;
  return {
    state,
    since: dateOf(since),
    averageSeconds: toMicroseconds(averageSeconds),
    ...lastErrorOf(lastFailure, quote),
  };
}

function revocationsHealth(parts: HealthParts): RevocationsHealth | undefined {
  const { journal, revocations, now } = parts;
  if (!journal || !revocations) {
    return undefined;
  }
  const { standing, meter, live, unconfirmed, lagSeconds } = journal;
  const { gapAt, behindForSeconds = 0 } = standing;
  const reason = standing.reason ?? (gapAt === undefined ? undefined : 'gap');
  const called = calledPartHealth(meter, parts);
  return {
    ...called,
    ...(reason === undefined
      ? // Revocations wait to be appended, but none is missing.
        called.state === 'down' && { state: 'slow' }
      : {
          state: reason === 'silent' && meter.isFailing ? 'down' : 'lagging',
          since: dateOf(
            reason === 'gap' ? gapAt! : Math.floor(now - behindForSeconds),
          ),
          reason,
        }),
    lagSeconds:
      lagSeconds === Infinity ? null : toMicroseconds(Math.max(0, lagSeconds)),
    unconfirmed,
    entries: live.size,
    maxEntries: revocations.maxEntries,
  };
}

function keysHealth(parts: HealthParts): SessionPartHealth | undefined {
  const { keys, startedAt, quote } = parts;
  if (!keys) {
    return undefined;
  }
  const { isLoaded, upSince, failingSince, lastFailure } = keys;
  return {
    state: !isLoaded ? 'down' : failingSince === undefined ? 'up' : 'lagging',
    since: dateOf(failingSince ?? upSince ?? startedAt),
    ...lastErrorOf(lastFailure, quote),
  };
}

function lastErrorOf(
  failure: CallFailure | undefined,
  quote: HealthParts['quote'],
): Pick<SessionPartHealth, 'lastError'> {
  return failure
    ? { lastError: { message: quote(failure.error), at: dateOf(failure.at) } }
    : {};
}

function dateOf(seconds: number): Date {
  return new Date(seconds * 1000);
}

function toMicroseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}
