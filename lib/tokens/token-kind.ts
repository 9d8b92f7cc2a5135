import type { Refusal } from '../errors/refusal.js';
import {
  parseRefreshClaims,
  parseSessionClaims,
  type ClaimsExpectation,
} from './claims-profile.js';
import {
  tokenClaimsOf,
  type RefreshClaims,
  type SessionClaims,
} from './session-claims.js';
import type { TokenType } from './token-header.js';

/** One kind of token: its type in the header, what is written, and what may be read. */
export interface TokenKind<Claims> {
  readonly type: TokenType;
  /** Its name in messages. */
  readonly name: string;
  readonly write: (claims: Claims) => object;
  readonly parse: (value: unknown) => Claims | Refusal;
}

/** Describes session tokens. */
export function sessionTokens(
  expected: ClaimsExpectation,
): TokenKind<SessionClaims> {
  return {
    type: 'session+jwt',
    name: 'session token',
    write: expected.isReference ? tokenClaimsOf : (claims) => claims,
    parse: (value) => parseSessionClaims(value, expected),
  };
}

/** Describes refresh tokens. */
export function refreshTokens(
  expected: ClaimsExpectation,
): TokenKind<RefreshClaims> {
  return {
    type: 'session-refresh+jwt',
    name: 'refresh token',
    write: (claims) => claims,
    parse: (value) => parseRefreshClaims(value, expected),
  };
}
