import type { OptionReader } from './option-reader.js';
import { isCookiePath } from './resolve-cookie-options.js';
import type {
  ResolvedBindingOptions,
  ResolvedSessionJwtOptions,
} from './resolved-options.js';

const PATH = {
  pattern: /^(?!.*\/\/)(?!.*\/\.{1,2}(?:\/|$))\/[\w.~/-]{1,255}(?<!\/)$/,
  expected:
    "a path without '.' and '..' that starts with '/' and does not end with one, such as '/api/session'",
};

/** Resolves the binding of sessions to devices; `undefined` without it. */
export function resolveBinding(
  reader: OptionReader,
  value: unknown,
  {
    isVerifyOnly,
    transports,
    refresh,
    cookie,
    store,
  }: Pick<
    ResolvedSessionJwtOptions,
    'isVerifyOnly' | 'transports' | 'refresh' | 'cookie' | 'store'
  >,
): ResolvedBindingOptions | undefined {
  if (value === undefined || value === false) {
    return undefined;
  }
  const at = 'deviceBinding';
  const { required, path } =
    value === true ? {} : reader.group(at, value, ['required', 'path']);
  if (isVerifyOnly) {
    reader.fault(
      at,
      'has no effect with verifyOnly, which refreshes no session',
    );
  } else if (!refresh) {
    reader.fault(at, 'needs refreshToken, which only the device can then use');
  }
  if (!transports.includes('cookie')) {
    reader.fault(at, "needs the 'cookie' transport: browsers bind cookies");
  }
  if (cookie.partitioned || refresh?.cookie.partitioned) {
    reader.fault(at, 'needs cookies that are not partitioned');
  }
  if (store && typeof store.store.bind !== 'function') {
    reader.fault(at, 'needs a store with the method bind');
  }
  return {
    isRequired: reader.boolean(`${at}.required`, required, false),
    path: reader.text(`${at}.path`, path, '', PATH) || undefined,
  };
}

/** Whether browsers send a cookie with this path to an address (RFC 6265bis, section 5.1.4). */
export function coversPath(cookiePath: string, address: string): boolean {
  return (
    isCookiePath(address) &&
    (cookiePath === address ||
      address.startsWith(cookiePath.replace(/\/?$/, '/')))
  );
}
