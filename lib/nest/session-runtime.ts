import type { SessionClock } from '../ports/clock.js';
import type { CsrfTokens } from '../csrf/csrf-tokens.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import type { CarriedSessions } from '../session/request/carried-sessions.js';
import type { ClockPolicy } from '../session/model/freshness.js';
import type { DeviceRefresh } from '../session/binding/device-refresh.js';
import type { DeviceRegistration } from '../session/binding/device-registration.js';
import type { SessionAuthenticator } from '../session/session-authenticator.js';
import type { CallMeter } from '../session/model/call-meter.js';
import type { SessionMeasures } from '../session/model/session-measures.js';
import type { SessionDataLoader } from '../session/model/session-data-loader.js';
import type { SessionEvents } from '../session/model/session-events.js';
import type { SessionIssuer } from '../session/session-issuer.js';
import type { SessionReauthentication } from '../session/session-reauthentication.js';
import type { SessionRefusals } from '../session/session-refusals.js';
import type { SessionReload } from '../session/loading/session-reload.js';
import type { SessionRefresh } from '../session/session-refresh.js';
import type { SessionRevocation } from '../session/session-revocation.js';
import type { SessionRevocations } from '../session/revocations/session-revocations.js';
import type { SessionTransports } from '../session/request/session-transports.js';
import type { TokenInspection } from '../session/token-inspection.js';
import { signingKeyRequired } from '../tokens/token-codec.js';
import type { EndSignals } from '../session/connections/end-signals.js';
import type { LiveSessions } from '../session/connections/live-sessions.js';
import type { ContextErrorClasses } from './contexts/context-errors.js';
import type { ContextFinders } from './contexts/session-contexts.js';
import type { OpenedStore } from './open-store.js';
import type { BindingInstructions } from '../session/binding/binding-instructions.js';
import type { RareLogger } from './rare-logger.js';
import type { SessionKeys } from './session-keys.js';

/**
 * The injection token of a module's only {@link SessionRuntime}. Not shared between copies of the package, whose parts
 * are incompatible: a guard of another copy stops the boot, and Nest's message shows this description.
 *
 * @internal
 */
export const SESSION_RUNTIME = Symbol(
  'SessionJwtModule of this copy of nestjs-session-jwt',
);

/** Everything behind the module, built once: guard, service and filter work with it. @internal */
export interface SessionRuntime {
  readonly options: ResolvedSessionJwtOptions;
  readonly loader: SessionDataLoader<unknown, unknown> | undefined;
  /** `undefined` without a store. */
  readonly openedStore: OpenedStore | undefined;
  /** What the calls of the loader show of it. */
  readonly loaderMeter: CallMeter | undefined;
  readonly measures: SessionMeasures;
  readonly authenticator: SessionAuthenticator;
  readonly inspection: TokenInspection;
  /** `undefined` if sessions are only verified. */
  readonly issuing: SessionIssuing | undefined;
  readonly revocation: SessionRevocation;
  /** `undefined` without the option `deviceBinding`. */
  readonly binding: SessionBinding | undefined;
  readonly transports: SessionTransports;
  readonly carried: CarriedSessions;
  readonly refusals: SessionRefusals;
  readonly events: SessionEvents;
  readonly logger: RareLogger;
  readonly clock: SessionClock;
  readonly keys: SessionKeys;
  readonly csrfTokens: CsrfTokens;
  readonly policy: ClockPolicy;
  /** `undefined` without a revocation log. */
  readonly revocations: SessionRevocations | undefined;
  /** The sessions that outlive their requests. */
  readonly live: LiveSessions;
  readonly endSignals: EndSignals;
  /** How contexts other than `http` work. */
  readonly contexts: SessionContexts;
  /**
   * Called by Nest after every `onModuleInit`: a store that is queried earlier connects a lazy client, and the
   * application's own `connect()` then fails.
   */
  onApplicationBootstrap(): void;
  /** Waits for what is in flight, and ends everything that goes on by itself. */
  shutDown(): Promise<void>;
}

/** How requests are found in contexts, and refused. @internal */
export interface SessionContexts {
  readonly finders: ContextFinders;
  readonly errorClasses: ContextErrorClasses;
}

/** The parts that bind sessions to devices. @internal */
export interface SessionBinding {
  readonly registration: DeviceRegistration;
  readonly refresh: DeviceRefresh;
  readonly instructions: BindingInstructions;
}

/** The parts that sign tokens. @internal */
export interface SessionIssuing {
  readonly issuer: SessionIssuer;
  readonly reload: SessionReload;
  readonly refresh: SessionRefresh;
  readonly reauthentication: SessionReauthentication;
}

/**
 * Returns the parts that sign tokens.
 *
 * @throws {SessionError} `SIGNING_KEY_REQUIRED` if sessions are only verified
 * @internal
 */
export function issuingOf({ issuing }: SessionRuntime): SessionIssuing {
  if (!issuing) {
    throw signingKeyRequired();
  }
  return issuing;
}
