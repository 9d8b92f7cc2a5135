import type { SessionRecord } from '../options/session-store.js';
import { freezeWithin, MAXIMUM_DEPTH } from '../tokens/claims-profile.js';
import type { SessionClaims } from '../tokens/session-claims.js';

/** The attributes of a record, frozen. */
export function revisionOf(
  record: SessionRecord,
): Pick<SessionClaims, 'attrs' | 'rev'> {
  freezeWithin(record.attributes, MAXIMUM_DEPTH);
  return { attrs: record.attributes, rev: record.revision };
}

/** The claims of a token with newer attributes, if the record has any. */
export function withAttributesOf(
  record: SessionRecord,
  claims: SessionClaims,
): SessionClaims {
  return record.revision > claims.rev
    ? { ...claims, ...revisionOf(record) }
    : claims;
}

/** The claims of a token that only refers to a record, with what that holds. */
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
