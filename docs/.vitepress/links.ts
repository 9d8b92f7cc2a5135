import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { MarkdownRenderer } from 'vitepress';
import { addressOf, manifest, pages, ROOT, type Page } from './pages.js';

/** Where a link of a page leads: to another page, to a file of the repository, or elsewhere. */
export type Target =
  | { readonly page: Page; readonly anchor: string }
  | { readonly file: string }
  | { readonly elsewhere: string };

/** Follows a link as it is written, from the file that contains it. */
export function targetOf(href: string, source: string): Target {
  if (/^(#|[a-z]+:)/.test(href)) return { elsewhere: href };
  const [path = '', anchor] = href.split('#');
  const file = posix.join(posix.dirname(source), path);
  const page = pages.get(file) ?? pages.get(posix.join(file, 'README.md'));
  if (page) return { page, anchor: anchor ? `#${anchor}` : '' };
  if (!existsSync(join(ROOT, file))) {
    throw new Error(`${source}: expected a file at ${href}; correct the link`);
  }
  return { file };
}

/** Returns the address of a file, without a public repository nothing. */
export function addressOfFile(file: string): string | undefined {
  const home = manifest.repository?.url.replace(/^git\+|\.git$/g, '');
  return home && `${home}/blob/main/${file}`;
}

/** Returns the id that GitHub gives a heading, so that one link fits both. */
export function slugOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-');
}

/** Makes the links between files of the repository lead to pages of the site. */
export function followLinks(md: MarkdownRenderer): void {
  md.core.ruler.push('follow-links', ({ tokens, env }) => {
    const { path, realPath } = env as { path: string; realPath?: string };
    const source = posix.relative(ROOT, realPath ?? path);
    for (const { children } of tokens) {
      let tag = 'a';
      for (const token of children ?? []) {
        if (token.type === 'link_open') {
          const address = addressFor(token.attrGet('href')!, source);
          token.attrs = address ? [['href', address]] : [];
          tag = address ? 'a' : 'span';
        }
        if (token.type.startsWith('link_')) token.tag = tag;
      }
    }
  });
}

function addressFor(href: string, source: string): string | undefined {
  const target = targetOf(href, source);
  if ('page' in target) return addressOf(target.page) + target.anchor;
  return 'file' in target ? addressOfFile(target.file) : target.elsewhere;
}
