import { parse } from 'graphql';
import { jest } from '@jest/globals';
import type { SessionChallenge } from '../../lib/client/index.js';
import { createGate, turn, until } from '../support/asynchrony.js';
import { API, FakeRoutes, tokensOf } from './fake-routes.js';

const REQUIRED = 'REAUTHENTICATION_REQUIRED';

/** The answer of our guard to a session whose proof does not suffice. */
const challenge = (given: object = { max_age: 600 }) =>
  Response.json(
    { statusCode: 401, errorCode: REQUIRED, ...given },
    { status: 401 },
  );

describe.each([
  ['cookies', false],
  ['tokens in memory', true],
])(
  'a client that lets the user prove who they are, with %s',
  (_what, keepsTokens) => {
    let routes: FakeRoutes;
    let asked: SessionChallenge[];
    /** Whether the user has proved who they are. */
    let isProved: boolean;
    let answer: (challenge: SessionChallenge) => Promise<boolean>;

    function client(options: Parameters<FakeRoutes['client']>[0] = {}) {
      const made = routes.client({
        onReauthenticate: (given) => {
          asked.push(given);
          return answer(given);
        },
        ...options,
      });
      made.use(routes.tokens());
      return made;
    }
    const prove = async (): Promise<boolean> => (isProved = true);

    beforeEach(() => {
      routes = new FakeRoutes(keepsTokens);
      asked = [];
      isProved = false;
      answer = prove;
      routes.answer = ({ url }) =>
        url.startsWith(`${API}/pay`) && !isProved ? challenge() : undefined;
    });
    afterEach(() => jest.restoreAllMocks());

    it('asks with the challenge, and sends the request again as it was', async () => {
      routes.answer = () =>
        isProved
          ? undefined
          : challenge({ max_age: 60, acr_values: 'gold silver' });
      const response = await client().fetch(`${API}/pay`, {
        method: 'POST',
        body: 'ten',
      });
      expect(await response.json()).toEqual({ echo: 'ten' });
      expect(asked).toEqual([{ maxAge: 60, acrValues: ['gold', 'silver'] }]);
      expect(routes.seen.map(({ body }) => body)).toEqual(['ten', 'ten']);
      expect(routes.ended).toEqual([]);
    });

    it.each<[string, (challenge: SessionChallenge) => Promise<boolean>]>([
      ['does not', async () => false],
      ['returns something else', async () => 1 as never],
      ['fails', () => Promise.reject(new Error('closed'))],
      [
        'throws',
        () => {
          throw new Error('closed');
        },
      ],
    ])('leaves the 401 to the caller if the user %s', async (_case, given) => {
      const errors = jest
        .spyOn(console, 'error')
        .mockImplementation(() => undefined);
      answer = given;
      const response = await client().fetch(`${API}/pay`);
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ errorCode: REQUIRED });
      expect(routes.seen).toHaveLength(1);
      expect(errors.mock.calls.length).toBe(Number(/fails|throws/.test(_case)));
    });

    it('leaves the 401 to the caller without the option, and ends no session', async () => {
      const response = await client({
        onReauthenticate: undefined as never,
      }).fetch(`${API}/pay`);
      expect(response.status).toBe(401);
      expect(routes.seen).toHaveLength(1);
      expect(routes.ended).toEqual([]);
    });

    it('sends a request again once, not for ever', async () => {
      answer = async () => true;
      const response = await client().fetch(`${API}/pay`);
      expect(response.status).toBe(401);
      expect(routes.to('/pay')).toHaveLength(2);
      expect(asked).toHaveLength(1);
    });

    it('asks once for ten requests, and for one whose 401 comes later', async () => {
      const late = createGate();
      const prompt = createGate();
      answer = () => prompt.promise.then(prove);
      routes.answer = ({ url }) => {
        if (isProved) return undefined;
        return url === `${API}/pay/late` && routes.to('/pay/late').length === 1
          ? late.promise.then(() => challenge())
          : challenge();
      };
      const one = client();
      const slow = one.fetch(`${API}/pay/late`);
      const ten = Array.from({ length: 10 }, (_, i) =>
        one.fetch(`${API}/pay/${i}`),
      );
      await until(() => asked.length === 1, 'the prompt');
      for (let i = 0; i < 20; i += 1) await turn();
      // While it is open, another one joins.
      const another = one.fetch(`${API}/pay/another`);
      await until(
        () => routes.to('/pay/another').length === 1,
        'another request',
      );
      prompt.open();
      const answers = await Promise.all([...ten, another]);
      expect(answers.map(({ status }) => status)).toEqual(Array(11).fill(200));
      late.open();
      expect((await slow).status).toBe(200);
      expect(asked).toHaveLength(1);
    });

    it('shares a refusal of the user, and asks again for the next request', async () => {
      const late = createGate();
      answer = async () => false;
      routes.answer = ({ url }) =>
        url === `${API}/pay/late`
          ? late.promise.then(() => challenge())
          : challenge();
      const one = client();
      const slow = one.fetch(`${API}/pay/late`);
      expect((await one.fetch(`${API}/pay/1`)).status).toBe(401);
      late.open();
      expect((await slow).status).toBe(401);
      expect(asked).toHaveLength(1);
      expect((await one.fetch(`${API}/pay/2`)).status).toBe(401);
      expect(asked).toHaveLength(2);
    });

    it('asks for one challenge at a time', async () => {
      const prompts = [createGate(), createGate()];
      answer = (_given) => prompts[asked.length - 1]!.promise.then(() => true);
      const proved = new Set<string>();
      routes.answer = ({ url }) => {
        if (proved.has(url) || !url.startsWith(`${API}/pay`)) return undefined;
        proved.add(url);
        return challenge({ max_age: url.endsWith('1') ? 60 : 600 });
      };
      const one = client();
      const both = [one.fetch(`${API}/pay/1`), one.fetch(`${API}/pay/2`)];
      await until(() => routes.seen.length === 2, 'both requests');
      for (let i = 0; i < 20; i += 1) await turn();
      expect(asked).toHaveLength(1);
      prompts[0]!.open();
      await until(() => asked.length === 2, 'the second prompt');
      prompts[1]!.open();
      expect((await Promise.all(both)).map(({ status }) => status)).toEqual([
        200, 200,
      ]);
      expect(asked.map(({ maxAge }) => maxAge)).toEqual([60, 600]);
    });

    it('does not send a stream again', async () => {
      const body = new Blob(['ten']).stream();
      const response = await client().fetch(`${API}/pay`, {
        method: 'POST',
        body,
        duplex: 'half',
      } as never);
      expect(response.status).toBe(401);
      expect(asked).toHaveLength(1);
      expect(routes.to('/pay')).toHaveLength(1);
    });

    it('asks nothing for a passive request, or for one to another origin', async () => {
      const one = client();
      expect((await one.fetch(`${API}/pay`, { passive: true })).status).toBe(
        401,
      );
      routes.answer = () => challenge();
      expect((await one.fetch('https://elsewhere.example/pay')).status).toBe(
        401,
      );
      expect(asked).toEqual([]);
    });

    it('lets a caller give up while the user is asked', async () => {
      const prompt = createGate();
      answer = () => prompt.promise.then(prove);
      const controller = new AbortController();
      const { signal } = controller;
      const request = client().fetch(`${API}/pay`, { signal });
      await until(() => asked.length === 1, 'the prompt');
      controller.abort();
      await expect(request).rejects.toMatchObject({ name: 'AbortError' });
      prompt.open();
    });

    it('refreshes a token that expired before, and while the user was asked', async () => {
      answer = async () => {
        routes.expire();
        return prove();
      };
      const one = client();
      routes.expire();
      const generation = routes.valid!;
      routes.answer = ({ url, headers }) => {
        const bearer = headers.get('authorization');
        const isFresh =
          !keepsTokens || bearer === `Bearer ${tokensOf(generation).token}`;
        return url === `${API}/pay` &&
          !isProved &&
          isFresh &&
          routes.jar !== generation - 1
          ? challenge()
          : undefined;
      };
      const response = await one.fetch(`${API}/pay`, {
        method: 'POST',
        body: 'ten',
      });
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({ echo: 'ten' });
      expect(asked).toHaveLength(1);
      expect(routes.to('/session/refresh')).toHaveLength(2);
    });
  },
);

describe('a GraphQL operation that needs a better proof', () => {
  const reason = (max_age?: number, acr_values?: string) => ({
    errorCode: REQUIRED,
    ...(max_age && { max_age }),
    ...(acr_values && { acr_values }),
  });
  const apollo = (path: string, ...given: Parameters<typeof reason>) => ({
    path: [path],
    extensions: { code: 'UNAUTHENTICATED', originalError: reason(...given) },
  });
  const mercurius = (path: string, ...given: Parameters<typeof reason>) => ({
    path: [path],
    extensions: { code: 'UNAUTHENTICATED', ...reason(...given) },
  });

  it.each<
    [string, string, object[], object | null, SessionChallenge | undefined]
  >([
    ['a query on Apollo', '{ a }', [apollo('a', 600)], null, { maxAge: 600 }],
    [
      'a query on Mercurius',
      '{ a }',
      [mercurius('a', 600, 'x y')],
      { a: null },
      { maxAge: 600, acrValues: ['x', 'y'] },
    ],
    [
      'a part of a query',
      '{ a b }',
      [apollo('b', 600)],
      { a: 1, b: null },
      { maxAge: 600 },
    ],
    [
      'two fields: the shorter age',
      '{ a b }',
      [apollo('a', 600), apollo('b', 60, 'x')],
      null,
      { maxAge: 60, acrValues: ['x'] },
    ],
    ['a mutation', 'mutation { a }', [apollo('a', 600)], null, { maxAge: 600 }],
    [
      'all fields of a mutation',
      'mutation { a b }',
      [apollo('a', 60), apollo('b', 60)],
      null,
      { maxAge: 60 },
    ],
    [
      'a part of a mutation: never twice',
      'mutation { a b }',
      [apollo('b', 60)],
      { a: 1 },
      undefined,
    ],
    [
      'a mutation that lacks a session too',
      'mutation { a b }',
      [
        apollo('a', 60),
        { path: ['b'], extensions: { errorCode: 'SESSION_REQUIRED' } },
      ],
      null,
      undefined,
    ],
    [
      'another error',
      '{ a }',
      [{ path: ['a'], extensions: { code: 'FORBIDDEN' } }],
      null,
      undefined,
    ],
  ])('asks for %s', async (_what, query, errors, data, expected) => {
    const asked: SessionChallenge[] = [];
    const routes = new FakeRoutes();
    let isProved = false;
    routes.answer = ({ url }) =>
      url === `${API}/graphql`
        ? Response.json(isProved ? { data: { a: 1 } } : { errors, data })
        : url.endsWith('/refresh')
          ? Response.json({}, { status: 503 })
          : undefined;
    const client = routes.client({
      onReauthenticate: async (given) => {
        asked.push(given);
        return (isProved = true);
      },
    });
    const response = await client.fetch(`${API}/graphql`, {
      method: 'POST',
      body: query,
      graphql: parse(query),
    });
    expect(asked).toEqual(expected ? [expected] : []);
    expect(await response.json()).toEqual(
      expected ? { data: { a: 1 } } : { errors, data },
    );
    expect(routes.to('/graphql')).toHaveLength(expected ? 2 : 1);
  });
});

it('gives the refresh token to the code that asks for the password', async () => {
  const routes = new FakeRoutes(true);
  const client = routes.client();
  expect(await client.refreshToken()).toBeUndefined();
  client.use(routes.tokens());
  expect(await client.refreshToken()).toBe(routes.tokens().refreshToken);
  const cookies = new FakeRoutes().client();
  cookies.use();
  expect(await cookies.refreshToken()).toBeUndefined();
});
