import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { SessionConfigError } from '../../errors/session-config-error.js';
import { restrictionOf, rulesFor } from '../route-access.js';

/** The names that `@nestjs/graphql` uses; it is an optional package. */
const OPTIONS = 'GqlModuleOptions';
const TYPE = 'graphql:resolver_type';
const FIELD = 'graphql:resolve_property';
/** A federated subgraph resolves the entities that other subgraphs name. */
const REFERENCE = 'graphql:resolve_reference';
/** Nest always runs the guards of these. */
const ROOT_TYPES: ReadonlySet<unknown> = new Set([
  'Query',
  'Mutation',
  'Subscription',
]);

interface GraphQLOptions {
  readonly fieldResolverEnhancers?: readonly string[];
  /** The modules whose resolvers it serves, with those that they import. All without it. */
  readonly include?: readonly unknown[];
  /** A gateway has no resolvers. */
  readonly gateway?: unknown;
}

type ModuleRef =
  ModulesContainer extends Map<string, infer Value> ? Value : never;

/** Returns the restricted fields whose guards a GraphQL module does not run. */
export function unguardedFieldsIn(modules: ModulesContainer): string[] {
  const all = [...modules.values()];
  const resolvers = all
    .filter(({ metatype }) => metatype.name === 'GraphQLModule')
    .map(({ providers }): unknown => providers.get(OPTIONS)?.instance)
    .filter(runsNoFieldGuards)
    .flatMap(({ include = [] }) =>
      include.length === 0
        ? all
        : withImports(all.filter(({ metatype }) => include.includes(metatype))),
    )
    .flatMap(({ providers }) => [...providers.values()])
    .map(({ instance }): unknown => instance)
    .filter((instance) => typeof instance === 'object' && instance !== null)
    .map((instance) => Object.getPrototypeOf(instance) as object | null)
    .filter((prototype) => prototype !== null);
  return [...new Set(resolvers)].flatMap((prototype) =>
    new MetadataScanner()
      .getAllMethodNames(prototype)
      .filter((name) => isRestrictedField(prototype, name))
      .map((name) => `${prototype.constructor.name}.${name}`),
  );
}

function runsNoFieldGuards(options: unknown): options is GraphQLOptions {
  if (typeof options !== 'object' || options === null) {
    return false;
  }
  const { fieldResolverEnhancers, gateway } = options as GraphQLOptions;
  return !gateway && !fieldResolverEnhancers?.includes('guards');
}

function withImports(some: readonly ModuleRef[]): ModuleRef[] {
  const found = new Set(some);
  // A set also iterates over what is added meanwhile.
  for (const { imports } of found) {
    for (const imported of imports) found.add(imported);
  }
  return [...found];
}

function isRestrictedField(prototype: object, name: string): boolean {
  const { constructor } = prototype;
  const handler = (prototype as Record<string, unknown>)[name] as object;
  if (![FIELD, REFERENCE].some((key) => Reflect.hasMetadata(key, handler))) {
    return false;
  }
  const type: unknown =
    Reflect.getMetadata(TYPE, handler) ??
    Reflect.getMetadata(TYPE, constructor);
  return (
    type !== undefined &&
    !ROOT_TYPES.has(type) &&
    restrictionOf(rulesFor(constructor, handler)) !== undefined
  );
}

/** Stops the boot for restrictions of fields that GraphQL would not apply. */
@Injectable()
export class UnguardedFields implements OnModuleInit {
  constructor(
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {}

  /** @throws {SessionConfigError} that names the fields */
  onModuleInit(): void {
    const fields = unguardedFieldsIn(this.modules);
    if (fields.length === 0) return;
    throw new SessionConfigError([
      `@Authorize(), @RequireAuthentication(): expected GraphQL to run the guards of fields, got ${fields.join(', ')} without them; add fieldResolverEnhancers: ['guards'] to the options of GraphQLModule, or decorate only queries, mutations and subscriptions`,
    ]);
  }
}
