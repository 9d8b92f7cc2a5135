import type { KnownSession } from './known-session.js';

/** A revocation that a client sent. */
export interface Revocation {
  readonly subject: string;
  readonly sentTick: number;
  /** When it was answered, whatever the answer. */
  answeredTick: number;
  /** For a history: what was asked, where and when, and what came of it. */
  text: string;
  readonly covers: (session: KnownSession) => boolean;
}

/** Revocations by subject, to know which sign-ins they may have met. */
export class Revocations {
  readonly #bySubject = new Map<string, Revocation[]>();

  add(revocation: Revocation): void {
    const known = this.#bySubject.get(revocation.subject) ?? [];
    this.#bySubject.set(revocation.subject, [...known.slice(-50), revocation]);
  }

  /** The latest of a subject, with what came of them. */
  latestOf(subject: string): string[] {
    return (this.#bySubject.get(subject) ?? [])
      .slice(-8)
      .map(({ text }) => text);
  }

  /** Whether one was on its way at any time in which this session's sign-in was. */
  mayHaveMet(session: KnownSession, sentTick: number): boolean {
    return (this.#bySubject.get(session.subject) ?? []).some(
      (each) =>
        each.covers(session) &&
        each.answeredTick > sentTick &&
        each.sentTick < session.beganTick,
    );
  }
}
