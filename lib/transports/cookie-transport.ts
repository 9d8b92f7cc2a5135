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
  readonly #clear: readonly Delivery[];

  constructor(session: ResolvedCookieOptions, refresh?: ResolvedCookieOptions) {
    this.#session = new TokenCookie(session);
    this.#refresh = refresh && new TokenCookie(refresh);
    this.#clear = [...this.#session.clear(), ...(this.#refresh?.clear() ?? [])];
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
    const { sessionToken, maxAgeSeconds, refresh, persistent } = tokens;
    const session = this.#session.write(
      sessionToken,
      persistent ? maxAgeSeconds : undefined,
    );
    return refresh && this.#refresh
      ? [
          ...session,
          ...this.#refresh.write(
            refresh.token,
            persistent ? refresh.maxAgeSeconds : undefined,
          ),
        ]
      : session;
  }

  clear(): readonly Delivery[] {
    return this.#clear;
  }
}
