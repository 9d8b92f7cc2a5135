import { createVerifier } from 'fast-jwt';
import { bearer, serve } from '../app.mjs';
import { bearerToken, synchronousGuard } from '../guards.mjs';
import { SECRET, signedTokens } from '../raw-jwt.mjs';

const verify = createVerifier({
  key: SECRET,
  algorithms: ['HS256'],
  cache: 20_000,
  cacheTTL: 86_400_000,
});

await serve({
  guard: synchronousGuard(bearerToken, verify),
  credentials: () => signedTokens(bearer),
});
