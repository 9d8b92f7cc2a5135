import type { CsrfTokens } from '../csrf/csrf-tokens.js';
import { SessionError } from '../errors/session-error.js';
import type { Transport } from '../options/transport.js';
import {
  tokenClaimsOf,
  type RefreshClaims,
  type SessionClaims,
  type StatelessRefreshClaims,
  type TokenClaims,
} from '../tokens/session-claims.js';
import type { TokenCodec } from '../tokens/token-codec.js';
import type { Dispatch } from './dispatch.js';
import {
  endOfSessionTokenIssuedAt,
  endOfSessionUsedAt,
  endOfToken,
  type ClockPolicy,
} from './freshness.js';
import { largestParts } from './largest-parts.js';
import { randomId } from './random-id.js';
import { linkOf, type RefreshLink } from './refresh-chain.js';
import type { SessionMemory } from './session-memory.js';
import {
  keepSignedToken,
  verifiedSession,
  type VerifiedSession,
} from './verified-session.js';

/** What browsers store of one cookie: name, value and attributes (RFC 6265bis, section 5.6). */
const MAXIMUM_COOKIE_BYTES = 4096;
const TOKEN_ID_BYTES = 16;

/** A session with its newly signed tokens. */
export interface SignedSession {
  readonly session: VerifiedSession & { readonly dispatch: Dispatch };
  readonly token: string;
  readonly refreshToken: string | undefined;
  /** The keys that were the present ones then. */
  readonly keys: object;
  /** From when its deliveries reckon. Seconds since the Unix epoch. */
  readonly preparedAt: number;
}

/** The claims that both tokens of a session are made of. */
export interface IssuedClaims {
  readonly session: SessionClaims;
  readonly refresh?: RefreshClaims | undefined;
}

/** Signs the tokens of sessions and prepares them for their transports. */
export class TokenIssuer {
  readonly #codec: TokenCodec;
  readonly #refreshCodec: TokenCodec<RefreshClaims> | undefined;
  readonly #policy: ClockPolicy;
  readonly #memory: SessionMemory;
  readonly #csrf: CsrfTokens | undefined;

  /**
   * @param refreshCodec `undefined` where there are no refresh tokens
   * @param csrf where a cookie brings CSRF tokens to scripts
   */
  constructor(
    codec: TokenCodec,
    refreshCodec: TokenCodec<RefreshClaims> | undefined,
    policy: ClockPolicy,
    memory: SessionMemory,
    csrf?: CsrfTokens,
  ) {
    this.#codec = codec;
    this.#refreshCodec = refreshCodec;
    this.#policy = policy;
    this.#memory = memory;
    this.#csrf = csrf;
  }

  /** `undefined` when the keys may be used at once, otherwise settled when they may. Never rejects. */
  ready(): Promise<void> | undefined {
    return this.#codec.ready();
  }

  /** Claims of the session token of a session that begins or is refreshed now. */
  renewed(claims: SessionClaims, now: number): SessionClaims {
    // Data that a node ahead of our clock has loaded makes this token one of later, too.
    const issuedAt = Math.max(now, claims.lat);
    const exp = endOfSessionTokenIssuedAt(issuedAt, claims, this.#policy);
    return { ...claims, exp, jti: randomId(TOKEN_ID_BYTES), iat: issuedAt };
  }

  /**
   * Claims of the session token after a reload, which is a use of the session. Where there are refresh
   * tokens its end stays, or it would renew itself without them.
   */
  reloaded(claims: SessionClaims, now: number): SessionClaims {
    return this.#refreshCodec
      ? this.reissued(claims, now)
      : this.renewed(claims, now);
  }

  /** Claims of the next session token of a session; its end stays where it is. */
  reissued(claims: SessionClaims, now: number): SessionClaims {
    const issuedAt = Math.max(now, claims.lat);
    return { ...claims, jti: randomId(TOKEN_ID_BYTES), iat: issuedAt };
  }

  /**
   * Claims of the refresh token that goes with a session token, if there are such.
   *
   * @param link its place in the chain that a store keeps
   */
  refreshClaims(
    session: SessionClaims,
    link: RefreshLink | undefined,
  ): RefreshClaims | undefined {
    if (!this.#refreshCodec) {
      return undefined;
    }
    const exp = endOfSessionUsedAt(session.iat, session, this.#policy);
    const claims: TokenClaims = {
      ...tokenClaimsOf(session),
      exp: Math.max(exp, session.exp),
    };
    const { params, attrs, rev } = session;
    return link
      ? { ...claims, gen: link.gen, jti: link.jti }
      : { ...claims, jti: randomId(TOKEN_ID_BYTES), params, attrs, rev };
  }

  /** Claims of a stateless refresh token with other attributes; its end stays where it is. */
  rewritten(
    refresh: StatelessRefreshClaims,
    changed: Pick<SessionClaims, 'attrs' | 'rev'>,
  ): RefreshClaims {
    return { ...refresh, ...changed, jti: randomId(TOKEN_ID_BYTES) };
  }

  /** @throws {SessionError} `SESSION_TOO_LARGE` */
  sign(
    { session, refresh }: IssuedClaims,
    carriers: readonly Transport[],
    now: number,
  ): SignedSession {
    try {
      const token = this.#codec.sign(session);
      const refreshToken = refresh && this.#refreshCodec?.sign(refresh);
      return this.#prepared(
        { session, refresh },
        { token, refreshToken },
        carriers,
        now,
      );
    } catch (error) {
      throw error instanceof SessionError && error.code === 'SESSION_TOO_LARGE'
        ? new SessionError(
            error.code,
            `${error.message}; the largest parts: ${largestParts(session)}`,
          )
        : error;
    }
  }

  /** Whether a token that was signed before is still good. */
  isGood({ session, keys }: SignedSession, now: number): boolean {
    return now < session.endsAt && keys === this.#codec.keys;
  }

  /** A session token that was signed before, on its way to one more response. */
  offer(
    { session, token }: SignedSession,
    carriers: readonly Transport[],
    now: number,
  ): SignedSession {
    return this.#prepared(
      { session: session.claims },
      { token, refreshToken: undefined },
      carriers,
      now,
    );
  }

  #prepared(
    { session: claims, refresh }: IssuedClaims,
    signed: Pick<SignedSession, 'token' | 'refreshToken'>,
    carriers: readonly Transport[],
    now: number,
  ): SignedSession {
    const { token, refreshToken } = signed;
    const { sid, rev } = claims;
    const generation = refresh && linkOf(refresh)?.gen;
    // After a reload the refresh token, and with it the end of the session, stays: so does the CSRF token.
    const endsWith = refresh ?? (this.#refreshCodec ? undefined : claims);
    const tokens = {
      sessionToken: token,
      maxAgeSeconds: endOfToken(claims, this.#policy) - now,
      persistent: claims.per !== false,
      ...(refresh &&
        refreshToken !== undefined && {
          refresh: {
            token: refreshToken,
            maxAgeSeconds: endOfToken(refresh, this.#policy) - now,
          },
        }),
      ...(this.#csrf &&
        endsWith && {
          csrf: {
            token: this.#csrf.issue(sid),
            maxAgeSeconds: endOfToken(endsWith, this.#policy) - now,
          },
        }),
    };
    const dispatch: Dispatch = {
      deliveries: carriers.flatMap((carrier) => carrier.write(tokens)),
      isCurrent: () =>
        this.#memory.isCurrent(sid, rev, generation, refresh && claims.attrs),
    };
    for (const delivery of dispatch.deliveries) {
      const bytes =
        delivery.kind === 'cookie' ? Buffer.byteLength(delivery.line) : 0;
      if (bytes > MAXIMUM_COOKIE_BYTES) {
        throw new SessionError(
          'SESSION_TOO_LARGE',
          `the cookie ${delivery.name} has ${bytes} bytes, browsers keep at most ${MAXIMUM_COOKIE_BYTES}`,
        );
      }
    }
    const session = verifiedSession(claims, this.#policy, dispatch, refresh);
    keepSignedToken(session, token);
    return {
      session: session as SignedSession['session'],
      token,
      refreshToken,
      keys: this.#codec.keys,
      preparedAt: now,
    };
  }
}
