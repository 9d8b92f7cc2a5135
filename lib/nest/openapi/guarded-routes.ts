import type { Type } from '@nestjs/common';
import {
  MetadataScanner,
  type ApplicationConfig,
  type ModulesContainer,
} from '@nestjs/core';
import type { ResolvedRoutesOptions } from '../../options/resolve-routes-options.js';
import { RequirementGuard } from '../authorization/requirement.guard.js';
import { rulesFor, type RouteAccess } from '../route-access.js';
import type { SessionRuntime } from '../session-runtime.js';
import { SessionGuard } from '../session.guard.js';

/** The key under which Nest keeps what `@UseGuards()` lists; it exports no name for it. */
const GUARDS_METADATA = '__guards__';

/** A session module whose guard OpenAPI documents describe. */
export interface DescribedModule {
  readonly runtime: SessionRuntime;
  readonly config: ApplicationConfig;
  /** Whether its guard covers the application. */
  readonly isGuarded: boolean;
  /** Its ready-made routes. */
  readonly routes:
    | { readonly controller: Type; readonly options: ResolvedRoutesOptions }
    | undefined;
}

/** A handler as a controller serves it; another controller may have inherited it. */
export interface GuardedRoute {
  readonly controller: Type;
  /** The name of the handler. */
  readonly name: string;
  readonly access: RouteAccess;
  /** Whether it has an `@Authorize()`. */
  readonly isAuthorized: boolean;
  /** Whether it has a `@RequireAuthentication()`. */
  readonly requiresProof: boolean;
  /** The modules whose guards the route has: a request must satisfy all of them. */
  readonly modules: readonly SessionRuntime[];
}

type HostModule =
  ModulesContainer extends Map<string, infer Host> ? Host : never;

/** Finds the guards of every route of an application. */
export class GuardedRoutes {
  readonly #described: readonly DescribedModule[];
  readonly #hosts = new Map<object, HostModule>();
  readonly #handlers = new Set<object>();

  constructor(
    application: ModulesContainer,
    described: readonly DescribedModule[],
  ) {
    this.#described = described;
    const scanner = new MetadataScanner();
    for (const host of application.values()) {
      for (const { metatype } of host.controllers.values()) {
        const prototype = (metatype as Type).prototype as Record<
          string,
          object
        >;
        this.#hosts.set(metatype as Type, host);
        for (const name of scanner.getAllMethodNames(prototype)) {
          this.#handlers.add(prototype[name]!);
        }
      }
    }
  }

  /** Every controller and every handler. */
  get targets(): readonly object[] {
    return [...this.#hosts.keys(), ...this.#handlers];
  }

  /** @param targets a controller and its handler */
  find(targets: readonly object[]): GuardedRoute | undefined {
    const controller = targets.find((target) => this.#hosts.has(target));
    const handler = targets.find((target) => this.#handlers.has(target));
    if (!controller || !handler) {
      return undefined;
    }
    const guarding = new Set([
      ...this.#guardingAll(),
      ...this.#guardingOnly(controller, handler),
    ]);
    const rules = rulesFor(controller, handler);
    return {
      controller: controller as Type,
      name: (handler as Type).name,
      access: rules.access,
      isAuthorized: rules.isAuthorized,
      requiresProof: rules.requiresProof,
      modules: this.#described
        .map(({ runtime }) => runtime)
        .filter((runtime) => guarding.has(runtime)),
    };
  }

  #guardingAll(): readonly SessionRuntime[] {
    return this.#described
      .filter(
        ({ isGuarded, config, runtime }) =>
          isGuarded ||
          config
            .getGlobalGuards()
            .some((guard) => SessionGuard.runtimeOf(guard) === runtime),
      )
      .map(({ runtime }) => runtime);
  }

  #guardingOnly(
    controller: object,
    handler: object,
  ): readonly (SessionRuntime | undefined)[] {
    const host = this.#hosts.get(controller)!;
    return [controller, handler]
      .flatMap<unknown>(
        (target) => Reflect.getMetadata(GUARDS_METADATA, target) ?? [],
      )
      .map((guard) =>
        isSessionGuard(guard)
          ? this.#runtimeBehind(guard, host)
          : SessionGuard.runtimeOf(guard),
      );
  }

  /** Returns the module that a guard class uses in a module; a test may have replaced the guard. */
  #runtimeBehind(guard: Type, host: HostModule): SessionRuntime | undefined {
    const [only, another] = this.#described;
    return (
      runtimeOf(host.injectables.get(guard)?.instance) ??
      (another ? undefined : only?.runtime)
    );
  }
}

function runtimeOf(guard: unknown): SessionRuntime | undefined {
  return guard instanceof RequirementGuard
    ? guard.runtime
    : SessionGuard.runtimeOf(guard);
}

/** Whether a guard class requires a session: also that of `@Authorize()` and `@RequireAuthentication()`. */
function isSessionGuard(guard: unknown): guard is Type {
  return (
    guard === SessionGuard ||
    (typeof guard === 'function' &&
      (guard.prototype instanceof SessionGuard ||
        guard.prototype instanceof RequirementGuard))
  );
}
