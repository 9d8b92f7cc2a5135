/**
 * A `fetch` for browsers and apps that refreshes sessions. It imports nothing.
 *
 * @module nestjs-session-jwt/client
 */
export { SessionClient } from './session-client.js';
export type { GraphqlDocument } from './graphql.js';
export type {
  SessionChallenge,
  SessionClientOptions,
  SessionFetch,
  SessionRequestInit,
  SessionTokens,
  SessionTokenStorage,
} from './session-client-options.js';
