import type { ExecutionContext } from '@nestjs/common';
import type {
  SessionRequest,
  SessionResponse,
} from '../exchange/raw-exchange.js';
import { isSocketIo, type ClientSocket } from './client-socket.js';
import {
  findInGraphQL,
  isObject,
  type FoundConnection,
  type FoundRequest,
} from './graphql-request.js';

/** The request that a context stands for, and the response that can deliver tokens to its client, if there is one. */
export interface ContextRequest {
  readonly request: SessionRequest;
  readonly response?: SessionResponse;
}

/**
 * Finds the request of a kind of context that the library does not know. Returns `undefined` if there is none, so that
 * the context is refused. Never take the payload of a message for a request: its sender would choose the headers.
 */
export type ContextRequestFinder = (
  context: ExecutionContext,
) => ContextRequest | undefined;

/** Finds the requests of contexts, by the context's type: `'rpc'`, for example. */
export type ContextFinders = Readonly<Record<string, ContextRequestFinder>>;

/** Finds the request or the connection on which a guard must decide. */
export function findIn(
  context: ExecutionContext,
  kind: string,
): FoundRequest | FoundConnection | undefined {
  switch (kind) {
    case 'http': {
      const http = context.switchToHttp();
      return { request: http.getRequest(), response: http.getResponse() };
    }
    case 'graphql':
      return findInGraphQL(graphQLContextIn(context.getArgs<unknown[]>()));
    case 'ws':
      return gatewayClient(context.switchToWs().getClient<GatewayClient>());
    default:
      return undefined;
  }
}

/**
 * Returns the context value of an operation, from what its resolver gets. Federation's reference resolvers get no arguments
 * of a field: the context comes before the schema. The arguments of a field belong to the sender.
 */
function graphQLContextIn(args: readonly unknown[]): unknown {
  const [, second, third] = args;
  const isReference =
    args.length === 3 && isObject(third) && isObject(third['schema']);
  return isReference ? second : third;
}

type GatewayClient = ClientSocket & {
  readonly request?: SessionRequest | null;
  readonly handshake?: SessionRequest & { readonly auth?: unknown };
};

/** Returns the connection of a gateway's client. socket.io keeps the handshake, `ws` does not. */
export function gatewayClient(client: GatewayClient): FoundConnection {
  return isSocketIo(client)
    ? {
        key: client,
        client,
        // Applications may drop the request, to save memory.
        handshake: client.request ?? client.handshake,
        sent: { params: client.handshake?.auth, tokenMember: 'token' },
      }
    : { key: client, client, handshake: undefined, sent: undefined };
}

/**
 * Returns what stands for a message whose request was found by the application: the context object of its transport,
 * which comes last. The payload belongs to the sender.
 */
export function messageIn(context: ExecutionContext): object | undefined {
  return context.getArgs<unknown[]>().findLast(isObject);
}
