import { readPage, sectionsOf } from '../docs/snippets/page.js';
import { combinations } from '../support/effort.js';
import { useSession, workingSession } from './application.js';
import { packPackage, type PackedPackage } from './packed.js';
import { SCAFFOLDS } from './scaffold-kinds.js';
import { ScaffoldedApplication } from './scaffold.js';

let packed: PackedPackage | undefined;
afterAll(() => packed?.remove());

it('creates the applications that docs/compatibility.md lists', () => {
  const { text } = sectionsOf(readPage('docs/compatibility.md')).find(
    ({ title }) => title === 'Applications',
  )!;
  const tried = text
    .split('\n')
    .filter((line) => line.includes('scaffolds.spec.ts'))
    .map((line) => line.split('|')[1]!.trim());
  expect(tried).toEqual(SCAFFOLDS.map(([title]) => title));
});

for (const [title, options] of combinations(SCAFFOLDS, 0)) {
  describe(`the README in a new application: ${title}`, () => {
    const app = new ScaffoldedApplication(options);

    beforeAll(async () => {
      packed ??= await packPackage();
      const start = performance.now();
      await app.create(packed.tarball);
      const seconds = ((performance.now() - start) / 1000).toFixed(0);
      console.log(`${title}: created and installed in ${seconds} s`);
    });
    afterAll(() => app.remove());

    it('builds, signs in, shows its user with a session alone, and signs out', async () => {
      expect(await app.build()).toMatchObject({ ok: true });
      const server = await app.start();
      try {
        const credentials = { name: 'ada', password: 'lovelace' };
        expect(await useSession(server.url, credentials)).toEqual(
          workingSession({ name: 'ada', roles: ['admin'] }),
        );
      } finally {
        await server.stop();
      }
    });

    it('passes its unit tests and its end-to-end tests', async () => {
      expect(await app.test()).toEqual([
        { ok: true, output: expect.stringMatching(/Tests:? +2 passed/) },
        { ok: true, output: expect.stringMatching(/Tests:? +2 passed/) },
      ]);
    });
  });
}
