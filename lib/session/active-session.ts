import { inspect } from 'node:util';
import type {
  ExpandedSessionData,
  SessionAttributes,
  SessionParams,
} from './session-types.js';
import type { VerifiedSession } from './verified-session.js';

/** @internal */
export let createActiveSession: (
  verified: VerifiedSession,
  data: unknown,
  origin?: object,
) => ActiveSession<any, any, any>;
/** @internal */
export let verifiedOf: (
  session: ActiveSession<any, any, any>,
) => VerifiedSession;
/** What the session came with, so that it can be delivered there: the rim's own object. @internal */
export let originOf: (
  session: ActiveSession<any, any, any>,
) => object | undefined;

/**
 * A session that was found to be good. Immutable; made anew for each request. Injected by `@Session()`.
 */
export class ActiveSession<
  TParams = SessionParams,
  TData = ExpandedSessionData,
  TAttributes = SessionAttributes,
> {
  readonly #verified: VerifiedSession;
  readonly #data: unknown;
  readonly #origin: object | undefined;

  static {
    createActiveSession = (verified, data, origin) =>
      new ActiveSession(verified, data, origin);
    verifiedOf = (session) => session.#verified;
    originOf = (session) => session.#origin;
  }

  private constructor(
    verified: VerifiedSession,
    data: unknown,
    origin: object | undefined,
  ) {
    this.#verified = verified;
    this.#data = data;
    this.#origin = origin;
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

function dateOf(seconds: number): Date {
  return new Date(seconds * 1000);
}
