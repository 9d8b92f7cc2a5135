import { SessionJwtModule } from '../../lib/index.js';
import {
  createTestSession,
  TestSessionClock,
} from '../../lib/testing/index.js';
import { Browser, ORIGIN } from '../support/browser.js';
import { JarFetch } from '../support/jar-fetch.js';
import { boot, closeBooted } from '../support/nest-app.js';
import { writeRecipes } from './recipes-snippets.js';
import { askForPassword, secret, UsersModule } from './snippets/application.js';
import type { SnippetFiles } from './snippets/page.js';

const realFetch = globalThis.fetch;
let files: SnippetFiles;

beforeAll(() => {
  files = writeRecipes();
});
afterEach(async () => {
  globalThis.fetch = realFetch;
  await closeBooted();
});
afterAll(() => files.remove());

it('asks for the password again in the recipe for it, once a payment needs it', async () => {
  const { RecipeController, UserSessionLoader, client } = await import(
    files.pathOf('Ask for the password again')
  );
  const clock = new TestSessionClock();
  const app = await boot(
    {
      imports: [
        UsersModule,
        SessionJwtModule.forRoot({
          secret,
          imports: [UsersModule],
          dataLoader: UserSessionLoader,
          routes: true,
        }),
      ],
      controllers: [RecipeController],
    },
    {
      clock,
    },
  );
  const browser = new Browser(app.port);
  const { cookie } = await createTestSession(app.app, 'ada');
  await browser.jar.setCookie(`${cookie}; Secure; Path=/`, ORIGIN);
  const { fetch } = new JarFetch(browser);
  globalThis.fetch = fetch;
  client.use();
  const pay = (): Promise<Response> =>
    client.fetch(`${ORIGIN}/payments`, { method: 'POST' });
  expect((await pay()).status).toBe(201);
  expect(askForPassword.asked).toBe(0);
  clock.advance(601);
  askForPassword.typed = 'wrong';
  const refused = await pay();
  expect(refused.status).toBe(401);
  expect(await refused.json()).toMatchObject({ max_age: 600 });
  askForPassword.typed = 'correct';
  const paid = await pay();
  expect(await paid.text()).toBe('paid');
  expect(askForPassword.asked).toBe(2);
  expect((await pay()).status).toBe(201);
  expect(askForPassword.asked).toBe(2);
});
