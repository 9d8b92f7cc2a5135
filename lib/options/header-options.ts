/** The headers that carry the token. */
export interface HeaderOptions {
  /**
   * Request header that carries the token.
   *
   * @default 'Authorization'
   */
  name?: string;
  /**
   * Word before the token, compared case-insensitively; `''` for a header that holds nothing but the token.
   *
   * @default 'Bearer'
   */
  scheme?: string;
  /**
   * Response header that returns a re-issued token. Exposed for CORS.
   *
   * @default 'Session-Token'
   */
  renewedName?: string;
  /**
   * Response header that returns a new refresh token. Exposed for CORS.
   *
   * @default 'Session-Refresh-Token'
   */
  renewedRefreshName?: string;
  /**
   * Address of the OAuth 2.0 metadata of this service. Its 401 then say where to get a token (RFC 9728, section 5.1), as
   * the Model Context Protocol requires.
   *
   * @default none
   */
  resourceMetadata?: string;
}
