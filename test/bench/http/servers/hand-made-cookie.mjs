/** The yardstick with a cookie, found by hand-written code. */
import { cookie, serve } from '../app.mjs';
import { cookieByHand, synchronousGuard } from '../guards.mjs';
import { rememberingVerify, signedTokens } from '../raw-jwt.mjs';

await serve({
  guard: synchronousGuard(cookieByHand('session'), rememberingVerify()),
  credentials: () => signedTokens((token) => cookie('session', token)),
});
