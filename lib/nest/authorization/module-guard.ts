import { Inject, Injectable, type CanActivate } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { SessionGuard } from '../session.guard.js';

/**
 * The guard of the session module, or what a test has put in its place with `overrideProvider` or `overrideGuard`. A
 * provider that an application adds elsewhere cannot take its place.
 */
@Injectable()
export class ModuleGuard {
  #current: CanActivate | undefined;

  constructor(
    @Inject(SessionGuard) private readonly provided: CanActivate,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {}

  get current(): CanActivate {
    this.#current ??= this.overridden ?? this.provided;
    return this.#current;
  }

  /** Only tests replace what `@UseGuards(SessionGuard)` stands for. */
  private get overridden(): CanActivate | undefined {
    return [...this.modules.values()]
      .map(({ injectables }) => injectables.get(SessionGuard))
      .find((guard) => guard && guard.metatype !== SessionGuard)?.instance as
      CanActivate | undefined;
  }
}
