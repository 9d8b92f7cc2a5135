import {
  parseItem,
  parseList,
  serializeItem,
  serializeList,
  Token,
  type BareItem,
} from 'structured-headers';
import { headerOf, type RequestFacts } from '../ports/request-facts.js';
import { PROOF_ALGORITHMS } from './device-key.js';

/**
 * The headers of Device Bound Session Credentials, which are structured fields (RFC 9651). Request headers are in
 * lower case, as Node has them.
 */
export const REGISTRATION_HEADER = 'Secure-Session-Registration';
export const CHALLENGE_HEADER = 'Secure-Session-Challenge';
export const PROOF_HEADER = 'secure-session-response';
const SKIPPED_HEADER = 'secure-session-skipped';

const MAXIMUM_LENGTH = 8192;

/** Invites a browser to create a key and to register it at a path. */
export function registrationHeader(path: string, challenge: string): string {
  const algorithms = PROOF_ALGORITHMS.map(
    (each) => [new Token(each), new Map()] as [Token, Map<string, BareItem>],
  );
  return serializeList([
    [algorithms, new Map(Object.entries({ path, challenge }))],
  ]);
}

/** Asks a browser to sign a challenge with the key of a session. */
export function challengeHeader(
  challenge: string,
  sessionIdentifier: string,
): string {
  return serializeItem(challenge, new Map([['id', sessionIdentifier]]));
}

/** Reads a header whose value is one text, quoted or not; `undefined` for anything else. */
export function readTextHeader(value: string | undefined): string | undefined {
  const [item] = parsed(value, parseItem) ?? [];
  return item instanceof Token
    ? item.toString()
    : typeof item === 'string'
      ? item
      : undefined;
}

/** Whether a page has caused a request: unlike the browser's own requests, it states its origin. */
export function isFromPage({ headers }: RequestFacts): boolean {
  return Object.keys(headers).some(
    (name) => name === 'origin' || name.startsWith('sec-fetch-'),
  );
}

/** The reasons for which a browser will try again. Any other one means that it cannot. */
const PASSING_REASONS = ['unreachable', 'server_error', 'quota_exceeded'];

/** Whether a browser wanted to refresh a bound session before this request, but could not. */
export function hasSkippedRefresh(facts: RequestFacts): boolean {
  const reasons = parsed(headerOf(facts, SKIPPED_HEADER), parseList) ?? [];
  return reasons.some(
    ([reason]) =>
      reason instanceof Token && PASSING_REASONS.includes(reason.toString()),
  );
}

/** Whether a request is for a page that a link of another site has opened: browsers do not refresh before those. */
export function isPageOfOtherSite({ method, headers }: RequestFacts): boolean {
  return (
    method === 'GET' &&
    headers['sec-fetch-mode'] === 'navigate' &&
    headers['sec-fetch-dest'] === 'document' &&
    ['cross-site', 'same-site'].includes(String(headers['sec-fetch-site']))
  );
}

function parsed<T>(
  value: string | undefined,
  parse: (text: string) => T,
): T | undefined {
  if (value === undefined || value.length > MAXIMUM_LENGTH) {
    return undefined;
  }
  try {
    return parse(value);
  } catch {
    return undefined;
  }
}
