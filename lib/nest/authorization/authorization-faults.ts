import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { contradictionOf } from '../route-access.js';

/** Reports the handlers that decorators open to everyone and restrict to some sessions. */
export function authorizationFaultsIn(modules: ModulesContainer): string[] {
  const scanner = new MetadataScanner();
  const classes = new Set(
    [...modules.values()]
      .flatMap(({ controllers, providers }) => [
        ...controllers.values(),
        ...providers.values(),
      ])
      .map(({ metatype }): unknown => metatype)
      .filter(isClass),
  );
  return [...classes].flatMap((type) =>
    scanner.getAllMethodNames(type.prototype).flatMap((name) => {
      const decorator = contradictionAt(type, name);
      return decorator
        ? `${decorator}: expected a handler that requires a session, got ${type.name}.${name}, which is @Public(); remove one of the decorators, or add @Public(false) to the method`
        : [];
    }),
  );
}

function contradictionAt(type: Class, name: string): string | undefined {
  const method: unknown = type.prototype[name];
  return typeof method === 'function' &&
    // A method without metadata is no handler.
    Reflect.getMetadataKeys(method).length > 0
    ? contradictionOf(type, method)
    : undefined;
}

interface Class {
  readonly name: string;
  readonly prototype: Record<string, unknown>;
}

function isClass(value: unknown): value is Class {
  return (
    typeof value === 'function' &&
    typeof value.prototype === 'object' &&
    value.prototype !== null
  );
}
