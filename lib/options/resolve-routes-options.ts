import { MAXIMUM_LIFETIME, type Duration } from './durations.js';
import { OptionReader } from './option-reader.js';
import type { ResolvedSessionJwtOptions } from './resolved-options.js';

/** Ready-made routes for browsers and other clients. */
export interface RoutesOptions {
  /**
   * Path of the routes, below the application's global prefix if there is one.
   *
   * @default 'session'
   */
  path?: string;
  /**
   * Data of this site that browsers delete at a sign-out by `POST logout`, in addition to the session: the header
   * `Clear-Site-Data` (W3C Clear Site Data, section 3.1). `true` deletes the cache, all cookies and all storage.
   * Cookies are deleted for the whole registrable domain, including its other hosts.
   *
   * @default false
   */
  clearSiteData?: boolean | ('cache' | 'cookies' | 'storage')[];
  /**
   * What `GET` and `POST refresh` show the client in addition to the session's id, subject and times: the loader's
   * `data`, the result of the loader's `expand` (`expanded`; returned as `data`, and only by `GET`), and the
   * `attributes`.
   *
   * @default ['data', 'attributes']; `[]` with `encrypt` or `keepDataIn: 'store'`, which hide them from clients
   */
  expose?: ('data' | 'expanded' | 'attributes')[];
  /**
   * Requires, for the routes that end other sessions, that the user has proved who they are within this time, as
   * `@RequireAuthentication({ maxAge })` does. Whole seconds.
   *
   * @default none: any session of the user may end others
   */
  reauthenticate?: Duration;
}

/** The checked options of the ready-made routes. */
export interface ResolvedRoutesOptions {
  readonly path: string;
  /** The value of the `Clear-Site-Data` header of a sign-out. */
  readonly clearSiteData: string | undefined;
  /** `undefined` if the other options decide. */
  readonly expose: readonly ExposedPart[] | undefined;
  /** `undefined` if any session may end others. */
  readonly reauthenticateSeconds: number | undefined;
}

/** A part of a session that a client may see. */
export type ExposedPart = 'data' | 'expanded' | 'attributes';

const EXPOSED_PARTS: readonly string[] = ['data', 'expanded', 'attributes'];

/** Returns the parts that the ready-made routes show: by default, those that the client can read in its token. */
export function exposedParts(
  { expose }: Pick<ResolvedRoutesOptions, 'expose'>,
  { keys, store }: Pick<ResolvedSessionJwtOptions, 'keys' | 'store'>,
): readonly ExposedPart[] {
  const isHidden = keys.encryption !== undefined || store?.keepsData === true;
  return expose ?? (isHidden ? [] : ['data', 'attributes']);
}

const NAMES = [
  'path',
  'clearSiteData',
  'expose',
  'reauthenticate',
] as const satisfies readonly (keyof RoutesOptions)[];

const CLEAR_SITE_DATA: readonly string[] = ['cache', 'cookies', 'storage'];

const PATH = {
  pattern: /^(?!\.{1,2}(?:\/|$))[\w.-]+(?:\/(?!\.{1,2}(?:\/|$))[\w.-]+)*$/,
  expected: "a path without a leading slash, such as 'session'",
};

/**
 * Resolves the ready-made routes; `undefined` if there are none. Faults are reported with those of the other options.
 */
export function resolveRoutes(value: boolean | RoutesOptions | undefined): {
  readonly routes: ResolvedRoutesOptions | undefined;
  readonly faults: readonly string[];
} {
  if (value === undefined || value === false) {
    return { routes: undefined, faults: [] };
  }
  const reader = new OptionReader();
  const { path, clearSiteData, expose, reauthenticate } =
    value === true ? {} : reader.group('routes', value, NAMES);
  const range = { min: 1, max: MAXIMUM_LIFETIME, whole: true };
  return {
    routes: {
      path: reader.text('routes.path', path, 'session', PATH),
      clearSiteData: readClearSiteData(reader, clearSiteData),
      expose: readExpose(reader, expose),
      reauthenticateSeconds:
        reader.seconds('routes.reauthenticate', reauthenticate, 0, range) ||
        undefined,
    },
    faults: reader.faults,
  };
}

/** Returns the value of the header: the kinds of data, in quotes. */
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

function readExpose(
  reader: OptionReader,
  value: unknown,
): readonly ExposedPart[] | undefined {
  const isKnown =
    Array.isArray(value) && value.every((part) => EXPOSED_PARTS.includes(part));
  const isTwofold =
    isKnown && value.includes('data') && value.includes('expanded');
  if (value === undefined || (isKnown && !isTwofold)) {
    return value;
  }
  reader.fault(
    'routes.expose',
    "expected an array of 'data' or 'expanded', and 'attributes'",
    value,
  );
  return undefined;
}
