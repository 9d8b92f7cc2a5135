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
import {
  readPostgresOptions,
  type PostgresSessionStoreOptions,
} from './postgres-options.js';
import type { PostgresPool } from './postgres-pool.js';
import { schemaOf, type TableNames } from './postgres-schema.js';
import {
  fromKey,
  recordOf,
  timeOf,
  toAttributeChange,
  toColumns,
  toData,
  toKey,
  type SessionRow,
} from './session-row.js';
import { StatementRunner } from './statement-runner.js';

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
    const settings = readPostgresOptions(options);
    this.#pool = settings.pool;
    this.#names = settings.names;
    this.#statements = new StatementRunner(settings);
    this.#sweep = new ExpirySweep((size) =>
      this.#statements.count('sweep', size).then(Number),
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
    const [row] = use
      ? await this.#readSeen(key)
      : await this.#statements.run<SessionRow>('read', ...key);
    return row && recordOf(row, subject);
  }

  override async confirm(
    id: string,
    subject: string,
    revision: number,
  ): Promise<Date | SessionRecord | undefined> {
    const values = [toKey(subject), toKey(id), SEEN_PAUSE_SECONDS];
    const [confirmed] = await this.#statements.run<Pick<SessionRow, 'as_of'>>(
      'confirmNoted',
      ...values,
      revision,
    );
    if (confirmed) {
      return timeOf(confirmed.as_of);
    }
    const [row] = await this.#statements.run<SessionRow>('readSeen', ...values);
    const record = row && recordOf(row, subject);
    return record && record.revision <= revision ? record.asOf : record;
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
      presented.isPassive === true,
    ];
    if ((await this.#statements.changed('rotate', ...values)) === 1) {
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
    { attributes, data, extend, isPassive }: SessionChange,
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
      isPassive === true,
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

  override endAll(
    subject: string,
    except?: string,
  ): Promise<number | undefined> {
    return except === undefined
      ? this.#statements.count('endAll', toKey(subject))
      : this.#statements.count('endOthers', toKey(subject), toKey(except));
  }

  override async list(subject: string): Promise<SessionRecord[]> {
    const rows = await this.#statements.run<SessionRow>('list', toKey(subject));
    return rows.map((row) => recordOf(row, subject));
  }

  /** A second statement only where something has to change: at most once a minute, or when the session has ended. */
  async #readSeen(key: readonly string[]): Promise<readonly SessionRow[]> {
    const values = [...key, SEEN_PAUSE_SECONDS];
    const noted = await this.#statements.run<SessionRow>(
      'readNoted',
      ...values,
    );
    return noted.length > 0
      ? noted
      : this.#statements.run<SessionRow>('readSeen', ...values);
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
