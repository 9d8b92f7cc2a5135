import type { OptionReader } from './option-reader.js';
import { HEADER_NAME } from './resolve-cookie-options.js';
import { isThisMachine, parseUrl } from './parse-url.js';
import type { ResolvedHeaderOptions } from './resolved-options.js';
import type { Transport } from '../ports/transport.js';

const SCHEME = {
  pattern: /^[!#$%&'*+.^_`|~0-9A-Za-z-]{0,64}$/,
  expected: 'one word',
};

export function resolveHeader(
  reader: OptionReader,
  value: unknown,
): ResolvedHeaderOptions {
  const header = reader.group('header', value, [
    'name',
    'scheme',
    'renewedName',
    'renewedRefreshName',
    'resourceMetadata',
  ]);
  const name = reader
    .text('header.name', header['name'], 'Authorization', HEADER_NAME)
    .toLowerCase();
  if (name === 'cookie') {
    reader.fault(
      'header.name',
      "is sent by browsers; use the 'cookie' transport",
    );
  }
  const renewedName = resolveRenewedName(
    reader,
    'header.renewedName',
    header['renewedName'],
    'Session-Token',
  );
  const renewedRefreshName = resolveRenewedName(
    reader,
    'header.renewedRefreshName',
    header['renewedRefreshName'],
    'Session-Refresh-Token',
  );
  if (renewedName.toLowerCase() === renewedRefreshName.toLowerCase()) {
    reader.fault(
      'header.renewedRefreshName',
      'expected a name other than header.renewedName',
    );
  }
  return {
    name,
    scheme: reader.text('header.scheme', header['scheme'], 'Bearer', SCHEME),
    renewedName,
    renewedRefreshName,
    resourceMetadata: resolveMetadata(reader, header['resourceMetadata']),
  };
}

/** Returns an address as it stands in a quoted string (RFC 9110, section 5.6.4). */
function resolveMetadata(
  reader: OptionReader,
  value: unknown,
): string | undefined {
  const url = typeof value === 'string' ? parseUrl(value) : undefined;
  const isSafe =
    url?.protocol === 'https:' ||
    (url?.protocol === 'http:' && isThisMachine(url.hostname));
  if (
    value !== undefined &&
    (!url || !isSafe || url.username || url.password || /["\\]/.test(url.href))
  ) {
    reader.fault(
      'header.resourceMetadata',
      'expected an https: URL, or an http: URL of this machine, without credentials',
      value,
    );
  }
  return url?.href;
}

function resolveRenewedName(
  reader: OptionReader,
  at: string,
  value: unknown,
  fallback: string,
): string {
  const name = reader.text(at, value, fallback, HEADER_NAME);
  if (
    /^(?:set-cookie|content-|transfer-encoding$|connection$|vary$|cache-control$|location$)/i.test(
      name,
    )
  ) {
    reader.fault(
      at,
      'expected a custom header, not one that HTTP defines',
      name,
    );
  }
  return name;
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
