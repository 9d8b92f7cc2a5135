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
