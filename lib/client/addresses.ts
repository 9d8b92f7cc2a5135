import { baseOfPage } from './page.js';

/** Compares addresses as `fetch` reads them, so that their spelling does not matter. */
export interface Addresses {
  /** The address of the routes, without a trailing slash, a query or credentials. */
  readonly routes: string;
  /** Resolves what `fetch` was given; without a page, relative to the routes. */
  readonly resolve: (input: Parameters<typeof fetch>[0]) => string;
  /** Returns whether an address has the origin of the routes; a response may have no address. */
  readonly isOwn: (url: string) => boolean;
  /** Returns whether an address is that of a route, in any spelling that a server may accept. */
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
      // For a `blob:`, `origin` is that of its page, and for every scheme of an app it is 'null'.
      const given = new URL(other, routes);
      return given.protocol === protocol && given.host === host;
    },
    isRoute: (other, path) => pathOf(other) === pathOf(routes + path),
  };
}

/** Returns the path as seen by routers that ignore case, repeated slashes and escapes. */
function pathOf(url: string): string {
  return new URL(url).pathname
    .replace(/%[2-7][\da-f]/gi, decodeURIComponent)
    .replace(/\/+/g, '/')
    .replace(/\/$/, '')
    .toLowerCase();
}
