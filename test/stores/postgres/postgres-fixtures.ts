import { createHash, randomBytes } from 'node:crypto';
import type {
  NewSessionRecord,
  PresentedRefresh,
} from '../../../lib/ports/session-store.js';
import {
  PostgresSessionStore,
  type PostgresPool,
  type PostgresQuery,
  type PostgresResult,
} from '../../../lib/stores/postgres/index.js';
import type { PostgresServer } from '../../support/postgres-server.js';
import { newSessionId } from '../../support/session-claims.js';

export const LIFETIME = {
  idleSeconds: 7 * 86_400,
  absoluteSeconds: 30 * 86_400,
};

/** A session that begins, with its first refresh token. */
export function newRecord(
  overrides: Partial<NewSessionRecord> = {},
): NewSessionRecord {
  return {
    id: newSessionId(),
    subject: `user-${randomBytes(6).toString('hex')}`,
    params: 'user',
    attributes: {},
    metadata: { ip: '203.0.113.7', userAgent: 'Mozilla/5.0 (X11)' },
    lifetime: LIFETIME,
    refreshHash: hashOf(0),
    ...overrides,
  };
}

/** The hash of the token of that generation, in a chain whose tokens are all known. */
export function hashOf(generation: number): string {
  return createHash('sha256').update(`token ${generation}`).digest('base64url');
}

/** The token of that generation, presented. */
export function presented(
  generation: number,
  overrides: Partial<PresentedRefresh> = {},
): PresentedRefresh {
  return {
    generation,
    secretHash: hashOf(generation),
    nextHash: hashOf(generation + 1),
    graceSeconds: 30,
    lifetime: LIFETIME,
    ...overrides,
  };
}

/** A store on a new, empty table. */
export async function newStore(
  server: PostgresServer,
  { max = 5, clockOffset }: { max?: number; clockOffset?: () => number } = {},
) {
  const schema = await server.createSchema();
  const pool = server.pool(schema, { max });
  const store = new PostgresSessionStore({
    pool,
    ...(clockOffset && { clockOffset }),
  });
  await store.ensureSchema();
  return { schema, pool, store };
}

/** A pool that asks first; what `intercept` returns is the answer, unless it is undefined. */
export function intercepting(
  pool: PostgresPool,
  intercept: (
    query: PostgresQuery,
    run: () => Promise<PostgresResult>,
  ) => Promise<PostgresResult> | undefined,
): PostgresPool {
  return {
    query: (query) => {
      const run = () => pool.query(query);
      return intercept(query, run) ?? run();
    },
    async connect() {
      const client = await pool.connect();
      return {
        query: (query) => {
          const run = () => client.query(query);
          return intercept(query, run) ?? run();
        },
        release: (error) => client.release(error),
        on: (event, listener) => client.on(event, listener),
        removeListener: (event, listener) =>
          client.removeListener(event, listener),
      };
    },
  };
}
