import {
  LARGEST_PAGE,
  SessionStore,
  type BindOptions,
  type BindVerdict,
  type CreateOptions,
  type CreateVerdict,
  type EndAllOptions,
  type NewSessionRecord,
  type PresentedRefresh,
  type RotationVerdict,
  type SessionChange,
  type SessionPage,
  type SessionRecord,
} from '../../ports/session-store.js';
import { createRecord } from './create-record.js';
import { ExpirySweep } from './expiry-sweep.js';
import {
  readPostgresOptions,
  type PostgresSessionStoreOptions,
} from './postgres-options.js';
import type { PostgresPool } from './postgres-pool.js';
import { schemaOf, type TableNames } from './postgres-schema.js';
import { bindRecord, rotateRecord } from './rotate-record.js';
import {
  recordOf,
  timeOf,
  toAttributeChange,
  toData,
  toDeadline,
  toKey,
  type SessionRow,
} from './session-row.js';
import { StatementRunner } from './statement-runner.js';

const SEEN_PAUSE_SECONDS = 60;

/**
 * Keeps sessions in a table of a PostgreSQL database. Times are those of its server, which must not be a standby.
 * Create the table in a migration with `postgresSessionSchema()`, or with {@link ensureSchema}.
 */
export class PostgresSessionStore extends SessionStore {
  readonly #pool: PostgresPool;
  readonly #names: TableNames;
  readonly #statements: StatementRunner;
  readonly #sweep: ExpirySweep;

  /** @throws {SessionConfigError} that names every faulty option */
  constructor(options: PostgresSessionStoreOptions) {
    super();
    const settings = readPostgresOptions(options);
    this.#pool = settings.pool;
    this.#names = settings.names;
    this.#statements = new StatementRunner(settings);
    this.#sweep = new ExpirySweep((size) =>
      this.#count('sweep', size).then(Number),
    );
  }

  /**
   * Creates the table, its columns and its index if they are missing. Any number of processes may do so in parallel.
   * Requires the right to create in the schema even if table and index exist: without that right, use a migration.
   */
  async ensureSchema(): Promise<void> {
    // Statements sent as one text form one transaction, which holds the lock until it ends.
    await this.#pool.query({
      text: `SELECT pg_advisory_xact_lock(hashtextextended('nestjs-session-jwt schema', 0));
${schemaOf(this.#names)}`,
    });
  }

  /**
   * Removes every expired record now, 500 at a time, and returns how many there were. Sign-ins start a sweep in the
   * background, at most once a minute per process. Until then, expired records only take up room.
   */
  sweep(): Promise<number> {
    return this.#sweep.run();
  }

  override async now(): Promise<Date> {
    const [row] = await this.#statements.run<Pick<SessionRow, 'as_of'>>('now');
    return timeOf(row!.as_of);
  }

  override async create(
    record: NewSessionRecord,
    options: CreateOptions = {},
  ): Promise<CreateVerdict> {
    const verdict = await createRecord(this.#statements, record, options);
    this.#sweep.runNowAndThen();
    return verdict;
  }

  override async read(
    id: string,
    subject: string,
    use?: 'seen',
    generation?: number,
  ): Promise<SessionRecord | undefined> {
    const key = [toKey(subject), toKey(id)];
    const [row] =
      use || generation !== undefined
        ? await this.#readSeen(key, use, generation)
        : await this.#statements.run<SessionRow>('read', ...key);
    return row && recordOf(row, subject);
  }

  override async confirm(
    id: string,
    subject: string,
    revision: number,
    generation?: number,
  ): Promise<Date | SessionRecord | undefined> {
    const values = [toKey(subject), toKey(id), SEEN_PAUSE_SECONDS, generation];
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

  override async confirmUse(
    id: string,
    subject: string,
    generation: number,
  ): Promise<void> {
    const values = [toKey(subject), toKey(id), generation];
    await this.#statements.run('confirmUse', ...values);
  }

  override rotate(
    id: string,
    subject: string,
    presented: PresentedRefresh,
  ): Promise<RotationVerdict> {
    return rotateRecord(this.#statements, id, subject, presented);
  }

  override bind(
    id: string,
    subject: string,
    key: string,
    options: BindOptions = {},
  ): Promise<BindVerdict> {
    return bindRecord(this.#statements, id, subject, key, options);
  }

  override async update(
    id: string,
    subject: string,
    change: SessionChange,
  ): Promise<SessionRecord | undefined> {
    const { attributes, data, extend, isPassive } = change;
    const [set, removed] = toAttributeChange(attributes ?? {});
    const row = await this.#statements.runInTime<SessionRow>(
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
      ...toDeadline(change),
    );
    return row && row.id !== null ? recordOf(row, subject) : undefined;
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
    options: EndAllOptions = {},
  ): Promise<number | undefined> {
    const bounds = [options.begunUntil?.toISOString(), ...toDeadline(options)];
    return except === undefined
      ? this.#count('endAll', toKey(subject), ...bounds)
      : this.#count('endOthers', toKey(subject), toKey(except), ...bounds);
  }

  override async list(
    subject: string,
    { limit = LARGEST_PAGE, after }: SessionPage = {},
  ): Promise<SessionRecord[]> {
    const rows = await this.#statements.run<SessionRow>(
      'list',
      toKey(subject),
      Math.min(limit, LARGEST_PAGE),
      after && toKey(after),
    );
    return rows.map((row) => recordOf(row, subject));
  }

  /** Sends a second statement only if something has to change: at most once a minute, or when the session has ended. */
  async #readSeen(
    key: readonly string[],
    use: 'seen' | undefined,
    generation: number | undefined,
  ): Promise<readonly SessionRow[]> {
    const pause = use && SEEN_PAUSE_SECONDS;
    const values = [...key, pause, generation];
    const noted = await this.#statements.run<SessionRow>(
      'readNoted',
      ...values,
    );
    return noted.length > 0
      ? noted
      : this.#statements.run<SessionRow>('readSeen', ...values);
  }

  /** Returns the number that a statement yields, if any. */
  async #count(
    name: 'endAll' | 'endOthers' | 'sweep',
    ...values: unknown[]
  ): Promise<number | undefined> {
    const row = await this.#statements.runInTime<{ count: string }>(
      name,
      ...values,
    );
    return row && Number(row.count);
  }
}
