import type { OfferedSession } from '../../binding/device-challenges.js';
import type { Refusal } from '../../errors/refusal.js';
import type { Transport } from '../../ports/transport.js';
import type { RequestFacts } from '../../ports/request-facts.js';
import type { RefreshClaims } from '../../tokens/session-claims.js';
import type { Dispatch } from '../model/dispatch.js';
import type { SessionEvents } from '../model/session-events.js';
import { keysUnavailable } from '../model/session-outcome.js';
import type { SignedSession } from '../model/signed-session.js';
import type { RefreshExchange } from '../refresh-exchange.js';
import { findRefreshToken } from '../request/find-refresh-token.js';
import type { SessionRefusals } from '../session-refusals.js';

/** How a browser is answered that registers its key, or refreshes with it. */
export type BindingAnswer =
  /** The session goes on, with new tokens if any. */
  | {
      readonly kind: 'bound';
      readonly sid: string;
      readonly signed: SignedSession | undefined;
    }
  /** The browser must prove that it has the key. */
  | { readonly kind: 'challenged'; readonly sid: string }
  /** There is no such session any more: the browser forgets it. */
  | { readonly kind: 'ended'; readonly dispatch: Dispatch | undefined }
  | {
      readonly kind: 'refused';
      readonly refusal: Refusal;
      readonly dispatch: Dispatch | undefined;
    }
  | { readonly kind: 'failed'; readonly error: Error };

type FoundToken =
  | { readonly claims: RefreshClaims }
  | { readonly answer: BindingAnswer }
  | undefined;

export interface BindingAnswersParts {
  /** The only transport of bound sessions. */
  readonly cookies: Transport;
  readonly refreshExchange: RefreshExchange;
  readonly refusals: SessionRefusals;
  readonly events: SessionEvents;
}

/** What registrations and refreshes of browsers have in common. */
export class BindingAnswers {
  readonly #parts: BindingAnswersParts;

  constructor(parts: BindingAnswersParts) {
    this.#parts = parts;
  }

  /** Returns the refresh token of a request, or how the request is answered if that is no good. */
  async refreshTokenIn(facts: RequestFacts): Promise<FoundToken> {
    const { cookies, refreshExchange, refusals } = this.#parts;
    const find = (): ReturnType<typeof findRefreshToken> =>
      findRefreshToken([cookies], facts, (token) =>
        refreshExchange.verify(token),
      );
    let found = find();
    if (found && 'refusal' in found && found.refusal === 'unknown-key') {
      await refreshExchange.learn();
      found = find();
    }
    if (!found || !('refusal' in found)) {
      return found;
    }
    // The browser keeps its token, and must keep the binding with it.
    return found.refusal === 'unknown-key'
      ? { answer: { kind: 'failed', error: keysUnavailable() } }
      : {
          answer: {
            ...refusals.ofTokens(found.refusal, facts, found.carriers),
            kind: 'refused',
          },
        };
  }

  ended(refusal: Refusal, facts: RequestFacts): BindingAnswer {
    const { refusals, cookies } = this.#parts;
    const carried = cookies.readRefresh?.(facts) === undefined ? [] : [cookies];
    return { ...refusals.ofTokens(refusal, facts, carried), kind: 'ended' };
  }

  refused(refusal: Refusal): BindingAnswer {
    const { refusals } = this.#parts;
    return { ...refusals.ofTokens(refusal, undefined, []), kind: 'refused' };
  }

  /** Refuses a proof that does not fit the session, which goes on. */
  refusedTo(
    session: OfferedSession,
    reason: 'other-key' | 'other-session',
  ): BindingAnswer {
    this.#parts.events.ofSession(session, { type: 'boundRefused', reason });
    return this.refused('other-device');
  }
}
