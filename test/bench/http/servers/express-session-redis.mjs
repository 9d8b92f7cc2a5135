/** express-session on Redis, with a guard that checks whether a user has signed in. */
import { createHmac } from 'node:crypto';
import { promisify } from 'node:util';
import { RedisStore } from 'connect-redis';
import session from 'express-session';
import { createClient } from 'redis';
import { cookie, forEachSession, REDIS_PORT, serve } from '../app.mjs';
import { synchronousGuard } from '../guards.mjs';
import { claimsOf } from '../raw-jwt.mjs';

const secret = 'benchmark-Jk5VtXw8NzRq2LbYd7PfMs4HcGu9TaEo';
const maxAge = 86_400_000;
const client = createClient({
  socket: { host: '127.0.0.1', port: REDIS_PORT },
});
await client.connect();
const store = new RedisStore({ client, prefix: 'express-session:' });
const write = promisify(store.set).bind(store);

await serve({
  setUp: (app) =>
    app.use(
      session({
        store,
        secret,
        resave: false,
        saveUninitialized: false,
        cookie: { maxAge },
      }),
    ),
  guard: synchronousGuard(
    ({ session: found }) => found.sub && found,
    (found) => found,
  ),
  credentials: () =>
    forEachSession(async (i) => {
      const { sid, ...values } = claimsOf(i);
      await write(sid, {
        cookie: {
          originalMaxAge: maxAge,
          expires: new Date(Date.now() + maxAge),
          httpOnly: true,
          path: '/',
        },
        ...values,
      });
      // Signed like the package `cookie-signature` does.
      const signature = createHmac('sha256', secret)
        .update(sid)
        .digest('base64')
        .replace(/=+$/, '');
      return cookie('connect.sid', encodeURIComponent(`s:${sid}.${signature}`));
    }),
});
