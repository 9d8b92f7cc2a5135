import type { Type } from '@nestjs/common';
import { ApolloDriver } from '@nestjs/apollo';
import { MercuriusDriver } from '@nestjs/mercurius';
import { gql } from '@apollo/client';
import type { SessionClient } from '../../lib/client/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { Browser, ORIGIN } from '../support/browser.js';
import { JarFetch } from '../support/jar-fetch.js';
import { boot, closeBooted } from '../support/nest-app.js';
import type { AdapterName } from '../support/test-app.js';
import { graphqlModule, ran } from './graphql-app.js';
import { writeRecipes } from './recipes-snippets.js';
import type { SnippetFiles } from './snippets/page.js';

interface Server {
  readonly port: number;
  /** Moves the clock, and returns the names of the fields that have run since the last call. */
  advance(seconds: number): Promise<string[]>;
}

interface Answer {
  data?: unknown;
  error?: unknown;
}

type Send = (operation: string) => Promise<Answer>;

const realFetch = globalThis.fetch;
let files: SnippetFiles;

async function start(driver: Type, adapter: AdapterName): Promise<Server> {
  const clock = new TestSessionClock();
  const { port } = await boot(
    { imports: [graphqlModule(driver)] },
    {
      adapter,
      clock,
    },
  );
  return {
    port,
    async advance(seconds) {
      clock.advance(seconds);
      return ran.splice(0);
    },
  };
}

/** What the recipes give a page, and how it sends an operation. */
const recipes: [
  title: string,
  sendWith: (recipe: Record<string, any>) => Send,
][] = [
  [
    'Apollo Client',
    ({ apollo }) =>
      (operation) =>
        operation.startsWith('mutation')
          ? apollo.mutate({ mutation: gql(operation) })
          : apollo.query({ query: gql(operation) }),
  ],
  [
    'urql',
    ({ urql }) =>
      (operation) =>
        operation.startsWith('mutation')
          ? urql.mutation(operation, {}).toPromise()
          : urql.query(operation, {}).toPromise(),
  ],
];

/** Errors may be rejections. */
const settled = (answer: Promise<Answer>): Promise<Answer> =>
  answer.catch((error: unknown) => ({ error }));

beforeAll(() => {
  files = writeRecipes();
});

afterAll(() => files.remove());

describe.each<[server: string, driver: Type, adapter: AdapterName]>([
  ['Apollo Server on Express', ApolloDriver, 'express'],
  ['Apollo Server on Fastify', ApolloDriver, 'fastify'],
  ['Mercurius', MercuriusDriver, 'fastify'],
])('with %s', (_server, driver, adapter) => {
  let server: Server;

  beforeAll(async () => {
    server = await start(driver, adapter);
  });

  afterAll(async () => {
    globalThis.fetch = realFetch;
    Reflect.deleteProperty(globalThis, 'document');
    await closeBooted();
  });

  describe.each(recipes)('the recipe for %s', (title, sendWith) => {
    let page: JarFetch;
    let client: SessionClient;
    let send: Send;

    const refreshes = () =>
      page.asked.filter((each) => each === 'POST /session/refresh').length;

    beforeAll(async () => {
      Object.assign(globalThis, { document: { baseURI: `${ORIGIN}/page` } });
      const recipe = await import(files.pathOf(title));
      client = recipe.client;
      send = sendWith(recipe);
    });

    beforeEach(async () => {
      page = new JarFetch(new Browser(server.port));
      globalThis.fetch = page.fetch;
      const login = await client.fetch('/login', { method: 'POST' });
      expect(login.status).toBe(201);
      client.use();
      // The session token expires, the refresh token does not.
      await server.advance(3600);
      page.asked.length = 0;
    });

    it('refreshes once for five queries, and sends each again', async () => {
      const ids = Array.from({ length: 5 }, () => nextId());
      const answers = await Promise.all(
        ids.map((id) => send(`query { order(id: ${id}) }`)),
      );
      expect(answers.map(({ data }) => data)).toEqual(
        ids.map((order) => expect.objectContaining({ order })),
      );
      expect(answers.map(({ error }) => error)).toEqual(
        Array(5).fill(undefined),
      );
      expect(await server.advance(0)).toEqual(Array(5).fill('order'));
      expect(refreshes()).toBe(1);
    });

    it('refreshes for a mutation that was refused, which runs once', async () => {
      const { data, error } = await send('mutation { addOrder }');
      expect(error).toBeUndefined();
      expect(data).toMatchObject({ addOrder: expect.any(Number) });
      expect(await server.advance(0)).toEqual(['addOrder']);
      expect(refreshes()).toBe(1);
    });

    it('sends a mutation of which a part ran no second time, and refreshes for the next one', async () => {
      const { data, error } = await settled(
        send('mutation { addNote addOrder }'),
      );
      expect(data ?? null).toBeNull();
      expect(String(error)).toContain('Unauthorized');
      expect(await server.advance(0)).toEqual(['addNote']);
      const next = await send('mutation { addOrder }');
      expect(next.error).toBeUndefined();
      expect(await server.advance(0)).toEqual(['addOrder']);
      expect(refreshes()).toBe(1);
    });

    it('shows the refusal where the session has ended', async () => {
      await server.advance(40 * 86_400);
      const { error } = await settled(send(`query { order(id: ${nextId()}) }`));
      expect(String(error)).toContain('Unauthorized');
      expect(await server.advance(0)).toEqual([]);
      expect(page.asked).toEqual(['POST /graphql', 'POST /session/refresh']);
    });
  });
});

let id = 0;

/** No result of another test is in a cache. */
function nextId(): number {
  return (id += 1);
}
