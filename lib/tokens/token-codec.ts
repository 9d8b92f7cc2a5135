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

/** Tokens of one kind, to and from text. Clocks are not its business: it says what a token is, not how old. */
export class TokenCodec<Claims extends object = SessionClaims> {
  readonly #keys: CurrentKeys;
  readonly #format: TokenFormat;
  readonly #kind: TokenKind<Claims>;
  /** Allowed headers as authentic tokens spell them, so that they are read once. */
  readonly #headers = new Map<string, TokenHeader>();

  constructor(keys: CurrentKeys, format: TokenFormat, kind: TokenKind<Claims>) {
    this.#keys = keys;
    this.#format = format;
    this.#kind = kind;
  }

  /** The keys as they are now; what was verified with others, or signed with them, must not be used any more. */
  get keys(): KeySet {
    return this.#keys.current;
  }

  /** `undefined` when the keys may be used at once, otherwise settled when they may. Never rejects. */
  ready(): Promise<void> | undefined {
    return this.#keys.ready();
  }

  /** Looks for a key that is not known; `undefined` when that would be in vain. Never rejects. */
  learn(): Promise<void> | undefined {
    return this.#keys.learn();
  }

  /**
   * @throws {SessionError} `SESSION_TOO_LARGE` beyond 8,192 characters, `SIGNING_KEY_REQUIRED` where there is
   *   no key to sign with
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

  /** The frozen claims of a token that this application issued, or why it is refused. Never throws. */
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

  /** One of an authentic token: it is the same in all tokens of a key, mostly. */
  #remember(segment: string, header: TokenHeader): void {
    if (this.#headers.size >= REMEMBERED_HEADERS) {
      this.#headers.clear();
    }
    this.#headers.set(segment, header);
  }
}

/** The error of what needs a key to sign with, in a process that only verifies. */
export function signingKeyRequired(): SessionError {
  return new SessionError(
    'SIGNING_KEY_REQUIRED',
    'this application only checks sessions (verifyOnly): it has no key to issue them with',
  );
}

/** Every failure is the same one: what exactly was wrong would help who made it (RFC 7516, section 11.5). */
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
