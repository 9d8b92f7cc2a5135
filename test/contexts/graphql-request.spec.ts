import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { connectionOf } from '../../lib/nest/contexts/connection.js';
import { findIn } from '../../lib/nest/contexts/session-contexts.js';
import type { SessionRuntime } from '../../lib/nest/session-runtime.js';
import {
  findInGraphQL,
  type FoundConnection,
  REPLY,
  responseIn,
} from '../../lib/nest/contexts/graphql-request.js';

const response = { writeHead: () => undefined };
const reply = { raw: response };
const tcp = { destroy: () => undefined, once: () => undefined };
const raw = { headers: {}, upgrade: false, socket: tcp };
const fastify = { headers: {}, raw };
const upgraded = {
  headers: { upgrade: 'websocket' },
  upgrade: true,
  socket: tcp,
};
const client = {
  close: () => undefined,
  once: () => undefined,
  _socket: tcp,
};
const other = { close: () => undefined, _socket: {} };
const graphqlWs = (request: object) => ({
  extra: { request, socket: client },
  connectionParams: { a: 1 },
});

describe('the request of a GraphQL operation', () => {
  it.each<[what: string, context: unknown, request: object, answer: unknown]>([
    ['Apollo on Express', { req: { ...raw, res: response } }, raw, response],
    [
      'Apollo on Express, with the response in the context',
      { req: raw, res: response },
      raw,
      response,
    ],
    [
      'Apollo on Fastify',
      { req: { ...fastify, raw: { ...raw, [REPLY]: reply } } },
      fastify,
      reply,
    ],
    [
      'Apollo on Fastify, without the hook',
      { req: fastify },
      fastify,
      undefined,
    ],
    ['Mercurius', { req: fastify, reply }, fastify, reply],
    [
      'a class',
      new (class {
        req = raw;
        reply = reply;
      })(),
      raw,
      reply,
    ],
    [
      'a client that only claims to upgrade',
      { req: { headers: { upgrade: 'websocket' }, upgrade: false }, reply },
      { upgrade: false },
      reply,
    ],
    [
      'a runtime that says nothing of upgrades',
      { req: { headers: { upgrade: 'websocket' } }, reply },
      {},
      reply,
    ],
  ])('is found with %s', (_what, context, request, answer) => {
    const found = findInGraphQL(context);
    expect(found).toMatchObject({ request });
    expect((found as { response?: unknown }).response).toBe(answer);
    expect(responseIn(context)).toBe(answer);
  });

  it.each<[what: string, context: unknown, client: unknown, params: unknown]>([
    ['Apollo', { req: graphqlWs(upgraded) }, client, { a: 1 }],
    ['a context of graphql-ws', graphqlWs(upgraded), client, { a: 1 }],
    [
      'a context that passes only the request',
      { req: upgraded },
      tcp,
      undefined,
    ],
    [
      'Mercurius',
      {
        request: { headers: upgraded.headers, raw: upgraded },
        // A subscription has a reply that is none.
        reply: { request: {} },
        app: { websocketServer: { clients: new Set([other, client]) } },
        _connectionInit: { a: 1 },
      },
      client,
      { a: 1 },
    ],
    [
      'Mercurius, with a reply that the hook has kept',
      {
        request: {
          headers: upgraded.headers,
          raw: { ...upgraded, [REPLY]: reply },
        },
      },
      tcp,
      undefined,
    ],
    [
      'a runtime that says nothing of upgrades',
      { req: { headers: { upgrade: 'websocket' }, socket: tcp } },
      tcp,
      undefined,
    ],
  ])('is a connection with %s', (_what, context, socket, params) => {
    const found = findInGraphQL(context);
    expect(found).toMatchObject({
      key: { headers: { upgrade: 'websocket' } },
      sent: { params },
    });
    expect((found as { client?: unknown }).client).toBe(socket);
    expect(responseIn(context)).toBeUndefined();
  });

  it('looks for the client of a connection once, however many operations it sends', () => {
    let searches = 0;
    const context = {
      request: { headers: upgraded.headers, raw: upgraded },
      app: {
        websocketServer: {
          get clients() {
            searches += 1;
            return new Set([client]);
          },
        },
      },
    };
    const runtime = {} as SessionRuntime;
    const connections = Array.from({ length: 5 }, () =>
      connectionOf(runtime, findInGraphQL(context) as FoundConnection),
    );
    expect(new Set(connections).size).toBe(1);
    expect(searches).toBe(1);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'context'],
    ['an empty context', {}],
    ['a request without headers', { req: {} }],
    ['a payload', { req: { body: { headers: {} } } }],
    ['headers that are no object', { req: { headers: 'cookie' } }],
  ])('is not found in %s', (_what, context) => {
    expect(findInGraphQL(context)).toBeUndefined();
    expect(responseIn(context)).toBeUndefined();
  });
});

describe('the request of a resolver', () => {
  const context = { req: { ...raw, res: response } };
  const info = { fieldName: 'a', schema: {} };

  it.each<[string, unknown[]]>([
    ['a field', [undefined, { id: 1 }, context, info]],
    ['a reference of federation', [{ __typename: 'A' }, context, info]],
  ])('is found for %s', (_what, args) => {
    const host = new ExecutionContextHost(args);
    host.setType('graphql');
    expect(findIn(host, 'graphql')).toMatchObject({ request: context.req });
  });

  it('is never what a reference of federation contains', () => {
    const reference = { req: { ...raw, res: response } };
    const host = new ExecutionContextHost([reference, {}, info]);
    host.setType('graphql');
    expect(findIn(host, 'graphql')).toBeUndefined();
  });

  it('is never what the arguments of a field contain', () => {
    for (const rest of [[{}], [{ schema: '' }], [{}, info]]) {
      const host = new ExecutionContextHost([undefined, context, ...rest]);
      host.setType('graphql');
      expect(findIn(host, 'graphql')).toBeUndefined();
    }
  });
});
