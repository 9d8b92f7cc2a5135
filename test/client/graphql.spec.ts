import { parse } from 'graphql';
import { jest } from '@jest/globals';
import type { SessionRequestInit } from '../../lib/client/index.js';
import { verdictOnOperation } from '../../lib/client/graphql.js';
import { createGate, turn, until } from '../support/asynchrony.js';
import { API, FakeRoutes, ROUTES } from './fake-routes.js';

type Verdict = ReturnType<typeof verdictOnOperation>;

/** An error as Apollo Server makes it of the exception of our guard. */
const apollo = (...path: unknown[]) => ({
  message: 'Unauthorized',
  path,
  extensions: {
    code: 'UNAUTHENTICATED',
    originalError: { statusCode: 401, errorCode: 'SESSION_REQUIRED' },
  },
});
/** An error whose extensions are those of the exception. */
const plain = (...path: unknown[]) => ({
  message: 'Unauthorized',
  path,
  extensions: { code: 'UNAUTHENTICATED', errorCode: 'SESSION_REQUIRED' },
});
/** An error of another reason: a wrong password, or a step-up. */
const other = (...path: unknown[]) => ({
  message: 'Unauthorized',
  path,
  extensions: {
    code: 'UNAUTHENTICATED',
    originalError: { errorCode: 'REAUTHENTICATION_REQUIRED' },
  },
});
/** An error whose reason the application's `formatError` has removed. */
const bare = (...path: unknown[]) => ({
  message: 'Unauthorized',
  path,
  extensions: { code: 'UNAUTHENTICATED' },
});
const failed = (...path: unknown[]) => ({ message: 'no', path });

const NO_BODIES: unknown[] = [
  undefined,
  {},
  { data: { a: 1 } },
  { errors: null, data: null },
  { errors: 'SESSION_REQUIRED' },
  { errors: { 0: apollo('a') } },
  { errors: [] },
  { errors: [null, 7, 'x', {}, { extensions: null }] },
  { errors: [failed('a')] },
  { errorCode: 'SESSION_REQUIRED' },
  [{ errors: [apollo('a')] }],
];

describe('the verdict on a GraphQL operation', () => {
  it.each<[query: string, errors: object[], data: unknown, verdict: Verdict]>([
    ['{ a }', [apollo('a')], null, 'refused'],
    ['{ a }', [plain('a')], null, 'refused'],
    ['query Q { a b }', [apollo('a')], { a: null, b: 1 }, 'refused'],
    ['{ a { b } }', [apollo('a', 0, 'b')], { a: [{ b: null }] }, 'refused'],
    ['{ a }', [failed('a'), apollo('a')], null, 'refused'],
    ['query A { a } query B { b }', [apollo('a')], null, 'refused'],
    ['{ ...F } fragment F on Query { a }', [apollo('a')], null, 'refused'],
    ['{ a }', [{ ...apollo(), path: undefined }], undefined, 'refused'],
    ['{ a }', [bare('a')], null, 'unclear'],
    ['{ a }', [other('a')], null, 'other'],
    ['{ a b }', [other('a'), bare('b')], null, 'unclear'],
    ['{ a b }', [other('a'), apollo('b')], null, 'refused'],
    ['mutation { a }', [apollo('a')], null, 'refused'],
    ['mutation { a }', [plain('a')], { a: null }, 'refused'],
    ['mutation { a b }', [apollo('a'), apollo('b')], null, 'refused'],
    ['mutation { x: a y: a }', [plain('x'), plain('y')], null, 'refused'],
    ['mutation M($v: I!) { a(v: $v) { id } }', [apollo('a')], null, 'refused'],
    ['mutation { a a }', [apollo('a')], null, 'refused'],
    // One of them ran, and `data` is null all the same: ran with Apollo and with Mercurius.
    ['mutation { a b }', [apollo('b')], null, 'partly'],
    ['mutation { a b }', [apollo('a')], null, 'partly'],
    ['mutation { a b }', [apollo('b')], { a: 1, b: null }, 'partly'],
    ['mutation { a b }', [apollo('a'), failed('b')], null, 'partly'],
    ['mutation { a b }', [apollo('a'), other('b')], null, 'partly'],
    // A field of the result is refused after the mutation.
    ['mutation { a { b } }', [apollo('a', 'b')], { a: null }, 'partly'],
    ['mutation { a { b } }', [apollo('a', 0, 'b')], null, 'partly'],
    ['mutation { a }', [apollo('a')], { a: 1 }, 'partly'],
    ['mutation { a }', [apollo('A')], null, 'partly'],
    ['mutation { x: a }', [apollo('a')], null, 'partly'],
    ['mutation { a }', [{ ...apollo(), path: undefined }], null, 'partly'],
    ['mutation { a }', [{ ...apollo(), path: 'a' }], null, 'partly'],
    [
      'mutation { ...F } fragment F on Mutation { a }',
      [apollo('a')],
      null,
      'partly',
    ],
    [
      'mutation { F: a ...F } fragment F on Mutation { b }',
      [apollo('F')],
      null,
      'partly',
    ],
    ['mutation { ... { a } }', [apollo('a')], null, 'partly'],
    ['mutation A { a } mutation B { a }', [apollo('a')], null, 'partly'],
    ['query A { a } mutation B { a }', [apollo('a')], null, 'partly'],
    ['mutation { a }', [bare('a')], null, 'other'],
    ['mutation { a }', [other('a')], null, 'other'],
    ['subscription { a }', [apollo('a')], null, 'refused'],
    ['subscription { a }', [bare('a')], null, 'other'],
  ])('%s with %j and data %j is %s', (query, errors, data, verdict) => {
    expect(verdictOnOperation(parse(query), { errors, data })).toBe(verdict);
  });

  it.each(NO_BODIES)('is other for %j', (body) => {
    for (const query of ['{ a }', 'mutation { a }']) {
      expect(verdictOnOperation(parse(query), body as never)).toBe('other');
    }
  });

  it('repeats nothing without an operation that it can read', () => {
    const documents = [
      { definitions: [] },
      parse('fragment F on Query { a }'),
      { definitions: [{ kind: 'OperationDefinition' }] },
    ];
    for (const document of documents) {
      const body = { errors: [apollo('a')], data: null };
      expect(verdictOnOperation(document, body)).toBe('partly');
    }
  });
});

describe.each([
  ['cookies', false],
  ['tokens in memory', true],
])('a session client with %s and a GraphQL server', (_what, keepsTokens) => {
  let routes: FakeRoutes;
  let ran: string[];
  let contentType: string;

  const refreshes = () => routes.to('/session/refresh').length;

  function open() {
    const client = routes.client();
    client.use(routes.tokens());
    const send = async (query: string, init: SessionRequestInit = {}) => {
      const response = await client.fetch(`${API}/graphql`, {
        method: 'POST',
        body: JSON.stringify({ query }),
        graphql: parse(query),
        ...init,
      });
      return (await response.json()) as { data: unknown; errors?: unknown };
    };
    return { client, send };
  }

  beforeEach(() => {
    routes = new FakeRoutes(keepsTokens);
    ran = [];
    contentType = 'application/json; charset=utf-8';
    // `open*` runs for everyone; anything else needs a session.
    routes.answer = async ({ url, body, headers }) => {
      if (url !== `${API}/graphql`) return undefined as never;
      const { query } = JSON.parse(body) as { query: string };
      const generation = keepsTokens
        ? Number(headers.get('authorization')?.slice('Bearer token-'.length))
        : routes.jar;
      const fields = [...query.matchAll(/\w+(?=\W)/g)]
        .map(([name]) => name)
        .filter((name) => name !== 'mutation' && name !== 'query');
      const refused = fields.filter(
        (name) => !name.startsWith('open') && generation !== routes.valid,
      );
      ran.push(...fields.filter((name) => !refused.includes(name)));
      const text = JSON.stringify(
        refused.length > 0
          ? { data: null, errors: refused.map((name) => apollo(name)) }
          : { data: Object.fromEntries(fields.map((name) => [name, 1])) },
      );
      return new Response(text, { headers: { 'content-type': contentType } });
    };
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('refreshes once for ten refused operations, and sends each again', async () => {
    const { send } = open();
    routes.expire();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        send(i % 2 ? `{ a${i} }` : `mutation { a${i} }`),
      ),
    );
    expect(answers).toEqual(
      Array.from({ length: 10 }, (_, i) => ({ data: { [`a${i}`]: 1 } })),
    );
    expect(ran.toSorted()).toEqual(
      Array.from({ length: 10 }, (_, i) => `a${i}`),
    );
    expect(refreshes()).toBe(1);
    expect(routes.ended).toEqual([]);
  });

  it('refreshes for a mutation of which a part ran, and does not send it again', async () => {
    const { send } = open();
    routes.expire();
    const answer = await send('mutation { openA b }');
    expect(answer).toMatchObject({ data: null, errors: [{ path: ['b'] }] });
    expect(await send('mutation { c }')).toEqual({ data: { c: 1 } });
    expect(ran).toEqual(['openA', 'c']);
    expect(refreshes()).toBe(1);
  });

  it('shows the result of a mutation of which a part ran, however its refresh ends', async () => {
    const { send } = open();
    routes.expire();
    const { answer } = routes;
    const gate = createGate();
    routes.answer = async (seen) => {
      if (seen.url !== `${ROUTES}/refresh`) return answer(seen) as never;
      await gate.promise;
      throw new TypeError('fetch failed');
    };
    expect(await send('mutation { openA b }')).toMatchObject({ data: null });
    await until(() => refreshes() === 1, 'the refresh');
    gate.open();
    for (let i = 0; i < 20; i += 1) await turn();
    expect(ran).toEqual(['openA']);
    expect(routes.ended).toEqual([]);
  });

  it('ends a session that the server has ended', async () => {
    const { send } = open();
    routes.valid = undefined;
    expect(await send('{ a }')).toMatchObject({ errors: [{ path: ['a'] }] });
    expect(routes.ended).toEqual(['one']);
  });

  it('backs off where a field is refused after each refresh', async () => {
    jest.spyOn(performance, 'now').mockReturnValue(0);
    const { send } = open();
    const { answer } = routes;
    routes.answer = (seen) => {
      if (seen.url === `${ROUTES}/refresh`) {
        return Response.json(routes.tokens());
      }
      return seen.url === `${API}/graphql`
        ? Response.json({ data: null, errors: [apollo('a')] })
        : answer(seen);
    };
    for (let i = 0; i < 10; i += 1) await send('{ a }');
    expect(refreshes()).toBe(3);
    expect(routes.to('/graphql')).toHaveLength(13);
    expect(routes.ended).toEqual([]);
  });

  it.each([
    ['application/graphql-response+json', 1],
    ['application/graphql+json', 1],
    ['multipart/mixed; boundary="-"', 0],
    ['text/event-stream', 0],
    ['text/html', 0],
  ])('reads %s: %i', async (type, count) => {
    contentType = type;
    const { send } = open();
    routes.expire();
    await send('{ a }');
    expect(refreshes()).toBe(count);
  });

  it('lets the caller read a stream of parts as it comes', async () => {
    const { client } = open();
    const gate = createGate();
    routes.answer = () =>
      new Response(
        new ReadableStream({
          async pull(stream) {
            stream.enqueue(new TextEncoder().encode('--- part'));
            await gate.promise;
            stream.close();
          },
        }),
        { headers: { 'content-type': 'multipart/mixed' } },
      );
    const init = { method: 'POST', body: '{}', graphql: parse('{ a }') };
    const { body } = await client.fetch(`${API}/graphql`, init);
    const { value } = await body!.getReader().read();
    expect(new TextDecoder().decode(value)).toBe('--- part');
    gate.open();
  });

  it('reads nothing without an operation, and nothing of another origin', async () => {
    const { client, send } = open();
    routes.expire();
    await send('{ a }', { graphql: undefined as never });
    const elsewhere = Response.json({ errors: [apollo('a')], data: null });
    Object.defineProperty(elsewhere, 'url', { value: 'https://evil.example/' });
    routes.answer = () => elsewhere;
    const init = { method: 'POST', graphql: parse('{ a }') };
    const answer = await client.fetch('https://evil.example/graphql', init);
    expect(await answer.json()).toMatchObject({ data: null });
    expect(refreshes()).toBe(0);
  });
});
