import type { ResolvedCookieOptions } from '../options/resolved-options.js';
import {
  AMBIGUOUS_TOKEN,
  type Delivery,
  type SecurityScheme,
  type Transport,
  type TransportTokens,
} from '../ports/transport.js';
import type { RequestFacts } from '../ports/request-facts.js';
import { TokenCookie } from './token-cookie.js';

/** The most lines that one response uses for clearing, including the other lines of our cookies. */
const MAXIMUM_LINES = 16;
const MAXIMUM_BYTES = 2048;
/** Bytes that a header line adds to its value. */
const LINE_BYTES = 'Set-Cookie: \r\n'.length;

/** Carries tokens in cookies: one for the session token, and one for the refresh token if there is one. */
export class CookieTransport implements Transport {
  readonly name = 'cookie';
  readonly ambient = true;
  readonly varyBy = 'Cookie';
  readonly securitySchemes: readonly SecurityScheme[];
  readonly #session: TokenCookie;
  readonly #refresh: TokenCookie | undefined;
  readonly #csrf: TokenCookie | undefined;
  readonly #all: readonly TokenCookie[];
  readonly #clear: readonly Delivery[];

  /** @param csrf the cookie that passes CSRF tokens to scripts */
  constructor(
    session: ResolvedCookieOptions,
    refresh?: ResolvedCookieOptions,
    csrf?: ResolvedCookieOptions,
  ) {
    this.securitySchemes = [
      {
        type: 'apiKey',
        in: 'cookie',
        name: session.name,
        description: 'The session cookie, set at sign-in',
      },
    ];
    this.#session = new TokenCookie(session);
    this.#refresh = refresh && new TokenCookie(refresh);
    this.#csrf = csrf && new TokenCookie(csrf, true);
    this.#all = [this.#session, this.#refresh, this.#csrf].filter(
      (cookie) => cookie !== undefined,
    );
    this.#clear = this.#all.flatMap((cookie) => cookie.clear());
  }

  read(request: RequestFacts): string | typeof AMBIGUOUS_TOKEN | undefined {
    return this.#session.read(request);
  }

  readRefresh(
    request: RequestFacts,
  ): string | typeof AMBIGUOUS_TOKEN | undefined {
    return this.#refresh?.read(request);
  }

  readAll(request: RequestFacts): readonly string[] {
    return this.#session.readAll(request);
  }

  readAllRefresh(request: RequestFacts): readonly string[] {
    return this.#refresh?.readAll(request) ?? [];
  }

  write(tokens: TransportTokens): readonly Delivery[] {
    const { sessionToken, maxAgeSeconds, refresh, csrf, persistent } = tokens;
    const write = (
      cookie: TokenCookie | undefined,
      value: string | undefined,
      maxAge = maxAgeSeconds,
      isTemporary = persistent,
    ): readonly Delivery[] =>
      cookie && value !== undefined
        ? cookie.write(value, isTemporary ? maxAge : undefined)
        : [];
    return [
      ...write(
        this.#session,
        sessionToken,
        maxAgeSeconds,
        persistent || tokens.isBound,
      ),
      ...write(this.#refresh, refresh?.token, refresh?.maxAgeSeconds),
      ...write(this.#csrf, csrf?.token, csrf?.maxAgeSeconds),
    ];
  }

  clear(): readonly Delivery[] {
    return this.#clear;
  }

  /**
   * Clears former cookies. After a change of `domain`, `path` or `partitioned`, a browser keeps the former cookie
   * alongside the new one and sends both. Only responses to such requests grow: by at most 16 lines and 2 KB,
   * including those of {@link clear}.
   */
  clearLeftovers(request: RequestFacts): readonly Delivery[] {
    const shapes = this.#withLeftovers(request)
      .flatMap((cookie) =>
        cookie
          .leftoverShapes(request)
          .map((shape) => ({ cookie, shape, weight: shape.weight })),
      )
      .toSorted((a, b) => a.weight - b.weight)
      .slice(0, Math.max(0, MAXIMUM_LINES - this.#clear.length));
    let bytes = bytesOf(this.#clear);
    return shapes
      .map(({ cookie, shape }) => cookie.clearShape(shape))
      .filter((delivery) => {
        const more = bytesOf([delivery]);
        const fits = bytes + more <= MAXIMUM_BYTES;
        bytes += fits ? more : 0;
        return fits;
      });
  }

  #withLeftovers(request: RequestFacts): readonly TokenCookie[] {
    const values = this.#all.map((cookie) => cookie.read(request));
    if (values.includes(AMBIGUOUS_TOKEN)) {
      return this.#all;
    }
    // The name of the CSRF cookie is independent of its attributes, so the cookie stays behind when those and the
    // name of the session cookie change.
    const isOrphan =
      values[0] === undefined && this.#csrf?.read(request) !== undefined;
    return this.#csrf && isOrphan ? [this.#csrf] : [];
  }
}

function bytesOf(deliveries: readonly Delivery[]): number {
  return deliveries.reduce(
    (sum, each) =>
      sum + (each.kind === 'cookie' ? each.line.length + LINE_BYTES : 0),
    0,
  );
}
