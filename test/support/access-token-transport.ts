import {
  AMBIGUOUS_TOKEN,
  type Delivery,
  type RequestFacts,
  type Transport,
  type TransportTokens,
} from '../../lib/index.js';

const FIELD = 'accessToken';

/**
 * The token in the header `x-access-token`, or in the query or the body as `accessToken`, as an application
 * would write it. No browser sends any of these by itself. What is in a query is in logs and histories too.
 */
export class AccessTokenTransport implements Transport {
  readonly name = 'access-token';
  readonly ambient = false;

  read(request: RequestFacts): string | typeof AMBIGUOUS_TOKEN | undefined {
    const { headers, url, body } = request;
    const found: unknown[] = [
      headers['x-access-token'],
      ...new URLSearchParams(/\?(.*)/.exec(url ?? '')?.[1]).getAll(FIELD),
      typeof body === 'object' && body !== null && Object.hasOwn(body, FIELD)
        ? (body as Record<string, unknown>)[FIELD]
        : undefined,
    ].filter((value) => value !== undefined);
    const [token] = found;
    return found.length > 1 || (found.length > 0 && typeof token !== 'string')
      ? AMBIGUOUS_TOKEN
      : (token as string | undefined);
  }

  write({ sessionToken }: TransportTokens): readonly Delivery[] {
    return [{ kind: 'header', name: 'X-Access-Token', value: sessionToken }];
  }

  clear(): readonly Delivery[] {
    return [];
  }
}
