/** The yardstick: raw `node:crypto` and a cache of verified tokens, and nothing else that a session needs. */
import { bearer, serve } from '../app.mjs';
import { bearerToken, synchronousGuard } from '../guards.mjs';
import { rememberingVerify, signedTokens } from '../raw-jwt.mjs';

await serve({
  guard: synchronousGuard(bearerToken, rememberingVerify()),
  credentials: () => signedTokens(bearer),
});
