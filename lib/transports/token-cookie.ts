import { stringifySetCookie } from 'cookie';
import type { ResolvedCookieOptions } from '../options/resolved-options.js';
import type { AMBIGUOUS_TOKEN, Delivery } from '../options/transport.js';
import { headerOf, type RequestFacts } from '../request-facts.js';
import { readCookie } from './read-cookie.js';

/** One cookie that holds a token, which consists of characters that every cookie may have. */
export class TokenCookie {
  readonly #options: ResolvedCookieOptions;
  /** All but the name, the value and the age, as a line of the response spells it. */
  readonly #attributes: string;
  /** Cookies left over from before a change of `domain`; they would make every request ambiguous. */
  readonly #clearFormer: readonly Delivery[];
  readonly #clearAll: readonly Delivery[];

  /** @param isReadable whether scripts may read it */
  constructor(options: ResolvedCookieOptions, isReadable = false) {
    this.#options = options;
    this.#attributes = attributesOf(options, isReadable);
    // A cookie with a domain cannot have had the `__Host-` prefix.
    const name = options.name.replace(/^__Host-/, '__Secure-');
    this.#clearFormer = options.formerDomains.map((domain) =>
      delivery(
        name,
        domain,
        '',
        0,
        attributesOf({ ...options, domain }, isReadable),
      ),
    );
    this.#clearAll = this.write('', 0);
  }

  read(request: RequestFacts): string | typeof AMBIGUOUS_TOKEN | undefined {
    const header = headerOf(request, 'cookie');
    return header === undefined
      ? undefined
      : readCookie(header, this.#options.name);
  }

  /** @param maxAge whole seconds; `undefined` for a cookie that ends with the browser */
  write(value: string, maxAge: number | undefined): readonly Delivery[] {
    const { name, domain } = this.#options;
    return [
      delivery(name, domain, value, maxAge, this.#attributes),
      ...this.#clearFormer,
    ];
  }

  /** A browser forgets a cookie only when name, domain, path and the other attributes are repeated. */
  clear(): readonly Delivery[] {
    return this.#clearAll;
  }
}

function delivery(
  name: string,
  domain: string | undefined,
  value: string,
  maxAge: number | undefined,
  attributes: string,
): Delivery {
  const age = maxAge === undefined ? '' : `; Max-Age=${maxAge}`;
  return {
    kind: 'cookie',
    name,
    domain,
    line: `${name}=${value}${age}${attributes}`,
  };
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
