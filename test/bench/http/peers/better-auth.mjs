import { createHmac } from 'node:crypto';
import { AuthModule } from '@thallesp/nestjs-better-auth';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { forEachSession, serve } from '../app.mjs';
import { userAt } from '../users.mjs';

/** Its cookie cache, read by the guard of `@thallesp/nestjs-better-auth`. */
export async function serveBetterAuth(strategy) {
  const secret = 'benchmark-Wm2rQ8sVx5TzKd9LpYbN3cHf7GjU4aEo';
  const day = 86_400;
  const tables = { user: [], session: [], account: [], verification: [] };
  const auth = betterAuth({
    database: memoryAdapter(tables),
    secret,
    baseURL: 'http://127.0.0.1',
    telemetry: { enabled: false },
    rateLimit: { enabled: false },
    logger: { disabled: true },
    user: {
      additionalFields: {
        roles: { type: 'string[]', input: false },
        profile: { type: 'string', input: false },
      },
    },
    session: {
      expiresIn: 7 * day,
      updateAge: day,
      cookieCache: { enabled: true, maxAge: day, strategy },
    },
  });
  const { internalAdapter, authCookies } = await auth.$context;

  const signInOf = async (i) => {
    const { name, email, roles, avatar, ...profile } = userAt(i);
    const user = await internalAdapter.createUser({
      name,
      email,
      emailVerified: true,
      image: avatar,
      roles,
      profile: JSON.stringify(profile),
    });
    const { token } = await internalAdapter.createSession(user.id);
    const signature = createHmac('sha256', secret).update(token);
    const value = encodeURIComponent(`${token}.${signature.digest('base64')}`);
    const sessionToken = `${authCookies.sessionToken.name}=${value}`;
    const { headers } = await auth.api.getSession({
      headers: new Headers({ cookie: sessionToken }),
      returnHeaders: true,
    });
    const cached = headers
      .getSetCookie()
      .filter((line) => line.startsWith(authCookies.sessionData.name))
      .map((line) => line.split(';')[0]);
    if (cached.length === 0) {
      throw new Error('better-auth wrote no cookie cache');
    }
    return `Cookie: ${[...cached, sessionToken].join('; ')}`;
  };

  // Requests are answered from their cookies. Its tables are searched row by row, so each sign-in gets empty ones.
  let previous = Promise.resolve();
  const oneByOne = (i) => {
    previous = previous.then(() => {
      Object.values(tables).forEach((rows) => rows.splice(0));
      return signInOf(i);
    });
    return previous;
  };

  return serve({
    // Its guard for all routes, without the routes of better-auth.
    imports: [AuthModule.forRoot({ auth, disableControllers: true })],
    sessionOf: ({ session: { user } }) => ({ ...user, avatar: user.image }),
    credentials: () => forEachSession(oneByOne),
  });
}
