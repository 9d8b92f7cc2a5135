import { stringifySetCookie } from 'cookie';
import type { ResolvedCookieOptions } from '../options/resolved-options.js';
import type { AMBIGUOUS_TOKEN, Delivery } from '../ports/transport.js';
import { headerOf, type RequestFacts } from '../ports/request-facts.js';
import {
  otherShapes,
  type CookieShape,
  type WeighedShape,
} from './cookie-shapes.js';
import { readCookie, readCookies } from './read-cookie.js';

/** A cookie that holds a token, all of whose characters are allowed in cookies. */
export class TokenCookie {
  readonly #options: ResolvedCookieOptions;
  readonly #isReadable: boolean;
  /** Everything in a line of the response except the name, the value and the age. */
  readonly #attributes: string;
  /** Clears the cookies from before a change of `domain`, which would make every request ambiguous. */
  readonly #clearFormer: readonly Delivery[];
  readonly #clearAll: readonly Delivery[];

  /** @param isReadable whether scripts may read it */
  constructor(options: ResolvedCookieOptions, isReadable = false) {
    this.#options = options;
    this.#isReadable = isReadable;
    this.#attributes = attributesOf(options, isReadable);
    // A cookie with a domain cannot have had the `__Host-` prefix.
    const name = options.name.replace(/^__Host-(?:Http-)?/, '__Secure-');
    this.#clearFormer = options.formerDomains.map((domain) =>
      delivery(name, '', 0, attributesOf({ ...options, domain }, isReadable)),
    );
    this.#clearAll = this.write('', 0);
  }

  read(request: RequestFacts): string | typeof AMBIGUOUS_TOKEN | undefined {
    const header = headerOf(request, 'cookie');
    return header === undefined
      ? undefined
      : readCookie(header, this.#options.name);
  }

  /** Returns the values of all cookies of the name. */
  readAll(request: RequestFacts): readonly string[] {
    const header = headerOf(request, 'cookie');
    return header === undefined ? [] : readCookies(header, this.#options.name);
  }

  /**
   * Writes the cookie after clearing the former ones: if a browser takes one of those for the new cookie, as with the
   * domain `localhost`, the new one stays.
   *
   * @param maxAge whole seconds; `undefined` for a cookie that ends with the browser
   */
  write(value: string, maxAge: number | undefined): readonly Delivery[] {
    return [
      ...this.#clearFormer,
      delivery(this.#options.name, value, maxAge, this.#attributes),
    ];
  }

  /** Clears the cookie. A browser forgets it only if name, domain, path and the other attributes are repeated. */
  clear(): readonly Delivery[] {
    return this.#clearAll;
  }

  /** Lists what else a browser can hold under this name that {@link clear} does not reach. */
  leftoverShapes(request: RequestFacts): readonly WeighedShape[] {
    const isSent = this.read(request) !== undefined;
    const { originalUrl, url } = request;
    return otherShapes(
      this.#options,
      isSent ? (originalUrl ?? url ?? '/') : undefined,
    );
  }

  /** Clears a cookie of this name with other attributes. */
  clearShape({ domain, path, partitioned }: CookieShape): Delivery {
    const options = { ...this.#options, domain, path, partitioned };
    return delivery(
      this.#options.name,
      '',
      0,
      attributesOf(
        // Browsers partition only Secure cookies, and send these to the pages of other sites.
        partitioned && !this.#options.partitioned
          ? { ...options, secure: true, sameSite: 'none' }
          : options,
        this.#isReadable,
      ),
    );
  }
}

/** Returns the attributes of a cookie as its `Set-Cookie` line has them, without its age. */
export function cookieAttributes(options: ResolvedCookieOptions): string {
  return attributesOf(options, false).replace(/^; /, '');
}

function delivery(
  name: string,
  value: string,
  maxAge: number | undefined,
  attributes: string,
): Delivery {
  const age = maxAge === undefined ? '' : `; Max-Age=${maxAge}`;
  return { kind: 'cookie', name, line: `${name}=${value}${age}${attributes}` };
}

function attributesOf(
  options: ResolvedCookieOptions,
  isReadable: boolean,
): string {
  const { name, domain, path, secure, sameSite, partitioned } = options;
  const line = stringifySetCookie({
    name,
    value: '',
    path,
    httpOnly: !isReadable,
    secure,
    sameSite,
    partitioned,
    ...(domain !== undefined && { domain }),
  });
  return line.slice(`${name}=`.length);
}
