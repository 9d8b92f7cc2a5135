import { holdsFor } from '../csrf/csrf-policy.js';
import { verifiedOf, type ActiveSession } from '../session/active-session.js';
import { handlingOf } from '../session/handling.js';
import type { SessionOutcome } from '../session/session-outcome.js';
import type { Exchange } from './exchange.js';
import type { SessionRuntime } from './session-runtime.js';

/**
 * The one verdict on a request whose response can bring tokens, however often it is asked for. It is made again only
 * for what it does not cover: the store's answer, who sent a request that middleware has made unsafe since, and that
 * the request is activity of the user. What has moved an idle end cannot take it back, so active wins.
 *
 * @param asksStore whether the store must have been asked if the session is still alive
 * @param isPassive whether the request is no activity of the user
 */
export function judge(
  runtime: SessionRuntime,
  exchange: Exchange,
  asksStore: boolean,
  isPassive: boolean,
): SessionOutcome | Promise<SessionOutcome> {
  const { authenticator, transports } = runtime;
  if (!exchange.canDeliver) {
    return judgeAnew(runtime, exchange, asksStore, isPassive);
  }
  const known = exchange.outcome;
  if (known === undefined) {
    if (transports.varyBy !== undefined) exchange.varyBy(transports.varyBy);
    keep(
      exchange,
      authenticator.authenticate(exchange, true, asksStore, isPassive),
    );
    exchange.isPassive = isPassive;
  } else if (!covers(exchange, asksStore, isPassive)) {
    // Before the method is noted: the earlier verdict may still be under way.
    const isOther = !holdsFor(exchange, exchange.judgedMethod);
    exchange.isPassive &&= isPassive;
    const again = (outcome: SessionOutcome) =>
      outcome.kind === 'authenticated'
        ? authenticator.judgeSession(
            exchange.session ? verifiedOf(exchange.session, runtime) : outcome,
            isOther ? false : undefined,
            exchange,
            handlingOf(exchange.canDeliver, asksStore, exchange.isPassive),
          )
        : outcome;
    keep(exchange, known instanceof Promise ? known.then(again) : again(known));
  } else {
    return known;
  }
  exchange.hasAskedStore ||= asksStore;
  exchange.judgedMethod = exchange.method;
  return exchange.outcome!;
}

/**
 * A verdict that is shared with nothing: on the session that the request has by now, or on the tokens that it carries.
 * Exchanges and re-issues nothing.
 */
export function judgeAnew(
  runtime: SessionRuntime,
  exchange: Exchange,
  asksStore: boolean,
  isPassive: boolean,
): SessionOutcome | Promise<SessionOutcome> {
  const { authenticator } = runtime;
  const { session } = exchange;
  if (!session) {
    return authenticator.authenticate(exchange, false, asksStore, isPassive);
  }
  const isOther = !holdsFor(exchange, exchange.judgedMethod);
  return authenticator.judgeSession(
    verifiedOf(session, runtime),
    isOther ? false : undefined,
    exchange,
    handlingOf(false, asksStore, isPassive),
  );
}

/** The session that an earlier verdict has attached, where that verdict is settled and enough. */
export function attachedTo(
  exchange: Exchange,
  asksStore: boolean,
  isPassive: boolean,
): ActiveSession<any, any, any> | undefined {
  const { session, outcome } = exchange;
  if (
    !session ||
    !outcome ||
    outcome instanceof Promise ||
    !covers(exchange, asksStore, isPassive)
  ) {
    return undefined;
  }
  const { kind } = outcome;
  // A store that could not answer says nothing against a check that does not ask it.
  return kind === 'authenticated' || (kind === 'unavailable' && !asksStore)
    ? session
    : undefined;
}

/** Keeps a verdict for the request; in place of its promise as soon as it is there. */
function keep(
  exchange: Exchange,
  verdict: SessionOutcome | Promise<SessionOutcome>,
): void {
  if (!(verdict instanceof Promise)) {
    exchange.outcome = verdict;
    return;
  }
  const pending = verdict.then((settled) => {
    if (exchange.outcome === pending) exchange.outcome = settled;
    return settled;
  });
  exchange.outcome = pending;
}

function covers(
  exchange: Exchange,
  asksStore: boolean,
  isPassive: boolean,
): boolean {
  return (
    (!asksStore || exchange.hasAskedStore) &&
    (isPassive || !exchange.isPassive) &&
    holdsFor(exchange, exchange.judgedMethod)
  );
}
