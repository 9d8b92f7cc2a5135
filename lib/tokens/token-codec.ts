import { SessionError } from '../errors/session-error.js';
import type { Refusal } from '../errors/refusal.js';
import type { KeySet } from '../keys/key-set.js';
import {
  parseSessionClaims,
  type ClaimsExpectation,
} from './claims-profile.js';
import { MAXIMUM_TOKEN_LENGTH, openCompact } from './front-gate.js';
import type { SessionClaims } from './session-claims.js';
import { parseStrictJson } from './strict-json.js';
import { parseTokenHeader, SESSION_TOKEN_TYPE } from './token-header.js';
import type { TokenSigner } from './token-signer.js';

/** Session tokens, to and from text. Clocks are not its business: it says what a token is, not how old. */
export class TokenCodec {
  readonly #keys: KeySet;
  readonly #signer: TokenSigner;
  readonly #expected: ClaimsExpectation;

  constructor(keys: KeySet, signer: TokenSigner, expected: ClaimsExpectation) {
    this.#keys = keys;
    this.#signer = signer;
    this.#expected = expected;
  }

  /** @throws {SessionError} `SESSION_TOO_LARGE` beyond 8,192 characters */
  sign(claims: SessionClaims): string {
    const { kid, algorithm } = this.#keys.signing;
    const token = this.#signer.sign(
      claims,
      { alg: algorithm, typ: SESSION_TOKEN_TYPE, kid },
      this.#keys.signing,
    );
    if (token.length > MAXIMUM_TOKEN_LENGTH) {
      throw new SessionError(
        'SESSION_TOO_LARGE',
        `the session token has ${token.length} bytes, at most ${MAXIMUM_TOKEN_LENGTH} are allowed`,
      );
    }
    return token;
  }

  /** The frozen claims of a token that this application issued, or why it is refused. Never throws. */
  verify(token: string): SessionClaims | Refusal {
    const segments = openCompact(token);
    if (!segments) {
      return 'malformed';
    }
    const header = parseTokenHeader(segments.header);
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
    return parseSessionClaims(
      parseStrictJson(segments.payload),
      this.#expected,
    );
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
