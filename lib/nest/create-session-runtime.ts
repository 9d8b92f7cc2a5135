import { monotonicTimeOf, type SessionClock } from '../clock.js';
import type { CsrfRefusal } from '../csrf/csrf-policy.js';
import { CsrfTokens } from '../csrf/csrf-tokens.js';
import { explainForgery } from '../csrf/explain-forgery.js';
import type { SessionStore } from '../options/session-store.js';
import { resolveOptions } from '../options/resolve-options.js';
import type { RequestFacts } from '../request-facts.js';
import type { ClockPolicy } from '../session/freshness.js';
import { CarriedSessions } from '../session/carried-sessions.js';
import { EndMarks } from '../session/end-marks.js';
import { FirstUses } from '../session/first-uses.js';
import { GuardRefresh } from '../session/guard-refresh.js';
import { concludeLateAnswer } from '../session/late-answers.js';
import { LoadFailures } from '../session/load-failures.js';
import { LoaderCalls } from '../session/loader-calls.js';
import { SessionAuthenticator } from '../session/session-authenticator.js';
import type { SessionDataLoader } from '../session/session-data-loader.js';
import { SessionEnds } from '../session/session-ends.js';
import { SessionEvents } from '../session/session-events.js';
import { SessionExtension } from '../session/session-extension.js';
import { SessionIssuer } from '../session/session-issuer.js';
import { SessionLoads } from '../session/session-loads.js';
import { SessionMemory } from '../session/session-memory.js';
import { SessionRecords } from '../session/session-records.js';
import { SessionRefusals } from '../session/session-refusals.js';
import { SessionReload } from '../session/session-reload.js';
import { SessionRefresh } from '../session/session-refresh.js';
import { SessionRenewal } from '../session/session-renewal.js';
import { SessionRevocation } from '../session/session-revocation.js';
import { SessionTransports } from '../session/session-transports.js';
import { TokenCheck } from '../session/token-check.js';
import { TokenIssuer } from '../session/token-issuer.js';
import { TokenVerifier } from '../session/token-verifier.js';
import { createTransports } from '../transports/create-transports.js';
import {
  LOGGED_EVENTS,
  logListenerFaults,
  logSessionEvents,
} from './log-session-events.js';
import { openStore } from './open-store.js';
import { RareLogger } from './rare-logger.js';
import { endsSession } from './session-exception.js';
import { openSessionKeys } from './session-keys.js';
import type { SessionRuntime } from './session-runtime.js';

const NO_LOADER =
  'dataLoader: expected a loader, got none; pass `dataLoader: YourLoader`, provide it as `SessionDataLoader` in a module that is in `imports` or global (providers of the root module are not visible here), or set `dataLoader: false` to use the params as the data';
const NO_PUBLIC_KEYS =
  'jwks: expected `keys`, got a secret or encrypted tokens, which have no public keys; set `keys` or turn `jwks` off';

/** What the runtime is built from, apart from the options. @internal */
export interface RuntimeSurroundings {
  /** `false` if the params are the data; `undefined` if no loader was found. */
  readonly loader: SessionDataLoader<unknown, unknown> | false | undefined;
  /** The store of the options, unless a test has replaced it. */
  readonly store?: unknown;
  /** Whether the public keys are published. */
  readonly publishesKeys?: boolean;
  /** Configuration faults outside the options. */
  readonly faults?: readonly string[];
}

/**
 * Builds the library from the application's options.
 *
 * @throws {SessionConfigError} listing every fault
 * @internal
 */
export async function createSessionRuntime(
  input: unknown,
  clock: SessionClock,
  { loader, store, publishesKeys, faults = [] }: RuntimeSurroundings,
): Promise<SessionRuntime> {
  const options = resolveOptions(
    withStore(input, store),
    ({ isVerifyOnly, keys }) => [
      ...(loader === undefined && !isVerifyOnly ? [NO_LOADER] : []),
      ...(publishesKeys && !keys.arePairs ? [NO_PUBLIC_KEYS] : []),
      ...faults,
    ],
  );
  const policy: ClockPolicy = {
    intervalSeconds: options.dataRefreshIntervalSeconds,
    idleSeconds: options.lifetime.idleSeconds,
    absoluteSeconds: options.lifetime.absoluteSeconds,
    maxStaleSeconds: options.loader.maxStaleSeconds,
    toleranceSeconds: options.clockToleranceSeconds,
    accessSeconds: options.refresh?.accessSeconds,
  };
  const { isVerifyOnly } = options;
  const paramsAreData = loader === false;
  const expected = {
    issuer: options.issuer,
    audience: options.audience,
    paramsAreData: isVerifyOnly ? undefined : paramsAreData,
    isReference: options.store?.keepsData ?? false,
    isRecorded: options.store !== undefined,
  };
  const time = monotonicTimeOf(clock);
  const logger = new RareLogger(time);
  const now = (): number => clock.nowSeconds();
  const events = new SessionEvents(now, logListenerFaults(logger));
  logSessionEvents(events.ofTypes(LOGGED_EVENTS), logger);
  const keys = await openSessionKeys(options, expected, clock, events);
  const { codec, refreshCodec } = keys;
  const { warnings = [] } = keys.ring.material;
  for (const warning of [...options.warnings, ...warnings]) {
    logger.once('warn', warning, warning);
  }
  const transports = new SessionTransports(
    createTransports(options),
    !isVerifyOnly,
  );
  const memory = new SessionMemory(
    new EndMarks(now, (ended) =>
      events.ofSession(ended, { type: 'endEvicted', how: ended.how }),
    ),
  );
  const recorder: SessionStore | undefined = openStore(options.store, {
    clock,
    time,
    events,
    logger,
    onLateAnswer: (answer) => concludeLateAnswer(answer, ends, events),
  });
  const csrfTokens = new CsrfTokens(keys.csrfKeys);
  const carried = new CarriedSessions(transports, codec, refreshCodec);
  const refusals = new SessionRefusals({ transports, carried, events });
  const shared = {
    options,
    csrf: options.csrf,
    onForgery: (facts: RequestFacts, reason: CsrfRefusal) => {
      const why = explainForgery(facts, options.csrf, reason);
      logger.log('warn', `forgery ${why.cause}`, why.message);
    },
    policy,
    clock,
    time,
    memory,
    events,
    transports,
    carried,
    refusals,
    csrfTokens,
    uses: new FirstUses(recorder),
  };
  const verifier = new TokenVerifier(codec, policy, options.cache);
  const records =
    options.store && recorder
      ? new SessionRecords({
          ...shared,
          ...options.store,
          store: recorder,
          noticesLoss: options.store.store.hasLostAll !== undefined,
          paramsAreData,
        })
      : undefined;
  const ends = new SessionEnds({ ...shared, store: recorder });
  const tokens = new TokenIssuer(
    codec,
    refreshCodec,
    policy,
    memory,
    options.csrf.token?.cookie && csrfTokens,
  );
  const calls = loader
    ? new LoaderCalls(loader, options.loader, endsSession)
    : undefined;
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
  const renewal =
    refreshCodec &&
    new SessionRenewal({
      ...shared,
      codec: refreshCodec,
      loads,
      failures,
      records,
      tokens,
      ends,
    });
  return {
    ...shared,
    logger,
    keys,
    loader: loader || undefined,
    authenticator: new SessionAuthenticator({
      ...shared,
      verifier,
      reload: isVerifyOnly ? undefined : reload,
      refresh:
        renewal &&
        new GuardRefresh({ ...shared, renewal, records, extensionFailures }),
      records,
    }),
    check: new TokenCheck({
      ...shared,
      verifier,
      records: expected.isReference ? records : undefined,
      isVerifyOnly,
    }),
    issuing: isVerifyOnly
      ? undefined
      : {
          reload,
          issuer: new SessionIssuer({
            ...shared,
            calls,
            records,
            tokens,
            ends,
          }),
          refresh: new SessionRefresh({
            ...shared,
            renewal,
          }),
        },
    revocation: new SessionRevocation({
      ...shared,
      store: recorder,
      ends,
    }),
  };
}

function withStore(input: unknown, store: unknown): unknown {
  return !store || typeof input !== 'object' || !input
    ? input
    : { ...input, store };
}
