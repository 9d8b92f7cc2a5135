/** The claims that both kinds of tokens have. All times are whole seconds since the Unix epoch. */
export interface TokenClaims {
  /** Version of this format. */
  readonly v: 1;
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  /** Session id: 32 random bytes, the same in every token of one session. */
  readonly sid: string;
  /** In a refresh token, its secret part. */
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  readonly nbf?: number;
  /** Original issue time: the sign-in. */
  readonly oiat: number;
  /** When the user last proved who they are (OpenID Connect Core 1.0, section 2). Only a new proof moves it. */
  readonly auth_time: number;
  /** The class of that proof (OpenID Connect Core 1.0, section 2). */
  readonly acr?: string;
  /** Its methods (RFC 8176). */
  readonly amr?: readonly string[];
  /** `false`: the session ends with the browser. */
  readonly per?: false;
  /** The limits that `generate` shortened, in seconds: idle end, absolute end, reload interval. */
  readonly idl?: number;
  readonly abs?: number;
  readonly int?: number;
}

/** The claims that say how the user proved who they are. */
export type AuthenticationClaims = Pick<
  TokenClaims,
  'auth_time' | 'acr' | 'amr'
>;

/** The claims that identify a session. */
export type NamedSession = Pick<TokenClaims, 'sid' | 'sub'>;

/** The content of a session, in the token or in the record that the token refers to. */
export interface SessionContent {
  /** When the data was loaded. */
  readonly lat: number;
  readonly params: unknown;
  /** Absent if the params are the data. */
  readonly data?: unknown;
  readonly attrs: Readonly<Record<string, unknown>>;
  /** Revision of the attributes: raised by each update, and by each reload that the application requests. */
  readonly rev: number;
}

/** The claims of a session token. */
export interface SessionClaims extends TokenClaims, SessionContent {
  /**
   * The `exp` of the refresh token issued with it: the idle end of the session. Absent without refresh tokens, and in
   * tokens of version 0.1.
   */
  readonly rexp?: number;
  /**
   * The generation of the refresh token issued with it, if a store records the chain. Using the session token shows
   * that the response has arrived.
   */
  readonly gen?: number;
  /** The thumbprint of the key that the session is bound to (RFC 7800, section 3; RFC 9449, section 6.1). */
  readonly cnf?: KeyThumbprint;
}

/** A confirmation by the thumbprint of a key (RFC 7638). */
export interface KeyThumbprint {
  readonly jkt: string;
}

/** The claims of a refresh token: stateless, or with its place in the chain that a store records. */
export type RefreshClaims =
  | StatelessRefreshClaims
  | (TokenClaims & { readonly gen: number; readonly cnf?: KeyThumbprint });

/** The claims of a refresh token without a store: everything that a new session token needs. */
export type StatelessRefreshClaims = TokenClaims &
  Pick<SessionContent, 'params' | 'attrs' | 'rev'> & {
    /** The key that the session is bound to (RFC 7800, section 3.2), since no record holds it. */
    readonly cnf?: { readonly jwk: Readonly<Record<string, string>> };
  };

const NOT_SHARED: ReadonlySet<string> = new Set<keyof SessionClaims | 'gen'>([
  'rexp',
  'lat',
  'params',
  'data',
  'attrs',
  'rev',
  'gen',
  'cnf',
]);

/** Returns the claims that all tokens of a session share. */
export function tokenClaimsOf(claims: TokenClaims): TokenClaims {
  const shared: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(claims)) {
    if (!NOT_SHARED.has(name)) shared[name] = value;
  }
  return shared as unknown as TokenClaims;
}
