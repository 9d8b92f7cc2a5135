import {
  Scope,
  type ModuleMetadata,
  type Provider,
  type ScopeOptions,
  type Type,
} from '@nestjs/common';
import {
  APP_FILTER,
  APP_GUARD,
  ApplicationConfig,
  ModulesContainer,
} from '@nestjs/core';
import { SessionClock, SystemSessionClock } from '../ports/clock.js';
import type { JwksOptions } from '../options/key-options.js';
import { contextFaults } from '../options/context-faults.js';
import { resolveJwks } from '../options/resolve-jwks-options.js';
import {
  resolveRoutes,
  type RoutesOptions,
} from '../options/resolve-routes-options.js';
import { RevocationLog } from '../ports/revocation-log.js';
import { SessionStore } from '../ports/session-store.js';
import { SessionDataLoader } from '../session/model/session-data-loader.js';
import { authorizationFaultsIn } from './authorization/authorization-faults.js';
import {
  guardFaultsIn,
  GUARDS_APPLICATION,
} from './authorization/guard-faults.js';
import { ModuleGuard } from './authorization/module-guard.js';
import { UnguardedFields } from './authorization/unguarded-fields.js';
import {
  createSessionRuntime,
  type RuntimeSurroundings,
} from './create-session-runtime.js';
import { SessionConnections } from './contexts/session-connections.js';
import type { ContextFinders } from './contexts/session-contexts.js';
import { ReplyHook } from './contexts/reply-hook.js';
import { describeSessions } from './openapi/describe-sessions.js';
import { UnguardedGateways } from './contexts/unguarded-gateways.js';
import { SessionExceptionFilter } from './session-exception.filter.js';
import { deviceRoutesAt } from './routes/device-routes.js';
import { jwksControllerAt } from './routes/session-jwks.controller.js';
import { sessionRoutesAt } from './routes/session-routes.controller.js';
import { replaceablePartsOf } from './replaceable-parts.js';
import { SESSION_RUNTIME, type SessionRuntime } from './session-runtime.js';
import { SessionHealth } from './session-health.js';
import { SessionGuard } from './session.guard.js';
import { SessionService } from './session.service.js';

/** The application's options. */
export const SESSION_OPTIONS = Symbol('nestjs-session-jwt:options');
/** Faults found outside the options, for the one message that lists all. */
export const ASYNC_FAULTS = Symbol('nestjs-session-jwt:async-faults');
const LOADER_FAULTS = Symbol('nestjs-session-jwt:loader-faults');
const DOCUMENTATION = Symbol('nestjs-session-jwt:documentation');
/** The key under which Nest keeps the options of `@Injectable({ scope })`; it exports no name for it. */
const SCOPE_METADATA = 'scope:options';
const REQUEST_SCOPED =
  'dataLoader: expected a class without request scope, got a request-scoped one; remove the scope, because one reload serves many requests';

/** Options that must be known before the others, because they decide how the module is built. */
export interface SessionJwtModuleExtras {
  /**
   * The class that loads session data, created by Nest's injector. `false` uses the params as the data.
   *
   * @default the `SessionDataLoader` that an imported or global module provides
   */
  dataLoader?: Type<SessionDataLoader<any, any>> | false;
  /**
   * Whether other modules can use `SessionService` and `SessionGuard` without importing this module.
   *
   * @default true
   */
  global?: boolean;
  /**
   * Whether `SessionGuard` guards every route of the application. With `false`, add `@UseGuards(SessionGuard)`
   * yourself. Of several session modules, at most one may guard the application; otherwise it does not start.
   *
   * @default true
   */
  guard?: boolean;
  /**
   * Publishes the public `keys` for services that only verify sessions (RFC 7517), as an ordinary controller that
   * requires no session.
   *
   * @default false; `true` uses the path '.well-known/jwks.json'
   */
  jwks?: boolean | JwksOptions;
  /**
   * Whether OpenAPI documents state what the guard requires. Documents created by `SwaggerModule.createDocument` of
   * `@nestjs/swagger`, if that is installed, get the security schemes of the transports and, for each guarded route,
   * the security requirement and the responses with 401, 403 and 503 that are possible there; the ready-made routes are
   * described in full. `@ApiSecurity()` and `@ApiResponse()` take precedence. With `false`, the module does not load
   * `@nestjs/swagger`.
   *
   * @default true
   */
  openapi?: boolean;
  /**
   * Mounts `POST session/refresh`, `POST session/logout`, `GET session` and, with a store, `GET` and `DELETE`
   * `session/devices`, as an ordinary controller. `DELETE session/devices/others` also works with `revocations`.
   *
   * @default false; `true` uses the path 'session'
   */
  routes?: boolean | RoutesOptions;
  /**
   * Finds the request that other kinds of contexts stand for, by their type: `{ rpc: (context) => … }`. Without it, the
   * guard refuses them. HTTP, GraphQL and gateways need none.
   */
  contexts?: ContextFinders;
  /** Modules whose providers the data loader needs. */
  imports?: ModuleMetadata['imports'];
}

/** Returns the controllers and providers of the module. */
export function partsOf({
  dataLoader,
  guard,
  jwks,
  openapi,
  routes,
  contexts,
}: SessionJwtModuleExtras): { controllers: Type[]; providers: Provider[] } {
  const isGuarded = guard ?? true;
  const published = resolveJwks(jwks);
  const mounted = resolveRoutes(routes);
  const routesController =
    mounted.routes && sessionRoutesAt(mounted.routes, isGuarded);
  const device = mounted.routes && deviceRoutesAt(mounted.routes);
  const controllers = [
    published.jwks && jwksControllerAt(published.jwks),
    routesController,
    device?.controller,
  ].filter((controller) => controller !== undefined);
  const providers: Provider[] = [
    { provide: SessionClock, useClass: SystemSessionClock },
    ...loaderProvidersOf(dataLoader),
    ...replaceablePartsOf(SESSION_OPTIONS),
    {
      provide: SESSION_RUNTIME,
      useFactory: (
        options: unknown,
        clock: SessionClock,
        loader: RuntimeSurroundings['loader'],
        store: unknown,
        log: unknown,
        modules: ModulesContainer,
        ...faults: (readonly string[] | undefined)[]
      ) =>
        createSessionRuntime(options, clock, {
          loader,
          store,
          log,
          contexts,
          publishesKeys: published.jwks !== undefined,
          hasRoutes: mounted.routes !== undefined,
          faults: [
            ...published.faults,
            ...mounted.faults,
            ...contextFaults(contexts),
            ...(isGuarded ? guardFaultsIn(modules) : []),
            ...authorizationFaultsIn(modules),
            ...faults.flatMap((some) => some ?? []),
          ],
        }),
      inject: [
        SESSION_OPTIONS,
        SessionClock,
        { token: SessionDataLoader, optional: true },
        SessionStore,
        RevocationLog,
        ModulesContainer,
        { token: LOADER_FAULTS, optional: true },
        { token: ASYNC_FAULTS, optional: true },
      ],
    },
    SessionService,
    SessionConnections,
    SessionHealth,
    SessionGuard,
    ModuleGuard,
    ReplyHook,
    UnguardedFields,
    ...(isGuarded
      ? [
          { provide: APP_GUARD, useExisting: SessionGuard },
          { provide: GUARDS_APPLICATION, useValue: true },
          UnguardedGateways,
        ]
      : []),
    ...(device ? [device.provider] : []),
    { provide: APP_FILTER, useClass: SessionExceptionFilter },
    ...((openapi ?? true)
      ? [
          {
            // Runs before an application creates documents, which is before any hook.
            provide: DOCUMENTATION,
            useFactory: (
              runtime: SessionRuntime,
              modules: ModulesContainer,
              config: ApplicationConfig,
            ) =>
              describeSessions(modules, {
                runtime,
                config,
                isGuarded,
                routes:
                  mounted.routes && routesController
                    ? { controller: routesController, options: mounted.routes }
                    : undefined,
              }),
            inject: [SESSION_RUNTIME, ModulesContainer, ApplicationConfig],
          },
        ]
      : []),
  ];
  return { controllers, providers };
}

function loaderProvidersOf(
  dataLoader: SessionJwtModuleExtras['dataLoader'],
): Provider[] {
  if (dataLoader === undefined) {
    return [];
  }
  if (dataLoader === false) {
    return [{ provide: SessionDataLoader, useValue: false }];
  }
  const options: ScopeOptions | undefined = Reflect.getMetadata(
    SCOPE_METADATA,
    dataLoader,
  );
  return options?.scope === Scope.REQUEST
    ? [
        { provide: SessionDataLoader, useValue: false },
        { provide: LOADER_FAULTS, useValue: [REQUEST_SCOPED] },
      ]
    : [{ provide: SessionDataLoader, useClass: dataLoader }];
}
