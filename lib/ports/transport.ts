import type { RequestFacts } from './request-facts.js';

/** The result of {@link Transport.read} for a request that carries more than one token, which is refused. */
export const AMBIGUOUS_TOKEN: unique symbol = Symbol.for(
  'nestjs-session-jwt:ambiguous-token',
);

/** The tokens of one session, to be sent to the client. */
export interface TransportTokens {
  readonly sessionToken: string;
  /** Seconds until the session token expires; the natural `Max-Age` of a cookie. */
  readonly maxAgeSeconds: number;
  /** `false` for a session that ends with the browser ("don't remember me"). */
  readonly persistent: boolean;
  /**
   * `true` if the session is bound to a device. The browser obtains new tokens when the session token is gone, so its
   * cookie must end by itself.
   *
   * @default false
   */
  readonly isBound?: boolean;
  /** The refresh token, if the module issues them, and the seconds until it expires. */
  readonly refresh?: { readonly token: string; readonly maxAgeSeconds: number };
  /** A CSRF token of the session, if a cookie passes it to scripts, and the seconds until the session ends. */
  readonly csrf?: { readonly token: string; readonly maxAgeSeconds: number };
}

/** A cookie or header to be added to the head of a response. */
export type Delivery =
  | {
      readonly kind: 'cookie';
      readonly name: string;
      /** @deprecated The line contains it. */
      readonly domain?: string | undefined;
      /** The whole `Set-Cookie` line. A later one with the same name, domain, path and partition replaces it. */
      readonly line: string;
    }
  | {
      readonly kind: 'header';
      readonly name: string;
      readonly value: string;
      /**
       * `false` for a header that is for the browser itself: scripts of other origins must not read it.
       *
       * @default true
       */
      readonly isExposed?: boolean;
    };

/** How an OpenAPI document describes where a client puts its session token (OpenAPI 3.0.3, section 4.7.27). */
export type SecurityScheme =
  | {
      readonly type: 'apiKey';
      readonly in: 'cookie' | 'header' | 'query';
      readonly name: string;
      readonly description?: string;
    }
  | {
      readonly type: 'http';
      readonly scheme: string;
      readonly bearerFormat?: string;
      readonly description?: string;
    };

/**
 * How tokens travel. `'cookie'` and `'header'` are built in; an application can add custom transports. A transport
 * never touches a response: it returns what to send, and the library adds that to the head of the response.
 */
export interface Transport {
  /** Unique among the transports of one module; `generate({ transport })` refers to it. */
  readonly name: string;
  /**
   * Whether browsers send the token on their own, so that CSRF checks apply.
   *
   * @default true
   */
  readonly ambient?: boolean;
  /** The header by which caches must key responses (`Vary`), if any. */
  readonly varyBy?: string;
  /** The `WWW-Authenticate` challenge of a 401, if any. */
  readonly challenge?: string;
  /**
   * The places where a client can put its session token, for OpenAPI documents. Named after the transport there.
   *
   * @default none: documents state the responses of guarded routes, but not how to authenticate this way
   */
  readonly securitySchemes?: readonly SecurityScheme[];
  /** Returns the token of this request, byte for byte; `undefined` if there is none. */
  read(request: RequestFacts): string | typeof AMBIGUOUS_TOKEN | undefined;
  /** Returns the refresh token of this request, if it travels this way. */
  readRefresh?(
    request: RequestFacts,
  ): string | typeof AMBIGUOUS_TOKEN | undefined;
  /**
   * Returns whether this request carries its token where pages of other sites cannot put one without the consent of
   * your CORS policy: in a custom header, well-formed or not. A sign-in, refresh or sign-out with such a token and no
   * ambient one needs no other proof of its origin. Never return `true` for a query or a body, which every form can
   * fill in, or for a header that browsers send on their own.
   *
   * @default a transport without it proves nothing
   */
  provesOrigin?(request: RequestFacts): boolean;
  /**
   * Returns every session token of this request, if there can be several. A sign-out or a new sign-in ends the
   * sessions of the authentic ones, and checks at most 16.
   *
   * @default the result of `read`: none of several tokens
   */
  readAll?(request: RequestFacts): readonly string[];
  /**
   * The same for refresh tokens.
   *
   * @default the result of `readRefresh`
   */
  readAllRefresh?(request: RequestFacts): readonly string[];
  write(tokens: TransportTokens): readonly Delivery[];
  /** Returns what makes the client forget its tokens. */
  clear(): readonly Delivery[];
  /**
   * Returns what makes the client forget tokens that `clear` does not reach, if this request shows that it has some:
   * two cookies with the same name. Sent with `clear`, and before the tokens of a sign-in.
   *
   * @default nothing
   */
  clearLeftovers?(request: RequestFacts): readonly Delivery[];
}
