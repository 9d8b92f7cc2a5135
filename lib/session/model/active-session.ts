import { inspect } from 'node:util';
import { SessionError } from '../../errors/session-error.js';
import type {
  ExpandedSessionData,
  SessionAttributes,
  SessionParams,
} from './session-types.js';
import type { VerifiedSession } from './verified-session.js';

/** Marks our sessions for other copies of the package in the process, which can only read them. */
const BRAND = Symbol.for('nestjs-session-jwt:active-session:v1');

/**
 * Creates a session for handlers.
 *
 * @param owner the module that the session belongs to: its runtime
 * @param origin what the session came with, so that tokens can be delivered there: an object of the outer layer
 * @param token the token that the session was read from, if no request carried it
 * @internal
 */
export let createActiveSession: (
  owner: object,
  verified: VerifiedSession,
  data: unknown,
  origin?: object,
  token?: string,
) => AnySession;
/**
 * Returns what is known of a session, for the module that it belongs to.
 *
 * @throws {SessionError} `SESSION_FOREIGN` for a session of another module or copy of the package, and for any other
 *   value
 * @internal
 */
export let verifiedOf: (session: AnySession, owner: object) => VerifiedSession;
/** Returns the token that was given with the session. @internal */
export let givenTokenOf: (session: AnySession) => string | undefined;
/** Returns what the session came with. @internal */
export let originOf: (session: AnySession) => object | undefined;
/** Whether a value is a session of the given module. @internal */
export let belongsTo: (value: unknown, owner: object) => boolean;

/** Whether a value is a session of any module, or of another copy of the package. @internal */
export function isActiveSession(value: unknown): value is AnySession {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as { [BRAND]?: unknown })[BRAND] === true
  );
}

/** A session of any application, whatever its types. */
export type AnySession = ActiveSession<any, any, any>;

/**
 * A valid session, as injected by `@Session()`. Frozen, created anew for each request, and usable only with the
 * `SessionService` of the module that created it.
 */
export class ActiveSession<
  TParams = SessionParams,
  TData = ExpandedSessionData,
  TAttributes = SessionAttributes,
> {
  readonly #owner: object;
  readonly #verified: VerifiedSession;
  readonly #data: unknown;
  readonly #origin: object | undefined;
  readonly #token: string | undefined;

  static {
    Object.defineProperty(this.prototype, BRAND, { value: true });
    createActiveSession = (owner, verified, data, origin, token) =>
      new ActiveSession(owner, verified, data, origin, token);
    belongsTo = (value, owner) =>
      typeof value === 'object' &&
      value !== null &&
      #owner in value &&
      value.#owner === owner;
    verifiedOf = (session, owner) => {
      if (belongsTo(session, owner)) {
        return session.#verified;
      }
      throw foreignSession();
    };
    givenTokenOf = (session) => session.#token;
    originOf = (session) => session.#origin;
  }

  private constructor(
    owner: object,
    verified: VerifiedSession,
    data: unknown,
    origin: object | undefined,
    token: string | undefined,
  ) {
    this.#owner = owner;
    this.#verified = verified;
    this.#data = data;
    this.#origin = origin;
    this.#token = token;
    Object.freeze(this);
  }

  /** 32 random bytes in base64url; unchanged for the life of the session. */
  get id(): string {
    return this.#verified.claims.sid;
  }

  /** The user that the session belongs to. */
  get subject(): string {
    return this.#verified.claims.sub;
  }

  /** The params that `generate` received and that the loader receives at each reload. */
  get params(): TParams {
    return this.#verified.claims.params as TParams;
  }

  /** The loader's data, frozen, or the result of the loader's `expand`. */
  get data(): TData {
    return this.#data as TData;
  }

  /** The attributes that the application set with `generate` and `update`, frozen. */
  get attributes(): Readonly<TAttributes> {
    return this.#verified.claims.attrs as Readonly<TAttributes>;
  }

  /** The time of the sign-in. It never changes. */
  get issuedAt(): Date {
    return dateOf(this.#verified.claims.oiat);
  }

  /** When the user proved who they are: at the sign-in, unless `generate` or `reauthenticated` received another time. */
  get authenticatedAt(): Date {
    return dateOf(this.#verified.claims.auth_time);
  }

  /** The class of that proof (OpenID Connect Core 1.0, section 2), if the application stated one. */
  get acr(): string | undefined {
    return this.#verified.claims.acr;
  }

  /** The methods of that proof (RFC 8176), frozen, if the application stated any. */
  get amr(): readonly string[] | undefined {
    return this.#verified.claims.amr;
  }

  /** When the data was loaded. */
  get loadedAt(): Date {
    return dateOf(this.#verified.claims.lat);
  }

  /** When the session ends if it is not used before. */
  get expiresAt(): Date {
    return dateOf(this.#verified.endsAt);
  }

  /**
   * Whether the session token is bound to a key of the user's device, so that a copied cookie is of no use after
   * `refreshToken.accessLifetime`. `false` right after a sign-in: browsers register their key in the background.
   */
  get isBound(): boolean {
    return this.#verified.claims.cnf !== undefined;
  }

  /** Returns everything except the params. */
  toJSON(): Omit<this, 'params' | 'toJSON'> {
    const { id, subject, data, attributes, isBound } = this;
    const { issuedAt, authenticatedAt, acr, amr, loadedAt, expiresAt } = this;
    const proof = {
      authenticatedAt,
      ...(acr !== undefined && { acr }),
      ...(amr !== undefined && { amr }),
    };
    const times = { issuedAt, ...proof, loadedAt, expiresAt };
    return {
      id,
      subject,
      data,
      attributes,
      isBound,
      ...times,
    } as unknown as Omit<this, 'params' | 'toJSON'>;
  }

  /** Shows in logs whose session it is and how old, but nothing that opens it. @internal */
  [inspect.custom](): object {
    const { subject, issuedAt, loadedAt, expiresAt } = this;
    return { subject, issuedAt, loadedAt, expiresAt };
  }
}

function foreignSession(): SessionError {
  return new SessionError(
    'SESSION_FOREIGN',
    'session: expected a session of this SessionJwtModule, got one of another module or copy of the package, or another value; pass it to the SessionService of the module that created it',
  );
}

function dateOf(seconds: number): Date {
  return new Date(seconds * 1000);
}
