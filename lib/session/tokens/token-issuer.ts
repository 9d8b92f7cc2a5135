import type { CsrfTokens } from '../../csrf/csrf-tokens.js';
import { SessionError } from '../../errors/session-error.js';
import type { Delivery, Transport } from '../../ports/transport.js';
import {
  type RefreshClaims,
  type SessionClaims,
} from '../../tokens/session-claims.js';
import type { TokenCodec } from '../../tokens/token-codec.js';
import type { Dispatch } from '../model/dispatch.js';
import {
  endOfSessionTokenIssuedAt,
  endOfSessionUsedAt,
  extendedTo,
  idleEndOf,
  issueTimeOf,
  type ClockPolicy,
} from '../model/freshness.js';
import { largestParts } from './largest-parts.js';
import { randomId, TOKEN_ID_BYTES } from '../model/random-id.js';
import { refreshClaimsOf } from './refresh-claims.js';
import { linkOf, type RefreshLink } from '../model/refresh-chain.js';
import type { SessionMemory } from '../model/session-memory.js';
import type { IssuedClaims, SignedSession } from '../model/signed-session.js';
import { refuseLargeCookies, transportTokens } from './transport-tokens.js';
import {
  keepSignedToken,
  verifiedSession,
  type VerifiedSession,
} from '../model/verified-session.js';

/** Signs the tokens of sessions and prepares them for their transports. */
export class TokenIssuer {
  readonly #codec: TokenCodec;
  readonly #refreshCodec: TokenCodec<RefreshClaims> | undefined;
  readonly #policy: ClockPolicy;
  readonly #memory: SessionMemory;
  readonly #csrf: CsrfTokens | undefined;

  /**
   * @param refreshCodec `undefined` without refresh tokens
   * @param csrf set if a cookie delivers CSRF tokens to scripts
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

  /** Whether refresh tokens accompany session tokens. */
  get arePairs(): boolean {
    return this.#refreshCodec !== undefined;
  }

  /** Returns `undefined` when the keys are ready, otherwise a promise that settles when they are. Never rejects. */
  ready(): Promise<void> | undefined {
    return this.#codec.ready();
  }

  /**
   * Returns claims for the session token of a session that is created or refreshed now.
   *
   * @param idleEnd the idle end to keep if the request is passive
   */
  extended(
    claims: SessionClaims,
    now: number,
    idleEnd?: number,
  ): SessionClaims {
    const iat = issueTimeOf(claims, now);
    const policy = this.#policy;
    const end = idleEnd ?? endOfSessionUsedAt(iat, claims, policy);
    const exp = endOfSessionTokenIssuedAt(iat, claims, policy, end);
    return {
      ...claims,
      exp,
      jti: randomId(TOKEN_ID_BYTES),
      iat,
      ...(this.#refreshCodec && { rexp: Math.max(end, exp) }),
    };
  }

  /**
   * Returns claims for the next session token of a session. Its end stays where it is, unless this process knows of a
   * later idle end when it is signed.
   */
  reissued(claims: SessionClaims, now: number): SessionClaims {
    const iat = issueTimeOf(claims, now);
    return { ...claims, jti: randomId(TOKEN_ID_BYTES), iat };
  }

  /**
   * Returns claims for the refresh token that accompanies a session token, if the module issues such tokens.
   *
   * @param link its position in the chain that a store keeps
   * @param jwk the key that the session is bound to
   */
  refreshClaims(
    session: SessionClaims,
    link: RefreshLink | undefined,
    jwk?: Readonly<Record<string, string>>,
  ): RefreshClaims | undefined {
    if (!this.#refreshCodec) {
      return undefined;
    }
    const end = endOfSessionUsedAt(session.iat, session, this.#policy);
    return refreshClaimsOf(session, end, link, jwk);
  }

  /**
   * Signs tokens that end no earlier than the idle end that this process knows.
   *
   * @throws {SessionError} `SESSION_TOO_LARGE`
   */
  sign(
    claims: IssuedClaims,
    carriers: readonly Transport[],
    now: number,
  ): SignedSession {
    const { session, refresh } = this.#extended(claims);
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

  /** Whether a token that was signed earlier is still valid. */
  isGood({ session, keys }: SignedSession, now: number): boolean {
    return (
      now < session.endsAt &&
      keys === this.#codec.keys &&
      this.#isLatest(session.claims)
    );
  }

  /** Prepares a session token that was signed earlier for one more response. Without carriers, nothing is delivered. */
  offer(
    {
      session,
      token,
    }: { readonly session: VerifiedSession; readonly token: string },
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

  /** Whether this process knows of no later idle end. */
  #isLatest(claims: SessionClaims): boolean {
    const end = idleEndOf(claims, this.#policy) ?? Infinity;
    return this.#memory.idleEndOf(claims.sid) <= end;
  }

  #extended({ session, refresh }: IssuedClaims): IssuedClaims {
    const end = this.#memory.idleEndOf(session.sid);
    return {
      session: extendedTo(end, session, this.#policy),
      refresh: refresh && { ...refresh, exp: Math.max(refresh.exp, end) },
    };
  }

  #prepared(
    { session: claims, refresh }: IssuedClaims,
    { token, refreshToken }: Pick<SignedSession, 'token' | 'refreshToken'>,
    carriers: readonly Transport[],
    now: number,
  ): SignedSession {
    const generation = refresh && linkOf(refresh)?.gen;
    // A reload keeps the refresh token, and with it the end of the session, so the CSRF token stays as well.
    const csrf = refresh || !this.#refreshCodec ? this.#csrf : undefined;
    const tokens = transportTokens(
      { claims, token, refresh, refreshToken },
      csrf,
      this.#policy,
      now,
    );
    const deliveries = carriers.flatMap((carrier) => carrier.write(tokens));
    refuseLargeCookies(deliveries);
    let later: SignedSession | undefined;
    const latest = (): readonly Delivery[] => {
      if (!later && !this.#isLatest(claims)) {
        try {
          later = this.sign({ session: claims, refresh }, carriers, now);
        } catch {
          // The head is being written, and the tokens signed before are valid as well.
        }
      }
      return later?.session.dispatch.deliveries ?? deliveries;
    };
    const dispatch: Dispatch = {
      // User activity in another request may have moved the idle end since.
      get deliveries() {
        return latest();
      },
      isCurrent: () =>
        this.#memory.isCurrent(claims, generation, refresh && claims.attrs) &&
        !this.#memory.isOvertaken(claims, now),
    };
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
