import type { DefaultTheme } from 'vitepress';

/**
 * Search in the browser, offline. Its index is made when the site is built. VitePress sends the functions for terms and
 * documents to the browser as text, so they use nothing around them.
 */
export const search: NonNullable<DefaultTheme.Config['search']> = {
  provider: 'local',
  options: {
    detailedView: true,
    _render(text, env, md) {
      // Colours are not searched, and cost half of the time.
      md.options.highlight = null;
      // Parameters and defaults belong to the member above them.
      return md.render(text, env).replace(/<(\/?)h[4-6]\b/g, '<$1p');
    },
    miniSearch: {
      options: {
        // "Rotate" finds "rotating", "token" finds "tokens".
        processTerm: (term) =>
          term.toLowerCase().replace(/(?<=\w{4})(ings?|e?d|e?s|e)$/, ''),
      },
      searchOptions: {
        prefix: true,
        fuzzy: 0.2,
        boost: { title: 4, titles: 2, text: 1 },
        // Whole pages before their sections, and guides before the rest, except for the name of a symbol.
        boostDocument(address, term, section) {
          const { title, titles } = section as {
            title: string;
            titles: string[];
          };
          const isPage = titles.length === 0;
          const isGuide =
            !/^\/(api|samples|security-tests|benchmarks|changelog|contributing|style|releasing)\b/.test(
              address,
            );
          if (isGuide) return isPage ? 1.25 : 1;
          return isPage && title.toLowerCase().startsWith(term) ? 1 : 0.3;
        },
      },
    },
  },
};
