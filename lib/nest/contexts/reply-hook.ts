import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { REPLY } from './graphql-request.js';

interface Fastify {
  addHook(
    name: 'onRequest',
    hook: (
      request: { raw: { [REPLY]?: object } },
      reply: object,
      done: () => void,
    ) => void,
  ): unknown;
}

/**
 * Keeps the reply of each request where resolvers find it: Apollo's contexts on Fastify lack it. Adds nothing to
 * applications without GraphQL.
 */
@Injectable()
export class ReplyHook implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {}

  /** Before Fastify is ready: later, it takes no hooks. */
  onModuleInit(): void {
    const { httpAdapter } = this.host;
    const hasGraphQL = [...this.modules.values()].some(
      ({ metatype }) => metatype.name === 'GraphQLModule',
    );
    if (hasGraphQL && httpAdapter?.getType() === 'fastify') {
      httpAdapter
        .getInstance<Fastify>()
        .addHook('onRequest', ({ raw }, reply, done) => {
          raw[REPLY] = reply;
          done();
        });
    }
  }
}
