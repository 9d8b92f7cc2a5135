import type { SessionResponse } from './raw-exchange.js';

/** Where tokens go. */
export interface DeliverOptions {
  /**
   * The response that brings the tokens to the client: that of Express, the reply of Fastify, or node's.
   *
   * @default the response of the request that the session came with
   */
  response?: SessionResponse;
}

/** How a request is judged outside of the guard. */
export interface AuthenticateOptions extends DeliverOptions {
  /**
   * Asks the store whether the session was ended, as `@CheckRevocation()` does.
   *
   * @default as `revocationCheck` is configured
   */
  checkRevocation?: boolean;
  /**
   * `true`: the request is no activity of the user, as with `@Passive()`.
   *
   * @default whether the request says so itself, by `Session-Passive: ?1`
   */
  passive?: boolean;
}

/** How a refresh token is exchanged. */
export interface RefreshOptions extends DeliverOptions {
  /**
   * `true`: it is no activity of the user, so the new refresh token ends when the old one does.
   *
   * @default whether the request says so itself, by `Session-Passive: ?1`
   */
  passive?: boolean;
  /**
   * Accepts a refresh that another site posts.
   *
   * @default false
   */
  crossSite?: boolean;
}

/** How the sessions of a request are revoked. */
export interface RevokeRequestOptions {
  /** The response that makes the client forget its tokens. */
  response: SessionResponse;
  /**
   * Accepts a sign-out that another site posts.
   *
   * @default false
   */
  crossSite?: boolean;
}

/** `null` removes an attribute. */
export type AttributeChanges<TAttributes> = {
  [Name in keyof TAttributes]?: TAttributes[Name] | null;
};
