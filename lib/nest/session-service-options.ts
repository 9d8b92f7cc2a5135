import type { SessionResponse } from './exchange.js';

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
}

/** How a refresh token is exchanged. */
export interface RefreshOptions extends DeliverOptions {
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
