/**
 * The parts of an OpenAPI document that we read and write. The types of `@nestjs/swagger` are not used: it is optional,
 * and our declarations must compile without it.
 */
export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, PathItem>>;
  /** Outgoing requests, which our guard does not guard. */
  readonly webhooks?: Readonly<Record<string, PathItem>>;
  readonly components?: Components;
  /** What every operation without a requirement requires. */
  readonly security?: readonly SecurityRequirement[];
}

/** The operations of a path, by method in lower case. */
export type PathItem = Readonly<Record<string, Operation>>;

export interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly required?: boolean;
    readonly description?: string;
    readonly content: Content;
  };
  readonly responses?: Readonly<Record<string, Response>>;
  readonly security?: readonly SecurityRequirement[];
}

/** A response, or a reference to one. */
export interface Response {
  readonly $ref?: string;
  readonly description?: string;
  readonly content?: Content;
}

/** What a body contains, by media type. */
export type Content = Readonly<
  Record<string, { readonly schema?: Schema; readonly example?: object }>
>;

export interface Parameter {
  readonly name?: string;
  readonly in?: string;
  readonly description?: string;
  readonly schema?: Schema;
}

/** The schemes that a request must satisfy together, by name. `{}` requires none. */
export type SecurityRequirement = Readonly<Record<string, readonly string[]>>;

export type Schema = Readonly<Record<string, unknown>>;

export interface Components {
  readonly [kind: string]: Readonly<Record<string, unknown>> | undefined;
}

/** Returns an object schema. */
export function objectOf(
  properties: Readonly<Record<string, Schema>>,
  required?: readonly string[],
): Schema {
  return { type: 'object', properties, ...(required && { required }) };
}
