import {
  SessionStore,
  type CreateOptions,
  type CreateVerdict,
  type NewSessionRecord,
  type PresentedRefresh,
  type RotationVerdict,
  type SessionChange,
  type SessionLifetime,
  type SessionRecord,
} from '../../options/session-store.js';
import { evictionWarnings } from './eviction-policy.js';
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
  newFields,
  recordOf,
  type RecordReply,
} from './redis-record.js';
import type { RedisScript, RevocationScript } from './redis-script.js';
import * as scripts from './scripts.js';

const SEEN_PAUSE = '60000';

/**
 * Sessions in Redis 6 or later, or Valkey, alone or as a cluster: a hash for each session, and for each subject
 * a sorted set that says which of its sessions live and until when. Every operation is one script and one round
 * trip, every key expires, and the clock is that of Redis. Give Redis the `maxmemory-policy` `noeviction` or one
 * of the `volatile` ones: a session whose keys are evicted has ended.
 */
export class RedisSessionStore extends SessionStore {
  readonly #settings: RedisSettings;
  readonly #loss: RecordLoss;

  /** @throws {SessionConfigError} naming every faulty option */
  constructor(options: RedisSessionStoreOptions) {
    super();
    this.#settings = readRedisOptions(options);
    const { connection, prefix } = this.#settings;
    this.#loss = new RecordLoss(recordMark(connection, prefix));
  }

  override async create(
    record: NewSessionRecord,
    { limit, replaces }: CreateOptions = {},
  ): Promise<CreateVerdict> {
    const { id, subject, lifetime } = record;
    const ids = replaces === undefined ? [id] : [id, replaces];
    const reply = await this.#run(scripts.CREATE, subject, ids, [
      limit ? String(limit.max) : '',
      limit?.policy ?? '',
      ...millisecondsOf(lifetime),
      ...newFields(record),
    ]);
    const [kind, ...ended] = (reply as unknown[]).map(String);
    return kind === 'refused' ? { kind } : { kind: 'created', ended };
  }

  override async read(
    id: string,
    subject: string,
    use?: 'seen',
  ): Promise<SessionRecord | undefined> {
    const parameters = [use ? '1' : '', SEEN_PAUSE, ''];
    const reply = await this.#run(scripts.READ, subject, [id], parameters);
    return readRecord(id, subject, reply);
  }

  override async confirm(
    id: string,
    subject: string,
    revision: number,
  ): Promise<Date | SessionRecord | undefined> {
    const parameters = ['1', SEEN_PAUSE, String(revision)];
    const reply = await this.#run(scripts.READ, subject, [id], parameters);
    return !reply || Array.isArray(reply)
      ? readRecord(id, subject, reply)
      : new Date(Number(reply));
  }

  override async rotate(
    id: string,
    subject: string,
    presented: PresentedRefresh,
  ): Promise<RotationVerdict> {
    const reply = await this.#run(
      scripts.ROTATE,
      subject,
      [id],
      [
        String(presented.generation),
        presented.secretHash,
        presented.nextHash,
        String(presented.graceSeconds * 1000),
        ...millisecondsOf(presented.lifetime),
        presented.isPassive ? '1' : '',
      ],
    );
    const verdict = String(reply) as RotationVerdict;
    if (verdict === 'reused' && this.#settings.replicas) {
      // The alarm must not be lost with the replicas: a session that a failover brings back gives it again.
      await this.#confirm(scripts.END, subject, [id], []).catch(
        () => undefined,
      );
    }
    return verdict === 'unknown' && (await this.#loss.isLost())
      ? 'lost'
      : verdict;
  }

  override warnings(): Promise<readonly string[]> {
    const { connection, prefix } = this.#settings;
    return evictionWarnings(connection, `${prefix}epoch`);
  }

  /** Looks at most once a second. */
  override hasLostAll(): Promise<boolean> {
    return this.#loss.isLost();
  }

  override async update(
    id: string,
    subject: string,
    { attributes, data, extend, isPassive }: SessionChange,
  ): Promise<SessionRecord | undefined> {
    const stored = dataFields(data);
    const reply = await this.#run(
      scripts.UPDATE,
      subject,
      [id],
      [
        attributes ? '1' : '',
        stored.data,
        stored.loadedAt,
        ...(extend ? millisecondsOf(extend) : ['', '']),
        isPassive ? '1' : '',
        ...changedFields(attributes),
      ],
    );
    return readRecord(id, subject, reply);
  }

  override async end(id: string, subject: string): Promise<boolean> {
    return Boolean(await this.#revoke(scripts.END, subject, [id], []));
  }

  override endAll(
    subject: string,
    except?: string,
  ): Promise<number | undefined> {
    const spared = except === undefined ? [] : [except];
    return this.#revoke(scripts.END_ALL, subject, [], spared);
  }

  override async list(subject: string): Promise<SessionRecord[]> {
    const reply = await this.#run(scripts.LIST, subject, [], []);
    return (reply as [unknown, ...RecordReply][]).map(([id, ...record]) =>
      recordOf(String(id), subject, record),
    );
  }

  /**
   * Repeats the step where replicas are awaited, so that it holds on the server that the client speaks to then,
   * should there have been a failover in between. `undefined` where the script refused to end anything.
   */
  async #revoke(
    script: RevocationScript,
    subject: string,
    ids: string[],
    parameters: string[],
  ): Promise<number | undefined> {
    const reply = await this.#run(script, subject, ids, parameters);
    if (reply === null) {
      return undefined;
    }
    const ended = Number(reply);
    return this.#settings.replicas
      ? ended + Number(await this.#confirm(script, subject, ids, parameters))
      : ended;
  }

  #run(
    script: RedisScript,
    subject: string,
    ids: string[],
    parameters: string[],
  ): Promise<unknown> {
    this.#loss.keepWatch();
    return this.#settings.connection.run(
      script,
      this.#keys(subject, ids),
      this.#withClock(parameters),
    );
  }

  async #confirm(
    { replicated }: RevocationScript,
    subject: string,
    ids: string[],
    parameters: string[],
  ): Promise<unknown> {
    const { connection, replicas } = this.#settings;
    return (
      replicas &&
      connection.runAndWait(
        replicated,
        this.#keys(subject, ids),
        this.#withClock(parameters),
        replicas,
      )
    );
  }

  /** The braces make a cluster keep all that belongs to a subject in one slot. */
  #keys(subject: string, ids: string[]): string[] {
    const tag = Buffer.from(subject).toString('base64url');
    const index = `${this.#settings.prefix}{${tag}}`;
    return [index, ...ids.map((id) => `${index}:${id}`)];
  }

  #withClock(parameters: string[]): string[] {
    return [String(Math.round(this.#settings.clockOffset())), ...parameters];
  }
}

function millisecondsOf({
  idleSeconds,
  absoluteSeconds,
}: SessionLifetime): [idle: string, absolute: string] {
  return [String(idleSeconds * 1000), String(absoluteSeconds * 1000)];
}

function readRecord(
  id: string,
  subject: string,
  reply: unknown,
): SessionRecord | undefined {
  return reply ? recordOf(id, subject, reply as RecordReply) : undefined;
}
