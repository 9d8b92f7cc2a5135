import { isCookiePath } from '../options/resolve-cookie-options.js';
import type { ResolvedCookieOptions } from '../options/resolved-options.js';

/** The attributes that distinguish a browser's cookies of one name and host. */
export type CookieShape = Pick<
  ResolvedCookieOptions,
  'domain' | 'path' | 'partitioned'
>;

export interface WeighedShape extends CookieShape {
  /** Small for a cookie left behind by one change of the options, large for one that took several. */
  readonly weight: number;
}

const MAXIMUM_PATHS = 16;
const PARTITION = 10;
const DOMAIN = 11;
const PATH = 12;

/**
 * Lists the shapes that a cookie of this name can have had under other options, the most likely first, except those
 * that the cookie's `clear` covers. A name with the prefix `__Host-` allows only another partition (RFC 6265bis,
 * section 4.1.3.2).
 *
 * @param url path and query of a request that carries the cookie, whose path can be any of its parents
 */
export function otherShapes(
  options: ResolvedCookieOptions,
  url: string | undefined,
): WeighedShape[] {
  const { name, domain, path, partitioned } = options;
  const isBoundToHost = /^__Host-/i.test(name);
  const domains = new Map<string, string | undefined>();
  const paths = new Map([[path, 0]]);
  const note = (candidate: string, weight: number): void => {
    if (!paths.has(candidate)) paths.set(candidate, weight);
  };
  for (const each of [domain, undefined, ...options.formerDomains]) {
    domains.set(each?.toLowerCase() ?? '', each);
  }
  if (isBoundToHost) {
    domains.clear();
    domains.set('', undefined);
  } else if (url !== undefined) {
    const [address = ''] = url.split(/[?#]/, 1);
    const parents = parentsOf(address);
    // A path above many routes is more likely to be the path of a cookie than the address of one route.
    for (const [depth, parent] of parents.entries()) {
      note(parent, PATH + depth / 100);
      const isAbove = depth > 0 && address.startsWith(`${parent}/`);
      if (isAbove) note(`${parent}/`, PATH + (depth + 0.5) / 100);
    }
  }
  return [partitioned, !partitioned]
    .flatMap((isPartitioned) =>
      [...domains.values()].flatMap((each) =>
        [...paths].map(([candidate, weight]) => ({
          domain: each,
          path: candidate,
          partitioned: isPartitioned,
          weight:
            weight +
            (isPartitioned === partitioned ? 0 : PARTITION) +
            (isSame(each, domain) ? 0 : DOMAIN),
        })),
      ),
    )
    .filter(({ weight, ...shape }) => weight > 0 && !isCleared(options, shape))
    .toSorted((a, b) => a.weight - b.weight);
}

/** Returns whether a cookie of a former domain is cleared whenever the current one is. */
function isCleared(
  { path, partitioned, formerDomains }: ResolvedCookieOptions,
  shape: CookieShape,
): boolean {
  return (
    shape.path === path &&
    shape.partitioned === partitioned &&
    formerDomains.some((former) => isSame(former, shape.domain))
  );
}

function isSame(one: string | undefined, other: string | undefined): boolean {
  return one?.toLowerCase() === other?.toLowerCase();
}

/** Returns the paths of the cookies that a browser sends to a path (RFC 6265, section 5.1.4), the shortest first. */
function parentsOf(path: string): string[] {
  const parents = ['/'];
  for (let end = 1; end !== 0 && parents.length < MAXIMUM_PATHS;) {
    const next = path.indexOf('/', end);
    const parent = path.slice(0, next === -1 ? path.length : next);
    if (!isCookiePath(parent)) break;
    if (!parents.includes(parent)) parents.push(parent);
    end = next + 1;
  }
  return parents;
}
