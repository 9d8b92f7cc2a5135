import type { Addresses } from './addresses.js';
import { challengeOf, verdictOnRequest, type Answer } from './answers.js';
import {
  challengeOfOperation,
  verdictOnOperation,
  type GraphqlDocument,
} from './graphql.js';
import type { Requests } from './requests.js';
import type { SessionChallenge } from './session-client-options.js';
import { unlessAborted } from './unless-aborted.js';

/** Interprets responses that may be refusals of our guard; those of another origin say nothing. */
export interface Refusals {
  /** @param graphql the operation that the request carried */
  verdictOn(
    response: Response,
    request: Request,
    graphql: GraphqlDocument | undefined,
  ): Promise<ReturnType<typeof verdictOnRequest | typeof verdictOnOperation>>;
  /** Returns what a new proof of who the user is must satisfy, if a request was refused for want of one. */
  challengeIn(
    response: Response,
    signal: AbortSignal,
    graphql: GraphqlDocument | undefined,
  ): Promise<SessionChallenge | undefined>;
}

export function createRefusals(
  requests: Requests,
  addresses: Addresses,
): Refusals {
  async function refusalIn(
    response: Response,
    signal: AbortSignal,
    given: GraphqlDocument | undefined,
  ): Promise<{
    isRefusal?: boolean;
    graphql?: GraphqlDocument | undefined;
    body?: Answer['body'];
  }> {
    const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '');
    const graphql = isJson ? given : undefined;
    const isRefusal = response.status === 401;
    return addresses.isOwn(response.url) && (isRefusal || graphql)
      ? {
          isRefusal,
          graphql,
          body: await unlessAborted(requests.read(response), signal),
        }
      : {};
  }

  return {
    async verdictOn(response, { method, signal }, given) {
      const { isRefusal, graphql, body } = await refusalIn(
        response,
        signal,
        given,
      );
      const verdict = isRefusal ? verdictOnRequest(method, body) : 'other';
      return verdict === 'other' && graphql
        ? verdictOnOperation(graphql, body)
        : verdict;
    },
    async challengeIn(response, signal, given) {
      const { isRefusal, graphql, body } = await refusalIn(
        response,
        signal,
        given,
      );
      return (
        (isRefusal ? challengeOf(body) : undefined) ??
        (graphql && challengeOfOperation(graphql, body))
      );
    },
  };
}
