import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import type { SiteConfig } from 'vitepress';
import { addressOfFile, targetOf } from './links.js';
import { api, groups, pages, ROOT, textOf, type Page } from './pages.js';

/** A fence, a link or an image with its text, or code. */
const LINKS =
  /^( *)```[^]*?^\1```|(!?\[(?:\\.|`[^`]*`|[^\]\\`])*\])\(([^)\s]+)\)|`[^`\n]*`/gm;

/** Writes every page as Markdown next to its HTML, and the files of https://llmstxt.org. */
export function writeMarkdown({ outDir, site }: SiteConfig): void {
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(outDir, file)), { recursive: true });
    writeFileSync(join(outDir, file), text);
  };
  const toLine = ({ title, route, summary }: Page): string =>
    `- [${title}](${site.base}${route})${summary && `: ${summary}`}`;

  for (const page of pages.values()) {
    write(page.route, markdownOf(page, posix.dirname(page.route)));
  }
  cpSync(join(ROOT, 'docs/images'), join(outDir, 'images'), {
    recursive: true,
  });
  write(
    'llms.txt',
    `${[
      `# ${site.title}\n\n> ${site.description}`,
      ...[...groups, { ...api, name: 'Optional' }].map(
        (group) => `## ${group.name}\n\n${group.pages.map(toLine).join('\n')}`,
      ),
    ].join('\n\n')}\n`,
  );
  write(
    'llms-full.txt',
    groups
      .flatMap((group) => group.pages.map((page) => markdownOf(page, '.')))
      .join('\n'),
  );
}

/** The text of a page whose links are those between the Markdown files of the site, from a folder of it. */
function markdownOf({ source }: Page, folder: string): string {
  return textOf(source).replace(
    LINKS,
    (all: string, _indent, text?: string, href?: string) => {
      if (!text || !href) return all;
      const address = addressFrom(folder, href, source);
      return address ? `${text}(${address})` : text.replace(/^!?\[|]$/g, '');
    },
  );
}

function addressFrom(
  folder: string,
  href: string,
  source: string,
): string | undefined {
  const target = targetOf(href, source);
  if ('elsewhere' in target) return target.elsewhere;
  if ('page' in target) {
    return posix.relative(folder, target.page.route) + target.anchor;
  }
  return target.file.startsWith('docs/images/')
    ? posix.relative(folder, target.file.slice('docs/'.length))
    : addressOfFile(target.file);
}
