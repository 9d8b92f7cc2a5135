import { inspect } from 'node:util';
import { type MonotonicTime, type SessionClock } from '../ports/clock.js';
import type { CsrfRefusal } from '../csrf/csrf-policy.js';
import { CsrfTokens } from '../csrf/csrf-tokens.js';
import { explainForgery } from '../csrf/explain-forgery.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import type { RequestFacts } from '../ports/request-facts.js';
import type { ClockPolicy } from '../session/model/freshness.js';
import { EndSignals } from '../session/connections/end-signals.js';
import { LiveSessions } from '../session/connections/live-sessions.js';
import { SessionChecks } from '../session/connections/session-checks.js';
import { CarriedSessions } from '../session/request/carried-sessions.js';
import { FirstUses } from '../session/records/first-uses.js';
import { GuardRefresh } from '../session/guard-refresh.js';
import { LoadFailures } from '../session/loading/load-failures.js';
import { SessionAuthenticator } from '../session/session-authenticator.js';
import type { SessionDataLoader } from '../session/model/session-data-loader.js';
import { SessionEnds } from '../session/records/session-ends.js';
import { SessionEvents } from '../session/model/session-events.js';
import { SessionExtension } from '../session/loading/session-extension.js';
import { SessionIssuer } from '../session/session-issuer.js';
import { SessionLoads } from '../session/loading/session-loads.js';
import type { SessionMeasures } from '../session/model/session-measures.js';
import { SessionMemory } from '../session/model/session-memory.js';
import type { SessionRevocations } from '../session/revocations/session-revocations.js';
import { SessionRecords } from '../session/records/session-records.js';
import { SessionReauthentication } from '../session/session-reauthentication.js';
import { SessionRefusals } from '../session/session-refusals.js';
import { SessionReload } from '../session/loading/session-reload.js';
import { SessionRefresh } from '../session/session-refresh.js';
import { RefreshExchange } from '../session/refresh-exchange.js';
import { SessionRevocation } from '../session/session-revocation.js';
import { SessionTransports } from '../session/request/session-transports.js';
import { TokenInspection } from '../session/token-inspection.js';
import { TokenIssuer } from '../session/tokens/token-issuer.js';
import { TokenVerifier } from '../session/tokens/token-verifier.js';
import { createTransports } from '../transports/create-transports.js';
import { openBinding } from './open-binding.js';
import { openLoader } from './open-loader.js';
import { type OpenedStore } from './open-store.js';
import { RareLogger } from './rare-logger.js';
import { type SessionKeys } from './session-keys.js';
import type { SessionRuntime } from './session-runtime.js';

/** Connections are checked without a request. */
const NO_REQUEST: RequestFacts = { headers: {} };

/** What stands by itself: clocks, events and what this process remembers. */
interface Ground {
  readonly options: ResolvedSessionJwtOptions & {
    readonly store: OpenedStore | undefined;
  };
  readonly clock: SessionClock;
  readonly time: MonotonicTime;
  readonly logger: RareLogger;
  readonly events: SessionEvents;
  readonly measures: SessionMeasures;
  readonly memory: SessionMemory;
  readonly policy: ClockPolicy;
  /** `undefined` without a revocation log. */
  readonly revocations: SessionRevocations | undefined;
}

/** Adds what several parts use. */
export function shareParts(
  ground: Ground,
  { codec, refreshCodec, csrfKeys }: SessionKeys,
) {
  const { options, policy, logger, events } = ground;
  const transports = new SessionTransports(
    createTransports(options),
    !options.isVerifyOnly,
  );
  const carried = new CarriedSessions(transports, codec, refreshCodec);
  return {
    ...ground,
    transports,
    carried,
    refusals: new SessionRefusals({ transports, carried, events }),
    verifier: new TokenVerifier(codec, policy, options.cache, ground.measures),
    csrf: options.csrf,
    csrfTokens: new CsrfTokens(csrfKeys),
    onForgery: (facts: RequestFacts, reason: CsrfRefusal) => {
      const why = explainForgery(facts, options.csrf, reason);
      logger.log('warn', `forgery ${why.cause}`, why.message);
    },
    store: options.store?.store,
    uses: new FirstUses(options.store?.store),
  };
}

export type SharedParts = ReturnType<typeof shareParts>;

/** Connects what loads, records, signs and ends sessions. */
export function connectParts(
  shared: SharedParts,
  { codec, refreshCodec }: SessionKeys,
  loader: SessionDataLoader<unknown, unknown> | false | undefined,
) {
  const { options, policy, events, time, memory, csrfTokens } = shared;
  const records =
    options.store &&
    new SessionRecords({
      ...shared,
      ...options.store,
      paramsAreData: loader === false,
    });
  const ends = new SessionEnds({
    ...shared,
    // Such an application only follows the log.
    revocations: options.isVerifyOnly ? undefined : shared.revocations,
  });
  const tokens = new TokenIssuer(
    codec,
    refreshCodec,
    policy,
    memory,
    options.csrf.token?.cookie && csrfTokens,
  );
  const calls = openLoader(loader, shared);
  const failures = new LoadFailures(events, time);
  const extensionFailures = new LoadFailures(events, time);
  const loads = new SessionLoads({
    ...shared,
    calls,
    records,
    ends,
    failures,
    cache: options.cache,
  });
  const reload = new SessionReload({
    ...shared,
    loads,
    failures,
    tokens,
    extension: new SessionExtension({
      ...shared,
      records,
      failures: extensionFailures,
    }),
    options: options.loader,
  });
  const refreshExchange =
    refreshCodec &&
    new RefreshExchange({
      ...shared,
      codec: refreshCodec,
      loads,
      failures,
      records,
      tokens,
      ends,
      mustBeBound: options.deviceBinding?.isRequired ?? false,
    });
  return {
    records,
    ends,
    tokens,
    calls,
    reload,
    refreshExchange,
    extensionFailures,
  };
}

export type ConnectedParts = ReturnType<typeof connectParts>;

/** Adds the use cases through which requests and the application enter. */
export function enterParts(
  shared: SharedParts,
  parts: ConnectedParts,
  keys: SessionKeys,
  hasLoader: boolean,
): Pick<
  SessionRuntime,
  | 'authenticator'
  | 'inspection'
  | 'issuing'
  | 'revocation'
  | 'live'
  | 'endSignals'
  | 'binding'
> {
  const { isVerifyOnly, store, loader } = shared.options;
  const { records, reload, refreshExchange } = parts;
  const authenticator = new SessionAuthenticator({
    ...shared,
    reload: isVerifyOnly ? undefined : reload,
    refresh:
      refreshExchange &&
      new GuardRefresh({ ...shared, ...parts, refreshExchange }),
    records,
  });
  const onDefect = (error: unknown): void =>
    shared.logger.log('error', 'connection', inspect(error));
  const live = new LiveSessions({
    ...shared,
    checks: new SessionChecks({
      ...shared,
      evaluate: (session, handling) =>
        authenticator.evaluateSession(session, undefined, NO_REQUEST, handling),
      records,
      hasLoader: hasLoader && !isVerifyOnly,
    }),
    // Requests must not wait behind connections.
    concurrency: Math.ceil(loader.concurrency / 2),
    onDefect,
  });
  shared.revocations?.journal.whenRevoked((revocation) =>
    revocation.kind === 'session'
      ? shared.memory.forget(revocation.sid)
      : live.endRevoked(),
  );
  return {
    authenticator,
    live,
    endSignals: new EndSignals(live),
    binding: openBinding(shared, parts, keys),
    inspection: new TokenInspection({
      ...shared,
      records: store?.keepsData ? records : undefined,
      isVerifyOnly,
    }),
    issuing: isVerifyOnly
      ? undefined
      : {
          reload,
          issuer: new SessionIssuer({ ...shared, ...parts }),
          refresh: new SessionRefresh({
            ...shared,
            ...parts,
            authenticator,
          }),
          reauthentication: new SessionReauthentication({
            ...shared,
            ...parts,
          }),
        },
    revocation: new SessionRevocation({
      ...shared,
      ends: parts.ends,
      live,
      isVerifyOnly,
      onDefect,
    }),
  };
}
