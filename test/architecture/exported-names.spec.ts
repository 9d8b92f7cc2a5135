import * as client from '../../lib/client/index.js';
import * as library from '../../lib/index.js';
import * as metrics from '../../lib/metrics/index.js';
import * as postgres from '../../lib/stores/postgres/index.js';
import * as redis from '../../lib/stores/redis/index.js';
import * as terminus from '../../lib/terminus/index.js';
import * as testing from '../../lib/testing/index.js';
import { describeAtFullEffort } from '../support/at-full-effort.js';
import { type PublicApi, readPublicApi } from './public-api.js';

/**
 * The public API, reviewed by hand. A name that is added here is a minor release, one that goes is a major one.
 */
const RUNTIME = [
  'AMBIGUOUS_TOKEN',
  'ActiveSession',
  'Authorize',
  'CheckRevocation',
  'IssuedSession',
  'LateCallError',
  'MemoryRevocationLog',
  'MemorySessionStore',
  'OptionalSession',
  'Passive',
  'Public',
  'RequireAuthentication',
  'RequestFieldTransport',
  'RevocationLog',
  'SESSION_ERROR_CODES',
  'Session',
  'SessionClock',
  'SessionConnections',
  'SessionConfigError',
  'SessionDataLoader',
  'SessionEndedError',
  'SessionError',
  'SessionExceptionFilter',
  'SessionGuard',
  'SessionHealth',
  'SessionJwtModule',
  'SessionService',
  'SessionStore',
  'toHttpException',
];
const TYPES = [
  'AppendOptions',
  'MemoryRevocationLogOptions',
  'RevocationBatch',
  'RevocationOptions',
  'SessionEndReach',
  'AttributeChanges',
  'AuthenticateOptions',
  'BindOptions',
  'BindVerdict',
  'AuthenticationChallenge',
  'AuthenticationOptions',
  'AuthenticationRequirement',
  'CacheOptions',
  'CalledPartHealth',
  'ContextFinders',
  'ContextRequest',
  'ContextRequestFinder',
  'CookieOptions',
  'CreateOptions',
  'CreateVerdict',
  'EndAllOptions',
  'CsrfOptions',
  'CsrfTokenOptions',
  'DeliverOptions',
  'Delivery',
  'Device',
  'DeviceBindingOptions',
  'Duration',
  'EncryptOptions',
  'ExpandedSessionData',
  'GenerateOptions',
  'HashedRefreshLink',
  'HeaderOptions',
  'JwkSet',
  'JwksOptions',
  'KeyCacheOptions',
  'KeyInput',
  'KeyProvider',
  'LifetimeOptions',
  'LoadContext',
  'LoaderOptions',
  'MaxSessionsOptions',
  'MemorySessionStoreOptions',
  'NewSessionRecord',
  'OpenOptions',
  'PresentedRefresh',
  'PublicJwk',
  'ReauthenticationOptions',
  'RefreshOptions',
  'RefreshTokenOptions',
  'Refusal',
  'RequestFacts',
  'RequestFieldOptions',
  'RevocationsHealth',
  'RevokeRequestOptions',
  'RotationVerdict',
  'RoutesOptions',
  'SecretInput',
  'SecurityScheme',
  'SessionAttributes',
  'SessionChange',
  'SessionContext',
  'SessionData',
  'SessionEndReason',
  'SessionErrorCode',
  'SessionErrorOptions',
  'SessionEvent',
  'SessionHealthReport',
  'SessionHealthState',
  'SessionInfo',
  'SessionJwtModuleAsyncOptions',
  'SessionJwtModuleExtras',
  'SessionJwtModuleOptions',
  'SessionJwtOptionsFactory',
  'SessionKey',
  'SessionKeyAlgorithm',
  'SessionLifetime',
  'SessionLimit',
  'SessionMetadata',
  'SessionPage',
  'SessionPartHealth',
  'SessionParameter',
  'SessionParams',
  'SessionRecord',
  'SessionRequest',
  'SessionResponse',
  'SessionTypes',
  'StoredData',
  'Transport',
  'TransportChoice',
  'TransportTokens',
  'VerifyOnlyOptions',
  'WriteDeadline',
];
const TESTING_RUNTIME = [
  'TestDevice',
  'TestSessionClock',
  'connectTestClient',
  'createTestSession',
  'describeRevocationLog',
  'describeSessionStore',
];
const TESTING_TYPES = [
  'ContractSuiteOptions',
  'DeviceResponse',
  'DeviceSend',
  'LogAbility',
  'RevocationLogFixture',
  'SessionStoreFixture',
  'SocketIoTestClientOptions',
  'StoreAbility',
  'TestRunner',
  'TestClient',
  'TestClientOptions',
  'TestSession',
  'TestSessionOverrides',
  'WsTestClientOptions',
];
const METRICS_RUNTIME = ['SessionMetrics', 'SessionMetricsModule'];
const METRICS_TYPES = ['SessionMetricsOptions'];
const TERMINUS_RUNTIME = ['SessionHealthIndicator'];
const CLIENT_RUNTIME = ['SessionClient'];
const CLIENT_TYPES = [
  'GraphqlDocument',
  'SessionChallenge',
  'SessionClientOptions',
  'SessionFetch',
  'SessionRequestInit',
  'SessionTokenStorage',
  'SessionTokens',
];
const REDIS_RUNTIME = ['RedisRevocationLog', 'RedisSessionStore'];
const REDIS_TYPES = [
  'IoredisClient',
  'NodeRedisCall',
  'NodeRedisClient',
  'RedisClient',
  'RedisRevocationLogOptions',
  'RedisSessionStoreOptions',
];
const POSTGRES_RUNTIME = [
  'PostgresRevocationLog',
  'PostgresSessionStore',
  'postgresRevocationSchema',
  'postgresSessionSchema',
];
const POSTGRES_TYPES = [
  'PostgresClient',
  'PostgresPool',
  'PostgresQuery',
  'PostgresResult',
  'PostgresRevocationLogOptions',
  'PostgresRevocationTable',
  'PostgresSessionStoreOptions',
  'PostgresTable',
];

/** Named by an exported declaration, and yet nothing that a user writes down. */
const HIDDEN = [
  // The base that Nest's ConfigurableModuleBuilder makes.
  'ConfigurableModuleClass in SessionJwtModule',
  // Each looks one member of SessionTypes up; what users import is the result.
  'Declared in ExpandedSessionData',
  'Declared in SessionAttributes',
  'Declared in SessionData',
  'Declared in SessionParams',
  // What the events of a session have in common; every event is written out.
  'OfSession in SessionEvent',
  'ParameterType in SessionParameter',
  'REFUSALS in Refusal',
  // The base of SessionService, which has its methods.
  'SessionChanges in SessionService',
];

describe('the public API', () => {
  let api: PublicApi;

  beforeAll(() => {
    api = readPublicApi([
      'client/index.ts',
      'index.ts',
      'metrics/index.ts',
      'stores/postgres/index.ts',
      'stores/redis/index.ts',
      'terminus/index.ts',
      'testing/index.ts',
    ]);
  });

  it('has the reviewed names at run time', () => {
    expect(Object.keys(library).toSorted()).toEqual(RUNTIME.toSorted());
    expect(Object.keys(testing).toSorted()).toEqual(TESTING_RUNTIME.toSorted());
    expect(Object.keys(client).toSorted()).toEqual(CLIENT_RUNTIME.toSorted());
    expect(Object.keys(metrics).toSorted()).toEqual(METRICS_RUNTIME.toSorted());
    expect(Object.keys(terminus).toSorted()).toEqual(TERMINUS_RUNTIME);
    expect(Object.keys(redis).toSorted()).toEqual(REDIS_RUNTIME.toSorted());
    expect(Object.keys(postgres).toSorted()).toEqual(
      POSTGRES_RUNTIME.toSorted(),
    );
  });

  it('has the reviewed types', () => {
    expect(api.exports['index.ts']).toEqual([...RUNTIME, ...TYPES].toSorted());
    expect(api.exports['testing/index.ts']).toEqual(
      [...TESTING_RUNTIME, ...TESTING_TYPES].toSorted(),
    );
    expect(api.exports['metrics/index.ts']).toEqual(
      [...METRICS_RUNTIME, ...METRICS_TYPES].toSorted(),
    );
    expect(api.exports['terminus/index.ts']).toEqual(TERMINUS_RUNTIME);
    expect(api.exports['client/index.ts']).toEqual(
      [...CLIENT_RUNTIME, ...CLIENT_TYPES].toSorted(),
    );
    expect(api.exports['stores/redis/index.ts']).toEqual(
      [...REDIS_RUNTIME, ...REDIS_TYPES].toSorted(),
    );
    expect(api.exports['stores/postgres/index.ts']).toEqual(
      [...POSTGRES_RUNTIME, ...POSTGRES_TYPES].toSorted(),
    );
  });

  it('exports every type that an exported declaration names', () => {
    expect(api.unreachable).toEqual(HIDDEN);
  });
});

describeAtFullEffort('the check of the public API', () => {
  const read = (entry: string, other: string) =>
    readPublicApi(
      ['planted.ts'],
      new Map([
        ['planted.ts', entry],
        ['planted-other.ts', other],
      ]),
    );

  it('notices types of parameters, results, members, bases and constants that cannot be imported', () => {
    const { exports, unreachable } = read(
      `import { A, B, C, D, E, constant } from './planted-other.js';
       export type { F } from './planted-other.js';
       export function f<T>(a: A, t: T): Promise<B> { throw a ?? t; }
       export class Cls extends C { constructor(private readonly e: E) { super(); } inferred = constant; }
       export interface I { d: D; builtin: Map<string, Buffer> }
       export { constant } from './planted-other.js';`,
      `export interface A { a: 1 } export interface B { b: 1 } export class C {} export interface D { d: 1 }
       export interface E { e: 1 } export interface G { g: 1 } export interface F { g: G }
       export const constant: Set<A> = new Set();`,
    );
    expect(exports['planted.ts']).toEqual(['Cls', 'F', 'I', 'constant', 'f']);
    expect(unreachable).toEqual([
      'A in Cls',
      'A in constant',
      'A in f',
      'B in f',
      'C in Cls',
      'D in I',
      'E in Cls',
      'G in F',
    ]);
  });

  it('lets internal members and exported types pass', () => {
    const { unreachable } = read(
      `import type { A } from './planted-other.js';
       export type { A } from './planted-other.js';
       export class Cls {
         a?: A; #b?: { c: A }; private d?: A;
         /** @internal */ e?: import('./planted-other.js').Internal;
       }`,
      `export interface A { a: 1 } export interface Internal { i: 1 }`,
    );
    expect(unreachable).toEqual([]);
  });

  it('notices a type that is stripped from the declarations', () => {
    const { unreachable } = read(
      `import type { A } from './planted-other.js'; export interface I { a: A }`,
      `/** @internal */ export interface A { a: 1 }`,
    );
    expect(unreachable).toEqual(['A in I']);
  });
});
