import { createVerifier } from 'fast-jwt';
import { bearer, serve } from '../app.mjs';
import { bearerToken, synchronousGuard } from '../guards.mjs';
import { SECRET, signedTokens } from '../raw-jwt.mjs';

const verify = createVerifier({ key: SECRET, algorithms: ['HS256'] });

await serve({
  guard: synchronousGuard(bearerToken, verify),
  credentials: () => signedTokens(bearer),
});
