/** At its best: a key imported once. */
import { jwtVerify } from 'jose';
import { bearer, serve } from '../app.mjs';
import { asynchronousGuard, bearerToken } from '../guards.mjs';
import { SECRET, signedTokens } from '../raw-jwt.mjs';

const key = await crypto.subtle.importKey(
  'raw',
  new TextEncoder().encode(SECRET),
  { name: 'HMAC', hash: 'SHA-256' },
  false,
  ['verify'],
);
const options = { algorithms: ['HS256'] };

await serve({
  guard: asynchronousGuard(
    bearerToken,
    async (token) => (await jwtVerify(token, key, options)).payload,
  ),
  credentials: () => signedTokens(bearer),
});
