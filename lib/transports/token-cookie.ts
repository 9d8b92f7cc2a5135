import { stringifySetCookie } from 'cookie';
import type { ResolvedCookieOptions } from '../options/resolved-options.js';
import type { AMBIGUOUS_TOKEN, Delivery } from '../options/transport.js';
import { headerOf, type RequestFacts } from '../request-facts.js';
import { readCookie } from './read-cookie.js';

/** One cookie that holds a token. */
export class TokenCookie {
  readonly #options: ResolvedCookieOptions;
  /** Cookies left over from before a change of `domain`; they would make every request ambiguous. */
  readonly #clearFormer: readonly Delivery[];
  readonly #clearAll: readonly Delivery[];

  /** @param isReadable whether scripts may read it */
  constructor(
    options: ResolvedCookieOptions,
    private readonly isReadable = false,
  ) {
    this.#options = options;
    // A cookie with a domain cannot have had the `__Host-` prefix.
    const formerName = options.name.replace(/^__Host-/, '__Secure-');
    this.#clearFormer = options.formerDomains.map((domain) =>
      this.#cookie({ name: formerName, domain, value: '', maxAge: 0 }),
    );
    this.#clearAll = [
      this.#cookie({ value: '', maxAge: 0 }),
      ...this.#clearFormer,
    ];
  }

  read(request: RequestFacts): string | typeof AMBIGUOUS_TOKEN | undefined {
    const header = headerOf(request, 'cookie');
    return header === undefined
      ? undefined
      : readCookie(header, this.#options.name);
  }

  /** @param maxAge `undefined` for a cookie that ends with the browser */
  write(value: string, maxAge: number | undefined): readonly Delivery[] {
    return [
      this.#cookie({ value, ...(maxAge !== undefined && { maxAge }) }),
      ...this.#clearFormer,
    ];
  }

  clear(): readonly Delivery[] {
    return this.#clearAll;
  }

  /** A browser forgets a cookie only when name, domain, path and the other attributes are repeated. */
  #cookie(own: {
    value: string;
    maxAge?: number;
    name?: string;
    domain?: string;
  }): Delivery {
    const { name, domain, path, secure, sameSite, partitioned } = this.#options;
    const cookie = {
      name,
      path,
      httpOnly: !this.isReadable,
      secure,
      sameSite,
      partitioned,
      ...(domain !== undefined && { domain }),
      ...own,
    };
    return {
      kind: 'cookie',
      name: cookie.name,
      domain: cookie.domain,
      line: stringifySetCookie(cookie, { encode: String }),
    };
  }
}
