import type { RequestFacts } from '../request-facts.js';

/** What {@link Transport.read} returns where one request carries more than one token: it is refused. */
export const AMBIGUOUS_TOKEN: unique symbol = Symbol.for(
  'nestjs-session-jwt:ambiguous-token',
);

/** The tokens of one session, on their way to the client. */
export interface TransportTokens {
  readonly sessionToken: string;
  /** Seconds until the session token ends; the natural `Max-Age` of a cookie. */
  readonly maxAgeSeconds: number;
  /** `false` for a session that ends with the browser ("don't remember me"). */
  readonly persistent: boolean;
  /** The refresh token, where the module issues them, and the seconds until it ends. */
  readonly refresh?: { readonly token: string; readonly maxAgeSeconds: number };
  /** A CSRF token of the session, where a cookie brings it to scripts, and the seconds until the session ends. */
  readonly csrf?: { readonly token: string; readonly maxAgeSeconds: number };
}

/** Something that is put into the head of a response. */
export type Delivery =
  | {
      readonly kind: 'cookie';
      readonly name: string;
      /** @deprecated The line says it. */
      readonly domain?: string | undefined;
      /** The whole `Set-Cookie` line. A later one with the same name, domain, path and partition replaces it. */
      readonly line: string;
    }
  | { readonly kind: 'header'; readonly name: string; readonly value: string };

/**
 * How tokens travel. The two built in are `'cookie'` and `'header'`; an application may bring its own.
 * It never touches a response: it says what to send, and the library puts that in at the head.
 */
export interface Transport {
  /** Unique among the transports of one module; `generate({ transport })` names it. */
  readonly name: string;
  /**
   * Whether a browser sends the token on its own, so that CSRF checks apply.
   *
   * @default true
   */
  readonly ambient?: boolean;
  /** The header that a cache must key responses by (`Vary`), if any. */
  readonly varyBy?: string;
  /** The `WWW-Authenticate` challenge of a 401, if any. */
  readonly challenge?: string;
  /** The token of this request, byte for byte: `undefined` when there is none. */
  read(request: RequestFacts): string | typeof AMBIGUOUS_TOKEN | undefined;
  /** The refresh token of this request, where it travels this way. */
  readRefresh?(
    request: RequestFacts,
  ): string | typeof AMBIGUOUS_TOKEN | undefined;
  /**
   * Whether this request carries its token where no page of another site can put one without the consent of your
   * CORS policy: in a header of your own, well-formed or not. A sign-in, refresh or sign-out that brings such a
   * token and no ambient one needs no other proof of its origin. Never `true` for a query or a body, which every
   * form can fill in, or for a header that browsers send on their own.
   *
   * @default a transport without it proves nothing
   */
  provesOrigin?(request: RequestFacts): boolean;
  /**
   * Every session token of this request, where there can be several. A sign-out or a new sign-in ends the sessions of
   * those that are authentic, and checks at most 16 of them.
   *
   * @default what `read` returns: of several tokens none is read
   */
  readAll?(request: RequestFacts): readonly string[];
  /**
   * The same for refresh tokens.
   *
   * @default what `readRefresh` returns
   */
  readAllRefresh?(request: RequestFacts): readonly string[];
  write(tokens: TransportTokens): readonly Delivery[];
  /** What makes the client forget its tokens. */
  clear(): readonly Delivery[];
  /**
   * What makes the client forget tokens that `clear` does not reach, where this request shows that it has some: two
   * cookies of one name. Sent with `clear`, and ahead of the tokens of a sign-in.
   *
   * @default nothing
   */
  clearLeftovers?(request: RequestFacts): readonly Delivery[];
}
