import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. A page is named by its path from here. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export const manifest = JSON.parse(textOf('package.json')) as {
  readonly name: string;
  readonly description: string;
  /** Absent as long as the repository is not public. */
  readonly repository?: { readonly url: string };
};

/** What the sidebar shows: pages, and folders with all their pages. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  Start: [
    'README.md',
    'docs/how-it-works.md',
    'docs/choosing-a-profile.md',
    'docs/compatibility.md',
    'docs/coming-from.md',
    'docs/upgrading.md',
  ],
  Build: [
    'docs/recipes.md',
    'docs/stores.md',
    'docs/revocation.md',
    'docs/keys.md',
    'docs/device-binding.md',
    'docs/testing.md',
  ],
  Guides: ['docs/guides/'],
  Run: [
    'docs/operations.md',
    'docs/security.md',
    'docs/generated/security-tests.md',
    'docs/performance.md',
    'docs/generated/benchmarks.md',
  ],
  'Look up': ['docs/reference.md', 'CHANGELOG.md', 'SECURITY.md'],
  Samples: ['sample/'],
  Contribute: ['CONTRIBUTING.md', 'STYLE.md', 'RELEASING.md'],
};
/** Made by TypeDoc: one page for each exported symbol, in folders of entry points and kinds. */
const API = 'docs/generated/api/';
const KIND_OF_SYMBOL =
  /(?<=^api\/.*)\/(classes|functions|interfaces|type-aliases|variables)\//;

export interface Page {
  /** The file, from the root of the repository. */
  readonly source: string;
  /** The file on the site: `stores.md`. */
  readonly route: string;
  readonly title: string;
  /** The first sentences, without markup. */
  readonly summary: string;
}

export interface Group {
  readonly name: string;
  readonly pages: readonly Page[];
}

export const groups: readonly Group[] = Object.entries(GROUPS).map(
  ([name, entries]) => ({
    name,
    pages: entries.flatMap((entry) =>
      (entry.endsWith('/') ? filesIn(entry) : [entry]).map(pageOf),
    ),
  }),
);

export const api: Group = { name: 'API', pages: filesIn(API).map(pageOf) };

/** Every page of the site, by its source. */
export const pages: ReadonlyMap<string, Page> = new Map(
  [...groups, api].flatMap((group) =>
    group.pages.map((page) => [page.source, page]),
  ),
);

/** Returns the file of the site that is made of a file of the repository. */
export function routeOf(source: string): string {
  return source
    .replace(/^docs\/(generated\/)?/, '')
    .replace(KIND_OF_SYMBOL, '/')
    .replace(/^sample\/(.*)\/README/, 'samples/$1')
    .replace(/^README/, 'index')
    .replace(/^SECURITY/, 'reporting-a-vulnerability')
    .replace(/^[A-Z]+(?=\.md$)/, (name) => name.toLowerCase());
}

/** Returns the path of a page in an address: `/stores`. */
export function addressOf({ route }: Page): string {
  return `/${route}`.replace(/(?<=\/)index\.md$|\.md$/, '');
}

export function textOf(source: string): string {
  return readFileSync(join(ROOT, source), 'utf8');
}

function pageOf(source: string): Page {
  const text = textOf(source);
  const paragraph = /\n\n(?![#|>`!<-])([^]+?)(?=\n\n|$)/.exec(text)?.[1] ?? '';
  return {
    source,
    route: routeOf(source),
    title: plain(/^# (.+)$/m.exec(text)![1]!),
    summary: /^.{60,}?[.!?](?=\s|$)|.*/.exec(plain(paragraph))![0],
  };
}

function plain(markdown: string): string {
  return markdown
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\\(?=\W)|\*\*|`/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

function filesIn(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => folder + name.replaceAll('\\', '/'))
    .toSorted();
}
