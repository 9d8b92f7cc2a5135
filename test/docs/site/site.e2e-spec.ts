import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { addressOf, groups } from '../../../docs/.vitepress/pages.js';
import { openForUsers } from '../../support/chromium.js';
import { rounds } from '../../support/effort.js';
import { NEST } from '../../support/nest-version.js';
import { BuiltSite } from './built-site.js';

/** What users type, and the section that they look for. A page that arrives brings its terms along. */
const SEARCHES: readonly [term: string, section: string][] = [
  ['logout everywhere', '/recipes#sign-out-everywhere'],
  ['csrf', '/security#other-sites-csrf'],
  ['redis cluster', '/guides/redis-cluster#a-redis-cluster'],
  ['refresh token rotation', '/security#refresh-tokens'],
  ['role change', '/recipes#apply-a-role-change-immediately'],
  ['websocket', '/recipes#websockets'],
  ['graphql', '/recipes#graphql'],
  ['jest transformIgnorePatterns', '/testing#jest-on-commonjs'],
  ['device bound', '/device-binding#device-bound-sessions'],
  ['metrics prometheus', '/operations#metrics'],
  ['health check', '/operations#health'],
  ['rotate secret', '/keys#rotating-a-secret'],
  ['passport', '/coming-from#passport-jwt'],
  ['api key', '/guides/api-keys#api-key-or-session'],
  ['nginx', '/guides/reverse-proxy#behind-nginx'],
  ['openid', '/guides/openid-connect#sign-in-with-openid-connect'],
  [
    'drizzle',
    '/guides/database-pool#which-postgres-pool-for-drizzle-typeorm-or-prisma',
  ],
  ['mcp', '/guides/mcp-server#an-mcp-server-for-your-users'],
  ['back button', '/guides/back-button#the-back-button-after-a-sign-out'],
  ['localhost', '/guides/localhost#sessions-on-localhost-and-over-plain-http'],
  ['rate limit', '/guides/rate-limits#rate-limits'],
  ['remember me', '/recipes#remember-me'],
  ['SessionService', '/api/nestjs-session-jwt/SessionService#sessionservice'],
  ['revokeAll', '/api/nestjs-session-jwt/SessionService#revokeall'],
];

/** Of the screen of a small telephone. */
const WIDTH = 360;

/** Where the pictures of `npm run docs:pictures` go. */
const PICTURES = process.env['SITE_PICTURES'];
const PICTURED = ['/', '/compatibility', '/guides/rate-limits'].flatMap(
  (address) =>
    [1280, WIDTH].flatMap((width) =>
      (['light', 'dark'] as const).map(
        (scheme) => [address, width, scheme] as const,
      ),
    ),
);

/** Finds the colors of the first paragraph and of what is behind it, each as three numbers. */
const COLORS = `(() => {
  const rgb = (color) => color.match(/[\\d.]+/g).slice(0, 3).map(Number);
  return {
    text: rgb(getComputedStyle(document.querySelector('main p')).color),
    ground: rgb(getComputedStyle(document.body).backgroundColor),
  };
})()`;

/** The relative luminance of WCAG 2.2. */
function luminanceOf(color: readonly number[]): number {
  const [red, green, blue] = color.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

/** What Chromium finds in a page. */
interface Contents {
  readonly ids: readonly string[];
  readonly hrefs: readonly string[];
}

/** Finds the contents of the open page, or of HTML that was read. */
const contentsOf = (html?: string): string => `(() => {
  const root = ${html === undefined ? 'document' : `new DOMParser().parseFromString(${JSON.stringify(html)}, 'text/html')`};
  return {
    ids: [...root.querySelectorAll('[id]')].map(({ id }) => id),
    hrefs: [...root.querySelectorAll('a[href]')].map((link) => link.getAttribute('href')),
  };
})()`;

const guides = groups.flatMap(({ pages }) => pages);

const withoutCode = (text: string): string =>
  text.replace(/^( *)```[^]*?^\1```|`[^`\n]*`/gm, '');

// It costs a minute of a processor, and depends on nothing of Nest.
const isBuilt = rounds(1, 0) === 1 && NEST === 12;

(isBuilt ? describe : describe.skip)('the documentation site, built', () => {
  let site: BuiltSite;
  let browser: Browser;
  let page: Page;
  /** Errors in the console, and requests to elsewhere. */
  const faults: string[] = [];

  beforeAll(async () => {
    [site, browser] = await Promise.all([BuiltSite.open(), openForUsers()]);
    page = await browser.newPage({
      viewport: { width: WIDTH, height: 740 },
      reducedMotion: 'reduce',
    });
    page.setDefaultTimeout(0);
    page.on('pageerror', ({ message }) => faults.push(message));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text());
    });
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== site.origin && protocol !== 'data:') {
        faults.push(request.url());
      }
    });
    await page.goto(site.origin);
  });

  afterAll(async () => {
    await Promise.all([browser?.close(), site?.close()]);
  });

  const found = new Map<string, Contents>();

  it.each(guides.map(addressOf))(
    'shows %s, and fits it on a small telephone',
    async (address) => {
      const response = await page.goto(site.origin + address);
      const contents = await page.evaluate<Contents>(contentsOf());
      found.set(address, contents);
      expect(response!.status()).toBe(200);
      expect(contents.ids).toContain('VPContent');
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(
        WIDTH,
      );
    },
  );

  it('has no dead link, to pages and to headings', async () => {
    const links = new Set(['/']);
    for (const link of links) {
      const [address = '', anchor] = link.split('#');
      if (!found.has(address)) {
        // A page of the reference. They are all made alike, so it is enough to read them.
        const html = await site.textAt(address);
        found.set(address, await page.evaluate<Contents>(contentsOf(html)));
      }
      const { ids, hrefs } = found.get(address)!;
      if (anchor) expect(ids).toContain(decodeURIComponent(anchor));
      for (const href of hrefs) {
        const { origin, pathname, hash } = new URL(href, site.origin + address);
        if (origin === site.origin) links.add(pathname + hash);
      }
    }
    expect(links.size).toBeGreaterThan(found.size);
    console.log(`${found.size} pages, ${links.size} links`);
  });

  it.each(SEARCHES)('finds %s first in %s', async (term, section) => {
    // It remembers the last term.
    await page.evaluate('sessionStorage.clear()');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('searchbox').fill(term);
    const first = page.locator('.result').first();
    expect(await first.getAttribute('href')).toBe(section);
    await first.click();
    await page.waitForURL(site.origin + section);
  });

  it('has every page as Markdown, with links that lead somewhere, and lists them in llms.txt', async () => {
    const list = await site.textAt('/llms.txt');
    expect(list).toMatch(
      /^# .+\n\n> .+\n(?:\n## .+\n\n(?:- \[.+\]\(\S+\)(?:: .+)?\n)+)+$/,
    );
    const listed = [...list.matchAll(/^- \[.+?\]\((\S+)\)/gm)].map(
      ([, path]) => path!,
    );
    expect(listed).toEqual(
      expect.arrayContaining(guides.map(({ route }) => `/${route}`)),
    );
    const texts = new Map<string, string>();
    for (const path of [...listed, '/llms-full.txt']) {
      texts.set(path, await site.textAt(path));
    }
    const followed = new Set(listed);
    for (const [path, text] of texts) {
      for (const [, link] of withoutCode(text).matchAll(/\]\(([^)\s#]+)/g)) {
        const { origin, pathname } = new URL(link!, site.origin + path);
        if (origin !== site.origin || followed.has(pathname)) continue;
        followed.add(pathname);
        await site.textAt(pathname);
      }
    }
    for (const { title } of guides) {
      expect(texts.get('/llms-full.txt')).toContain(`# ${title}`);
    }
    console.log(`${listed.length} Markdown files, ${followed.size} addresses`);
  });

  it.each(PICTURED)(
    'can be read: %s, %i px wide, %s',
    async (address, width, colorScheme) => {
      await page.setViewportSize({ width, height: 740 });
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.goto(site.origin + address);
      const { text, ground } =
        await page.evaluate<Record<'text' | 'ground', number[]>>(COLORS);
      const [dark, light] = [luminanceOf(text), luminanceOf(ground)].toSorted(
        (a, b) => a - b,
      );
      // SC 1.4.6: enhanced contrast.
      expect((light! + 0.05) / (dark! + 0.05)).toBeGreaterThanOrEqual(7);
      expect(luminanceOf(ground) > luminanceOf(text)).toBe(
        colorScheme === 'light',
      );
      if (PICTURES) {
        const name = `${address.slice(1).replace('/', '-') || 'start'}-${width}-${colorScheme}.png`;
        await page.screenshot({ path: join(PICTURES, name) });
      }
    },
  );

  it('has no error, and requests nothing from elsewhere', () => {
    expect(faults).toEqual([]);
  });
});
