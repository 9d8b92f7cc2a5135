import {
  HttpException,
  Inject,
  Injectable,
  type OnModuleInit,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { RequirementGuard } from '../authorization/requirement.guard.js';
import { rulesFor } from '../route-access.js';
import { SESSION_RUNTIME, type SessionRuntime } from '../session-runtime.js';
import { SessionGuard } from '../session.guard.js';

/** The keys under which Nest keeps the facts of gateways; it exports no names for the first two. */
const IS_GATEWAY = 'websockets:is_gateway';
const IS_HANDLER = 'websockets:message_mapping';
const GUARDS = '__guards__';

type Class = abstract new (...args: never[]) => unknown;

/** Whether this version of Nest runs the guards of the application for gateways: 12 does, 11 does not. */
export function runsGuardsForGateways(): boolean {
  // Nest 12 added this option; its package.json may be out of reach, in a bundle for example.
  const options = { errorCode: 'NEST_12' } as object;
  const { errorCode } = new HttpException('', 400, options) as {
    errorCode?: string;
  };
  return errorCode !== undefined;
}

/** Returns the handlers of a class, if it is a gateway, that neither a guard of sessions nor `@Public()` covers. */
export function unguardedHandlersOf(gateway: Class): string[] {
  if (!Reflect.hasMetadata(IS_GATEWAY, gateway) || isGuarded(gateway)) {
    return [];
  }
  return handlersOf(gateway)
    .filter(
      ([, handler]) =>
        !isGuarded(handler) && rulesFor(gateway, handler).access !== 'public',
    )
    .map(([name]) => name);
}

function handlersOf({ prototype }: Class): [string, object][] {
  const handlers = new Map<string, object>();
  for (
    let each: unknown = prototype;
    typeof each === 'object' && each !== null && each !== Object.prototype;
    each = Object.getPrototypeOf(each)
  ) {
    const members = Object.getOwnPropertyDescriptors(each);
    for (const [name, { value }] of Object.entries(members)) {
      if (typeof value === 'function' && !handlers.has(name)) {
        handlers.set(name, value as object);
      }
    }
  }
  return [...handlers].filter(([, handler]) =>
    Reflect.hasMetadata(IS_HANDLER, handler),
  );
}

function isGuarded(target: object): boolean {
  const guards = (Reflect.getMetadata(GUARDS, target) ?? []) as unknown[];
  return guards.some(
    (guard) =>
      guard === SessionGuard ||
      guard instanceof SessionGuard ||
      (typeof guard === 'function' &&
        (guard.prototype instanceof SessionGuard ||
          guard.prototype instanceof RequirementGuard)),
  );
}

/** Warns of gateways that the guard of the application does not reach. */
@Injectable()
export class UnguardedGateways implements OnModuleInit {
  constructor(
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(SESSION_RUNTIME) private readonly runtime: SessionRuntime,
  ) {}

  onModuleInit(): void {
    if (!runsGuardsForGateways()) this.warn();
  }

  warn(): void {
    const classes = [...this.modules.values()]
      .flatMap(({ providers }) => [...providers.values()])
      .map(({ metatype }) => metatype)
      .filter((metatype) => typeof metatype === 'function') as Class[];
    const found = [...new Set(classes)].flatMap((gateway) => {
      const handlers = unguardedHandlersOf(gateway);
      return handlers.length > 0
        ? [`${gateway.name} (${handlers.join(', ')})`]
        : [];
    });
    if (found.length === 0) return;
    this.runtime.logger.once(
      'warn',
      'unguarded gateways',
      `Nest 11 runs no global guard for gateways, so these handle messages without a session: ${found.join('; ')}. Add @UseGuards(SessionGuard), or @Public() if that is intended.`,
    );
  }
}
