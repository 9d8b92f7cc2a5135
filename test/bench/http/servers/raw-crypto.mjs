/** Raw `node:crypto` that verifies each token on each request. */
import { bearer, serve } from '../app.mjs';
import { bearerToken, synchronousGuard } from '../guards.mjs';
import { signedTokens, verify } from '../raw-jwt.mjs';

await serve({
  guard: synchronousGuard(bearerToken, verify),
  credentials: () => signedTokens(bearer),
});
