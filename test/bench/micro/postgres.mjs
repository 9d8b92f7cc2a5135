/** Compares rotations in Postgres with a bare UPDATE of one row, parsed and planned each time, and prepared. */
import { register } from 'node:module';
import { PostgresSessionStore } from '../../../dist/stores/postgres/index.js';
import { compareRotations, idAt, NEW_HASH } from './rotations.mjs';

register('../../runner/typescript-hooks.mjs', import.meta.url);
const { startPostgres } = await import('../../support/postgres-server.ts');

const CONNECTIONS = 8;
const UPDATE =
  'UPDATE bare SET hash = $2, generation = generation + 1 WHERE id = $1';

export async function measure(settings) {
  // The settings of a server that must not lose anything.
  const server = await startPostgres({ fsync: 'on', full_page_writes: 'on' });
  try {
    const unnamed = await compare(server, settings, {
      bare: { name: 'a bare UPDATE of one row', query: { text: UPDATE } },
      prepareStatements: false,
    });
    const prepared = await compare(server, settings, {
      bare: {
        name: 'a bare prepared UPDATE of one row',
        query: { name: 'bare', text: UPDATE },
      },
      prepareStatements: true,
    });
    return {
      goals: [...unnamed.goals, ...prepared.goals],
      tables: [...unnamed.tables, ...prepared.tables],
    };
  } finally {
    await server.stop();
  }
}

/** Compares both sides with prepared statements, or both without. */
async function compare(server, settings, { bare, prepareStatements }) {
  const pool = server.pool(await server.createSchema(), { max: CONNECTIONS });
  const store = new PostgresSessionStore({ pool, prepareStatements });
  await store.ensureSchema();
  await pool.query(`CREATE TABLE bare (id text PRIMARY KEY, hash text NOT NULL, generation int NOT NULL)
    WITH (fillfactor = 70)`);
  const ids = Array.from({ length: 1_000 }, (_, i) => idAt(i));
  await pool.query(
    `INSERT INTO bare SELECT id, '', 0 FROM unnest($1::text[]) AS id`,
    [ids],
  );
  const result = await compareRotations(
    prepareStatements ? 'Postgres (prepared)' : 'Postgres',
    bare.name,
    store,
    (i) => pool.query({ ...bare.query, values: [ids[i], NEW_HASH] }),
    settings,
  );
  await pool.end();
  return result;
}
