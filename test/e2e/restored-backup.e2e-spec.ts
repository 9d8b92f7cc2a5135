import type { Pool } from 'pg';
import { PostgresSessionStore } from '../../lib/stores/postgres/index.js';
import { openTestApp } from '../support/opened-apps.js';
import {
  startPostgres,
  type PostgresServer,
} from '../support/postgres-server.js';
import { platforms } from '../support/effort.js';
import { type TestApp } from '../support/test-app.js';

const adapters = platforms('express');

const COLUMNS =
  'subject, id, params, metadata, attributes, revision, data, data_loaded_at, created_at, last_seen_at, expires_at, generation, hash, previous_hash, rotated_at';

describe.each(adapters)('a backup of the store on %s', (adapter) => {
  let server: PostgresServer;
  let pool: Pool;
  let offset = 0;

  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    offset = 0;
    pool = server.pool(await server.createSchema());
  });

  /** One of several nodes on the same table. */
  async function openNode(): Promise<TestApp> {
    const store = new PostgresSessionStore({
      pool,
      clockOffset: () => offset,
    });
    await store.ensureSchema();
    return openTestApp(adapter, {
      session: {
        transport: 'header',
        refreshToken: {},
        store,
        storeTimeout: '10s',
      },
    });
  }

  async function backUp(): Promise<() => Promise<void>> {
    await pool.query('CREATE TABLE backup AS SELECT * FROM user_sessions');
    return async () => {
      await pool.query('TRUNCATE user_sessions');
      await pool.query(
        `INSERT INTO user_sessions (${COLUMNS}) SELECT ${COLUMNS} FROM backup`,
      );
    };
  }

  it('A-091: when it is restored, sessions that went on since go on, without an alarm', async () => {
    const node = await openNode();
    const begun = await node.sessions.generate('ada');
    const restore = await backUp();
    const first = await node.sessions.refresh(begun.refreshToken!);
    const second = await node.sessions.refresh(first.refreshToken!);
    await restore();

    const third = await node.sessions.refresh(second.refreshToken!);
    expect(third.session.id).toBe(begun.session.id);
    expect(node.eventsOf('storeRolledBack')).toMatchObject([
      { lost: 'rotation', subject: 'ada' },
    ]);
    const fourth = await node.sessions.refresh(third.refreshToken!);
    expect(fourth.session.id).toBe(begun.session.id);
    expect(node.eventsOf('storeRolledBack')).toHaveLength(1);
    expect(node.eventsOf('refreshReused')).toEqual([]);

    // The chain is whole again: an old token is found out as ever.
    offset = 31_000;
    await expect(
      node.sessions.refresh(second.refreshToken!),
    ).rejects.toMatchObject({ code: 'REFRESH_REUSED' });
    expect(node.eventsOf('refreshReused')).toHaveLength(1);
  });

  it('A-091: when it is restored, what was revoked since is alive again, except where it was revoked', async () => {
    const [here, elsewhere] = [await openNode(), await openNode()];
    const begun = await here.sessions.generate('bob');
    const restore = await backUp();
    expect(await here.sessions.revoke(begun.session)).toBe(true);
    await expect(
      elsewhere.sessions.refresh(begun.refreshToken!),
    ).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
    await restore();

    await expect(
      here.sessions.refresh(begun.refreshToken!),
    ).rejects.toMatchObject({ code: 'SESSION_ENDED' });
    // A node that found no record asks again after a while.
    elsewhere.clock.advance(30);
    const revived = await elsewhere.sessions.refresh(begun.refreshToken!);
    expect(revived.session.id).toBe(begun.session.id);
    // The application ends what it knows to have been revoked.
    expect(await elsewhere.sessions.revokeAll('bob')).toBe(1);
    await expect(
      elsewhere.sessions.refresh(revived.refreshToken!),
    ).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
  });
});
