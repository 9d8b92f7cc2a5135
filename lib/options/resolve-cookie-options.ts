import type { OptionReader } from './option-reader.js';
import type { ResolvedCookieOptions } from './resolved-options.js';

export const HEADER_NAME = {
  pattern: /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/,
  expected: 'a header name',
};
/** RFC 6265, section 4.1.1: a cookie name is a token. */
export const COOKIE_NAME = { ...HEADER_NAME, expected: 'a cookie name' };
const DOMAIN = {
  pattern:
    /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.(?!$)|$))+$/i,
  expected: 'a host name without a leading dot, or false for this host alone',
};
const FORMER_DOMAIN = {
  ...DOMAIN,
  expected: 'a host name without a leading dot',
};
const PATH = {
  pattern: /^\/[\x21-\x2b\x2d-\x3a\x3d-\x7e]{0,1023}$/,
  expected: "a path that starts with '/' and has no ';', ',' or '<'",
};

/** Returns whether a cookie can have this path. */
export function isCookiePath(path: string): boolean {
  return PATH.pattern.test(path);
}

/**
 * What browsers promise of a name: `__Host-` that only this host has set it, `__Host-Http-` that no script has either. Those
 * that do not know the latter see the former (RFC 6265bis, section 4.1.3).
 */
type CookiePrefix = '' | '__Secure-' | '__Host-' | '__Host-Http-';

const COOKIE_DEFAULTS: ResolvedCookieOptions = {
  name: '',
  domain: undefined,
  path: '/',
  secure: true,
  sameSite: 'lax',
  partitioned: false,
  formerDomains: [],
};

/** @param isBound whether browsers bind it to their devices: Chromium 150 refuses to bind `__Host-Http-` cookies */
export function resolveCookie(
  reader: OptionReader,
  value: unknown,
  isBound: boolean,
): ResolvedCookieOptions {
  const cookie = resolveCookieAt(
    reader,
    'cookie',
    value,
    COOKIE_DEFAULTS,
    'session',
    isBound ? '__Host-' : '__Host-Http-',
  );
  if (isBound && cookie.name.startsWith('__Host-Http-')) {
    reader.fault(
      'cookie.name',
      "deviceBinding needs a name without the prefix '__Host-Http-', which browsers do not bind; use '__Host-'",
      cookie.name,
    );
  }
  return cookie;
}

/** Resolves the cookie of the refresh token. Attributes that are not given are those of the session cookie. */
export function resolveRefreshCookie(
  reader: OptionReader,
  value: unknown,
  session: ResolvedCookieOptions,
): ResolvedCookieOptions {
  const path = 'refreshToken.cookie';
  const bareName = session.name.replace(
    /^__(?:Host-Http|Host|Http|Secure)-/,
    '',
  );
  const cookie = resolveCookieAt(
    reader,
    path,
    value,
    session,
    `${bareName}-refresh`,
  );
  if (cookie.name === session.name) {
    reader.fault(
      `${path}.name`,
      "expected a name other than the session cookie's",
    );
  }
  return cookie;
}

function resolveCookieAt(
  reader: OptionReader,
  at: string,
  value: unknown,
  defaults: ResolvedCookieOptions,
  bareName: string,
  strictest: CookiePrefix = '__Host-Http-',
): ResolvedCookieOptions {
  const cookie = reader.group(at, value, [
    'name',
    'domain',
    'path',
    'secure',
    'sameSite',
    'partitioned',
    'formerDomains',
  ]);
  const domain =
    cookie['domain'] === false
      ? undefined
      : reader.text(
          `${at}.domain`,
          cookie['domain'],
          defaults.domain ?? '',
          DOMAIN,
        ) || undefined;
  const path = reader.text(`${at}.path`, cookie['path'], defaults.path, PATH);
  const secure = reader.boolean(
    `${at}.secure`,
    cookie['secure'],
    defaults.secure,
  );
  const sameSite = reader.oneOf(
    `${at}.sameSite`,
    cookie['sameSite'],
    defaults.sameSite,
    ['lax', 'strict', 'none'],
  );
  const partitioned = reader.boolean(
    `${at}.partitioned`,
    cookie['partitioned'],
    defaults.partitioned,
  );
  const prefix = prefixOf({ secure, domain, path });
  const name = reader.text(
    `${at}.name`,
    cookie['name'],
    `${prefix === '__Host-Http-' ? strictest : prefix}${bareName}`,
    COOKIE_NAME,
  );
  if (!secure && sameSite === 'none') {
    reader.fault(`${at}.sameSite`, `'none' needs ${at}.secure`);
  }
  if (!secure && partitioned) {
    reader.fault(`${at}.partitioned`, `needs ${at}.secure`);
  }
  checkPrefix(reader, `${at}.name`, name, prefix);
  return {
    name,
    domain,
    path,
    secure,
    sameSite,
    partitioned,
    formerDomains: resolveFormerDomains(
      reader,
      `${at}.formerDomains`,
      cookie['formerDomains'] === undefined
        ? defaults.formerDomains
        : cookie['formerDomains'],
    ),
  };
}

/** Returns the strictest prefix that the attributes allow. */
function prefixOf({
  secure,
  domain,
  path,
}: Pick<ResolvedCookieOptions, 'secure' | 'domain' | 'path'>): CookiePrefix {
  if (!secure) {
    return '';
  }
  return domain || path !== '/' ? '__Secure-' : '__Host-Http-';
}

/** Resolves a cookie that scripts may read, with the attributes of another cookie. */
export function resolveReadableCookie(
  reader: OptionReader,
  path: string,
  value: unknown,
  attributes: ResolvedCookieOptions,
): ResolvedCookieOptions | undefined {
  if (value === undefined) {
    return undefined;
  }
  const name = reader.text(path, value, 'XSRF-TOKEN', COOKIE_NAME);
  if (/^__(?:Host-)?Http-/i.test(name)) {
    reader.fault(
      path,
      'expected a name without a prefix that hides the cookie from scripts',
      name,
    );
  } else if (name === attributes.name) {
    reader.fault(path, "expected a name other than the session cookie's");
  }
  checkPrefix(reader, path, name, prefixOf(attributes));
  return { ...attributes, name };
}

function resolveFormerDomains(
  reader: OptionReader,
  at: string,
  value: unknown,
): readonly string[] {
  return reader
    .list(at, value)
    .filter((former, i) => {
      reader.text(`${at}[${i}]`, former, '', FORMER_DOMAIN);
      return typeof former === 'string';
    })
    .map(String);
}

/**
 * Checks the name against its prefix, whatever its case: prefixes promise attributes that browsers enforce (RFC
 * 6265bis, section 4.1.3).
 */
function checkPrefix(
  reader: OptionReader,
  at: string,
  name: string,
  allowed: CookiePrefix,
): void {
  for (const prefix of ['__Host-', '__Secure-', '__Http-', '__Host-Http-']) {
    if (!name.toLowerCase().startsWith(prefix.toLowerCase())) {
      continue;
    }
    if (!name.startsWith(prefix)) {
      reader.fault(
        at,
        `expected the prefix '${prefix}', in exactly this case`,
        name,
      );
    } else if (prefix === '__Host-' && allowed !== '__Host-Http-') {
      reader.fault(at, "'__Host-' needs secure, path '/' and no domain", name);
    } else if (allowed === '') {
      reader.fault(at, `'${prefix}' needs secure`, name);
    }
  }
}
