/** The yardstick of a check on each request: a cached token and one `GET` that returns whether the session is alive. */
import { Redis } from 'ioredis';
import { bearer, forEachSession, REDIS_PORT, serve } from '../app.mjs';
import { asynchronousGuard, bearerToken } from '../guards.mjs';
import { claimsOf, rememberingVerify, sign } from '../raw-jwt.mjs';

const redis = new Redis(REDIS_PORT, '127.0.0.1');
const verify = rememberingVerify();

await serve({
  guard: asynchronousGuard(bearerToken, async (token) => {
    const claims = verify(token);
    return (await redis.get(`hand-made:${claims.sid}`)) && claims;
  }),
  credentials: () =>
    forEachSession(async (i) => {
      const claims = claimsOf(i);
      await redis.set(`hand-made:${claims.sid}`, claims.sub, 'EX', 86_400);
      return bearer(sign(claims));
    }),
});
