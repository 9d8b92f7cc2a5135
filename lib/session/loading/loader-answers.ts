import type {
  SessionContent,
  TokenClaims,
} from '../../tokens/session-claims.js';
import type { LoadFailures } from './load-failures.js';
import type { LoaderCalls } from './loader-calls.js';
import {
  sessionContext,
  type SessionInContext,
} from '../model/session-context.js';
import type { LoadContext } from '../model/session-data-loader.js';
import type { SessionEnds } from '../records/session-ends.js';

/** Why there is no data: the session has ended, or the data source or the store is unavailable. */
export type NotLoaded =
  | {
      readonly kind: 'rejected';
      readonly refusal: 'ended' | 'params' | 'unknown';
    }
  | { readonly kind: 'failed'; readonly error: Error };

export interface LoaderAnswersParts {
  /** `undefined` if the params are the data, so that there is nothing to load. */
  readonly calls: LoaderCalls | undefined;
  readonly ends: SessionEnds;
  readonly failures: LoadFailures;
}

/** Calls the loader for existing sessions, and applies its answers. */
export class LoaderAnswers {
  readonly #parts: LoaderAnswersParts;
  readonly #exchanges = new Map<string, ReturnType<LoaderAnswers['ask']>>();

  constructor(parts: LoaderAnswersParts) {
    this.#parts = parts;
  }

  /** Calls the loader, and ends the session if the loader says so. */
  async ask(
    session: SessionInContext & { readonly params: unknown },
    reason: LoadContext['reason'],
  ): Promise<{ readonly kind: 'loaded'; readonly data: unknown } | NotLoaded> {
    const { calls, ends, failures } = this.#parts;
    if (!calls) {
      return { kind: 'loaded', data: undefined };
    }
    const outcome = await calls.call(session.params, {
      ...sessionContext(session),
      reason,
    });
    switch (outcome.kind) {
      case 'loaded':
        return outcome;
      case 'ended':
        // A failure of the store is reported elsewhere, and changes nothing here.
        await ends
          .end(session, 'loader', outcome.error.message)
          .catch(() => false);
        return { kind: 'rejected', refusal: 'ended' };
      case 'params-refused':
        return { kind: 'rejected', refusal: 'params' };
      case 'failed':
        return { kind: 'failed', error: failures.add(session, outcome.error) };
    }
  }

  /** Works like {@link ask}, for an exchange: concurrent exchanges of one refresh token share a load. */
  forExchange(
    claims: TokenClaims,
    content: Pick<SessionContent, 'params' | 'attrs' | 'rev'>,
  ): ReturnType<LoaderAnswers['ask']> {
    const key = `${claims.sid} ${claims.jti} ${content.rev}`;
    let load = this.#exchanges.get(key);
    if (!load) {
      load = this.ask({ ...claims, ...content }, 'refresh').finally(() =>
        this.#exchanges.delete(key),
      );
      this.#exchanges.set(key, load);
    }
    return load;
  }
}
