import { defineConfig } from 'vitepress';
import { drawFences } from './fences.js';
import { followLinks, slugOf } from './links.js';
import { writeMarkdown } from './markdown.js';
import { manifest, pages, routeOf } from './pages.js';
import { search } from './search.js';
import { sidebar } from './sidebar.js';

/** A session that goes round. */
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke="#e0234e" stroke-width="5" stroke-linecap="round"><circle cx="16" cy="16" r="12" stroke-dasharray="56 20"/><path d="M16 16v0"/></svg>';

export default defineConfig({
  title: manifest.name,
  description: manifest.description,
  srcDir: '..',
  srcExclude: ['{.*,coverage,packages,test}/**'],
  rewrites: routeOf,
  cleanUrls: true,
  // The address at which a sample listens.
  ignoreDeadLinks: 'localhostLinks',
  markdown: {
    anchor: { slugify: slugOf },
    config(md) {
      md.use(followLinks);
      md.use(drawFences);
    },
  },
  head: [
    [
      'link',
      {
        rel: 'icon',
        href: `data:image/svg+xml,${encodeURIComponent(ICON)}`,
      },
    ],
  ],
  transformPageData({ filePath, relativePath, frontmatter }) {
    if (relativePath.startsWith('api/')) frontmatter.pageClass = 'api';
    return { description: pages.get(filePath)!.summary };
  },
  buildEnd: writeMarkdown,
  themeConfig: {
    nav: [
      { text: 'Recipes', link: '/recipes' },
      { text: 'Options', link: '/reference' },
      { text: 'API', link: '/api/' },
      { text: 'Changes', link: '/changelog' },
    ],
    sidebar,
    search,
    outline: [2, 3],
  },
});
