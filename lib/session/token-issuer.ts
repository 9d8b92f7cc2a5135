import { randomBytes } from 'node:crypto';
import { SessionError } from '../errors/session-error.js';
import type { Transport } from '../options/transport.js';
import type { SessionClaims } from '../tokens/session-claims.js';
import type { TokenCodec } from '../tokens/token-codec.js';
import { endOfTokenIssuedAt, timesOf, type ClockPolicy } from './freshness.js';
import type { SessionMemory } from './session-memory.js';
import type { Dispatch } from './dispatch.js';
import { verifiedSession, type VerifiedSession } from './verified-session.js';

/** What browsers store of one cookie: name, value and attributes (RFC 6265bis, section 5.6). */
const MAXIMUM_COOKIE_BYTES = 4096;

/** A session with its newly signed token. */
export interface SignedSession {
  readonly session: VerifiedSession & { readonly dispatch: Dispatch };
  readonly token: string;
}

/** Signs session tokens and prepares them for their transports. */
export class TokenIssuer {
  readonly #codec: TokenCodec;
  readonly #policy: ClockPolicy;
  readonly #memory: SessionMemory;

  constructor(codec: TokenCodec, policy: ClockPolicy, memory: SessionMemory) {
    this.#codec = codec;
    this.#policy = policy;
    this.#memory = memory;
  }

  /** Claims of the next token of a session; its idle time starts again. */
  renewed(claims: Omit<SessionClaims, 'exp'>, now: number): SessionClaims {
    const exp = endOfTokenIssuedAt(now, claims, this.#policy);
    return this.reissued({ ...claims, exp }, now);
  }

  /** Claims of the next token of a session; its end stays where it is. */
  reissued(claims: SessionClaims, now: number): SessionClaims {
    const jti = randomBytes(16).toString('base64url');
    return { ...claims, jti, iat: Math.max(now, claims.lat) };
  }

  /** @throws {SessionError} `SESSION_TOO_LARGE` */
  sign(
    claims: SessionClaims,
    carriers: readonly Transport[],
    now: number,
  ): SignedSession {
    try {
      return this.#prepared(claims, this.#codec.sign(claims), carriers, now);
    } catch (error) {
      throw error instanceof SessionError && error.code === 'SESSION_TOO_LARGE'
        ? new SessionError(
            error.code,
            `${error.message}; the largest parts: ${largestParts(claims)}`,
          )
        : error;
    }
  }

  /** A token that was signed before, on its way to one more response. */
  offer(
    signed: SignedSession,
    carriers: readonly Transport[],
    now: number,
  ): SignedSession {
    return this.#prepared(signed.session.claims, signed.token, carriers, now);
  }

  #prepared(
    claims: SessionClaims,
    token: string,
    carriers: readonly Transport[],
    now: number,
  ): SignedSession {
    const { sid, rev } = claims;
    const { endsAt } = timesOf(claims, this.#policy);
    const dispatch: Dispatch = {
      deliveries: carriers.flatMap((carrier) =>
        carrier.write({
          sessionToken: token,
          maxAgeSeconds: endsAt - now,
          persistent: claims.per !== false,
        }),
      ),
      isCurrent: () => this.#memory.isCurrent(sid, rev),
    };
    for (const delivery of dispatch.deliveries) {
      const bytes =
        delivery.kind === 'cookie' ? Buffer.byteLength(delivery.line) : 0;
      if (bytes > MAXIMUM_COOKIE_BYTES) {
        throw new SessionError(
          'SESSION_TOO_LARGE',
          `the session cookie has ${bytes} bytes, browsers keep at most ${MAXIMUM_COOKIE_BYTES}`,
        );
      }
    }
    const session = verifiedSession(claims, this.#policy, dispatch);
    return { session: session as SignedSession['session'], token };
  }
}

/** The top-level members of params, data and attributes that take most of a token, with their bytes. */
function largestParts(claims: SessionClaims): string {
  const { params, data, attrs: attributes } = claims;
  return Object.entries({ params, data, attributes })
    .flatMap(([name, value]) =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).map(
            ([key, member]) => [`${name}.${key}`, member] as const,
          )
        : [[name, value] as const],
    )
    .map(([name, value]) => ({
      name,
      bytes: Buffer.byteLength(JSON.stringify(value) ?? ''),
    }))
    .toSorted((a, b) => b.bytes - a.bytes)
    .slice(0, 3)
    .map(({ name, bytes }) => `${name} (${bytes} bytes)`)
    .join(', ');
}
