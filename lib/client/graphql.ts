import type { Answer } from './answers.js';

/** What the client reads of a parsed GraphQL operation: the `DocumentNode` of the package `graphql`, for example. */
export interface GraphqlDocument {
  readonly definitions: readonly { readonly kind: string }[];
}

interface OperationNode {
  readonly kind: string;
  readonly operation?: string;
  readonly selectionSet?: {
    readonly selections: readonly {
      readonly kind: string;
      readonly alias?: { readonly value: string };
      readonly name?: { readonly value: string };
    }[];
  };
}

interface GraphqlError {
  readonly path?: unknown;
  readonly extensions?: {
    readonly code?: unknown;
    readonly errorCode?: unknown;
    readonly originalError?: { readonly errorCode?: unknown };
  };
}

/**
 * Interprets the errors of a GraphQL response, whose status is usually 200.
 *
 * - `'refused'`: our guard refused a query, or each field of a mutation before any of them ran. Refresh, and send it
 *   again.
 * - `'unclear'`: a query is refused without our reason. Refresh, and send it again, but end no session.
 * - `'partly'`: our guard refused a part of a mutation. The rest may have run, so only refresh. `data: null` does not
 *   mean that no field ran: an error of one field that is not nullable removes the results of all.
 * - `'other'`: nothing of that, or a mutation was refused without our reason, as for a wrong password.
 */
export function verdictOnOperation(
  { definitions }: GraphqlDocument,
  body: Answer['body'],
): 'refused' | 'unclear' | 'partly' | 'other' {
  const errors = Array.isArray(body?.errors)
    ? (body.errors as (GraphqlError | null)[])
    : [];
  const ours = errors.filter((each) => reasonOf(each) === 'SESSION_REQUIRED');
  const operations = definitions.filter(
    ({ kind }) => kind === 'OperationDefinition',
  ) as OperationNode[];
  const [first, ...others] = operations;
  if (first && operations.every(({ operation }) => operation === 'query')) {
    if (ours.length > 0) return 'refused';
    return errors.some(isUnclear) ? 'unclear' : 'other';
  }
  if (ours.length === 0) return 'other';
  const refused = ours.flatMap((each) =>
    Array.isArray(each?.path) && each.path.length === 1
      ? (each.path as unknown[])
      : [],
  );
  const data = body?.data as Record<string, unknown> | null | undefined;
  const isRefused =
    others.length === 0 &&
    first?.selectionSet?.selections.every(({ kind, alias, name }) => {
      const key = (alias ?? name)?.value;
      return kind === 'Field' && refused.includes(key) && data?.[key!] == null;
    });
  return isRefused ? 'refused' : 'partly';
}

/** Apollo Server puts the body of an `HttpException` into `originalError`. */
function reasonOf(error: GraphqlError | null): unknown {
  const extensions = error?.extensions;
  return extensions?.errorCode ?? extensions?.originalError?.errorCode;
}

function isUnclear(error: GraphqlError | null): boolean {
  return (
    error?.extensions?.code === 'UNAUTHENTICATED' &&
    typeof reasonOf(error) !== 'string'
  );
}
