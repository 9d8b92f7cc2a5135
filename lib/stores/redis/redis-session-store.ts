import {
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
import { evictionWarnings } from './eviction-policy.js';
import { listSessions } from './list-sessions.js';
import { RecordLoss } from './record-loss.js';
import { recordMark } from './record-mark.js';
import {
  readRedisOptions,
  type RedisSessionStoreOptions,
  type RedisSettings,
} from './redis-options.js';
import {
  changedFields,
  dataFields,
  deviceKeyField,
  recordOf,
  type RecordReply,
} from './redis-record.js';
import {
  millisecondsAt,
  millisecondsOf,
  ScriptRunner,
} from './script-runner.js';
import { BIND, END, NOW, READ, ROTATE, UPDATE } from './session-scripts.js';
import { END_ALL } from './subject-scripts.js';

const SEEN_PAUSE = '60000';

/**
 * Keeps sessions in Redis 6 or later, or Valkey, standalone or as a cluster. Each session is a hash, and each subject
 * has a sorted set of its sessions and the times until which they live. Every operation is one script and one round
 * trip, every key expires, and the clock is that of Redis. Set `maxmemory-policy` to `noeviction` or one of the
 * `volatile` policies: a session whose keys are evicted has ended.
 */
export class RedisSessionStore extends SessionStore {
  readonly #settings: RedisSettings;
  readonly #scripts: ScriptRunner;
  readonly #loss: RecordLoss;

  /** @throws {SessionConfigError} that names every faulty option */
  constructor(options: RedisSessionStoreOptions) {
    super();
    this.#settings = readRedisOptions(options);
    this.#scripts = new ScriptRunner(this.#settings);
    const { connection, prefix } = this.#settings;
    this.#loss = new RecordLoss(recordMark(connection, prefix));
  }

  override async now(subject: string): Promise<Date> {
    return new Date(Number(await this.#scripts.run(NOW, subject, [], [])));
  }

  override create(
    record: NewSessionRecord,
    options: CreateOptions = {},
  ): Promise<CreateVerdict> {
    this.#loss.keepWatch();
    return createRecord(this.#scripts, record, options);
  }

  override async read(
    id: string,
    subject: string,
    use?: 'seen',
    generation?: number,
  ): Promise<SessionRecord | undefined> {
    const reply = await this.#read(id, subject, use, '', generation);
    return readRecord(id, subject, reply);
  }

  override async confirm(
    id: string,
    subject: string,
    revision: number,
    generation?: number,
  ): Promise<Date | SessionRecord | undefined> {
    const known = String(revision);
    const reply = await this.#read(id, subject, 'seen', known, generation);
    return reply && !Array.isArray(reply)
      ? new Date(Number(reply))
      : readRecord(id, subject, reply);
  }

  override async confirmUse(
    id: string,
    subject: string,
    generation: number,
  ): Promise<void> {
    // No revision is newer than this one, so the reply does not contain the record.
    const newest = String(Number.MAX_SAFE_INTEGER);
    await this.#read(id, subject, undefined, newest, generation);
  }

  override async rotate(
    id: string,
    subject: string,
    presented: PresentedRefresh,
  ): Promise<RotationVerdict> {
    this.#loss.keepWatch();
    const reply = await this.#scripts.runInTime(
      ROTATE,
      subject,
      [id],
      [
        String(presented.generation),
        presented.secretHash,
        presented.nextHash,
        String(presented.graceSeconds * 1000),
        ...millisecondsOf(presented.lifetime),
        presented.isPassive ? '1' : '',
        deviceKeyField(presented.deviceKey),
      ],
      presented,
    );
    const verdict = String(reply) as RotationVerdict;
    if (verdict === 'reused') {
      await this.#replicateEnd(id, subject);
    }
    return verdict === 'unknown' && (await this.#loss.isLost())
      ? 'lost'
      : verdict;
  }

  override async bind(
    id: string,
    subject: string,
    key: string,
    options: BindOptions = {},
  ): Promise<BindVerdict> {
    this.#loss.keepWatch();
    const { generation = '', secretHash = '' } = options.continuesFrom ?? {};
    const parameters = [deviceKeyField(key), String(generation), secretHash];
    const verdict = String(
      await this.#scripts.runInTime(BIND, subject, [id], parameters, options),
    ) as BindVerdict;
    if (verdict === 'conflict') {
      await this.#replicateEnd(id, subject);
    }
    return verdict;
  }

  override warnings(): Promise<readonly string[]> {
    const { connection, prefix } = this.#settings;
    return evictionWarnings(connection, `${prefix}epoch`, 'RedisSessionStore', [
      'sessions',
      'ends sessions',
    ]);
  }

  /** Checks at most once a second. */
  override hasLostAll(): Promise<boolean> {
    return this.#loss.isLost();
  }

  override async update(
    id: string,
    subject: string,
    change: SessionChange,
  ): Promise<SessionRecord | undefined> {
    this.#loss.keepWatch();
    const { attributes, data, extend, isPassive } = change;
    const stored = dataFields(data);
    const parameters = [
      attributes ? '1' : '',
      stored.data,
      stored.loadedAt,
      ...(extend ? millisecondsOf(extend) : ['', '']),
      isPassive ? '1' : '',
      ...changedFields(attributes),
    ];
    const reply = await this.#scripts.runInTime(
      UPDATE,
      subject,
      [id],
      parameters,
      change,
    );
    return readRecord(id, subject, reply);
  }

  override async end(id: string, subject: string): Promise<boolean> {
    return Boolean(await this.#scripts.revoke(END, subject, [id], []));
  }

  override endAll(
    subject: string,
    except?: string,
    options: EndAllOptions = {},
  ): Promise<number | undefined> {
    return this.#scripts.revoke(
      END_ALL,
      subject,
      except === undefined ? [] : [except],
      [millisecondsAt(options.begunUntil)],
      options,
    );
  }

  override list(subject: string, page?: SessionPage): Promise<SessionRecord[]> {
    this.#loss.keepWatch();
    return listSessions(this.#scripts, subject, page);
  }

  /** Missing replicas must not suppress a theft alarm: a session that a failover brings back raises it again. */
  async #replicateEnd(id: string, subject: string): Promise<void> {
    await this.#scripts
      .replicate(END, subject, [id], [])
      .catch(() => undefined);
  }

  async #read(
    id: string,
    subject: string,
    use: 'seen' | undefined,
    revision: string,
    generation: number | undefined,
  ): Promise<unknown> {
    this.#loss.keepWatch();
    const presented = generation === undefined ? '' : String(generation);
    const parameters = [use ? '1' : '', SEEN_PAUSE, revision, presented];
    return this.#scripts.run(READ, subject, [id], parameters);
  }
}

function readRecord(
  id: string,
  subject: string,
  reply: unknown,
): SessionRecord | undefined {
  return reply ? recordOf(id, subject, reply as RecordReply) : undefined;
}
