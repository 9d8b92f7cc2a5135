import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { REPLY, SOCKET } from './graphql-request.js';

interface Fastify {
  addHook(
    name: 'onRequest',
    hook: (
      request: { raw: { [REPLY]?: object } },
      reply: object,
      done: () => void,
    ) => void,
  ): unknown;
  /** Added by `@fastify/websocket`, which Mercurius uses. */
  readonly websocketServer?: {
    on(
      event: 'connection',
      listener: (socket: object, request: { [SOCKET]?: object }) => void,
    ): unknown;
  };
}

/**
 * Keeps what the contexts of GraphQL on Fastify lack: the reply of a request with Apollo, the socket of a connection with
 * Mercurius. Adds nothing to other applications.
 */
@Injectable()
export class SocketHooks implements OnModuleInit, OnApplicationBootstrap {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {}

  /** Before Fastify is ready: later, it takes no hooks. */
  onModuleInit(): void {
    this.fastify?.addHook('onRequest', ({ raw }, reply, done) => {
      raw[REPLY] = reply;
      done();
    });
  }

  /** After Mercurius has opened its server. */
  onApplicationBootstrap(): void {
    this.fastify?.websocketServer?.on('connection', (socket, request) => {
      request[SOCKET] = socket;
    });
  }

  private get fastify(): Fastify | undefined {
    const { httpAdapter } = this.host;
    const hasGraphQL = [...this.modules.values()].some(
      ({ metatype }) => metatype.name === 'GraphQLModule',
    );
    return hasGraphQL && httpAdapter?.getType() === 'fastify'
      ? httpAdapter.getInstance<Fastify>()
      : undefined;
  }
}
