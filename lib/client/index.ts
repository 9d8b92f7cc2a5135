export { SessionClient } from './session-client.js';
export type {
  SessionClientOptions,
  SessionTokens,
} from './session-client-options.js';
