import { SessionError } from '../errors/session-error.js';
import type { Refusal } from '../errors/refusal.js';
import type { CurrentKeys } from '../keys/key-ring.js';
import type { KeySet } from '../keys/key-set.js';
import type { TokenKey } from '../keys/token-key.js';
import { MAXIMUM_TOKEN_LENGTH } from './front-gate.js';
import type { SessionClaims } from './session-claims.js';
import { parseStrictJson } from './strict-json.js';
import type { TokenHeader } from './token-header.js';
import type { OpenToken, TokenFormat } from './token-format.js';
import type { TokenKind } from './token-kind.js';

const REMEMBERED_HEADERS = 100;

/** Writes and reads tokens of one kind. It checks what a token is, not how old: it uses no clock. */
export class TokenCodec<Claims extends object = SessionClaims> {
  readonly #keys: CurrentKeys;
  readonly #format: TokenFormat;
  readonly #kind: TokenKind<Claims>;
  /** Parsed headers of authentic tokens, by their encoded form, so that each is parsed only once. */
  readonly #headers = new Map<string, TokenHeader>();

  constructor(keys: CurrentKeys, format: TokenFormat, kind: TokenKind<Claims>) {
    this.#keys = keys;
    this.#format = format;
    this.#kind = kind;
  }

  /** The current keys. Tokens verified or signed with other keys must no longer be used. */
  get keys(): KeySet {
    return this.#keys.current;
  }

  /** Returns `undefined` if the keys can be used immediately; otherwise settles when they can. Never rejects. */
  ready(): Promise<void> | undefined {
    return this.#keys.ready();
  }

  /** Reloads the keys to find an unknown one; `undefined` if that would be futile. Never rejects. */
  learn(): Promise<void> | undefined {
    return this.#keys.learn();
  }

  /**
   * @throws {SessionError} `SESSION_TOO_LARGE` beyond 8,192 characters, `SIGNING_KEY_REQUIRED` without a key to sign
   *   with
   */
  sign(claims: Claims): string {
    const { signing } = this.#keys.current;
    if (!signing) {
      throw signingKeyRequired();
    }
    const { type, name, write } = this.#kind;
    const token = this.#format.protect(write(claims), type, signing);
    if (token.length > MAXIMUM_TOKEN_LENGTH) {
      throw new SessionError(
        'SESSION_TOO_LARGE',
        `the ${name} has ${token.length} bytes, at most ${MAXIMUM_TOKEN_LENGTH} are allowed`,
      );
    }
    return token;
  }

  /** Returns the frozen claims of a token that this application issued, or why it is refused. Never throws. */
  verify(token: string): Claims | Refusal {
    const open = this.#format.open(token);
    if (!open) {
      return 'malformed';
    }
    const known = this.#headers.get(open.headerSegment);
    const header = known ?? open.header(this.#kind.type);
    if (!header) {
      return 'header';
    }
    const key = this.#keys.current.find(header.kid);
    if (!key) {
      return 'unknown-key';
    }
    if (key.algorithm !== header.algorithm) {
      return 'header';
    }
    const payload = authenticPayload(open, key);
    if (!payload) {
      return 'signature';
    }
    if (!known) {
      this.#remember(open.headerSegment, header);
    }
    return this.#kind.parse(parseStrictJson(payload));
  }

  /** Caches the header of an authentic token: most tokens of a key have the same one. */
  #remember(segment: string, header: TokenHeader): void {
    if (this.#headers.size >= REMEMBERED_HEADERS) {
      this.#headers.clear();
    }
    this.#headers.set(segment, header);
  }
}

/** Creates the error for signing in a process that only verifies. */
export function signingKeyRequired(): SessionError {
  return new SessionError(
    'SIGNING_KEY_REQUIRED',
    'this application only checks sessions (verifyOnly): it has no key to issue them with',
  );
}

/**
 * Returns the payload if it is authentic. All failures look alike: revealing which check failed would help an
 * attacker (RFC 7516, section 11.5).
 */
function authenticPayload(
  open: OpenToken,
  key: TokenKey,
): Uint8Array | undefined {
  try {
    return open.payload(key);
  } catch {
    return undefined;
  }
}
