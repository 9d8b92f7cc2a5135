import { OptionReader } from './option-reader.js';

/** Ready-made routes for browsers and other clients. */
export interface RoutesOptions {
  /**
   * Below the application's global prefix, if it has one.
   *
   * @default 'session'
   */
  path?: string;
  /**
   * What a sign-out by `POST logout` makes browsers delete of this site beside the session, by the
   * `Clear-Site-Data` header (W3C Clear Site Data, section 3.1): `true` for the cache, all cookies and all storage.
   * Cookies go for the whole registrable domain, its other hosts included.
   *
   * @default false
   */
  clearSiteData?: boolean | ('cache' | 'cookies' | 'storage')[];
}

/** Where the ready-made routes are. */
export interface ResolvedRoutesOptions {
  readonly path: string;
  /** The value of the `Clear-Site-Data` header of a sign-out. */
  readonly clearSiteData: string | undefined;
}

const CLEAR_SITE_DATA: readonly string[] = ['cache', 'cookies', 'storage'];

const PATH = {
  pattern: /^(?!\.{1,2}(?:\/|$))[\w.-]+(?:\/(?!\.{1,2}(?:\/|$))[\w.-]+)*$/,
  expected: "a path without a leading slash, such as 'session'",
};

/** `undefined` where there are none; what is wrong is told with the other options. */
export function resolveRoutes(value: boolean | RoutesOptions | undefined): {
  readonly routes: ResolvedRoutesOptions | undefined;
  readonly faults: readonly string[];
} {
  if (value === undefined || value === false) {
    return { routes: undefined, faults: [] };
  }
  const reader = new OptionReader();
  const { path, clearSiteData } =
    value === true
      ? {}
      : reader.group('routes', value, ['path', 'clearSiteData']);
  return {
    routes: {
      path: reader.text('routes.path', path, 'session', PATH),
      clearSiteData: readClearSiteData(reader, clearSiteData),
    },
    faults: reader.faults,
  };
}

/** The value of the header, kinds of data in quotes. */
function readClearSiteData(
  reader: OptionReader,
  value: unknown,
): string | undefined {
  if (value === undefined || value === false) {
    return undefined;
  }
  const kinds: unknown = value === true ? CLEAR_SITE_DATA : value;
  if (
    !Array.isArray(kinds) ||
    kinds.length === 0 ||
    !kinds.every((kind) => CLEAR_SITE_DATA.includes(kind))
  ) {
    const known = CLEAR_SITE_DATA.map((kind) => `'${kind}'`).join(', ');
    reader.fault(
      'routes.clearSiteData',
      `expected true, false or an array of ${known}`,
      value,
    );
    return undefined;
  }
  return kinds.map((kind) => `"${kind}"`).join(', ');
}
