import {
  Scope,
  type ModuleMetadata,
  type Provider,
  type ScopeOptions,
  type Type,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { SessionClock, SystemSessionClock } from '../clock.js';
import type { JwksOptions } from '../options/key-options.js';
import { resolveJwks } from '../options/resolve-jwks-options.js';
import {
  resolveRoutes,
  type RoutesOptions,
} from '../options/resolve-routes-options.js';
import type { SessionJwtModuleOptions } from '../options/session-jwt-module-options.js';
import { SessionStore } from '../options/session-store.js';
import { SessionDataLoader } from '../session/session-data-loader.js';
import {
  createSessionRuntime,
  type RuntimeSurroundings,
} from './create-session-runtime.js';
import { describeRoutes } from './describe-routes.js';
import { SessionExceptionFilter } from './session-exception.filter.js';
import { jwksControllerAt } from './session-jwks.controller.js';
import { sessionRoutesAt } from './session-routes.controller.js';
import { SESSION_RUNTIME, type SessionRuntime } from './session-runtime.js';
import { SessionGuard } from './session.guard.js';
import { SessionService } from './session.service.js';

/** What the application wrote. */
export const SESSION_OPTIONS = Symbol('nestjs-session-jwt:options');
/** Faults of what is given beside the options, for the one message that names all. */
export const ASYNC_FAULTS = Symbol('nestjs-session-jwt:async-faults');
const LOADER_FAULTS = Symbol('nestjs-session-jwt:loader-faults');
const ROUTES_DESCRIPTION = Symbol('nestjs-session-jwt:routes-description');
/** Where Nest keeps what `@Injectable({ scope })` says; it exports no name for it. */
const SCOPE_METADATA = 'scope:options';
const REQUEST_SCOPED =
  'dataLoader: must not be request-scoped: one reload serves many requests';

/** What must be known before the options are: it decides how the module is built. */
export interface SessionJwtModuleExtras {
  /**
   * The class that loads the data of sessions, built by Nest's injector; or `false`: the params are the
   * data.
   *
   * @default what an imported or global module provides as `SessionDataLoader`
   */
  dataLoader?: Type<SessionDataLoader<any, any>> | false;
  /**
   * Whether other modules see `SessionService` and `SessionGuard` without importing this module.
   *
   * @default true
   */
  global?: boolean;
  /**
   * Whether `SessionGuard` guards every route of the application. With `false` the application writes
   * `@UseGuards(SessionGuard)`.
   *
   * @default true
   */
  guard?: boolean;
  /**
   * Publishes the public `keys` for services that only check sessions (RFC 7517), without a session, as an
   * ordinary controller.
   *
   * @default false; `true` is the path '.well-known/jwks.json'
   */
  jwks?: boolean | JwksOptions;
  /**
   * Mounts `POST session/refresh`, `POST session/logout`, `GET session` and, with a store, `GET` and `DELETE`
   * `session/devices`, as an ordinary controller.
   *
   * @default false; `true` is the path 'session'
   */
  routes?: boolean | RoutesOptions;
  /** Modules that the data loader needs providers of. */
  imports?: ModuleMetadata['imports'];
}

/** What the module is made of. */
export function partsOf({
  dataLoader,
  guard,
  jwks,
  routes,
}: SessionJwtModuleExtras): { controllers: Type[]; providers: Provider[] } {
  const isGuarded = guard ?? true;
  const published = resolveJwks(jwks);
  const mounted = resolveRoutes(routes);
  const routesController =
    mounted.routes && sessionRoutesAt(mounted.routes, isGuarded);
  const controllers = [
    ...(published.jwks ? [jwksControllerAt(published.jwks)] : []),
    ...(routesController ? [routesController] : []),
  ];
  const providers: Provider[] = [
    { provide: SessionClock, useClass: SystemSessionClock },
    ...loaderProvidersOf(dataLoader),
    {
      // Its own provider, so that tests can override it.
      provide: SessionStore,
      useFactory: (options?: Partial<SessionJwtModuleOptions>) =>
        options?.store,
      inject: [SESSION_OPTIONS],
    },
    {
      provide: SESSION_RUNTIME,
      useFactory: (
        options: unknown,
        clock: SessionClock,
        loader: RuntimeSurroundings['loader'],
        store: unknown,
        ...faults: (readonly string[] | undefined)[]
      ) =>
        createSessionRuntime(options, clock, {
          loader,
          store,
          publishesKeys: published.jwks !== undefined,
          faults: [
            ...published.faults,
            ...mounted.faults,
            ...faults.flatMap((some) => some ?? []),
          ],
        }),
      inject: [
        SESSION_OPTIONS,
        SessionClock,
        { token: SessionDataLoader, optional: true },
        SessionStore,
        { token: LOADER_FAULTS, optional: true },
        { token: ASYNC_FAULTS, optional: true },
      ],
    },
    SessionService,
    SessionGuard,
    ...(isGuarded ? [{ provide: APP_GUARD, useExisting: SessionGuard }] : []),
    { provide: APP_FILTER, useClass: SessionExceptionFilter },
    ...(mounted.routes && routesController
      ? [
          {
            // Before documents are made of the routes, which is before any hook runs.
            provide: ROUTES_DESCRIPTION,
            useFactory: (runtime: SessionRuntime) =>
              describeRoutes(routesController, mounted.routes!, runtime),
            inject: [SESSION_RUNTIME],
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
