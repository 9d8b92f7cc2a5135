import { SessionConfigError } from '../../errors/session-config-error.js';
import { OptionReader } from '../../options/option-reader.js';
import {
  SessionStore,
  type CreateOptions,
  type CreateVerdict,
  type NewSessionRecord,
  type PresentedRefresh,
  type RotationVerdict,
  type SessionChange,
  type SessionLimit,
  type SessionRecord,
} from '../../options/session-store.js';
import { ExpirySweep } from './expiry-sweep.js';
import type { PostgresPool } from './postgres-pool.js';
import {
  readTable,
  schemaOf,
  type PostgresTable,
  type TableNames,
} from './postgres-schema.js';
import {
  fromKey,
  recordOf,
  toAttributeChange,
  toColumns,
  toData,
  toKey,
  type SessionRow,
} from './session-row.js';
import { sessionStatements } from './session-statements.js';
import { StatementRunner } from './statement-runner.js';

/** Options of {@link PostgresSessionStore}. */
export interface PostgresSessionStoreOptions extends PostgresTable {
  /**
   * A `Pool` of the package `pg`. It stays the application's: the store never closes it. Sign-ins with
   * `maxSessions` hold one connection for a transaction, everything else is single statements. Nothing is
   * prepared by name, so a pooler in front of the database may give each transaction another connection.
   */
  pool: PostgresPool;
  /**
   * Milliseconds to add to the clock of the server.
   *
   * @internal
   */
  clockOffset?: () => number;
}

const SEEN_PAUSE_SECONDS = 60;

/**
 * Sessions in a table of a PostgreSQL database. Times are those of its server, which must not be a standby.
 * The table has to be there: by a migration with `postgresSessionSchema()`, or by {@link ensureSchema}.
 */
export class PostgresSessionStore extends SessionStore {
  readonly #pool: PostgresPool;
  readonly #names: TableNames;
  readonly #statements: StatementRunner;
  readonly #sweep: ExpirySweep;

  /** @throws {SessionConfigError} no pool, or a name that cannot be used */
  constructor(options: PostgresSessionStoreOptions) {
    super();
    const { clockOffset = () => 0, ...rest } = options ?? {};
    const reader = new OptionReader();
    const given = reader.group('options', rest, ['pool', 'table', 'schema']);
    this.#names = readTable(reader, given);
    if (!isPool(given['pool'])) {
      reader.fault('pool', "expected a Pool of the package 'pg'");
    }
    if (reader.faults.length > 0) {
      throw new SessionConfigError(
        reader.faults.map((fault) => `PostgresSessionStore: ${fault}`),
      );
    }
    this.#pool = options.pool;
    this.#statements = new StatementRunner(
      options.pool,
      sessionStatements(this.#names.qualified),
      clockOffset,
    );
    this.#sweep = new ExpirySweep((size) =>
      this.#statements.count('sweep', size),
    );
  }

  /**
   * Makes the table and its index where they are missing; any number of processes may do so at once. Needs
   * the right to create in the schema even when both are there: without it, use a migration.
   */
  async ensureSchema(): Promise<void> {
    // Statements sent as one text are one transaction, which holds the lock until its end.
    await this.#pool.query({
      text: `SELECT pg_advisory_xact_lock(hashtextextended('nestjs-session-jwt schema', 0));
${schemaOf(this.#names)}`,
    });
  }

  /**
   * Removes every expired record now, 500 at a time, and says how many. Sign-ins begin it in the
   * background, at most once a minute in each process; until then, expired records only take room.
   */
  sweep(): Promise<number> {
    return this.#sweep.run();
  }

  override async create(
    record: NewSessionRecord,
    { limit, replaces }: CreateOptions = {},
  ): Promise<CreateVerdict> {
    const verdict = await (limit
      ? this.#createWithin(limit, record, replaces)
      : this.#createAnyway(record, replaces));
    this.#sweep.runNowAndThen();
    return verdict;
  }

  override async read(
    id: string,
    subject: string,
    use?: 'seen',
  ): Promise<SessionRecord | undefined> {
    const key = [toKey(subject), toKey(id)];
    const [row] = await (use
      ? this.#statements.run<SessionRow>('readSeen', ...key, SEEN_PAUSE_SECONDS)
      : this.#statements.run<SessionRow>('read', ...key));
    return row && recordOf(row, subject);
  }

  override async rotate(
    id: string,
    subject: string,
    presented: PresentedRefresh,
  ): Promise<RotationVerdict> {
    const { lifetime } = presented;
    const values = [
      toKey(subject),
      toKey(id),
      presented.generation,
      presented.secretHash,
      presented.nextHash,
      lifetime.idleSeconds,
      lifetime.absoluteSeconds,
    ];
    const rotated = await this.#statements.run('rotate', ...values);
    if (rotated.length === 1) {
      return 'rotated';
    }
    const [judged] = await this.#statements.run<{
      verdict: RotationVerdict;
      affected: string;
    }>('judge', ...values, presented.graceSeconds);
    if (!judged) {
      return 'unknown';
    }
    const { verdict, affected } = judged;
    if (Number(affected) !== (verdict === 'repeated' ? 0 : 1)) {
      throw new Error(`rotate: ${verdict} changed ${affected} records`);
    }
    return verdict;
  }

  override async update(
    id: string,
    subject: string,
    { attributes, data, extend }: SessionChange,
  ): Promise<SessionRecord | undefined> {
    const [set, removed] = toAttributeChange(attributes ?? {});
    const [row] = await this.#statements.run<SessionRow>(
      'update',
      toKey(subject),
      toKey(id),
      removed,
      set,
      attributes !== undefined,
      ...toData(data),
      extend?.idleSeconds,
      extend?.absoluteSeconds,
    );
    return row && recordOf(row, subject);
  }

  override async end(id: string, subject: string): Promise<boolean> {
    const [row] = await this.#statements.run<{ alive: string }>(
      'end',
      toKey(subject),
      toKey(id),
    );
    return row?.alive === 'true';
  }

  override endAll(subject: string, except?: string): Promise<number> {
    return this.#statements.count(
      'endAll',
      toKey(subject),
      except === undefined ? null : toKey(except),
    );
  }

  override async list(subject: string): Promise<SessionRecord[]> {
    const rows = await this.#statements.run<SessionRow>('list', toKey(subject));
    return rows.map((row) => recordOf(row, subject));
  }

  async #createAnyway(
    record: NewSessionRecord,
    replaces: string | undefined,
  ): Promise<CreateVerdict> {
    await this.#statements.run('create', ...toColumns(record, [replaces]));
    return { kind: 'created', ended: [] };
  }

  /** One after the other for each subject: a single statement would not count those made at the same time. */
  #createWithin(
    { max, policy }: SessionLimit,
    record: NewSessionRecord,
    replaces: string | undefined,
  ): Promise<CreateVerdict> {
    const subject = toKey(record.subject);
    return this.#statements.transaction(async (statements) => {
      await statements.run('lockSubject', subject, this.#names.qualified);
      const others = await statements.run<{ id: string }>(
        'aliveByAge',
        subject,
        replaces === undefined ? null : toKey(replaces),
      );
      const surplus = Math.max(others.length + 1 - max, 0);
      if (surplus > 0 && policy === 'refuse') {
        return { kind: 'refused' };
      }
      const ended = others.slice(0, surplus).map(({ id }) => fromKey(id));
      await statements.run(
        'create',
        ...toColumns(record, [...ended, replaces]),
      );
      return { kind: 'created', ended };
    });
  }
}

function isPool(value: unknown): boolean {
  const pool = value as Partial<PostgresPool> | null | undefined;
  return (
    typeof pool?.query === 'function' && typeof pool.connect === 'function'
  );
}
