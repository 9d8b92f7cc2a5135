import {
  ConfigurableModuleBuilder,
  Inject,
  Module,
  type ConfigurableModuleAsyncOptions,
  type DynamicModule,
  type ModuleMetadata,
  type OnModuleInit,
  type Provider,
  Scope,
  type Type,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, ModuleRef } from '@nestjs/core';
import { SessionClock, SystemSessionClock } from '../clock.js';
import { SessionConfigError } from '../errors/session-config-error.js';
import type { SessionJwtModuleOptions } from '../options/session-jwt-module-options.js';
import { SessionDataLoader } from '../session/session-data-loader.js';
import { logSessionEvents } from './log-session-events.js';
import { SessionExceptionFilter } from './session-exception.filter.js';
import { createSessionRuntime, SESSION_RUNTIME } from './session-runtime.js';
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

/** Names given beside `useFactory` that do not belong there, for the one message that names all faults. */
const MISPLACED = Symbol('nestjs-session-jwt:misplaced-options');
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
        imports: undefined,
      } as object,
      (definition, extras) => ({
        ...definition,
        global: extras.global ?? true,
        imports: [...(definition.imports ?? []), ...(extras.imports ?? [])],
        providers: [...(definition.providers ?? []), ...providersOf(extras)],
        exports: [SESSION_RUNTIME, SessionClock, SessionGuard, SessionService],
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
export class SessionJwtModule
  extends ConfigurableModuleClass
  implements OnModuleInit
{
  /** @internal */
  constructor(@Inject(ModuleRef) private readonly moduleRef: ModuleRef) {
    super();
  }

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
    const misplaced = Object.keys(options).filter(
      (name) => !ASYNC_NAMES.has(name),
    );
    return {
      ...definition,
      providers: [
        ...(definition.providers ?? []),
        { provide: MISPLACED, useValue: misplaced },
      ],
    };
  }

  /** Called by Nest: refuses a request-scoped loader. */
  onModuleInit(): void {
    if (this.moduleRef.introspect(SESSION_RUNTIME).scope !== Scope.DEFAULT) {
      throw new SessionConfigError([
        'dataLoader: must not be request-scoped (nor depend on anything that is): it is called outside of requests too',
      ]);
    }
    const { events, logger } = this.moduleRef.get(SESSION_RUNTIME);
    logSessionEvents(events.stream, logger);
  }
}

function providersOf({
  dataLoader,
  guard,
}: SessionJwtModuleExtras): Provider[] {
  return [
    { provide: SessionClock, useClass: SystemSessionClock },
    ...(dataLoader === false
      ? [{ provide: SessionDataLoader, useValue: false }]
      : dataLoader
        ? [{ provide: SessionDataLoader, useClass: dataLoader }]
        : []),
    {
      provide: SESSION_RUNTIME,
      useFactory: createSessionRuntime,
      inject: [
        MODULE_OPTIONS_TOKEN,
        SessionClock,
        { token: SessionDataLoader, optional: true },
        { token: MISPLACED, optional: true },
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
