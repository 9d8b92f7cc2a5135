import { monotonicTimeOf, type SessionClock } from '../ports/clock.js';
import { resolveOptions } from '../options/resolve-options.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import { EndMarks } from '../session/model/end-marks.js';
import { clockPolicyOf } from '../session/model/freshness.js';
import { concludeLateAnswer } from '../session/records/late-answers.js';
import type { SessionDataLoader } from '../session/model/session-data-loader.js';
import { nameKeyOf, SessionEvents } from '../session/model/session-events.js';
import { SessionMeasures } from '../session/model/session-measures.js';
import { SessionMemory } from '../session/model/session-memory.js';
import { SessionRevocations } from '../session/revocations/session-revocations.js';
import {
  LOGGED_EVENTS,
  logListenerFaults,
  logSessionEvents,
} from './log-session-events.js';
import { loadContextErrors } from './contexts/context-errors.js';
import type { ContextFinders } from './contexts/session-contexts.js';
import { openStore } from './open-store.js';
import { RareLogger } from './rare-logger.js';
import { withParts, type ReplaceableParts } from './replaceable-parts.js';
import { openSessionKeys } from './session-keys.js';
import type { SessionRuntime } from './session-runtime.js';
import { connectParts, enterParts, shareParts } from './runtime-parts.js';

const NO_LOADER =
  'dataLoader: expected a loader, got none; pass `dataLoader: YourLoader`, provide it as `SessionDataLoader` in a module that is in `imports` or global (providers of the root module are not visible here), or set `dataLoader: false` to use the params as the data';
const NO_PUBLIC_KEYS =
  'jwks: expected `keys`, got a secret or encrypted tokens, which have no public keys; set `keys` or turn `jwks` off';
const NO_ROUTES =
  'deviceBinding: needs routes, where browsers register their keys and refresh; pass routes: true to the module';

/** What the runtime is built from, apart from the options. @internal */
export interface RuntimeSurroundings extends ReplaceableParts {
  /** `false` if the params are the data; `undefined` if no loader was found. */
  readonly loader: SessionDataLoader<unknown, unknown> | false | undefined;
  /** Whether the public keys are published. */
  readonly publishesKeys?: boolean;
  /** Whether the ready-made routes are mounted. */
  readonly hasRoutes?: boolean;
  /** Finds requests in kinds of contexts that the library does not know. */
  readonly contexts?: ContextFinders | undefined;
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
  surroundings: RuntimeSurroundings,
): Promise<SessionRuntime> {
  const resolved = readOptions(input, surroundings);
  const { loader } = surroundings;
  const time = monotonicTimeOf(clock);
  const logger = new RareLogger(time);
  const now = (): number => clock.nowSeconds();
  const events = new SessionEvents(now, logListenerFaults(logger));
  events.nameWith(nameKeyOf(resolved.issuer, resolved.audience));
  logSessionEvents(events.ofTypes(LOGGED_EVENTS), logger);
  const policy = clockPolicyOf(resolved);
  const measures = new SessionMeasures();
  const revocations =
    resolved.revocations &&
    new SessionRevocations({
      ...resolved,
      options: resolved.revocations,
      policy,
      isRecorded: resolved.store !== undefined,
      clock,
      time,
      events,
      measures,
    });
  const memory = new SessionMemory(
    new EndMarks(now, (ended) =>
      events.ofSession(ended, { type: 'endEvicted', how: ended.how }),
    ),
    revocations,
  );
  const store = openStore(resolved.store, {
    clock,
    time,
    events,
    logger,
    measures,
    onLateAnswer: (answer) =>
      concludeLateAnswer(answer, parts.ends, shared.events),
  });
  // From here on, no part sees the store without its deadlines.
  const options = { ...resolved, store };
  const expected = {
    issuer: options.issuer,
    audience: options.audience,
    paramsAreData: options.isVerifyOnly ? undefined : loader === false,
    isReference: store?.keepsData ?? false,
    isRecorded: store !== undefined,
  };
  const keys = await openSessionKeys(options, expected, clock, events);
  const { warnings = [] } = keys.ring.material;
  for (const warning of [...options.warnings, ...warnings]) {
    logger.once('warn', warning, warning);
  }
  const shared = shareParts(
    {
      options,
      policy,
      clock,
      time,
      logger,
      events,
      measures,
      memory,
      revocations,
    },
    keys,
  );
  const parts = connectParts(shared, keys, loader);
  const entered = enterParts(
    shared,
    parts,
    keys,
    loader !== false && loader !== undefined,
  );
  return {
    ...shared,
    keys,
    loader: loader || undefined,
    openedStore: store,
    loaderMeter: parts.calls?.meter,
    ...entered,
    contexts: {
      finders: surroundings.contexts ?? {},
      errorClasses: await loadContextErrors(),
    },
    onApplicationBootstrap() {
      store?.logWarnings();
      revocations?.journal.start();
    },
    async shutDown() {
      entered.live.stop();
      await entered.issuing?.refresh.settled();
      await revocations?.journal.stop();
      events.complete();
      logger.close();
    },
  };
}

/** @throws {SessionConfigError} listing every fault */
function readOptions(
  input: unknown,
  surroundings: RuntimeSurroundings,
): ResolvedSessionJwtOptions {
  const { loader, publishesKeys, hasRoutes, faults = [] } = surroundings;
  return resolveOptions(
    withParts(input, surroundings),
    ({ isVerifyOnly, keys, deviceBinding }) => [
      ...(loader === undefined && !isVerifyOnly ? [NO_LOADER] : []),
      ...(publishesKeys && !keys.arePairs ? [NO_PUBLIC_KEYS] : []),
      ...(deviceBinding && !hasRoutes ? [NO_ROUTES] : []),
      ...faults,
    ],
  );
}
