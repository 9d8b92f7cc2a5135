import { posix } from 'node:path';
import type { DefaultTheme } from 'vitepress';
import { addressOf, api, groups, type Page } from './pages.js';

type Item = DefaultTheme.SidebarItem;

const toItem = (page: Page): Item => ({
  text: page.title,
  link: addressOf(page),
});

/** Entry points with their symbols, which stand in the same folder. */
const entryPoints = api.pages
  .filter(({ route }) => /\/.+\/index\.md$/.test(route))
  .toSorted((a, b) => a.title.localeCompare(b.title))
  .map((index): Item => {
    const folder = posix.dirname(index.route);
    const symbols = api.pages.filter(
      (page) => page !== index && posix.dirname(page.route) === folder,
    );
    return { ...toItem(index), collapsed: true, items: symbols.map(toItem) };
  });

export const sidebar: DefaultTheme.SidebarMulti = {
  '/api/': entryPoints,
  '/': groups.map(({ name, pages }) => ({
    text: name,
    items: pages.map(toItem),
  })),
};
