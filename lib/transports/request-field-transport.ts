import { isSentByBrowsers } from '../options/browser-headers.js';
import {
  AMBIGUOUS_TOKEN,
  type Delivery,
  type SecurityScheme,
  type Transport,
  type TransportTokens,
} from '../ports/transport.js';
import {
  bodyField,
  headerLines,
  headerOf,
  type RequestFacts,
} from '../ports/request-facts.js';

/** Where {@link RequestFieldTransport} looks for a token. Places that are not named are ignored. */
export interface RequestFieldOptions {
  /**
   * A request header that holds nothing but the token: `'x-access-token'`.
   *
   * @default none
   */
  header?: string;
  /**
   * A query parameter. Addresses, including the token, end up in logs, histories and `Referer`: only for clients that
   * can do nothing else, with a short lifetime (RFC 9700, section 4.3.2).
   *
   * @default none
   */
  query?: string;
  /**
   * A field of the parsed body.
   *
   * @default none
   */
  body?: string;
  /**
   * Response header that returns a re-issued token.
   *
   * @default 'Session-Token'
   */
  renewedName?: string;
}

/**
 * Reads session tokens from a custom header, a query parameter or a body field, for clients written for another
 * library: `transport: ['header', new RequestFieldTransport({ query: 'accessToken' })]`. A request with more than one
 * token is refused.
 */
export class RequestFieldTransport implements Transport {
  readonly name = 'field';
  readonly ambient = false;
  readonly varyBy?: string;
  readonly securitySchemes: readonly SecurityScheme[];
  readonly #options: RequestFieldOptions;

  constructor(options: RequestFieldOptions) {
    if (options.header !== undefined) {
      this.varyBy = options.header;
    }
    this.securitySchemes = (['header', 'query'] as const).flatMap((place) => {
      const name = options[place];
      return name === undefined
        ? []
        : [{ type: 'apiKey' as const, in: place, name }];
    });
    this.#options = {
      ...options,
      ...(options.header !== undefined && {
        header: options.header.toLowerCase(),
      }),
    };
  }

  read(request: RequestFacts): string | typeof AMBIGUOUS_TOKEN | undefined {
    const found = this.readAll(request);
    return found.length > 1 ? AMBIGUOUS_TOKEN : found[0];
  }

  readAll(request: RequestFacts): readonly string[] {
    const { header, query, body } = this.#options;
    return [
      ...(header === undefined ? [] : headerLines(request, header)),
      ...(query === undefined ? [] : queryValues(request, query)),
      ...(body === undefined ? [] : [bodyField(request, body)]),
    ].filter((token) => token !== undefined);
  }

  /** Only for the header: every form of another site can fill in a query or a body. */
  provesOrigin(request: RequestFacts): boolean {
    const { header } = this.#options;
    return (
      header !== undefined &&
      !isSentByBrowsers(header) &&
      headerOf(request, header) !== undefined
    );
  }

  write({ sessionToken }: TransportTokens): readonly Delivery[] {
    const { renewedName = 'Session-Token' } = this.#options;
    return [{ kind: 'header', name: renewedName, value: sessionToken }];
  }

  clear(): readonly Delivery[] {
    return [];
  }
}

function queryValues({ url = '' }: RequestFacts, name: string): string[] {
  const start = url.indexOf('?');
  return start === -1 || !url.includes(name, start)
    ? []
    : new URLSearchParams(url.slice(start + 1)).getAll(name);
}
