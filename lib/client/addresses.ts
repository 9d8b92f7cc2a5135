import { baseOfPage } from './page.js';

/** Compares addresses as `fetch` reads them, so that a spelling decides nothing. */
export interface Addresses {
  /** The address of the routes, without a slash at the end, a query or credentials. */
  readonly routes: string;
  /** Resolves what `fetch` was given; without a page, relative to the routes. */
  readonly resolve: (input: Parameters<typeof fetch>[0]) => string;
  /** Returns whether an address has the origin of the routes; an answer may have no address. */
  readonly isOwn: (url: string) => boolean;
  /** Returns whether an address is that of a route, in any spelling that a server may accept for it. */
  readonly isRoute: (url: string, path: string) => boolean;
}

export function createAddresses(url: string): Addresses {
  const { protocol, host, pathname } = new URL(url, baseOfPage());
  const routes = `${protocol}//${host}${pathname.replace(/\/+$/, '')}`;
  return {
    routes,
    resolve: (input) =>
      new URL((input as Request).url ?? input, baseOfPage() ?? routes).href,
    isOwn(other) {
      // `origin` is that of its page for a `blob:`, and 'null' for every scheme of an app.
      const given = new URL(other, routes);
      return given.protocol === protocol && given.host === host;
    },
    isRoute: (other, path) => pathOf(other) === pathOf(routes + path),
  };
}

/** The path as routers compare it that ignore case, repeated slashes and escapes. */
function pathOf(url: string): string {
  return new URL(url).pathname
    .replace(/%[2-7][\da-f]/gi, decodeURIComponent)
    .replace(/\/+/g, '/')
    .replace(/\/$/, '')
    .toLowerCase();
}
