/** Rotations in Postgres against a bare UPDATE of one row. */
import { register } from 'node:module';
import { PostgresSessionStore } from '../../../dist/stores/postgres/index.js';
import { compareRotations, idAt, NEW_HASH } from './rotations.mjs';

register('../typescript-hooks.mjs', import.meta.url);
const { startPostgres } = await import('../../support/postgres-server.ts');

const CONNECTIONS = 8;

export async function measure(settings) {
  // As a server is that must not lose anything.
  const server = await startPostgres({ fsync: 'on', full_page_writes: 'on' });
  try {
    const pool = server.pool(await server.createSchema(), { max: CONNECTIONS });
    const store = new PostgresSessionStore({ pool });
    await store.ensureSchema();
    await pool.query(`CREATE TABLE bare (id text PRIMARY KEY, hash text NOT NULL, generation int NOT NULL)
      WITH (fillfactor = 70)`);
    const ids = Array.from({ length: 1_000 }, (_, i) => idAt(i));
    await pool.query(
      `INSERT INTO bare SELECT id, '', 0 FROM unnest($1::text[]) AS id`,
      [ids],
    );
    return await compareRotations(
      'Postgres',
      'a bare UPDATE of one row',
      store,
      (i) =>
        pool.query(
          'UPDATE bare SET hash = $2, generation = generation + 1 WHERE id = $1',
          [ids[i], NEW_HASH],
        ),
      settings,
    );
  } finally {
    await server.stop();
  }
}
