/** The claims of a session token. All times are whole seconds since the Unix epoch. */
export interface SessionClaims {
  /** Version of this format. */
  readonly v: 1;
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  /** Session id: 32 random bytes, the same in every token of one session. */
  readonly sid: string;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  readonly nbf?: number;
  /** Original issue time: the sign-in. */
  readonly oiat: number;
  readonly auth_time: number;
  /** When the data was loaded. */
  readonly lat: number;
  readonly params: unknown;
  /** Absent where the params are the data. */
  readonly data?: unknown;
  readonly attrs: Readonly<Record<string, unknown>>;
  /** Revision of the attributes. */
  readonly rev: number;
  /** `false`: the session ends with the browser. */
  readonly per?: false;
  /** What `generate` was given to shorten, in seconds: idle end, absolute end, reload interval. */
  readonly idl?: number;
  readonly abs?: number;
  readonly int?: number;
}
