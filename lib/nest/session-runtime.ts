import type { SessionClock } from '../clock.js';
import { deriveBytes, KeySet } from '../keys/key-set.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import { resolveOptions } from '../options/resolve-options.js';
import type { ClockPolicy } from '../session/freshness.js';
import { CarriedSessions } from '../session/carried-sessions.js';
import { LoadFailures } from '../session/load-failures.js';
import { LoaderCalls } from '../session/loader-calls.js';
import { SessionAuthenticator } from '../session/session-authenticator.js';
import type { SessionDataLoader } from '../session/session-data-loader.js';
import { SessionEnds } from '../session/session-ends.js';
import { SessionEvents } from '../session/session-events.js';
import { SessionIssuer } from '../session/session-issuer.js';
import { SessionLoads } from '../session/session-loads.js';
import { SessionMemory } from '../session/session-memory.js';
import { SessionRecords } from '../session/session-records.js';
import { SessionReload } from '../session/session-reload.js';
import { SessionRefresh } from '../session/session-refresh.js';
import { SessionRenewal } from '../session/session-renewal.js';
import { SessionRevocation } from '../session/session-revocation.js';
import { SessionTransports } from '../session/session-transports.js';
import { TokenIssuer } from '../session/token-issuer.js';
import { DeadlineSessionStore } from '../stores/deadline-session-store.js';
import {
  refreshTokens,
  sessionTokens,
  TokenCodec,
} from '../tokens/token-codec.js';
import { createTransports } from '../transports/create-transports.js';
import { JwtServiceSigner } from './jwt-service-signer.js';
import { RareLogger } from './rare-logger.js';
import { endsSession } from './session-exception.js';

/** The token of the one {@link SessionRuntime} of a module. @internal */
export const SESSION_RUNTIME = Symbol.for('nestjs-session-jwt:runtime');

/** Everything behind the module, built once: what guard, service and filter work with. @internal */
export interface SessionRuntime {
  readonly options: ResolvedSessionJwtOptions;
  readonly loader: SessionDataLoader<unknown, unknown> | undefined;
  readonly authenticator: SessionAuthenticator;
  readonly issuer: SessionIssuer;
  readonly reload: SessionReload;
  readonly refresh: SessionRefresh;
  readonly revocation: SessionRevocation;
  readonly transports: SessionTransports;
  readonly events: SessionEvents;
  readonly logger: RareLogger;
  readonly clock: SessionClock;
  readonly codec: TokenCodec;
  readonly policy: ClockPolicy;
}

const NO_LOADER =
  'dataLoader: none found; give `dataLoader: YourLoader`, or provide it as `SessionDataLoader` in a module that is in `imports` or global (a provider of the root module cannot be seen from here), or say `dataLoader: false` if the params are the data';

/**
 * Builds the library from what the application wrote.
 *
 * @param loader `false` where the params are the data, `undefined` where none was found
 * @param store that of the options, unless a test has replaced it
 * @param faults what is wrong beside the options
 * @throws {SessionConfigError} with every fault
 * @internal
 */
export function createSessionRuntime(
  input: unknown,
  clock: SessionClock,
  loader: SessionDataLoader<unknown, unknown> | false | undefined,
  store?: unknown,
  ...faults: (readonly string[] | undefined)[]
): SessionRuntime {
  const options = resolveOptions(withStore(input, store), [
    ...(loader === undefined ? [NO_LOADER] : []),
    ...faults.flatMap((some) => some ?? []),
  ]);
  const policy: ClockPolicy = {
    intervalSeconds: options.dataRefreshIntervalSeconds,
    idleSeconds: options.lifetime.idleSeconds,
    absoluteSeconds: options.lifetime.absoluteSeconds,
    maxStaleSeconds: options.loader.maxStaleSeconds,
    toleranceSeconds: options.clockToleranceSeconds,
    accessSeconds: options.refresh?.accessSeconds,
  };
  const expected = {
    issuer: options.issuer,
    audience: options.audience,
    paramsAreData: !loader,
    isReference: options.store?.keepsData ?? false,
    isRecorded: options.store !== undefined,
  };
  const signer = new JwtServiceSigner();
  const keys = KeySet.fromSecrets(options.secrets);
  const codec = new TokenCodec(keys, signer, sessionTokens(expected));
  const refreshCodec =
    options.refresh &&
    new TokenCodec(
      options.refresh.secrets.length > 0
        ? KeySet.fromSecrets(options.refresh.secrets)
        : KeySet.derivedFrom(options.secrets, 'refresh'),
      signer,
      refreshTokens(expected),
    );
  const events = new SessionEvents(
    deriveBytes(keys.signing.key, 'session-name', 32),
    () => clock.nowSeconds(),
  );
  const transports = new SessionTransports(createTransports(options));
  const memory = new SessionMemory();
  options.store?.store.useClock?.(clock);
  const recorder =
    options.store &&
    new DeadlineSessionStore(
      options.store.store,
      options.store.timeoutSeconds,
      (operation, error) => events.storeFailed(operation, error),
    );
  const shared = { options, policy, clock, memory, events, transports };
  const records =
    options.store && recorder
      ? new SessionRecords({
          ...shared,
          ...options.store,
          store: recorder,
          paramsAreData: !loader,
        })
      : undefined;
  const ends = new SessionEnds(memory, recorder, events);
  const tokens = new TokenIssuer(codec, refreshCodec, policy, memory);
  const calls = loader
    ? new LoaderCalls(loader, options.loader, endsSession)
    : undefined;
  const failures = new LoadFailures(events, clock);
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
    options: options.loader,
    isReference: expected.isReference,
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
  const carried = new CarriedSessions(transports, codec, refreshCodec);
  return {
    ...shared,
    codec,
    loader: loader || undefined,
    reload,
    refresh: new SessionRefresh({
      ...shared,
      csrf: options.csrf,
      renewal,
      carried,
    }),
    logger: new RareLogger(clock),
    authenticator: new SessionAuthenticator({
      ...shared,
      codec,
      reload,
      renewal,
      records,
    }),
    issuer: new SessionIssuer({
      ...shared,
      calls,
      records,
      carried,
      tokens,
      ends,
    }),
    revocation: new SessionRevocation({
      ...shared,
      csrf: options.csrf,
      store: recorder,
      carried,
      ends,
    }),
  };
}

function withStore(input: unknown, store: unknown): unknown {
  return !store || typeof input !== 'object' || !input
    ? input
    : { ...input, store };
}
