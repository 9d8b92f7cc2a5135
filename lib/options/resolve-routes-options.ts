import { OptionReader } from './option-reader.js';

/** Ready-made routes for browsers and other clients. */
export interface RoutesOptions {
  /**
   * Below the application's global prefix, if it has one.
   *
   * @default 'session'
   */
  path?: string;
}

/** Where the ready-made routes are. */
export interface ResolvedRoutesOptions {
  readonly path: string;
}

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
  const { path } =
    value === true ? {} : reader.group('routes', value, ['path']);
  return {
    faults: reader.faults,
    routes: { path: reader.text('routes.path', path, 'session', PATH) },
  };
}
