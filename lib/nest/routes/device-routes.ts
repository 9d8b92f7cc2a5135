import {
  RequestMethod,
  type OnApplicationBootstrap,
  type Provider,
  type Type,
} from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { SessionConfigError } from '../../errors/session-config-error.js';
import type { ResolvedRoutesOptions } from '../../options/resolve-routes-options.js';
import { deviceBindingAt } from './device-binding.controller.js';
import { SESSION_RUNTIME, type SessionRuntime } from '../session-runtime.js';

/** Finds out where the application serves the routes of bound sessions: the global prefix is known only at the end. */
class DeviceRoutes implements OnApplicationBootstrap {
  readonly #runtime: SessionRuntime;
  readonly #config: ApplicationConfig;
  readonly #routes: ResolvedRoutesOptions;

  constructor(
    runtime: SessionRuntime,
    config: ApplicationConfig,
    routes: ResolvedRoutesOptions,
  ) {
    this.#runtime = runtime;
    this.#config = config;
    this.#routes = routes;
  }

  /** @throws {SessionConfigError} if a global prefix applies to one of the routes only */
  onApplicationBootstrap(): void {
    const { binding } = this.#runtime;
    const own = `/${this.#routes.path}`;
    const prefix = this.#config.getGlobalPrefix().replaceAll(/^\/+|\/+$/g, '');
    const [isExcluded, isRefreshExcluded] = [
      `${own}/device`,
      `${own}/device/refresh`,
    ].map((path) => prefix === '' || this.#isExcluded(path));
    if (binding && isExcluded !== isRefreshExcluded) {
      throw new SessionConfigError([
        `deviceBinding: expected setGlobalPrefix to apply to '${own}/device' and '${own}/device/refresh' alike, got an exclusion of one of them; exclude '${own.slice(1)}/{*path}' or neither`,
      ]);
    }
    binding?.instructions.mount(isExcluded ? own : `/${prefix}${own}`);
  }

  #isExcluded(path: string): boolean {
    const { exclude = [] } = this.#config.getGlobalPrefixOptions();
    return exclude.some(
      ({ pathRegex, requestMethod }) =>
        [RequestMethod.ALL, RequestMethod.POST].includes(requestMethod) &&
        pathRegex.test(path),
    );
  }
}

/** Returns the routes of bound sessions, and what lets the runtime know where they are. */
export function deviceRoutesAt(routes: ResolvedRoutesOptions): {
  readonly controller: Type;
  readonly provider: Provider;
} {
  return {
    controller: deviceBindingAt(routes),
    provider: {
      provide: DeviceRoutes,
      useFactory: (runtime: SessionRuntime, config: ApplicationConfig) =>
        new DeviceRoutes(runtime, config, routes),
      inject: [SESSION_RUNTIME, ApplicationConfig],
    },
  };
}
