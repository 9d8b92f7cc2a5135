import { isSentByBrowsers } from '../options/browser-headers.js';
import type { ResolvedHeaderOptions } from '../options/resolved-options.js';
import {
  AMBIGUOUS_TOKEN,
  type Delivery,
  type SecurityScheme,
  type Transport,
  type TransportTokens,
} from '../ports/transport.js';
import {
  countHeader,
  headerLines,
  headerOf,
  type RequestFacts,
} from '../ports/request-facts.js';

/** Schemes that browsers send in `Authorization` on their own, with what the user once typed or signed in to. */
const BROWSER_SCHEMES = new Set(['basic', 'digest', 'negotiate', 'ntlm', '']);

/**
 * Carries tokens in `Authorization: Bearer` (RFC 6750, section 2.1), and returns a re-issued one in a response
 * header.
 */
export class HeaderTransport implements Transport {
  readonly name = 'header';
  readonly ambient = false;
  readonly challenge: string;
  readonly varyBy: string;
  readonly securitySchemes: readonly SecurityScheme[];
  readonly #options: ResolvedHeaderOptions;
  /** Whether no other site can make a browser send the header. */
  readonly #isOwn: boolean;

  constructor(options: ResolvedHeaderOptions) {
    this.#options = options;
    this.varyBy = options.name;
    const { resourceMetadata, scheme } = options;
    const metadata = resourceMetadata
      ? ` resource_metadata="${resourceMetadata}"`
      : '';
    this.challenge = (scheme || 'Bearer') + metadata;
    this.securitySchemes = [securitySchemeOf(options)];
    this.#isOwn =
      options.name === 'authorization'
        ? !BROWSER_SCHEMES.has(options.scheme.toLowerCase())
        : !isSentByBrowsers(options.name);
  }

  read(request: RequestFacts): string | typeof AMBIGUOUS_TOKEN | undefined {
    const { name } = this.#options;
    const value = headerOf(request, name);
    if (value === undefined) {
      return undefined;
    }
    return countHeader(request, name) > 1
      ? AMBIGUOUS_TOKEN
      : this.#tokenIn(value);
  }

  readAll(request: RequestFacts): readonly string[] {
    return headerLines(request, this.#options.name)
      .map((value) => this.#tokenIn(value))
      .filter((token) => token !== undefined);
  }

  #tokenIn(value: string): string | undefined {
    const { scheme } = this.#options;
    if (scheme === '') {
      return value;
    }
    return value.charAt(scheme.length) === ' ' &&
      value.slice(0, scheme.length).toLowerCase() === scheme.toLowerCase()
      ? value.slice(scheme.length + 1)
      : undefined;
  }

  provesOrigin(request: RequestFacts): boolean {
    return this.#isOwn && this.read(request) !== undefined;
  }

  write(tokens: TransportTokens): readonly Delivery[] {
    return [
      {
        kind: 'header',
        name: this.#options.renewedName,
        value: tokens.sessionToken,
      },
      ...(tokens.refresh
        ? [
            {
              kind: 'header' as const,
              name: this.#options.renewedRefreshName,
              value: tokens.refresh.token,
            },
          ]
        : []),
    ];
  }

  clear(): readonly Delivery[] {
    return [];
  }
}

function securitySchemeOf({
  name,
  scheme,
}: ResolvedHeaderOptions): SecurityScheme {
  if (name === 'authorization' && scheme.toLowerCase() === 'bearer') {
    return {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description: 'The session token, returned at sign-in',
    };
  }
  return {
    type: 'apiKey',
    in: 'header',
    name,
    description:
      scheme === ''
        ? 'The session token, returned at sign-in'
        : `The word \`${scheme}\`, a space and the session token, returned at sign-in`,
  };
}
