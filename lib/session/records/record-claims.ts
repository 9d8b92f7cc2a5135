import type { SessionRecord } from '../../ports/session-store.js';
import { freezeWithin, MAXIMUM_DEPTH } from '../../tokens/claims-profile.js';
import type { SessionClaims } from '../../tokens/session-claims.js';

/** Returns the attributes of a record, frozen, and their revision. */
export function revisionOf(
  record: SessionRecord,
): Pick<SessionClaims, 'attrs' | 'rev'> {
  freezeWithin(record.attributes, MAXIMUM_DEPTH);
  return { attrs: record.attributes, rev: record.revision };
}

/** Returns the claims of a token with the attributes of the record, if those are newer. */
export function withAttributesOf(
  record: SessionRecord,
  claims: SessionClaims,
): SessionClaims {
  return record.revision > claims.rev
    ? { ...claims, ...revisionOf(record) }
    : claims;
}

/** Returns the claims of a token that only refers to a record, with the contents of that record. */
export function withContentOf(
  record: SessionRecord,
  claims: SessionClaims,
  paramsAreData: boolean,
): SessionClaims {
  const { params, data } = record;
  freezeWithin({ params, data }, MAXIMUM_DEPTH);
  return {
    ...claims,
    ...revisionOf(record),
    lat: data?.loadedAt ?? claims.iat,
    params,
    ...(!paramsAreData && { data: data?.value }),
  };
}
