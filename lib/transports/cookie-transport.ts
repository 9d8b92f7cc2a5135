import type { ResolvedCookieOptions } from '../options/resolved-options.js';
import type {
  AMBIGUOUS_TOKEN,
  Delivery,
  Transport,
  TransportTokens,
} from '../options/transport.js';
import type { RequestFacts } from '../request-facts.js';
import { TokenCookie } from './token-cookie.js';

/** Tokens in cookies: one for the session token, and one for the refresh token where there is one. */
export class CookieTransport implements Transport {
  readonly name = 'cookie';
  readonly ambient = true;
  readonly varyBy = 'Cookie';
  readonly #session: TokenCookie;
  readonly #refresh: TokenCookie | undefined;
  readonly #csrf: TokenCookie | undefined;
  readonly #clear: readonly Delivery[];

  /** @param csrf the cookie that brings CSRF tokens to scripts */
  constructor(
    session: ResolvedCookieOptions,
    refresh?: ResolvedCookieOptions,
    csrf?: ResolvedCookieOptions,
  ) {
    this.#session = new TokenCookie(session);
    this.#refresh = refresh && new TokenCookie(refresh);
    this.#csrf = csrf && new TokenCookie(csrf, true);
    this.#clear = [this.#session, this.#refresh, this.#csrf].flatMap(
      (cookie) => cookie?.clear() ?? [],
    );
  }

  read(request: RequestFacts): string | typeof AMBIGUOUS_TOKEN | undefined {
    return this.#session.read(request);
  }

  readRefresh(
    request: RequestFacts,
  ): string | typeof AMBIGUOUS_TOKEN | undefined {
    return this.#refresh?.read(request);
  }

  write(tokens: TransportTokens): readonly Delivery[] {
    const { sessionToken, maxAgeSeconds, refresh, csrf, persistent } = tokens;
    const write = (
      cookie: TokenCookie | undefined,
      value: string | undefined,
      maxAge = maxAgeSeconds,
    ): readonly Delivery[] =>
      cookie && value !== undefined
        ? cookie.write(value, persistent ? maxAge : undefined)
        : [];
    return [
      ...write(this.#session, sessionToken),
      ...write(this.#refresh, refresh?.token, refresh?.maxAgeSeconds),
      ...write(this.#csrf, csrf?.token, csrf?.maxAgeSeconds),
    ];
  }

  clear(): readonly Delivery[] {
    return this.#clear;
  }
}
