import { SessionJwtModule } from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { GraphQLSocket, overHttp } from '../contexts/graphql-client.js';
import { boot, closeBooted, type BootedApp } from '../support/nest-app.js';
import { writeRecipes } from './recipes-snippets.js';
import { secret, UsersModule, UsersService } from './snippets/application.js';
import type { SnippetFiles } from './snippets/page.js';

const UNAUTHENTICATED = 'UNAUTHENTICATED SESSION_REQUIRED';

let files: SnippetFiles;

beforeAll(() => {
  files = writeRecipes();
});
afterAll(() => files.remove());
afterEach(closeBooted);

describe.each(['express', 'fastify'] as const)(
  'the recipe for GraphQL on %s',
  (adapter) => {
    const clock = new TestSessionClock();
    let app: BootedApp;
    let own: Record<string, string>;

    beforeEach(async () => {
      const recipe = await import(files.pathOf('GraphQL'));
      app = await boot(
        {
          imports: [
            SessionJwtModule.forRootAsync({
              imports: [UsersModule],
              dataLoader: recipe['UserSessionLoader'],
              useFactory: () => ({ secret }),
            }),
            recipe['GraphModule'],
          ],
        },
        {
          adapter,
          clock,
        },
      );
      own = {
        host: `127.0.0.1:${app.port}`,
        origin: `http://127.0.0.1:${app.port}`,
      };
    });

    async function signIn(): Promise<Record<string, string>> {
      const { answer, setCookie } = await overHttp(
        app.port,
        'mutation { signIn(user: "ada") }',
        { headers: own },
      );
      expect(answer).toBe('true');
      return { ...own, cookie: setCookie[0]!.split(';')[0]! };
    }

    it('signs in, and answers with the session', async () => {
      const headers = await signIn();
      const { answer } = await overHttp(app.port, '{ me }', { headers });
      expect(answer).toBe('ada');
    });

    it('refuses what has no session, comes from another site, or signs in wrongly', async () => {
      const headers = await signIn();
      const ask = async (query: string, sent: Record<string, string>) =>
        (await overHttp(app.port, query, { headers: sent })).answer;
      expect(await ask('{ me }', own)).toBe(UNAUTHENTICATED);
      const foreign = { ...headers, origin: 'https://evil.example' };
      expect(await ask('{ me }', foreign)).toBe('FORBIDDEN CSRF_REFUSED');
      expect(await ask('mutation { signIn(user: "eve") }', own)).toBe(
        'UNAUTHENTICATED',
      );
      expect(
        await ask('mutation { signIn(user: "ada") }', {
          ...own,
          origin: 'https://evil.example',
        }),
      ).not.toBe('true');
    });

    it('opens sockets with a session, and ends them with it', async () => {
      const stranger = new GraphQLSocket(app.port, { headers: own });
      expect(await stranger.closed).toBe(4401);
      const socket = new GraphQLSocket(app.port, { headers: await signIn() });
      expect(await socket.ask('{ me }')).toBe('ada');
      app.get(UsersService).all.delete('ada');
      clock.advance('1h');
      expect(await socket.closed).toBe(4401);
    });
  },
);
