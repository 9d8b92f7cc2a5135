import { openTestApp } from '../support/opened-apps.js';
import { adapters } from '../support/test-app.js';

/** Jest's way to replace an ES module, which its types do not know. */
interface ModuleMocks {
  unstable_mockModule(name: string, factory: () => unknown): void;
}

(import.meta.jest as unknown as ModuleMocks).unstable_mockModule(
  '@nestjs/swagger',
  () => {
    throw new Error("Cannot find package '@nestjs/swagger'");
  },
);

it.each(adapters)(
  'the ready-made routes work without @nestjs/swagger on %s',
  async (adapter) => {
    await expect(import('@nestjs/swagger')).rejects.toThrow('Cannot find');
    const app = await openTestApp(adapter, { extras: { routes: true } });
    const browser = await app.signIn();
    expect((await browser.get('/session')).status).toBe(200);
  },
);
