import type { OptionReader } from './option-reader.js';
import type {
  ResolvedCookieOptions,
  ResolvedHeaderOptions,
} from './resolved-options.js';
import type { Transport } from './transport.js';

export const HEADER_NAME = {
  pattern: /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/,
  expected: 'a header name',
};
/** RFC 6265, section 4.1.1: a cookie name is a token. */
const COOKIE_NAME = { ...HEADER_NAME, expected: 'a cookie name' };
const DOMAIN = {
  pattern:
    /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.(?!$)|$))+$/i,
  expected: 'a host name without a leading dot',
};
const PATH = {
  pattern: /^\/[\x21-\x2b\x2d-\x3a\x3d-\x7e]{0,1023}$/,
  expected: "a path that starts with '/' and has no ';', ',' or '<'",
};
const SCHEME = {
  pattern: /^[!#$%&'*+.^_`|~0-9A-Za-z-]{0,64}$/,
  expected: 'one word',
};

export function resolveCookie(
  reader: OptionReader,
  value: unknown,
): ResolvedCookieOptions {
  const cookie = reader.group('cookie', value, [
    'name',
    'domain',
    'path',
    'secure',
    'sameSite',
    'partitioned',
    'formerDomains',
  ]);
  const domain =
    reader.text('cookie.domain', cookie['domain'], '', DOMAIN) || undefined;
  const path = reader.text('cookie.path', cookie['path'], '/', PATH);
  const secure = reader.boolean('cookie.secure', cookie['secure'], true);
  const sameSite = reader.oneOf('cookie.sameSite', cookie['sameSite'], 'lax', [
    'lax',
    'strict',
    'none',
  ]);
  const partitioned = reader.boolean(
    'cookie.partitioned',
    cookie['partitioned'],
    false,
  );
  const prefix = !secure
    ? ''
    : domain || path !== '/'
      ? '__Secure-'
      : '__Host-';
  const name = reader.text(
    'cookie.name',
    cookie['name'],
    `${prefix}session`,
    COOKIE_NAME,
  );
  if (!secure && sameSite === 'none') {
    reader.fault('cookie.sameSite', "'none' needs cookie.secure");
  }
  if (!secure && partitioned) {
    reader.fault('cookie.partitioned', 'needs cookie.secure');
  }
  checkPrefix(reader, name, prefix);
  return {
    name,
    domain,
    path,
    secure,
    sameSite,
    partitioned,
    formerDomains: reader
      .list('cookie.formerDomains', cookie['formerDomains'])
      .filter((former, i) => {
        reader.text(`cookie.formerDomains[${i}]`, former, '', DOMAIN);
        return typeof former === 'string';
      })
      .map(String),
  };
}

/** The prefixes promise attributes that browsers check (RFC 6265bis, section 4.1.3), in any case. */
function checkPrefix(
  reader: OptionReader,
  name: string,
  allowed: '' | '__Secure-' | '__Host-',
): void {
  for (const prefix of ['__Host-', '__Secure-', '__Http-', '__Host-Http-']) {
    if (!name.toLowerCase().startsWith(prefix.toLowerCase())) {
      continue;
    }
    if (!name.startsWith(prefix)) {
      reader.fault('cookie.name', `the prefix is written '${prefix}'`, name);
    } else if (prefix === '__Host-' && allowed !== '__Host-') {
      reader.fault(
        'cookie.name',
        "'__Host-' needs cookie.secure, path '/' and no domain",
        name,
      );
    } else if (allowed === '') {
      reader.fault('cookie.name', `'${prefix}' needs cookie.secure`, name);
    }
  }
}

export function resolveHeader(
  reader: OptionReader,
  value: unknown,
): ResolvedHeaderOptions {
  const header = reader.group('header', value, [
    'name',
    'scheme',
    'renewedName',
  ]);
  const name = reader
    .text('header.name', header['name'], 'Authorization', HEADER_NAME)
    .toLowerCase();
  if (name === 'cookie') {
    reader.fault(
      'header.name',
      "is sent by browsers, use the 'cookie' transport",
    );
  }
  const renewedName = reader.text(
    'header.renewedName',
    header['renewedName'],
    'Session-Token',
    HEADER_NAME,
  );
  if (
    /^(?:set-cookie|content-|transfer-encoding$|connection$|vary$|cache-control$|location$)/i.test(
      renewedName,
    )
  ) {
    reader.fault(
      'header.renewedName',
      'has a meaning of its own in HTTP, expected a custom header',
      renewedName,
    );
  }
  return {
    name,
    scheme: reader.text('header.scheme', header['scheme'], 'Bearer', SCHEME),
    renewedName,
  };
}

export function resolveTransports(
  reader: OptionReader,
  value: unknown,
): readonly ('cookie' | 'header' | Transport)[] {
  const listed = value === undefined ? ['cookie'] : [value].flat();
  const names = new Set<string>();
  if (listed.length === 0) {
    reader.fault('transport', 'expected at least one transport');
  }
  return listed.filter((choice): choice is 'cookie' | 'header' | Transport => {
    if (choice !== 'cookie' && choice !== 'header' && !isTransport(choice)) {
      reader.fault(
        'transport',
        "expected 'cookie', 'header' or a Transport (name, read, write, clear)",
        choice,
      );
      return false;
    }
    const name = typeof choice === 'string' ? choice : choice.name;
    if (names.has(name)) {
      reader.fault('transport', `'${name}' is given twice`);
    }
    names.add(name);
    return true;
  });
}

function isTransport(value: unknown): value is Transport {
  const transport = value as Partial<Transport> | null | undefined;
  return (
    typeof transport === 'object' &&
    transport !== null &&
    typeof transport.name === 'string' &&
    transport.name !== '' &&
    typeof transport.read === 'function' &&
    typeof transport.write === 'function' &&
    typeof transport.clear === 'function'
  );
}
