/** For Node and for browsers: `node dist/client.js <address>` prints what a visitor without a session gets. */
import {
  SessionClient,
  type SessionClientOptions,
} from 'nestjs-session-jwt/client';

export const inBrowsers: SessionClientOptions = {
  csrf: { header: 'X-XSRF-TOKEN', cookie: 'XSRF-TOKEN' },
  onSessionEnded: () => {},
};

declare const process: { readonly argv: readonly string[] };

const [, , url = ''] = process.argv;
const client = new SessionClient({ url: `${url}/session`, tokens: 'memory' });
const response = await client.fetch(`${url}/me`);
console.log(response.status);
