/** The yardstick of a check on each request: a cached token and one `SELECT` that returns whether the session is alive. */
import pg from 'pg';
import { bearer, forEachSession, POSTGRES, serve } from '../app.mjs';
import { asynchronousGuard, bearerToken } from '../guards.mjs';
import { claimsOf, rememberingVerify, sign } from '../raw-jwt.mjs';

const pool = new pg.Pool(POSTGRES);
await pool.query(
  'CREATE TABLE IF NOT EXISTS hand_made (id text PRIMARY KEY, subject text NOT NULL)',
);
const verify = rememberingVerify();

await serve({
  guard: asynchronousGuard(bearerToken, async (token) => {
    const claims = verify(token);
    const { rows } = await pool.query('SELECT 1 FROM hand_made WHERE id = $1', [
      claims.sid,
    ]);
    return rows.length === 1 && claims;
  }),
  credentials: () =>
    forEachSession(async (i) => {
      const claims = claimsOf(i);
      await pool.query(
        'INSERT INTO hand_made VALUES ($1, $2) ON CONFLICT DO NOTHING',
        [claims.sid, claims.sub],
      );
      return bearer(sign(claims));
    }),
});
