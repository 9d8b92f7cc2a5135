export { SessionClient } from './session-client.js';
export type {
  SessionClientOptions,
  SessionFetch,
  SessionRequestInit,
  SessionTokens,
} from './session-client-options.js';
