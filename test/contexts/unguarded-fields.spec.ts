import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import {
  Field,
  GraphQLModule,
  Int,
  ObjectType,
  Query,
  ResolveField,
  ResolveReference,
  Resolver,
  type GqlModuleOptions,
} from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import type { ModulesContainer } from '@nestjs/core';
import {
  Authorize,
  SessionConfigError,
  SessionJwtModule,
} from '../../lib/index.js';
import { unguardedFieldsIn } from '../../lib/nest/authorization/unguarded-fields.js';
import { boot, bootError, closeBooted } from '../support/nest-app.js';
import { SECRET } from '../support/secrets.js';
import type { AdapterName } from '../support/test-app.js';

@ObjectType()
class Product {
  @Field(() => Int) id!: number;
  @Field(() => Int, { nullable: true }) cost?: number;
}

const Guarded = (isGuarded: boolean): ClassDecorator & MethodDecorator =>
  isGuarded ? Authorize(() => true) : () => undefined;

/** A resolver with the decorator in one place or none. */
function resolverWith(place?: 'class' | 'query' | 'field'): Type {
  @Guarded(place === 'class')
  @Resolver(() => Product)
  class ProductResolver {
    @Guarded(place === 'query')
    @Query(() => [Product])
    products(): Product[] {
      return [];
    }

    @Guarded(place === 'field')
    @ResolveField(() => Int, { nullable: true })
    cost(): number {
      return 7;
    }
  }
  return ProductResolver;
}

const FieldResolver = resolverWith('field');

@Resolver('Product')
class SchemaResolver {
  @Query('products') products() {
    return [];
  }
  @Authorize(() => true) @ResolveField('cost') price() {
    return 7;
  }
}

@Resolver('Query')
class RootResolver {
  @Authorize(() => true) @ResolveField('products') products() {
    return [];
  }
}

@Resolver('Product')
class EntityResolver {
  @Authorize(() => true) @ResolveReference() find() {
    return {};
  }
}

const typeDefs =
  'type Product { id: Int!, cost: Int } type Query { products: [Product!]! }';
const codeFirst = { autoSchemaFile: true };
const guarded = { fieldResolverEnhancers: ['guards' as const] };

const apollo = (options: Partial<ApolloDriverConfig>): DynamicModule =>
  GraphQLModule.forRoot<ApolloDriverConfig>({
    driver: ApolloDriver,
    graphiql: false,
    ...options,
  });
const apolloLater = (options: Partial<ApolloDriverConfig>): DynamicModule =>
  GraphQLModule.forRootAsync<ApolloDriverConfig>({
    driver: ApolloDriver,
    useFactory: async () => ({ graphiql: false, ...options }),
  });
const mercurius = (options: Partial<MercuriusDriverConfig>): DynamicModule =>
  GraphQLModule.forRoot<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    ...options,
  });

@Module({ providers: [FieldResolver] })
class ProductsModule {}

@Module({ imports: [ProductsModule] })
class ShopModule {}

@Module({ providers: [RootResolver] })
class OtherModule {}

const sessions = (extras = {}) =>
  SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false, ...extras });

afterEach(closeBooted);

describe('@Authorize() on fields whose guards GraphQL does not run', () => {
  it.each<[string, DynamicModule, Type, string, AdapterName?]>([
    [
      'a method',
      apollo(codeFirst),
      FieldResolver,
      'ProductResolver.cost',
      'express',
    ],
    [
      'a class',
      apollo(codeFirst),
      resolverWith('class'),
      'ProductResolver.cost',
    ],
    [
      'options of a factory',
      apolloLater(codeFirst),
      FieldResolver,
      'ProductResolver.cost',
    ],
    [
      'other enhancers',
      apollo({ ...codeFirst, fieldResolverEnhancers: ['interceptors'] }),
      FieldResolver,
      'ProductResolver.cost',
    ],
    [
      'a schema in SDL',
      apollo({ typeDefs }),
      SchemaResolver,
      'SchemaResolver.price',
    ],
    [
      'Mercurius',
      mercurius(codeFirst),
      FieldResolver,
      'ProductResolver.cost',
      'fastify',
    ],
  ])(
    'stops the boot: %s',
    async (_what, graphql, resolver, field, adapter = 'express') => {
      const error = await bootError(
        { imports: [sessions(), graphql], providers: [resolver] },
        { adapter },
      );
      expect(error).toBeInstanceOf(SessionConfigError);
      expect(String(error)).toContain(
        `got ${field} without them; add fieldResolverEnhancers: ['guards'] to the options of GraphQLModule`,
      );
    },
  );

  it('stops the boot without a guard of the application, and for modules that GraphQL includes', async () => {
    const graphql = apollo({ ...codeFirst, include: [ShopModule] });
    const error = await bootError({
      imports: [sessions({ guard: false }), graphql, ShopModule],
    });
    expect(String(error)).toContain('got ProductResolver.cost without them');
  });

  it.each<[string, DynamicModule, Type[], AdapterName?]>([
    [
      'the guards of fields run',
      apollo({ ...codeFirst, ...guarded }),
      [FieldResolver],
    ],
    [
      'they run with options of a factory',
      apolloLater({ ...codeFirst, ...guarded }),
      [FieldResolver],
    ],
    [
      'they run with Mercurius',
      mercurius({ ...codeFirst, ...guarded }),
      [FieldResolver],
      'fastify',
    ],
    ['no field is decorated', apollo(codeFirst), [resolverWith()]],
    ['only a query is decorated', apollo(codeFirst), [resolverWith('query')]],
    ['a field of the root is decorated', apollo({ typeDefs }), [RootResolver]],
  ])(
    'lets the application start where %s',
    async (_why, graphql, providers, adapter = 'express') => {
      const metadata = { imports: [sessions(), graphql], providers };
      const app = await boot(metadata, { adapter });
      expect(app.port).toBeGreaterThan(0);
    },
  );

  it('lets the application start where GraphQL does not include the module', async () => {
    const graphql = apollo({ typeDefs, include: [OtherModule] });
    const imports = [sessions(), graphql, OtherModule, ShopModule];
    const app = await boot({ imports });
    expect(app.port).toBeGreaterThan(0);
  });

  /** As Nest keeps its modules, without a schema. */
  const container = (options: object, ...resolvers: Type[]): ModulesContainer =>
    new Map<string, object>([
      [
        'graphql',
        {
          metatype: GraphQLModule,
          imports: new Set(),
          providers: new Map([['GqlModuleOptions', { instance: options }]]),
        },
      ],
      [
        'other',
        {
          metatype: OtherModule,
          imports: new Set(),
          providers: new Map<unknown, object>([
            ...resolvers.map(
              (type) => [type, { instance: new type() as object }] as const,
            ),
            ['value', { instance: 'a value' }],
            ['nothing', { instance: undefined }],
            ['record', { instance: Object.create(null) as object }],
            ['plain', { instance: {} }],
          ]),
        },
      ],
    ]) as unknown as ModulesContainer;

  it.each<[string, Partial<GqlModuleOptions>, string[]]>([
    ['reported', {}, ['EntityResolver.find']],
    ['not reported with their guards', guarded, []],
    ['not reported for a gateway', { gateway: {} } as never, []],
  ])('has references of federation %s', (_what, options, expected) => {
    expect(unguardedFieldsIn(container(options, EntityResolver))).toEqual(
      expected,
    );
  });
});
