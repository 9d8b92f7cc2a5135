import type { GenerateOptions } from '../session/generate-options.js';
import type { IssuedSession } from '../session/model/issued-session.js';
import { Exchange } from './exchange/exchange.js';
import { handOver, warnOfNoResponse } from './hand-over.js';
import { offerBinding } from './offer-binding.js';
import type { DeliverOptions } from './session-service-options.js';
import { issuingOf, type SessionRuntime } from './session-runtime.js';

/** Creates a session, and delivers its tokens. */
export async function generateSession(
  runtime: SessionRuntime,
  params: unknown,
  given: GenerateOptions & DeliverOptions,
): Promise<IssuedSession<any, any, any, any>> {
  const { response, ...options } = given;
  warnOfNoResponse(runtime, 'generate', given);
  const exchange = Exchange.ofResponse(response);
  exchange?.requirePlace(runtime);
  const { issuer } = issuingOf(runtime);
  const signed = await issuer.generate(params, options, exchange);
  const issued = await handOver(runtime, signed, signed.carriers, exchange);
  offerBinding(runtime, signed, signed.carriers, exchange);
  return issued;
}
