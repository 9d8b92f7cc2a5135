import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Controller, Get, Post, Query, Res } from '@nestjs/common';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import type { Pool } from 'pg';
import { DataSource, EntitySchema } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import {
  Public,
  Session,
  SessionService,
  SessionStore,
} from '../../../lib/index.js';
import {
  postgresSessionSchema,
  PostgresSessionStore,
} from '../../../lib/stores/postgres/index.js';
import { createGate } from '../../support/asynchrony.js';
import { Browser } from '../../support/browser.js';
import { ROOT } from '../../support/library-sources.js';
import { boot, closeBooted, type BootedApp } from '../../support/nest-app.js';
import {
  startPostgres,
  type PostgresServer,
} from '../../support/postgres-server.js';
import { SECRET } from '../../support/secrets.js';
import { describeAtFullEffort } from '../../support/at-full-effort.js';
import { Guide, type GuideFolder } from '../guide.js';

const guide = new Guide('docs/guides/database-pool.md');
const MAX = 2;

const orders = pgTable('orders', { id: integer().primaryKey() });
const Order = new EntitySchema<{ id: number }>({
  name: 'orders',
  columns: { id: { type: Number, primary: true } },
});

let folder: GuideFolder;
let server: PostgresServer;
let url: string;
let admin: Pool;

beforeAll(async () => {
  server = await startPostgres();
  url = `postgres://postgres:postgres@127.0.0.1:${server.port}/postgres`;
  Object.assign(process.env, { SESSION_SECRET: SECRET, DATABASE_URL: url });
  folder = guide.write({
    'src/schema.ts': `import { integer, pgTable } from 'drizzle-orm/pg-core';
export const orders = pgTable('orders', { id: integer().primaryKey() });`,
  });
  const path = folder.pathOf('src/app.module.ts');
  const text = readFileSync(path, 'utf8');
  const option = 'storeTimeout: process.env.STORE_TIMEOUT';
  writeFileSync(path, text.replace('refreshToken: {}', `$&, ${option}`));
  admin = server.pool('public');
});

beforeEach(() =>
  admin.query(`DROP SCHEMA IF EXISTS sessions CASCADE;
    DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE orders (id integer PRIMARY KEY)`),
);

afterEach(closeBooted);

afterAll(async () => {
  const { sessionsPool } = await import(folder.pathOf('src/sessions-pool.ts'));
  await sessionsPool.end();
  await server.stop();
  folder.remove();
});

/** Runs a command of Drizzle in the folder of the application. */
const drizzleKit = (...args: string[]): Promise<unknown> =>
  promisify(execFile)(
    process.execPath,
    [join(ROOT, 'node_modules/drizzle-kit/bin.cjs'), ...args],
    { cwd: folder.path, env: { ...process.env } },
  );

/** Runs the migration of the guide, as TypeORM does. */
async function migrateSessions(): Promise<void> {
  const migration = await import(
    folder.pathOf('src/migrations/1700000000000-sessions.ts')
  );
  const source = new DataSource({
    type: 'postgres',
    url,
    migrations: Object.values<any>({ ...migration }),
  });
  await source.initialize();
  await source.runMigrations();
  await source.destroy();
}

@Controller()
class AccountController {
  constructor(private readonly sessions: SessionService) {}

  @Public() @Post('sign-in') async signIn(
    @Query('user') user: string,
    @Res({ passthrough: true }) response: object,
  ) {
    return this.sessions.generate(user, { response });
  }
  @Get('account') account(@Session('subject') user: string) {
    return { user };
  }
}

/**
 * The application of the guide; with another pool than its own, when one is given. Only where the silence of the store is
 * the subject does it give up early.
 */
async function start(pool?: Pool, storeTimeout = '20s'): Promise<BootedApp> {
  process.env['STORE_TIMEOUT'] = storeTimeout;
  const { AppModule } = await import(folder.pathOf('src/app.module.ts'));
  const store = pool && new PostgresSessionStore({ pool, schema: 'sessions' });
  return boot(
    { imports: [AppModule], controllers: [AccountController] },
    {
      override: (builder) =>
        store && builder.overrideProvider(SessionStore).useValue(store),
    },
  );
}

const count = async (table: string): Promise<number> => {
  const { rows } = await admin.query(`SELECT count(*)::int FROM ${table}`);
  return rows[0].count;
};

/** An ORM with a pool of its own, of {@link MAX} connections. */
interface Orm {
  pool: Pool;
  /** Runs the work in a transaction, after it has inserted an order. */
  transaction(id: number, work: () => Promise<unknown>): Promise<unknown>;
  close(): Promise<unknown>;
}

const ORMS: [string, () => Promise<Orm>][] = [
  [
    'Drizzle',
    async () => {
      const pool = server.pool('public', { max: MAX });
      const db = drizzle({ client: pool });
      return {
        pool,
        transaction: (id, work) =>
          db.transaction(async (tx) => {
            await tx.insert(orders).values({ id });
            return work();
          }),
        close: () => pool.end(),
      };
    },
  ],
  [
    'TypeORM',
    async () => {
      const source = new DataSource({
        type: 'postgres',
        url,
        poolSize: MAX,
        entities: [Order],
      });
      await source.initialize();
      return {
        pool: (source.driver as PostgresDriver).master,
        transaction: (id, work) =>
          source.transaction(async (manager) => {
            await manager.insert(Order, { id });
            return work();
          }),
        close: () => source.destroy(),
      };
    },
  ],
];

/** Holds every connection of the pool in transactions, until the work is done. */
async function whileExhausted(orm: Orm, work: () => Promise<void>) {
  const held = Array.from({ length: MAX }, createGate);
  const done = createGate();
  const transactions = held.map(({ open }, id) =>
    orm.transaction(id, () => {
      open();
      return done.promise;
    }),
  );
  await Promise.all(held.map(({ promise }) => promise));
  try {
    await work();
  } finally {
    done.open();
    await Promise.all(transactions);
  }
}

describe.each(ORMS)('sessions with %s', (_name, connect) => {
  let orm: Orm;

  beforeEach(async () => {
    await migrateSessions();
    orm = await connect();
  });
  afterEach(() => orm.close());

  it.each([
    ['its pool', true],
    ['the second pool', false],
  ])('sign in, refresh and sign out through %s', async (_which, isShared) => {
    const browser = new Browser(
      (await start(isShared ? orm.pool : undefined)).port,
    );
    expect((await browser.post('/sign-in?user=ada')).status).toBe(201);
    expect((await browser.post('/session/refresh')).status).toBe(200);
    expect((await browser.get('/account')).json).toEqual({ user: 'ada' });
    expect(await count('sessions.user_sessions')).toBe(1);
    expect((await browser.post('/session/logout')).status).toBe(204);
    expect(await count('sessions.user_sessions')).toBe(0);
  });

  it('are no part of its transactions', async () => {
    const { port } = await start(orm.pool);
    const failed = orm.transaction(1, async () => {
      const { status } = await new Browser(port).post('/sign-in?user=ada');
      expect(status).toBe(201);
      throw new Error('rolled back');
    });
    await expect(failed).rejects.toThrow('rolled back');
    expect(await count('orders')).toBe(0);
    expect(await count('sessions.user_sessions')).toBe(1);
  });

  it.each([
    ['wait for the connections of a shared pool: 503', true],
    ['do not wait in the second pool', false],
  ])('%s', async (_what, isShared) => {
    const pool = isShared ? orm.pool : undefined;
    const patient = new Browser((await start(pool)).port);
    const { port } = isShared ? await start(pool, '250ms') : patient;
    await patient.post('/sign-in?user=ada');
    await whileExhausted(orm, async () => {
      const answers = [
        await new Browser(port).post('/sign-in?user=bob'),
        await patient.at({ port }).post('/session/refresh'),
        await patient.at({ port }).get('/account'),
      ];
      expect(answers.map(({ status }) => status)).toEqual(
        isShared ? [503, 503, 200] : [201, 200, 200],
      );
    });
    // Late calls have changed nothing, and the session goes on.
    expect((await patient.post('/session/refresh')).status).toBe(200);
    expect(await count('sessions.user_sessions')).toBe(isShared ? 1 : 2);
  });
});

describe('the table of sessions', () => {
  it('is created by a migration of Drizzle, which may run again', async () => {
    const migrations = join(folder.path, 'drizzle');
    const write = (name: string, text: string): void =>
      writeFileSync(join(migrations, name), text);
    await drizzleKit('generate', '--custom', '--name=sessions');
    write(
      '0000_sessions.sql',
      `CREATE SCHEMA IF NOT EXISTS sessions;\n${postgresSessionSchema({ schema: 'sessions' })}`,
    );
    const db = drizzle({ client: admin });
    await migrate(db, { migrationsFolder: migrations });
    expect(await count('sessions.user_sessions')).toBe(0);
    await migrateSessions();
    expect(await count('sessions.user_sessions')).toBe(0);
    await admin.query('DROP SCHEMA drizzle CASCADE');
  });

  it('needs the rights that the guide grants, and ensureSchema() more', async () => {
    await migrateSessions();
    await admin.query(
      `CREATE ROLE app LOGIN PASSWORD 'app'; ${guide.file('rights.sql')}`,
    );
    const pool = server.pool('public', { user: 'app', password: 'app' });
    const { app, port } = await start(pool);
    const browser = new Browser(port);
    expect((await browser.post('/sign-in?user=ada')).status).toBe(201);
    expect((await browser.post('/session/refresh')).status).toBe(200);
    const store = app.get<PostgresSessionStore>(SessionStore);
    expect(await app.get(SessionService).list('ada')).toHaveLength(1);
    expect(await app.get(SessionService).revokeAll('ada')).toBe(1);
    expect(await store.sweep()).toBe(0);
    await expect(store.ensureSchema()).rejects.toThrow('permission denied');
  });
});

describeAtFullEffort('tools that compare the database with the models', () => {
  /** Creates both tables, lets a tool run, and returns which of them are left. */
  async function survivors(tool: () => Promise<unknown>): Promise<string[]> {
    await admin.query(
      `CREATE SCHEMA IF NOT EXISTS sessions; ${postgresSessionSchema({ schema: 'sessions' })} ${postgresSessionSchema()}`,
    );
    await tool();
    const { rows } = await admin.query(
      `SELECT schemaname FROM pg_tables WHERE tablename = 'user_sessions' ORDER BY 1`,
    );
    return rows.map(({ schemaname }) => schemaname);
  }

  const push = (config: string): Promise<unknown> => {
    writeFileSync(folder.pathOf('push.config.ts'), config);
    return drizzleKit('push', '--force', '--config=push.config.ts');
  };
  const config = guide.file('drizzle.config.ts');

  it('drop what they do not know in public: drizzle-kit push', async () => {
    expect(await survivors(() => push(config))).toEqual(['sessions']);
  });

  it('leave what tablesFilter excludes', async () => {
    const line = `tablesFilter: ['!user_sessions'],`;
    const filtered = config.replace('// schemaFilter', `${line} // `);
    expect(filtered).toContain(line);
    expect(await survivors(() => push(filtered))).toEqual([
      'public',
      'sessions',
    ]);
  });

  it('drop the sessions if their schema is added', async () => {
    const both = config.replace(
      '// schemaFilter',
      `schemaFilter: ['public', 'sessions'], // `,
    );
    expect(await survivors(() => push(both))).toEqual([]);
  });

  it.each([
    ['synchronize', {}, ['public', 'sessions']],
    ['dropSchema', { dropSchema: true }, ['sessions']],
  ])(
    'leave the schema of the sessions: TypeORM %s',
    async (_what, options, left) => {
      const tables = await survivors(async () => {
        const source = new DataSource({
          type: 'postgres',
          url,
          entities: [Order],
          synchronize: true,
          ...options,
        });
        await source.initialize();
        await source.destroy();
      });
      expect(tables).toEqual(left);
    },
  );
});
