/** As its documentation gives a secret: as bytes. */
import { jwtVerify } from 'jose';
import { bearer, serve } from '../app.mjs';
import { asynchronousGuard, bearerToken } from '../guards.mjs';
import { SECRET, signedTokens } from '../raw-jwt.mjs';

const secret = new TextEncoder().encode(SECRET);

await serve({
  guard: asynchronousGuard(
    bearerToken,
    async (token) => (await jwtVerify(token, secret)).payload,
  ),
  credentials: () => signedTokens(bearer),
});
