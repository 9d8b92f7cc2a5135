import {
  ConfigurableModuleBuilder,
  Module,
  type ConfigurableModuleAsyncOptions,
  type DynamicModule,
} from '@nestjs/common';
import { SessionClock } from '../ports/clock.js';
import type { SessionJwtModuleOptions } from '../options/session-jwt-module-options.js';
import { RevocationLog } from '../ports/revocation-log.js';
import { SessionStore } from '../ports/session-store.js';
import {
  ASYNC_FAULTS,
  partsOf,
  SESSION_OPTIONS,
  type SessionJwtModuleExtras,
} from './module-extras.js';
import { ModuleGuard } from './authorization/module-guard.js';
import { SessionConnections } from './contexts/session-connections.js';
import { SESSION_RUNTIME } from './session-runtime.js';
import { SessionHealth } from './session-health.js';
import { SessionGuard } from './session.guard.js';
import { SessionService } from './session.service.js';

/** Creates the options, for `useClass` and `useExisting`. */
export interface SessionJwtOptionsFactory {
  createSessionJwtOptions():
    Promise<SessionJwtModuleOptions> | SessionJwtModuleOptions;
}

/** Options of `forRootAsync`: the source of the module's options, and the extras. */
export type SessionJwtModuleAsyncOptions = ConfigurableModuleAsyncOptions<
  SessionJwtModuleOptions,
  'createSessionJwtOptions'
> &
  SessionJwtModuleExtras;

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
  'openapi',
  'routes',
  'contexts',
]);

const { ConfigurableModuleClass } =
  new ConfigurableModuleBuilder<SessionJwtModuleOptions>({
    moduleName: 'SessionJwt',
    optionsInjectionToken: SESSION_OPTIONS,
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
        openapi: true,
        routes: undefined,
        contexts: undefined,
        imports: undefined,
      } as object,
      (definition, extras) => {
        const { controllers, providers } = partsOf(extras);
        return {
          ...definition,
          global: extras.global ?? true,
          imports: [...(definition.imports ?? []), ...(extras.imports ?? [])],
          controllers,
          providers: [...(definition.providers ?? []), ...providers],
          exports: [
            SESSION_RUNTIME,
            SessionClock,
            SessionStore,
            RevocationLog,
            SessionGuard,
            ModuleGuard,
            SessionService,
            SessionConnections,
            SessionHealth,
          ],
        };
      },
    )
    .build();

/**
 * User sessions carried by a JWT that reloads its own data.
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
 * The application does not start with invalid options: `SessionConfigError` lists every fault.
 */
@Module({})
export class SessionJwtModule extends ConfigurableModuleClass {
  /** Configures the module with options known when the code is loaded. */
  static override forRoot(
    options: SessionJwtModuleOptions & SessionJwtModuleExtras,
  ): DynamicModule {
    return super.forRoot(options);
  }

  /** Configures the module with options from a factory, for secrets from configuration or a vault. */
  static override forRootAsync(
    options: SessionJwtModuleAsyncOptions,
  ): DynamicModule {
    const definition = super.forRootAsync(options);
    const faults = Object.keys(options)
      .filter((name) => !ASYNC_NAMES.has(name))
      .map(
        (name) =>
          `${name}: unknown next to useFactory; return options from the factory`,
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
