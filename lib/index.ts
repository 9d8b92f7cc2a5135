/**
 * The module, its guard and decorators, `SessionService`, options, errors, events, and what a custom store, transport
 * or revocation log extends.
 *
 * @module nestjs-session-jwt
 */
export type { JwkSet, PublicJwk } from './keys/jwk-set.js';
export { SessionClock } from './ports/clock.js';
export { LateCallError } from './errors/late-call-error.js';
export { SessionConfigError } from './errors/session-config-error.js';
export type { Refusal } from './errors/refusal.js';
export {
  SESSION_ERROR_CODES,
  SessionEndedError,
  SessionError,
  type AuthenticationChallenge,
  type SessionErrorCode,
  type SessionErrorOptions,
} from './errors/session-error.js';
export { Authorize } from './nest/authorization/authorize.decorator.js';
export { RequireAuthentication } from './nest/authorization/require-authentication.decorator.js';
export {
  SessionConnections,
  type OpenOptions,
} from './nest/contexts/session-connections.js';
export type {
  ContextFinders,
  ContextRequest,
  ContextRequestFinder,
} from './nest/contexts/session-contexts.js';
export {
  CheckRevocation,
  OptionalSession,
  Passive,
  Public,
} from './nest/route-access.js';
export { Session, type SessionParameter } from './nest/session.decorator.js';
export { toHttpException } from './nest/session-exception.js';
export { SessionExceptionFilter } from './nest/session-exception.filter.js';
export { SessionGuard } from './nest/session.guard.js';
export { SessionHealth } from './nest/session-health.js';
export {
  SessionJwtModule,
  type SessionJwtModuleAsyncOptions,
  type SessionJwtOptionsFactory,
} from './nest/session-jwt.module.js';
export type { SessionJwtModuleExtras } from './nest/module-extras.js';
export type { Device } from './nest/routes/session-routes.controller.js';
export { SessionService } from './nest/session.service.js';
export type {
  AttributeChanges,
  AuthenticateOptions,
  DeliverOptions,
  ReauthenticationOptions,
  RefreshOptions,
  RevokeRequestOptions,
} from './nest/session-service-options.js';
export type {
  SessionRequest,
  SessionResponse,
} from './nest/exchange/raw-exchange.js';
export type { DeviceBindingOptions } from './options/device-binding-options.js';
export type { Duration } from './options/durations.js';
export type {
  EncryptOptions,
  JwksOptions,
  KeyCacheOptions,
  KeyInput,
  KeyProvider,
  SessionKey,
  SessionKeyAlgorithm,
  VerifyOnlyOptions,
} from './options/key-options.js';
export type {
  CacheOptions,
  CookieOptions,
  CsrfOptions,
  CsrfTokenOptions,
  LifetimeOptions,
  LoaderOptions,
  MaxSessionsOptions,
  RefreshTokenOptions,
  SecretInput,
  TransportChoice,
} from './options/option-groups.js';
export type { HeaderOptions } from './options/header-options.js';
export type { RevocationOptions } from './options/revocation-options.js';
export type { RoutesOptions } from './options/resolve-routes-options.js';
export type { SessionJwtModuleOptions } from './options/session-jwt-module-options.js';
export {
  RevocationLog,
  type AppendOptions,
  type RevocationBatch,
} from './ports/revocation-log.js';
export {
  SessionStore,
  type BindOptions,
  type BindVerdict,
  type CreateOptions,
  type CreateVerdict,
  type EndAllOptions,
  type HashedRefreshLink,
  type NewSessionRecord,
  type PresentedRefresh,
  type RotationVerdict,
  type SessionChange,
  type SessionLifetime,
  type SessionLimit,
  type SessionMetadata,
  type SessionPage,
  type SessionRecord,
  type StoredData,
  type WriteDeadline,
} from './ports/session-store.js';
export {
  AMBIGUOUS_TOKEN,
  type Delivery,
  type SecurityScheme,
  type Transport,
  type TransportTokens,
} from './ports/transport.js';
export type { RequestFacts } from './ports/request-facts.js';
export { ActiveSession } from './session/model/active-session.js';
export type { AuthenticationRequirement } from './session/authentication-requirement.js';
export type { AuthenticationOptions } from './session/authentication-options.js';
export type { GenerateOptions } from './session/generate-options.js';
export { IssuedSession } from './session/model/issued-session.js';
export {
  SessionDataLoader,
  type LoadContext,
  type SessionContext,
} from './session/model/session-data-loader.js';
export type {
  SessionEndReach,
  SessionEndReason,
  SessionEvent,
} from './session/model/session-event.js';
export type { SessionInfo } from './session/model/session-info.js';
export type {
  CalledPartHealth,
  RevocationsHealth,
  SessionHealthReport,
  SessionHealthState,
  SessionPartHealth,
} from './session/session-health-report.js';
export type {
  ExpandedSessionData,
  SessionAttributes,
  SessionData,
  SessionParams,
  SessionTypes,
} from './session/model/session-types.js';
export {
  MemoryRevocationLog,
  type MemoryRevocationLogOptions,
} from './stores/memory-revocation-log.js';
export {
  MemorySessionStore,
  type MemorySessionStoreOptions,
} from './stores/memory-session-store.js';
export {
  RequestFieldTransport,
  type RequestFieldOptions,
} from './transports/request-field-transport.js';
