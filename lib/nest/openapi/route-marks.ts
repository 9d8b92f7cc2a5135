import { randomId } from '../../session/model/random-id.js';
import type { Operation, SecurityRequirement } from './openapi-document.js';

/** The key under which `@ApiSecurity()` keeps its requirements; the same in all versions. */
const SECURITY_METADATA = 'swagger/apiSecurity';
const MARK = 'nestjs-session-jwt:mark:';

/**
 * Recognizes the operations of a document: while it is created, every controller and every handler requires a scheme
 * that names it. A path would not do: the application chooses prefixes and versions. Nor would a handler alone:
 * controllers inherit handlers from each other.
 */
export class RouteMarks {
  // Another copy of the package may set marks as well.
  readonly #prefix = `${MARK}${randomId(8)}:`;
  readonly #targets: readonly object[];

  /** @param targets controllers and handlers */
  constructor(targets: Iterable<object>) {
    this.#targets = [...new Set(targets)];
  }

  /** Calls a function while all targets are marked. */
  during<T>(create: () => T): T {
    // All are read before any is written, because a class inherits the metadata of its base class.
    const former = this.#targets.map((target) => ({
      target,
      all: requirementsOf(target),
      own: Reflect.getOwnMetadata(SECURITY_METADATA, target) as unknown,
    }));
    try {
      former.forEach(({ target, all }, i) => {
        const marked = [...all, { [this.#prefix + i]: [] }];
        Reflect.defineMetadata(SECURITY_METADATA, marked, target);
      });
      return create();
    } finally {
      for (const { target, own } of former) {
        if (own === undefined) {
          Reflect.deleteMetadata(SECURITY_METADATA, target);
        } else {
          Reflect.defineMetadata(SECURITY_METADATA, own, target);
        }
      }
    }
  }

  /** Returns the targets of an operation. */
  targetsOf({ security = [] }: Operation): readonly object[] {
    return security
      .flatMap((requirement) => Object.keys(requirement))
      .filter((name) => name.startsWith(this.#prefix))
      .map((name) => this.#targets[Number(name.slice(this.#prefix.length))]!);
  }

  /** Returns an operation without its marks. */
  removedFrom(operation: Operation): Operation {
    const { security, ...rest } = operation;
    if (!security) {
      return operation;
    }
    const kept = security.filter(
      (requirement) =>
        !Object.keys(requirement).some((name) => name.startsWith(this.#prefix)),
    );
    return kept.length > 0 ? { ...rest, security: kept } : rest;
  }
}

/** Returns whether the application wrote a requirement, and no copy of this package. */
export function isWritten(requirement: SecurityRequirement): boolean {
  return !Object.keys(requirement).some((name) => name.startsWith(MARK));
}

function requirementsOf(target: object): readonly SecurityRequirement[] {
  const requirements: unknown = Reflect.getMetadata(SECURITY_METADATA, target);
  return Array.isArray(requirements) ? requirements : [];
}
