import { EventEmitter, on } from 'node:events';
import {
  Injectable,
  Scope,
  type DynamicModule,
  type Type,
} from '@nestjs/common';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import {
  Context,
  Field,
  GraphQLModule,
  Int,
  Mutation,
  ObjectType,
  Parent,
  Query,
  ResolveField,
  Resolver,
  Subscription,
} from '@nestjs/graphql';
import DataLoader from 'dataloader';
import {
  ActiveSession,
  CheckRevocation,
  OptionalSession,
  Passive,
  Public,
  Session,
  SessionConnections,
  SessionService,
} from '../../lib/index.js';
import { combinations } from '../support/effort.js';
import type { AdapterName } from '../support/test-app.js';

export type Driver = 'apollo' | 'mercurius';

/** Every driver on every adapter that it supports; at modest effort, each driver and each adapter once. */
export const GRAPHQL_PLATFORMS = combinations<
  [driver: Driver, adapter: AdapterName]
>(
  [
    ['apollo', 'express'],
    ['mercurius', 'fastify'],
    ['apollo', 'fastify'],
  ],
  2,
);

/** What subscriptions deliver, and what has run. */
export const Feed = {
  events: new EventEmitter().setMaxListeners(0),
  /** The names of the handlers that have run. */
  handled: [] as string[],
  /** The context value of the last operation. */
  context: undefined as unknown,

  publish(text: string): void {
    this.events.emit('text', text);
  },
};

@ObjectType()
export class Item {
  @Field(() => Int) id!: number;
  @Field(() => String) owner?: string;
}

/** Batches of the DataLoader, which a guard that is not synchronous would tear apart. */
@Injectable({ scope: Scope.REQUEST })
export class Owners {
  static batches: number[] = [];

  readonly loader = new DataLoader<number, string>((ids) => {
    Owners.batches.push(ids.length);
    return Promise.resolve(ids.map((id) => `owner ${id}`));
  });
}

@Resolver(() => Item)
export class ItemResolver {
  readonly #loaders = new WeakMap<object, DataLoader<number, string>>();

  @Query(() => [Item])
  items(): Item[] {
    return Array.from({ length: 20 }, (_, id) => ({ id }));
  }

  @ResolveField(() => String)
  owner(@Parent() item: Item, @Session() session: ActiveSession) {
    let loader = this.#loaders.get(session);
    if (!loader) {
      loader = new Owners().loader;
      this.#loaders.set(session, loader);
    }
    return loader.load(item.id);
  }
}

@Resolver()
export class OrderResolver {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Mutation(() => Boolean)
  async signIn(@Context() response: object) {
    await this.sessions.generate('ada', { response });
    return true;
  }

  @Mutation(() => Boolean)
  async signOut(@Session() session: ActiveSession) {
    await this.sessions.revoke(session);
    return true;
  }

  @Query(() => String) role(@Session('data') data: any) {
    return data.role;
  }

  @Query(() => String) a(
    @Session() session: ActiveSession,
    @Context() context: object,
  ) {
    Feed.context = context;
    return this.note('a', session);
  }

  @Query(() => String) b(@Session() session: ActiveSession) {
    return this.note('b', session);
  }

  @Query(() => String) c(@Session('subject') subject: string) {
    return subject;
  }

  /** For a query that other fields must survive. */
  @Query(() => String, { nullable: true }) mine(
    @Session() session: ActiveSession,
  ) {
    return this.note('mine', session);
  }

  @Public()
  @Query(() => String)
  open(@Session() session: ActiveSession | undefined) {
    return session?.subject ?? 'anyone';
  }

  @OptionalSession()
  @Query(() => String)
  optional(@Session() session: ActiveSession | undefined) {
    return session?.subject ?? 'nobody';
  }

  @CheckRevocation()
  @Query(() => String)
  confirmed(@Session() session: ActiveSession) {
    return this.note('confirmed', session);
  }

  @Passive()
  @Query(() => String)
  polled(@Session() session: ActiveSession) {
    return session.subject;
  }

  @Mutation(() => String)
  change(@Session() session: ActiveSession) {
    return this.note('change', session);
  }

  @CheckRevocation()
  @Mutation(() => String)
  confirmedChange(@Session() session: ActiveSession) {
    return this.note('confirmedChange', session);
  }

  @Subscription(() => String)
  async *texts(@Session() session: ActiveSession, @Context() context: object) {
    Feed.context = context;
    this.note('texts', session);
    for await (const [text] of on(Feed.events, 'text')) {
      yield { texts: `${session.subject} ${String(text)}` };
    }
  }

  @CheckRevocation()
  @Subscription(() => String)
  async *confirmedTexts(@Session() session: ActiveSession) {
    this.note('confirmedTexts', session);
    for await (const [text] of on(Feed.events, 'text')) {
      yield { confirmedTexts: `${session.subject} ${String(text)}` };
    }
  }

  @Public()
  @Subscription(() => String)
  async *openTexts() {
    for await (const [text] of on(Feed.events, 'text')) {
      yield { openTexts: String(text) };
    }
  }

  private note(handler: string, session: ActiveSession): string {
    Feed.handled.push(handler);
    return session.subject;
  }
}

export interface GraphQLTestOptions {
  /** Refuses connections without a session when they are opened. */
  onConnect?: boolean;
  /** Runs guards for the fields of objects as well. */
  fieldGuards?: boolean;
}

export function graphQLModule(
  driver: Driver,
  { onConnect = false, fieldGuards = false }: GraphQLTestOptions = {},
): DynamicModule {
  const common = {
    autoSchemaFile: true,
    ...(fieldGuards && { fieldResolverEnhancers: ['guards' as const] }),
  };
  return driver === 'apollo'
    ? GraphQLModule.forRootAsync<ApolloDriverConfig>({
        driver: ApolloDriver,
        inject: [SessionConnections],
        useFactory: (connections: SessionConnections) => ({
          ...common,
          graphiql: false,
          subscriptions: {
            'graphql-ws': onConnect
              ? { onConnect: connections.onConnect }
              : true,
          },
        }),
      })
    : GraphQLModule.forRootAsync<MercuriusDriverConfig>({
        driver: MercuriusDriver,
        inject: [SessionConnections],
        useFactory: (connections: SessionConnections) => ({
          ...common,
          subscription: {
            fullWsTransport: true,
            ...(onConnect && { verifyClient: connections.verifyClient }),
          },
        }),
      });
}

export const GRAPHQL_PROVIDERS: Type[] = [OrderResolver, ItemResolver];
