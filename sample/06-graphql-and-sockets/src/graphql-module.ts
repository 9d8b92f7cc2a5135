import type { DynamicModule } from '@nestjs/common';
import { ApolloDriver } from '@nestjs/apollo';
import type { ApolloDriverConfig } from '@nestjs/apollo';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver } from '@nestjs/mercurius';
import type { MercuriusDriverConfig } from '@nestjs/mercurius';
import { SessionConnections } from 'nestjs-session-jwt';
import { settings } from './settings.js';

/** GraphQL by either driver. Both refuse subscriptions without a session when a client connects. */
export function graphQLModule(): DynamicModule {
  return settings.driver === 'mercurius' ? mercurius() : apollo();
}

function apollo(): DynamicModule {
  return GraphQLModule.forRootAsync<ApolloDriverConfig>({
    driver: ApolloDriver,
    inject: [SessionConnections],
    useFactory: ({ onConnect }: SessionConnections) => ({
      autoSchemaFile: true,
      graphiql: false,
      subscriptions: { 'graphql-ws': { onConnect } },
    }),
  });
}

function mercurius(): DynamicModule {
  return GraphQLModule.forRootAsync<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    inject: [SessionConnections],
    useFactory: ({ verifyClient }: SessionConnections) => ({
      autoSchemaFile: true,
      subscription: { verifyClient },
    }),
  });
}
