import type { Random } from '../../support/random.js';
import { between, choose, oneOf } from './choose.js';
import { ClientTokens, type ClientKind } from './client-tokens.js';
import { call, type Answer, type CallRequest, type Loss } from './http-call.js';
import type { KnownSession } from './known-session.js';
import type { ChaosStore } from './chaos-store.js';
import type { NodeProcess } from './node-process.js';
import { OPERATIONS, WISHES, type Operation } from './operations.js';
import type { Attempt, Oracle } from './oracle.js';
import { ROUNDING_SECONDS, TIMING } from './timing.js';

/** What clients share. */
export interface ClientWorld {
  readonly nodes: readonly NodeProcess[];
  readonly store: ChaosStore;
  readonly oracle: Oracle;
  readonly round: number;
  /** How many more device pages there are than usual. */
  readonly lists: number;
  /** Whether answers are lost. */
  readonly losesAnswers: boolean;
}

const ATTEMPTS = 5;
const LOSS = 0.08;
const STATUS_OK = [200, 204];

/** How an operation came out for the client, when it has tried often enough. */
type Outcome = 'done' | 'over' | 'unknown';

/**
 * A browser or an application with up to three tabs, which does what a well-behaved client does: it repeats what got
 * no answer with the same token, at another node, and holds one refresh back until it knows the outcome of the last.
 */
export class Client {
  tokens: ClientTokens;
  session: KnownSession | undefined;
  /** Requests whose answers it did not wait for. */
  readonly #pending = new Set<Promise<unknown>>();
  #sleepsUntil = 0;
  /** A copy of the tokens of a session that was signed out, to see that they open nothing. */
  #ghost: { session: KnownSession; tokens: ClientTokens } | undefined;

  constructor(
    readonly name: string,
    readonly subject: string,
    readonly kind: ClientKind,
    readonly world: ClientWorld,
    readonly random: Random,
  ) {
    this.tokens = new ClientTokens(kind);
  }

  /** Fulfilled when no server works for it any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }

  /** Takes what a thief takes. */
  copy(other: Client): void {
    this.session = other.session;
    this.tokens = other.tokens.copy();
  }

  /** Does one thing, or in several tabs several at once. */
  async act(): Promise<void> {
    const { random, world } = this;
    if (world.round < this.#sleepsUntil) return;
    await this.settled();
    await this.#haunt();
    if (!this.session) {
      await this.#signIn();
      return;
    }
    const wishes = [...WISHES, ['devices', 8 * world.lists] as const];
    const tabs = random() < 0.25 ? between(2, 3, random) : 1;
    const operations = Array.from(
      { length: tabs },
      () => OPERATIONS[choose(wishes, random)],
    );
    const ending = operations.find(({ ends }) => ends);
    await (ending
      ? this.#end(ending)
      : Promise.all(operations.map((each) => this.perform(each))));
  }

  /** Performs it, again and again while there is no answer. */
  async perform(operation: Operation): Promise<Outcome> {
    const { session, tokens } = this;
    const generation = tokens.generation;
    let last: NodeProcess | undefined;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      if (this.session !== session || !session) return 'over';
      if (operation.name === 'refresh' && tokens.generation > generation) {
        // Another tab has done it.
        return 'done';
      }
      if (this.#needsRefresh(operation)) {
        const outcome = await this.perform(OPERATIONS.refresh);
        if (outcome !== 'done') return outcome;
      }
      last = this.#nextNode(last);
      const outcome = await this.#attempt(operation, session, last);
      if (outcome !== 'unknown') return outcome;
      if (this.random() < 0.1) break;
    }
    if (this.random() < 0.5) {
      // A laptop that is closed now, and opened later.
      this.#sleepsUntil = this.world.round + between(1, 2, this.random);
    }
    return 'unknown';
  }

  async #attempt(
    operation: Operation,
    session: KnownSession,
    node: NodeProcess,
  ): Promise<Outcome> {
    const { oracle } = this.world;
    const mayExchange = this.#mayExchange(operation);
    const attempt = this.#begin(operation.name, node);
    const { generation } = this.tokens;
    const revocation = operation.ends
      ? oracle.revoking(
          this.subject,
          attempt,
          (each) =>
            operation.ends === 'all' ||
            (each === session) === (operation.ends === 'own'),
        )
      : undefined;
    const answer = await this.#send(attempt, node, operation, revocation);
    const now = oracle.clock.nowSeconds();
    const succeeded = answer !== 'lost' && STATUS_OK.includes(answer.status);
    if (revocation) {
      oracle.revoked(
        revocation,
        attempt,
        answer === 'lost' ? 'no answer' : String(answer.status),
        operation.ends === 'own' ? 'one' : 'all',
      );
    }
    if (answer !== 'lost' && this.session === session) {
      this.#absorb(session, answer, now);
    }
    this.#note(session, attempt, generation, answer);
    if (answer === 'lost' || answer.status === 503) {
      if (mayExchange) session.loseExchange(attempt.sentAt);
      if (answer !== 'lost') {
        oracle.unavailable(attempt, this.world.round);
        if (this.tokens.isEmpty) this.session = undefined;
      }
      return 'unknown';
    }
    if (succeeded) {
      const isChecked =
        operation.isChecked || this.tokens.isRefreshedBy(answer);
      // A sign-out succeeds twice.
      if (operation.ends !== 'own') {
        oracle.accepted(session, attempt, isChecked);
      }
      return 'done';
    }
    if (answer.status !== 401) {
      oracle.findings.add(
        'unexpected answer',
        `${answer.status} to ${operation.name} at ${node.name}`,
        session,
      );
      return 'unknown';
    }
    const isStale =
      this.kind === 'bearer' &&
      operation.name !== 'refresh' &&
      attempt.sessionEnd < now + ROUNDING_SECONDS;
    if (isStale) return 'unknown';
    if (this.session === session) {
      this.session = undefined;
      this.tokens.forget();
    }
    oracle.refused(session, attempt);
    return 'over';
  }

  async #signIn(): Promise<void> {
    const { oracle } = this.world;
    this.tokens.forget();
    let last: NodeProcess | undefined;
    for (let attempts = 0; attempts < ATTEMPTS; attempts += 1) {
      last = this.#nextNode(last);
      const attempt = this.#begin('sign-in', last);
      const answer = await this.#send(attempt, last, {
        method: 'POST',
        path: '/sign-in',
        body: {
          subject: this.subject,
          transport: this.kind === 'bearer' ? 'header' : 'cookie',
        },
      });
      const isLossy = attempt.isLossy || this.world.store.isLossy;
      if (answer === 'lost') continue;
      if (answer.status === 503) {
        oracle.unavailable(attempt, this.world.round);
        continue;
      }
      if (answer.status !== 200) {
        oracle.findings.add('unexpected answer', `${answer.status} to sign-in`);
        return;
      }
      const { subject, kind } = this;
      const session = oracle.begin(attempt, subject, kind, isLossy);
      this.#absorb(session, answer, oracle.clock.nowSeconds());
      this.#note(session, attempt, -1, answer);
      this.session = session;
      return;
    }
  }

  /** Ends sessions, and forgets its own if that is one of them. */
  async #end(operation: Operation): Promise<void> {
    const session = this.session!;
    const ghost = { session, tokens: this.tokens.copy() };
    const outcome = await this.perform(operation);
    if (operation.ends === 'others') return;
    if (outcome === 'done') this.#ghost = ghost;
    if (outcome !== 'unknown' || operation.ends === 'own') {
      this.session = undefined;
      this.tokens.forget();
      // The case in which a late revocation would hit the wrong session.
      if (this.random() < 0.8) await this.#signIn();
    }
  }

  /** Tries what a signed-out session left behind. */
  async #haunt(): Promise<void> {
    if (!this.#ghost || this.random() < 0.4) return;
    const { session, tokens } = this.#ghost;
    const { oracle } = this.world;
    const operation = oneOf(
      [OPERATIONS.me, OPERATIONS.checked, OPERATIONS.refresh],
      this.random,
    );
    const node = this.#nextNode(undefined);
    const attempt = this.#begin(`ghost's ${operation.name}`, node, tokens);
    const generation = tokens.generation;
    const answer = await this.#send(
      attempt,
      node,
      operation,
      undefined,
      tokens,
    );
    this.#note(session, attempt, generation, answer);
    if (answer === 'lost' || answer.status === 503) return;
    if (STATUS_OK.includes(answer.status)) {
      const isChecked = operation.isChecked || tokens.isRefreshedBy(answer);
      oracle.accepted(session, attempt, isChecked);
      return;
    }
    if (this.random() < 0.3) this.#ghost = undefined;
  }

  #begin(
    what: string,
    node: NodeProcess,
    tokens: ClientTokens = this.tokens,
  ): Attempt {
    const { oracle } = this.world;
    const { counts } = oracle.findings;
    counts.operations += 1;
    const sentAt = oracle.clock.nowSeconds();
    return {
      operation: `operation-${counts.operations}`,
      what,
      node,
      sentTick: oracle.tick(),
      sentAt,
      isLossy: this.world.store.isLossy,
      sessionEnd: tokens.sessionEnd(sentAt),
    };
  }

  async #send(
    { operation, sentAt }: Attempt,
    node: NodeProcess,
    request: Pick<CallRequest, 'method' | 'path' | 'body'>,
    revocation?: object,
    tokens: ClientTokens = this.tokens,
  ): Promise<Answer | 'lost'> {
    const needsBody = ['/session/refresh', '/session/logout'];
    const body =
      request.body ??
      (needsBody.includes(request.path) ? tokens.refreshBody() : undefined);
    const { outcome, concluded } = call(
      node.port,
      {
        method: request.method,
        path: request.path,
        headers: { ...tokens.headers(sentAt), 'x-operation': operation },
        ...(body && { body }),
      },
      this.#loss(revocation !== undefined),
    );
    this.#pending.add(concluded);
    void concluded.then(() => this.#pending.delete(concluded));
    const answer = await outcome;
    if (answer === 'lost') {
      this.world.oracle.findings.counts.lostAnswers += 1;
    }
    return answer;
  }

  /** A revocation is never given up while a server is at work: what it would end is not known then. */
  #loss(isRevocation: boolean): Loss | undefined {
    const { random, world } = this;
    if (!world.losesAnswers || random() >= LOSS) return undefined;
    return isRevocation || random() < 0.5
      ? 'unread'
      : { givesUpAfter: between(1, 60, random) };
  }

  #absorb(session: KnownSession, answer: Answer, now: number): void {
    const { generation } = this.tokens;
    this.tokens.absorb(answer, now);
    if (this.tokens.generation > generation) {
      this.world.oracle.findings.counts.refreshes += 1;
      session.advance(now);
      session.idleEnd = this.tokens.refreshTimes.exp;
    }
  }

  /** Whether another client than a browser must get a new session token first. */
  #needsRefresh({ name }: Operation): boolean {
    const now = this.world.oracle.clock.nowSeconds();
    return (
      this.kind === 'bearer' &&
      name !== 'refresh' &&
      name !== 'signOut' &&
      this.tokens.sessionEnd(now) < now + 1
    );
  }

  /** Whether the server may exchange the refresh token for it. */
  #mayExchange({ name }: Operation): boolean {
    if (name === 'refresh') return true;
    if (this.kind === 'bearer') return false;
    const now = this.world.oracle.clock.nowSeconds();
    return (
      this.tokens.sessionEnd(now) < now + ROUNDING_SECONDS ||
      now > this.tokens.refreshTimes.iat + TIMING.intervalSeconds
    );
  }

  #nextNode(last: NodeProcess | undefined): NodeProcess {
    const others = this.world.nodes.filter((node) => node !== last);
    return oneOf(others.length > 0 ? others : this.world.nodes, this.random);
  }

  #note(
    session: KnownSession,
    { what, node, sentAt, operation }: Attempt,
    generation: number,
    answer: Answer | 'lost',
  ): void {
    const { clock } = this.world.oracle;
    const result = answer === 'lost' ? 'no answer' : String(answer.status);
    const child =
      this.tokens.generation > generation
        ? `, generation ${this.tokens.generation}`
        : '';
    const took = Math.round((clock.nowSeconds() - sentAt) * 1000);
    const faults = node.faults;
    session.note(
      `${clock.format()} ${what} (${operation}) of ${this.name} at ${node.name}, generation ${generation}: ${result}${child} after ${took} ms${faults && ` [${faults}]`}`,
    );
  }
}
