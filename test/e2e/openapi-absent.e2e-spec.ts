import { openTestApp } from '../support/opened-apps.js';
import { bothAdapters as adapters } from '../support/test-app.js';

/** Jest's way to replace an ES module, which its types do not know. */
interface ModuleMocks {
  unstable_mockModule(name: string, factory: () => unknown): void;
}

let imports = 0;

(import.meta.jest as unknown as ModuleMocks).unstable_mockModule(
  '@nestjs/swagger',
  () => {
    imports += 1;
    throw new Error("Cannot find package '@nestjs/swagger'");
  },
);

describe.each(adapters)('without @nestjs/swagger on %s', (adapter) => {
  it.each([
    ['the module and its routes work', {}, 1],
    ['nothing is loaded with `openapi: false`', { openapi: false }, 0],
  ])('%s', async (_title, extras, expected) => {
    await expect(import('@nestjs/swagger')).rejects.toThrow('Cannot find');
    const before = imports;
    const app = await openTestApp(adapter, {
      extras: { routes: true, ...extras },
    });
    expect(imports - before).toBe(expected);
    const browser = await app.signIn();
    expect((await browser.get('/session')).status).toBe(200);
  });
});
