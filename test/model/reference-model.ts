/** The times of the sessions in the model. Seconds. */
export interface ModelTimes {
  readonly grace: number;
  readonly idle: number;
  readonly absolute: number;
}

/** A refresh token in the model: there is one chain in each session, so its place in it says which one it is. */
export interface ModelToken {
  readonly session: number;
  readonly generation: number;
}

interface ModelSession {
  readonly subject: string;
  readonly createdAt: number;
  generation: number;
  rotatedAt: number;
  /** When a token of the current generation was first used; `null`: never. */
  usedAt: number | null;
  /** The last generation that was given again late. */
  recovered: number | undefined;
  expiresAt: number;
  hasEnded: boolean;
}

export type ModelVerdict =
  | {
      readonly child: ModelToken;
      readonly how: 'first' | 'again' | 'recovered';
    }
  | 'reused'
  | 'over';

/** What users of the library are promised of refresh tokens and of the ends of sessions, and nothing else. */
export class ReferenceModel {
  readonly sessions: ModelSession[] = [];
  now = 0;

  constructor(readonly times: ModelTimes) {}

  login(subject: string): ModelToken {
    const { now } = this;
    this.sessions.push({
      subject,
      createdAt: now,
      generation: 0,
      rotatedAt: now,
      usedAt: null,
      recovered: undefined,
      expiresAt: now + this.times.idle,
      hasEnded: false,
    });
    return { session: this.sessions.length - 1, generation: 0 };
  }

  refresh({ session: index, generation }: ModelToken): ModelVerdict {
    const session = this.sessions[index]!;
    const { now, times } = this;
    if (!this.isAlive(index)) {
      return 'over';
    }
    const child = { session: index, generation: generation + 1 };
    if (generation === session.generation) {
      session.generation += 1;
      session.rotatedAt = now;
      session.usedAt = null;
      this.#extend(session);
      return { child, how: 'first' };
    }
    const isParent = generation === session.generation - 1;
    const graceStart = session.usedAt ?? session.rotatedAt;
    if (isParent && now < graceStart + times.grace) {
      this.#extend(session);
      return { child, how: 'again' };
    }
    if (
      isParent &&
      session.usedAt === null &&
      session.recovered !== generation
    ) {
      session.recovered = session.generation;
      this.#extend(session);
      return { child, how: 'recovered' };
    }
    session.hasEnded = true;
    return 'reused';
  }

  /** A session token that was issued with a refresh token is used. */
  use({ session: index, generation }: ModelToken): void {
    const session = this.sessions[index]!;
    if (this.isAlive(index) && generation === session.generation) {
      session.usedAt ??= this.now;
    }
  }

  #extend(session: ModelSession): void {
    session.expiresAt = Math.min(
      this.now + this.times.idle,
      session.createdAt + this.times.absolute,
    );
  }

  /** @returns whether there was something to end */
  revoke(index: number): boolean {
    const wasAlive = this.isAlive(index);
    this.sessions[index]!.hasEnded = true;
    return wasAlive;
  }

  /** @returns how many sessions it ended; `undefined` where the one that stays is not one of the subject's */
  revokeAll(subject: string, except?: number): number | undefined {
    if (except !== undefined && !this.list(subject).includes(except)) {
      return undefined;
    }
    return this.list(subject).filter(
      (index) => index !== except && this.revoke(index),
    ).length;
  }

  list(subject: string): number[] {
    return [...this.sessions.keys()].filter(
      (index) =>
        this.sessions[index]!.subject === subject && this.isAlive(index),
    );
  }

  isAlive(index: number): boolean {
    const { hasEnded, expiresAt } = this.sessions[index]!;
    return !hasEnded && this.now < expiresAt;
  }
}
