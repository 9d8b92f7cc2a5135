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
