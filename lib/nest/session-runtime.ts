import type { SessionClock } from '../clock.js';
import { deriveBytes, KeySet } from '../keys/key-set.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import { resolveOptions } from '../options/resolve-options.js';
import type { ClockPolicy } from '../session/freshness.js';
import { LoaderCalls } from '../session/loader-calls.js';
import { SessionAuthenticator } from '../session/session-authenticator.js';
import type { SessionDataLoader } from '../session/session-data-loader.js';
import { SessionEvents } from '../session/session-events.js';
import { SessionIssuer } from '../session/session-issuer.js';
import { SessionLoads } from '../session/session-loads.js';
import { SessionMemory } from '../session/session-memory.js';
import { SessionReload } from '../session/session-reload.js';
import { SessionTransports } from '../session/session-transports.js';
import { TokenIssuer } from '../session/token-issuer.js';
import { TokenCodec } from '../tokens/token-codec.js';
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
 * @param faults what is wrong beside the options
 * @throws {SessionConfigError} with every fault
 * @internal
 */
export function createSessionRuntime(
  input: unknown,
  clock: SessionClock,
  loader: SessionDataLoader<unknown, unknown> | false | undefined,
  ...faults: (readonly string[] | undefined)[]
): SessionRuntime {
  const options = resolveOptions(input, [
    ...(loader === undefined ? [NO_LOADER] : []),
    ...faults.flatMap((some) => some ?? []),
  ]);
  const policy: ClockPolicy = {
    intervalSeconds: options.dataRefreshIntervalSeconds,
    idleSeconds: options.lifetime.idleSeconds,
    absoluteSeconds: options.lifetime.absoluteSeconds,
    maxStaleSeconds: options.loader.maxStaleSeconds,
    toleranceSeconds: options.clockToleranceSeconds,
  };
  const keys = KeySet.fromSecrets(options.secrets);
  const codec = new TokenCodec(keys, new JwtServiceSigner(), {
    issuer: options.issuer,
    audience: options.audience,
    paramsAreData: !loader,
  });
  const events = new SessionEvents(
    deriveBytes(keys.signing.key, 'session-name', 32),
    () => clock.nowSeconds(),
  );
  const transports = new SessionTransports(createTransports(options));
  const memory = new SessionMemory();
  const tokens = new TokenIssuer(codec, policy, memory);
  const calls = loader
    ? new LoaderCalls(loader, options.loader, endsSession)
    : undefined;
  const loads = new SessionLoads(calls, memory, events, clock, options.cache);
  const reload = new SessionReload({
    loads,
    tokens,
    transports,
    memory,
    clock,
    policy,
    options: options.loader,
  });
  return {
    options,
    loader: loader || undefined,
    reload,
    clock,
    codec,
    policy,
    events,
    transports,
    logger: new RareLogger(clock),
    authenticator: new SessionAuthenticator({
      transports,
      codec,
      reload,
      memory,
      events,
      clock,
      policy,
      options,
    }),
    issuer: new SessionIssuer({
      options,
      policy,
      clock,
      codec,
      calls,
      loads,
      tokens,
      transports,
      memory,
      events,
    }),
  };
}
