import { bodyField, saysPassive } from '../ports/request-facts.js';
import type { IssuedSession } from '../session/model/issued-session.js';
import { Exchange } from './exchange/exchange.js';
import type { SessionRequest } from './exchange/raw-exchange.js';
import { handOver, refusedWith, warnOfNoResponse } from './hand-over.js';
import type { RefreshOptions } from './session-service-options.js';
import { issuingOf, type SessionRuntime } from './session-runtime.js';

/** Exchanges a refresh token, passed directly or carried by a request, and delivers the new tokens. */
export async function refreshSession(
  runtime: SessionRuntime,
  from: string | SessionRequest,
  options: RefreshOptions,
): Promise<IssuedSession<any, any, any, any>> {
  const { response, crossSite, passive } = options;
  warnOfNoResponse(runtime, 'refresh', options);
  const { refresh } = issuingOf(runtime);
  const isToken = typeof from === 'string';
  const exchange = isToken
    ? Exchange.ofResponse(response)
    : Exchange.of(from, response);
  exchange?.requirePlace(runtime);
  const { carriers, result, presentedBy } = await refresh.refresh({
    token: isToken ? from : undefined,
    tokenInBody: isToken ? undefined : refreshTokenInBody(runtime, exchange),
    facts: exchange,
    crossSite,
    isPassive:
      passive === true ||
      (exchange !== undefined && (exchange.isPassive || saysPassive(exchange))),
  });
  switch (result.kind) {
    case 'signed':
      return handOver(runtime, result.signed, carriers, exchange);
    case 'rejected':
      throw refusedWith(runtime, result.refusal, exchange, presentedBy);
    case 'failed':
      throw result.error;
  }
}

/** Returns the refresh token in the body of a request, if the module issues such tokens. */
export function refreshTokenInBody(
  { options }: SessionRuntime,
  exchange: Exchange | undefined,
): string | undefined {
  return exchange && options.refresh
    ? bodyField(exchange, options.refresh.field)
    : undefined;
}
