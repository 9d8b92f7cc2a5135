import { holdsFor } from '../csrf/csrf-policy.js';
import {
  verifiedOf,
  type AnySession,
} from '../session/model/active-session.js';
import { handlingOf, type Handling } from '../session/model/handling.js';
import type { SessionOutcome } from '../session/model/session-outcome.js';
import type { Exchange } from './exchange/exchange.js';
import type { SessionRuntime } from './session-runtime.js';

/**
 * Decides on a request whose response can deliver tokens: once, however often it is called. Decides again only for what
 * the first outcome does not cover: the store's answer, the origin of a request that middleware has made unsafe since,
 * and user activity. An idle end that has moved cannot move back, so active wins.
 */
export function evaluate(
  runtime: SessionRuntime,
  exchange: Exchange,
  handling: Handling,
): SessionOutcome | Promise<SessionOutcome> {
  const { authenticator, transports } = runtime;
  if (!exchange.canDeliver) {
    return evaluateAnew(runtime, exchange, handling);
  }
  const known = exchange.outcome;
  if (known === undefined) {
    if (transports.varyBy !== undefined) exchange.varyBy(transports.varyBy);
    keep(exchange, authenticator.authenticate(exchange, handling));
    exchange.isPassive = handling.isPassive;
  } else if (!covers(exchange, handling)) {
    // Computed before the method is noted: the earlier outcome may still be pending.
    const isOther = !holdsFor(exchange, exchange.evaluatedMethod);
    exchange.isPassive &&= handling.isPassive;
    const again = (outcome: SessionOutcome) =>
      outcome.kind === 'authenticated'
        ? authenticator.evaluateSession(
            exchange.session ? verifiedOf(exchange.session, runtime) : outcome,
            isOther ? false : undefined,
            exchange,
            handlingOf({
              canDeliver: exchange.canDeliver,
              asksStore: handling.asksStore,
              isPassive: exchange.isPassive,
            }),
          )
        : outcome;
    keep(exchange, known instanceof Promise ? known.then(again) : again(known));
  } else {
    return known;
  }
  exchange.hasAskedStore ||= handling.asksStore;
  exchange.evaluatedMethod = exchange.method;
  return exchange.outcome!;
}

/**
 * Decides on a request without sharing the outcome: by the session attached so far, or by the tokens that the request
 * carries. Exchanges and re-issues nothing.
 */
export function evaluateAnew(
  runtime: SessionRuntime,
  exchange: Exchange,
  handling: Handling,
): SessionOutcome | Promise<SessionOutcome> {
  const { authenticator } = runtime;
  const { session } = exchange;
  const undelivered = handlingOf({ ...handling, canDeliver: false });
  if (!session) {
    return authenticator.authenticate(exchange, undelivered);
  }
  const isOther = !holdsFor(exchange, exchange.evaluatedMethod);
  return authenticator.evaluateSession(
    verifiedOf(session, runtime),
    isOther ? false : undefined,
    exchange,
    undelivered,
  );
}

/** Returns the session that an earlier outcome attached, if that outcome is settled and covers this check. */
export function attachedTo(
  exchange: Exchange,
  handling: Handling,
): AnySession | undefined {
  const { session, outcome } = exchange;
  if (
    !session ||
    !outcome ||
    outcome instanceof Promise ||
    !covers(exchange, handling)
  ) {
    return undefined;
  }
  const { kind } = outcome;
  // An unavailable store does not affect a check that does not query it.
  return kind === 'authenticated' ||
    (kind === 'unavailable' && !handling.asksStore)
    ? session
    : undefined;
}

/** Keeps an outcome for the request, and replaces its promise once that settles. */
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
  { asksStore, isPassive }: Handling,
): boolean {
  return (
    (!asksStore || exchange.hasAskedStore) &&
    (isPassive || !exchange.isPassive) &&
    holdsFor(exchange, exchange.evaluatedMethod)
  );
}
