import { inspect } from 'node:util';
import { SessionError } from '../errors/session-error.js';
import type {
  ExpandedSessionData,
  SessionAttributes,
  SessionParams,
} from './session-types.js';
import type { VerifiedSession } from './verified-session.js';

/** Marks sessions of ours for other copies of the package in the process, which can only read them. */
const BRAND = Symbol.for('nestjs-session-jwt:active-session:v1');

/**
 * @param owner the module that the session belongs to: its runtime
 * @param origin what the session came with, so that it can be delivered there: the rim's own object
 * @param token the token that the session was read from, where no request carried it
 * @internal
 */
export let createActiveSession: (
  owner: object,
  verified: VerifiedSession,
  data: unknown,
  origin?: object,
  token?: string,
) => ActiveSession<any, any, any>;
/**
 * What is known of a session, for the module that it belongs to.
 *
 * @throws {SessionError} `SESSION_FOREIGN` for a session of another module or copy of the package, and for what is none
 * @internal
 */
export let verifiedOf: (
  session: ActiveSession<any, any, any>,
  owner: object,
) => VerifiedSession;
/** The token that was given with the session. @internal */
export let givenTokenOf: (
  session: ActiveSession<any, any, any>,
) => string | undefined;
/** What the session came with. @internal */
export let originOf: (
  session: ActiveSession<any, any, any>,
) => object | undefined;
/** Whether a value is a session of a certain module. @internal */
export let belongsTo: (value: unknown, owner: object) => boolean;

/** Whether a value is a session of any module, or of another copy of the package. @internal */
export function isActiveSession(
  value: unknown,
): value is ActiveSession<any, any, any> {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as { [BRAND]?: unknown })[BRAND] === true
  );
}

/**
 * A session that was found to be good. Frozen, made anew for each request, and of use only to the `SessionService` of
 * the module that made it. Injected by `@Session()`.
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

  /** 32 random bytes in base64url; the same as long as the session lives. */
  get id(): string {
    return this.#verified.claims.sid;
  }

  /** Whom the session belongs to. */
  get subject(): string {
    return this.#verified.claims.sub;
  }

  /** What `generate` was given, and the loader is given at each reload. */
  get params(): TParams {
    return this.#verified.claims.params as TParams;
  }

  /** The loader's data, frozen; or what the loader's `expand` made of it. */
  get data(): TData {
    return this.#data as TData;
  }

  /** What the application put on the session by `generate` and `update`, frozen. */
  get attributes(): Readonly<TAttributes> {
    return this.#verified.claims.attrs as Readonly<TAttributes>;
  }

  /** The sign-in. Nothing moves it. */
  get issuedAt(): Date {
    return dateOf(this.#verified.claims.oiat);
  }

  /** When the user proved who they are; the sign-in, unless `generate` was told otherwise. */
  get authenticatedAt(): Date {
    return dateOf(this.#verified.claims.auth_time);
  }

  /** When the data was loaded. */
  get loadedAt(): Date {
    return dateOf(this.#verified.claims.lat);
  }

  /** When the session ends unless it is used before. */
  get expiresAt(): Date {
    return dateOf(this.#verified.endsAt);
  }

  /** Everything but the params. */
  toJSON(): Omit<this, 'params' | 'toJSON'> {
    const { id, subject, data, attributes } = this;
    const { issuedAt, authenticatedAt, loadedAt, expiresAt } = this;
    const times = { issuedAt, authenticatedAt, loadedAt, expiresAt };
    return { id, subject, data, attributes, ...times } as unknown as Omit<
      this,
      'params' | 'toJSON'
    >;
  }

  /** For logs: whose session it is and how old, nothing that opens it. @internal */
  [inspect.custom](): object {
    const { subject, issuedAt, loadedAt, expiresAt } = this;
    return { subject, issuedAt, loadedAt, expiresAt };
  }
}

function foreignSession(): SessionError {
  return new SessionError(
    'SESSION_FOREIGN',
    'session: expected a session of this SessionJwtModule, got one of another module, of another copy of the package, or something else; pass it to the SessionService of the module that made it',
  );
}

function dateOf(seconds: number): Date {
  return new Date(seconds * 1000);
}
