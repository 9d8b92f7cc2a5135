export { SessionClient } from './session-client.js';
export type {
  SessionClientOptions,
  SessionRequestInit,
  SessionTokens,
} from './session-client-options.js';
