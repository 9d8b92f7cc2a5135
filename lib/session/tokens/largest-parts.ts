import { pathOfMember } from '../model/json-copy.js';
import type { SessionClaims } from '../../tokens/session-claims.js';

/** Lists the top-level members of params, data, attributes and authentication that take up most of a token, with their bytes. */
export function largestParts(claims: SessionClaims): string {
  const { params, data, attrs: attributes, amr } = claims;
  const authentication = amr && { amr };
  return Object.entries({
    params,
    data,
    attributes,
    ...(authentication && { authentication }),
  })
    .flatMap(([name, value]) =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).map(
            ([key, member]) => [pathOfMember(name, key), member] as const,
          )
        : [[name, value] as const],
    )
    .map(([name, value]) => ({
      name,
      bytes: Buffer.byteLength(JSON.stringify(value) ?? ''),
    }))
    .toSorted((a, b) => b.bytes - a.bytes)
    .slice(0, 3)
    .map(({ name, bytes }) => `${name} (${bytes} bytes)`)
    .join(', ');
}
