import { SessionError } from '../errors/session-error.js';
import type { Refusal } from '../errors/refusal.js';
import type { KeySet } from '../keys/key-set.js';
import {
  parseRefreshClaims,
  parseSessionClaims,
  type ClaimsExpectation,
} from './claims-profile.js';
import { MAXIMUM_TOKEN_LENGTH, openCompact } from './front-gate.js';
import {
  tokenClaimsOf,
  type RefreshClaims,
  type SessionClaims,
} from './session-claims.js';
import { parseStrictJson } from './strict-json.js';
import { parseTokenHeader, type TokenType } from './token-header.js';
import type { TokenSigner } from './token-signer.js';

/** One kind of token: what it is called in its header, what is written and what may be read. */
export interface TokenKind<Claims> {
  readonly type: TokenType;
  /** What a message calls it. */
  readonly name: string;
  readonly write: (claims: Claims) => object;
  readonly parse: (value: unknown) => Claims | Refusal;
}

/** Session tokens. */
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

/** Refresh tokens. */
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

/** Tokens of one kind, to and from text. Clocks are not its business: it says what a token is, not how old. */
export class TokenCodec<Claims extends object = SessionClaims> {
  readonly #keys: KeySet;
  readonly #signer: TokenSigner;
  readonly #kind: TokenKind<Claims>;

  constructor(keys: KeySet, signer: TokenSigner, kind: TokenKind<Claims>) {
    this.#keys = keys;
    this.#signer = signer;
    this.#kind = kind;
  }

  /** @throws {SessionError} `SESSION_TOO_LARGE` beyond 8,192 characters */
  sign(claims: Claims): string {
    const { kid, algorithm } = this.#keys.signing;
    const token = this.#signer.sign(
      this.#kind.write(claims),
      { alg: algorithm, typ: this.#kind.type, kid },
      this.#keys.signing,
    );
    if (token.length > MAXIMUM_TOKEN_LENGTH) {
      throw new SessionError(
        'SESSION_TOO_LARGE',
        `the ${this.#kind.name} has ${token.length} bytes, at most ${MAXIMUM_TOKEN_LENGTH} are allowed`,
      );
    }
    return token;
  }

  /** The frozen claims of a token that this application issued, or why it is refused. Never throws. */
  verify(token: string): Claims | Refusal {
    const segments = openCompact(token);
    if (!segments) {
      return 'malformed';
    }
    const header = parseTokenHeader(segments.header, this.#kind.type);
    if (!header) {
      return 'header';
    }
    const key = this.#keys.find(header.kid);
    if (!key) {
      return 'unknown-key';
    }
    if (key.algorithm !== header.alg) {
      return 'header';
    }
    if (!this.#isSignedBy(token, key)) {
      return 'signature';
    }
    return this.#kind.parse(parseStrictJson(segments.payload));
  }

  #isSignedBy(
    token: string,
    key: Parameters<TokenSigner['verify']>[1],
  ): boolean {
    try {
      return this.#signer.verify(token, key);
    } catch {
      return false;
    }
  }
}
