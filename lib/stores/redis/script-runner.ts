import { LateCallError } from '../../errors/late-call-error.js';
import type {
  SessionLifetime,
  WriteDeadline,
} from '../../ports/session-store.js';
import type { RedisSettings } from './redis-options.js';
import type { RedisScript, RevocationScript } from './redis-script.js';

/** Runs scripts on the keys of a subject, with the offset of the clock and the deadline of the call. */
export class ScriptRunner {
  readonly #settings: RedisSettings;

  constructor(settings: RedisSettings) {
    this.#settings = settings;
  }

  /** Runs a script on the index of a subject and the records of these ids. */
  run(
    script: RedisScript,
    subject: string,
    ids: readonly string[],
    parameters: readonly string[],
  ): Promise<unknown> {
    return this.#settings.connection.run(script, this.#keys(subject, ids), [
      this.#offset(),
      ...parameters,
    ]);
  }

  /**
   * Runs a script that takes a deadline.
   *
   * @throws {LateCallError} outside of it
   */
  async runInTime(
    script: RedisScript,
    subject: string,
    ids: readonly string[],
    parameters: readonly string[],
    deadline?: WriteDeadline,
  ): Promise<unknown> {
    return inTime(
      await this.#settings.connection.run(
        script,
        this.#keys(subject, ids),
        this.#withDeadline(parameters, deadline),
      ),
    );
  }

  /**
   * Runs a script that ends sessions. With `waitForReplicas`, runs it a second time, so that it also takes effect on
   * the server that a failover in between would have promoted. Returns `undefined` if the script refused to end
   * anything.
   *
   * @throws {LateCallError} outside of the deadline
   */
  async revoke(
    script: RevocationScript,
    subject: string,
    ids: readonly string[],
    parameters: readonly string[],
    deadline?: WriteDeadline,
  ): Promise<number | undefined> {
    const reply = await this.runInTime(
      script,
      subject,
      ids,
      parameters,
      deadline,
    );
    if (reply === null) {
      return undefined;
    }
    const ended = Number(reply);
    return this.#settings.replicas
      ? ended + Number(await this.replicate(script, subject, ids, parameters))
      : ended;
  }

  /** With `waitForReplicas`, runs a script that ends sessions and waits for the replicas. */
  async replicate(
    { replicated }: RevocationScript,
    subject: string,
    ids: readonly string[],
    parameters: readonly string[],
  ): Promise<unknown> {
    const { connection, replicas } = this.#settings;
    return (
      replicas &&
      connection.runAndWait(
        replicated,
        this.#keys(subject, ids),
        // The revocation has already been carried out, so this is never too late.
        this.#withDeadline(parameters, undefined),
        replicas,
      )
    );
  }

  /** Returns the keys. Their braces make a cluster keep everything of a subject in one slot. */
  #keys(subject: string, ids: readonly string[]): string[] {
    const tag = Buffer.from(subject).toString('base64url');
    const index = `${this.#settings.prefix}{${tag}}`;
    return [index, ...ids.map((id) => `${index}:${id}`)];
  }

  #withDeadline(
    parameters: readonly string[],
    { notBefore, notAfter }: WriteDeadline = {},
  ): string[] {
    return [
      this.#offset(),
      millisecondsAt(notBefore),
      millisecondsAt(notAfter),
      ...parameters,
    ];
  }

  #offset(): string {
    return String(Math.round(this.#settings.clockOffset()));
  }
}

/** Returns a time as scripts take it; empty if there is none. */
export function millisecondsAt(time: Date | undefined): string {
  return time === undefined ? '' : String(time.getTime());
}

/** Returns a lifetime as scripts take it. */
export function millisecondsOf({
  idleSeconds,
  absoluteSeconds,
}: SessionLifetime): [idle: string, absolute: string] {
  return [String(idleSeconds * 1000), String(absoluteSeconds * 1000)];
}

function inTime(reply: unknown): unknown {
  if (Array.isArray(reply) && String(reply[0]) === 'late') {
    throw new LateCallError(new Date(Number(reply[1])));
  }
  return reply;
}
