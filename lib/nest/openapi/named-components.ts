import { isDeepStrictEqual } from 'node:util';
import type { SecurityScheme } from '../../ports/transport.js';
import type { Components, OpenApiDocument } from './openapi-document.js';

type Kind = 'responses' | 'schemas' | 'securitySchemes';

/** Adds components to those of a document, each once, and never replaces one of the application. */
export class NamedComponents {
  readonly #existing: Components;
  readonly #kinds = new Map<Kind, Map<string, unknown>>();

  constructor({ components = {} }: Pick<OpenApiDocument, 'components'>) {
    this.#existing = components;
  }

  /** The components of the document and those that were added. */
  get all(): Components {
    return {
      ...this.#existing,
      ...Object.fromEntries(
        [...this.#kinds]
          .filter(([, named]) => named.size > 0)
          .map(([kind, named]) => [kind, Object.fromEntries(named)]),
      ),
    };
  }

  /** Returns a reference to a response or a schema with this name, or with the next free one. */
  refTo(
    kind: 'responses' | 'schemas',
    name: string,
    component: object,
  ): { readonly $ref: string } {
    const found = this.#nameOf(kind, name, component, (other) =>
      isDeepStrictEqual(other, component),
    );
    return { $ref: `#/components/${kind}/${found}` };
  }

  /**
   * Returns the name of a security scheme. If the application has described the same credential, its description
   * counts, under whatever name.
   */
  schemeNamed(name: string, scheme: SecurityScheme): string {
    return this.#nameOf('securitySchemes', name, scheme, (other) =>
      isSameCredential(scheme, other),
    );
  }

  /** Defines a scheme with exactly this name, if the document has none. */
  defineScheme(name: string, scheme: SecurityScheme): void {
    const named = this.#named('securitySchemes');
    if (!named.has(name)) {
      named.set(name, scheme);
    }
  }

  /** Returns whether the scheme with a name describes one of these credentials. */
  describesAny(name: string, schemes: readonly SecurityScheme[]): boolean {
    const described = this.#named('securitySchemes').get(name);
    return schemes.some((scheme) => isSameCredential(scheme, described));
  }

  #nameOf(
    kind: Kind,
    name: string,
    component: object,
    isSame: (other: unknown) => boolean,
  ): string {
    const named = this.#named(kind);
    if (isSame(named.get(name))) {
      return name;
    }
    const same = [...named].find(([, other]) => isSame(other));
    if (same) {
      return same[0];
    }
    let free = name;
    for (let i = 2; named.has(free); i += 1) {
      free = `${name}-${i}`;
    }
    named.set(free, component);
    return free;
  }

  #named(kind: Kind): Map<string, unknown> {
    let named = this.#kinds.get(kind);
    if (!named) {
      named = new Map(Object.entries(this.#existing[kind] ?? {}));
      this.#kinds.set(kind, named);
    }
    return named;
  }
}

function isSameCredential(scheme: SecurityScheme, other: unknown): boolean {
  if (typeof other !== 'object' || other === null) {
    return false;
  }
  const { type, scheme: word, in: place, name } = other as Record<string, any>;
  if (type !== scheme.type) {
    return false;
  }
  return scheme.type === 'http'
    ? isSameWord(word, scheme.scheme)
    : place === scheme.in &&
        (place === 'header'
          ? isSameWord(name, scheme.name)
          : name === scheme.name);
}

/** Names of headers and of schemes are case-insensitive (RFC 9110, sections 5.1 and 11.1). */
function isSameWord(one: unknown, other: string): boolean {
  return typeof one === 'string' && one.toLowerCase() === other.toLowerCase();
}
