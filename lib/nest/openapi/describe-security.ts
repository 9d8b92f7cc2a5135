import type { SecurityScheme, Transport } from '../../ports/transport.js';
import type { RouteAccess } from '../route-access.js';
import type { SessionRuntime } from '../session-runtime.js';
import type { NamedComponents } from './named-components.js';
import type {
  OpenApiDocument,
  Operation,
  SecurityRequirement,
} from './openapi-document.js';
import { isWritten } from './route-marks.js';

interface NamedScheme {
  readonly name: string;
  readonly scheme: SecurityScheme;
}

/** Returns the security schemes of a module, with the names that `DocumentBuilder` gives such schemes by default. */
function schemesOf({ transports }: SessionRuntime): NamedScheme[] {
  return transports.all.flatMap((transport: Transport) =>
    (transport.securitySchemes ?? []).map((scheme) => {
      const name =
        scheme.type === 'http' ? scheme.scheme.toLowerCase() : transport.name;
      // The specification allows no other characters in names.
      return { name: name.replace(/[^\w.-]+/g, '-'), scheme };
    }),
  );
}

/**
 * Defines our schemes that the application requires by their names without having defined them, so that no requirement
 * points to nothing.
 */
export function defineRequired(
  { paths, security = [] }: OpenApiDocument,
  modules: readonly SessionRuntime[],
  components: NamedComponents,
): void {
  const required = new Set(
    [
      ...security,
      ...Object.values(paths)
        .flatMap((item) => Object.values(item))
        .flatMap((operation) => operation.security ?? []),
    ].flatMap((requirement) => Object.keys(requirement)),
  );
  for (const { name, scheme } of modules.flatMap(schemesOf)) {
    if (required.has(name)) {
      components.defineScheme(name, scheme);
    }
  }
}

/** The route of an operation, and the requirements that its document has for all operations. */
export interface SecuredRoute {
  readonly access: RouteAccess;
  readonly modules: readonly SessionRuntime[];
  readonly inherited: readonly SecurityRequirement[];
}

/**
 * Adds the security requirement of a guarded operation: the session of every module, by any of its transports. What
 * the application wrote takes precedence, for the operation or for the whole document. A public operation is only
 * exempted from the latter, and only if that requires nothing but our schemes.
 */
export function describeSecurity(
  operation: Operation,
  { access, modules, inherited }: SecuredRoute,
  components: NamedComponents,
): Operation {
  const present = operation.security ?? [];
  const isInheritedOurs =
    inherited.length > 0 && namesOnly(inherited, modules, components);
  if (present.some(isWritten)) {
    return operation;
  }
  if (access === 'public') {
    return isInheritedOurs ? { ...operation, security: present } : operation;
  }
  if (inherited.length > 0 && !(isInheritedOurs && access === 'optional')) {
    return operation;
  }
  const required = modules
    .map((module) => schemesOf(module))
    .filter((schemes) => schemes.length > 0)
    .map((schemes): readonly SecurityRequirement[] => [
      ...schemes.map(({ name, scheme }) => ({
        [components.schemeNamed(name, scheme)]: [],
      })),
      ...(access === 'optional' ? [{}] : []),
    ]);
  return required.length > 0
    ? { ...operation, security: [...everyOneOf(required), ...present] }
    : operation;
}

/** Returns whether requirements name nothing but schemes of these modules. */
function namesOnly(
  requirements: readonly SecurityRequirement[],
  modules: readonly SessionRuntime[],
  components: NamedComponents,
): boolean {
  const schemes = modules.flatMap(schemesOf).map(({ scheme }) => scheme);
  return requirements
    .flatMap((requirement) => Object.keys(requirement))
    .every((name) => components.describesAny(name, schemes));
}

/** Combines one alternative of each list in all ways. */
function everyOneOf(
  lists: readonly (readonly SecurityRequirement[])[],
): readonly SecurityRequirement[] {
  return lists.reduce((combined, alternatives) =>
    combined.flatMap((one) =>
      alternatives.map((other) => ({ ...one, ...other })),
    ),
  );
}
