import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/library-sources.js';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  version: string;
  engines: { node: string };
};
/** The oldest supported release of each major version of Node. */
const supported = manifest.engines.node
  .split(' || ')
  .map((range) => range.replace(/^\D+/, ''));
const majors = supported.map((version) => version.split('.')[0]!);

describe('the repository', () => {
  it('is tested on every major version of Node that it supports, with the command of the README', () => {
    const workflow = read('.github/workflows/test.yml');
    expect(workflow).toContain(`node: [${majors.join(', ')}]`);
    expect(workflow).toMatch(/- run: npm ci && npm test$/m);
    expect(read('README.md')).toContain('`npm ci && npm test`');
    expect(read('docs/compatibility.md')).toContain(
      `| Node | ${supported[0]!.replace(/\.0$/, '')}, ${supported[1]!.replace(/\.0$/, '')}, ${majors[2]} and later |`,
    );
    expect(read('.nvmrc').trim()).toBe(majors[0]);
  });

  it('has a changelog with dates, whose newest version is that of the package', () => {
    const headings = [...read('CHANGELOG.md').matchAll(/^## (.+)$/gm)].map(
      ([, heading]) => heading!,
    );
    const [unreleased, ...versions] = headings;
    expect(unreleased).toBe('Unreleased');
    expect(versions[0]).toMatch(new RegExp(`^${manifest.version} - `));
    const dates = versions.map((heading) => {
      expect(heading).toMatch(/^\d+\.\d+\.\d+ - \d{4}-\d{2}-\d{2}$/);
      return heading.split(' - ')[1]!;
    });
    expect(dates).toEqual(dates.toSorted().toReversed());
    for (const [version] of versions.map((heading) => heading.split(' - '))) {
      expect(read('docs/upgrading.md')).toContain(
        version!.replace(/\.\d+$/, ''),
      );
    }
  });

  it('has what contributors look for', () => {
    const files = [
      '.editorconfig',
      '.github/ISSUE_TEMPLATE/bug.yml',
      '.github/ISSUE_TEMPLATE/feature.yml',
      '.github/pull_request_template.md',
      'CONTRIBUTING.md',
      'LICENSE',
      'RELEASING.md',
      'SECURITY.md',
    ];
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});
