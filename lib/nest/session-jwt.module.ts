import {
  ConfigurableModuleBuilder,
  Module,
  type ConfigurableModuleAsyncOptions,
  type DynamicModule,
  type ModuleMetadata,
  type Provider,
  Scope,
  type ScopeOptions,
  type Type,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { SessionClock, SystemSessionClock } from '../clock.js';
import type { JwksOptions } from '../options/key-options.js';
import { resolveJwks } from '../options/resolve-jwks-options.js';
import type { SessionJwtModuleOptions } from '../options/session-jwt-module-options.js';
import { SessionStore } from '../options/session-store.js';
import { SessionDataLoader } from '../session/session-data-loader.js';
import { jwksControllerAt } from './session-jwks.controller.js';
import { SessionExceptionFilter } from './session-exception.filter.js';
import {
  createSessionRuntime,
  SESSION_RUNTIME,
  type RuntimeSurroundings,
} from './session-runtime.js';
import { SessionGuard } from './session.guard.js';
import { SessionService } from './session.service.js';

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
  /** Modules that the data loader needs providers of. */
  imports?: ModuleMetadata['imports'];
}

/** For `useClass` and `useExisting`. */
export interface SessionJwtOptionsFactory {
  createSessionJwtOptions():
    Promise<SessionJwtModuleOptions> | SessionJwtModuleOptions;
}

/** What `forRootAsync` takes: where the options come from, and the extras. */
export type SessionJwtModuleAsyncOptions = ConfigurableModuleAsyncOptions<
  SessionJwtModuleOptions,
  'createSessionJwtOptions'
> &
  SessionJwtModuleExtras;

/** Faults of what is given beside the options, for the one message that names all. */
const ASYNC_FAULTS = Symbol('nestjs-session-jwt:async-faults');
const LOADER_FAULTS = Symbol('nestjs-session-jwt:loader-faults');
/** Where Nest keeps what `@Injectable({ scope })` says; it exports no name for it. */
const SCOPE_METADATA = 'scope:options';
const REQUEST_SCOPED =
  'dataLoader: must not be request-scoped: one reload serves many requests';
const ASYNC_NAMES: ReadonlySet<string> = new Set<
  keyof SessionJwtModuleAsyncOptions
>([
  'imports',
  'inject',
  'useFactory',
  'useClass',
  'useExisting',
  'provideInjectionTokensFrom',
  'dataLoader',
  'global',
  'guard',
  'jwks',
]);

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<SessionJwtModuleOptions>({
    moduleName: 'SessionJwt',
  })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createSessionJwtOptions')
    // Each extra must be a key here, or forRoot would pass it on as an option.
    .setExtras<SessionJwtModuleExtras>(
      {
        dataLoader: undefined,
        global: true,
        guard: true,
        jwks: undefined,
        imports: undefined,
      } as object,
      (definition, extras) => ({
        ...definition,
        global: extras.global ?? true,
        imports: [...(definition.imports ?? []), ...(extras.imports ?? [])],
        controllers: controllersOf(extras),
        providers: [...(definition.providers ?? []), ...providersOf(extras)],
        exports: [
          SESSION_RUNTIME,
          SessionClock,
          SessionStore,
          SessionGuard,
          SessionService,
        ],
      }),
    )
    .build();

/**
 * User sessions carried by a JWT that refreshes its own data.
 *
 * ```ts
 * SessionJwtModule.forRootAsync({
 *   imports: [UsersModule],
 *   inject: [ConfigService],
 *   dataLoader: UserSessionLoader,
 *   useFactory: (config: ConfigService) => ({ secret: config.getOrThrow('SESSION_SECRET') }),
 * })
 * ```
 *
 * The application does not start with options that cannot be used: `SessionConfigError` names every fault.
 */
@Module({})
export class SessionJwtModule extends ConfigurableModuleClass {
  /** Options known when the code is loaded. */
  static override forRoot(
    options: SessionJwtModuleOptions & SessionJwtModuleExtras,
  ): DynamicModule {
    return super.forRoot(options);
  }

  /** Options that come from a factory, for secrets out of configuration or a vault. */
  static override forRootAsync(
    options: SessionJwtModuleAsyncOptions,
  ): DynamicModule {
    const definition = super.forRootAsync(options);
    const faults = Object.keys(options)
      .filter((name) => !ASYNC_NAMES.has(name))
      .map(
        (name) =>
          `${name}: unknown beside useFactory; options are what the factory returns`,
      );
    return {
      ...definition,
      providers: [
        ...(definition.providers ?? []),
        { provide: ASYNC_FAULTS, useValue: faults },
      ],
    };
  }
}

function providersOf({
  dataLoader,
  guard,
  jwks,
}: SessionJwtModuleExtras): Provider[] {
  const published = resolveJwks(jwks);
  return [
    { provide: SessionClock, useClass: SystemSessionClock },
    ...loaderProvidersOf(dataLoader),
    {
      // Its own provider, so that tests can override it.
      provide: SessionStore,
      useFactory: (options?: Partial<SessionJwtModuleOptions>) =>
        options?.store,
      inject: [MODULE_OPTIONS_TOKEN],
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
            ...faults.flatMap((some) => some ?? []),
          ],
        }),
      inject: [
        MODULE_OPTIONS_TOKEN,
        SessionClock,
        { token: SessionDataLoader, optional: true },
        SessionStore,
        { token: LOADER_FAULTS, optional: true },
        { token: ASYNC_FAULTS, optional: true },
      ],
    },
    SessionService,
    SessionGuard,
    ...((guard ?? true)
      ? [{ provide: APP_GUARD, useExisting: SessionGuard }]
      : []),
    { provide: APP_FILTER, useClass: SessionExceptionFilter },
  ];
}

function controllersOf({ jwks }: SessionJwtModuleExtras): Type[] {
  const resolved = resolveJwks(jwks).jwks;
  return resolved ? [jwksControllerAt(resolved)] : [];
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
