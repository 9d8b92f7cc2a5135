import { refusalError, type Refusal } from '../errors/refusal.js';
import type { SessionError } from '../errors/session-error.js';
import type { Transport } from '../ports/transport.js';
import { createActiveSession } from '../session/model/active-session.js';
import { IssuedSession } from '../session/model/issued-session.js';
import type { Dispatch } from '../session/model/dispatch.js';
import type { SignedSession } from '../session/model/signed-session.js';
import { dataOf } from '../session/model/verified-session.js';
import { responseIn } from './contexts/graphql-request.js';
import type { Exchange } from './exchange/exchange.js';
import { expandedData } from './expanded-data.js';
import type { DeliverOptions } from './session-service-options.js';
import type { SessionRuntime } from './session-runtime.js';
import { warnOfPersonalData } from './warn-of-personal-data.js';

/** Delivers a newly signed session to the client and to the rest of the request. Returns what was issued. */
export async function handOver(
  runtime: SessionRuntime,
  { session, token, refreshToken }: SignedSession,
  carriers: readonly Transport[],
  exchange: Exchange | undefined,
): Promise<IssuedSession<any, any, any, any>> {
  const data = await expandedData(runtime, session, exchange);
  const active = createActiveSession(runtime, session, data, exchange);
  warnOfPersonalData(runtime, session);
  if (exchange) {
    warnOfPlainHttp(runtime, exchange, session.dispatch);
  }
  exchange?.deliver(runtime.transports.clearingLeftovers(exchange));
  const delivered = exchange?.deliver(session.dispatch) ?? false;
  if (exchange && delivered) {
    exchange.attach(active, runtime);
    exchange.outcome = session;
    // It was just recorded, or found in its record.
    exchange.hasAskedStore = true;
  } else {
    runtime.events.ofSession(session.claims, { type: 'undelivered' });
  }
  return new IssuedSession(
    active,
    dataOf(session.claims),
    { token, refreshToken },
    delivered,
    carriers.every(({ ambient }) => ambient === false),
  );
}

/**
 * Returns the error of a refusal for the service to throw, and clears the client's tokens if the refusal requires it.
 *
 * @param carriers the transports that carried what is refused
 */
export function refusedWith(
  { refusals }: SessionRuntime,
  refusal: Refusal,
  exchange: Exchange | undefined,
  carriers: readonly Transport[],
): SessionError {
  const { dispatch } = refusals.ofTokens(refusal, exchange, carriers);
  if (dispatch) exchange?.deliver(dispatch);
  return refusalError(refusal);
}

/** Warns once if `response` is not a response: the new tokens would be lost silently. */
export function warnOfNoResponse(
  { logger }: SessionRuntime,
  method: 'generate' | 'refresh',
  options: DeliverOptions,
): void {
  if ('response' in options && !responseIn(options.response)) {
    logger.once(
      'warn',
      `no response ${method}`,
      `${method}({ response }): expected an Express response, a Fastify reply, a Node.js response or the context value of a GraphQL operation over HTTP, got ${typeof options.response}, so the tokens reach no client; pass @Res({ passthrough: true }), or omit the option and send the tokens to the client yourself`,
    );
  }
}

function warnOfPlainHttp(
  { options, logger }: SessionRuntime,
  exchange: Exchange,
  dispatch: Dispatch,
): void {
  const writesCookie = dispatch.deliveries.some(
    ({ kind }) => kind === 'cookie',
  );
  if (writesCookie && options.cookie.secure && exchange.isPlainHttp) {
    logger.once(
      'warn',
      'plain http',
      'A Secure session cookie was sent over plain HTTP: browsers keep it on localhost and drop it elsewhere. Expected behind a proxy that terminates TLS: have it send X-Forwarded-Proto to silence the warning.',
    );
  }
}
