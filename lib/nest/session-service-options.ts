import type { AuthenticationOptions } from '../session/authentication-options.js';
import type { SessionResponse } from './exchange/raw-exchange.js';

/** Where tokens are delivered. */
export interface DeliverOptions {
  /**
   * The response that delivers the tokens to the client: an Express response, a Fastify reply or a Node.js response. In
   * a resolver, the context value of the operation (`@Context()`).
   *
   * @default the response of the request that the session came with
   */
  response?: SessionResponse;
}

/** How a request is checked outside the guard. */
export interface AuthenticateOptions extends DeliverOptions {
  /**
   * Checks with the store that the session has not ended, like `@CheckRevocation()`.
   *
   * @default as configured by `revocationCheck`
   */
  checkRevocation?: boolean;
  /**
   * `true`: the request does not count as user activity, as with `@Passive()`.
   *
   * @default whether the request carries `Session-Passive: ?1`
   */
  passive?: boolean;
}

/** How a refresh token is exchanged. */
export interface RefreshOptions extends DeliverOptions {
  /**
   * `true`: the refresh does not count as user activity, so the new refresh token ends when the old one does.
   *
   * @default whether the request carries `Session-Passive: ?1`
   */
  passive?: boolean;
  /**
   * Accepts a refresh posted by another site.
   *
   * @default false
   */
  crossSite?: boolean;
}

/** How the user of the current session proved again who they are. */
export interface ReauthenticationOptions
  extends AuthenticationOptions, DeliverOptions {}

/** How the sessions of a request are revoked. */
export interface RevokeRequestOptions {
  /** The response that clears the client's tokens. */
  response: SessionResponse;
  /**
   * Accepts a sign-out posted by another site.
   *
   * @default false
   */
  crossSite?: boolean;
}

/** Attributes to merge; `null` removes one. */
export type AttributeChanges<TAttributes> = {
  [Name in keyof TAttributes]?: TAttributes[Name] | null;
};
