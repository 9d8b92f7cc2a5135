import { challengeOf, type Answer, type Challenging } from './answers.js';
import type { SessionChallenge } from './session-client-options.js';

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
  readonly extensions?: Challenging & {
    readonly code?: unknown;
    readonly originalError?: Challenging;
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
  document: GraphqlDocument,
  body: Answer['body'],
): 'refused' | 'unclear' | 'partly' | 'other' {
  return (
    refusalOf(document, body, 'SESSION_REQUIRED') ??
    (isQuery(operationsIn(document)) && errorsIn(body).some(isUnclear)
      ? 'unclear'
      : 'other')
  );
}

/**
 * Returns what a new proof of who the user is must satisfy for all errors of a response; `undefined` if that is not what
 * the operation lacks, or if a part of a mutation may have run.
 */
export function challengeOfOperation(
  document: GraphqlDocument,
  body: Answer['body'],
): SessionChallenge | undefined {
  const code = 'REAUTHENTICATION_REQUIRED';
  if (refusalOf(document, body, code) !== 'refused') return undefined;
  const all = errorsIn(body).map((each) => challengeOf(sourceOf(each)) ?? {});
  const ages = all.flatMap(({ maxAge }) => maxAge ?? []);
  const acrValues = all.find((each) => each.acrValues)?.acrValues;
  return {
    ...(ages.length > 0 && { maxAge: Math.min(...ages) }),
    ...(acrValues && { acrValues }),
  };
}

/** Returns whether our guard refused an operation with a code before it ran, or a part of it; `undefined` if it did not. */
function refusalOf(
  document: GraphqlDocument,
  body: Answer['body'],
  code: string,
): 'refused' | 'partly' | undefined {
  const ours = errorsIn(body).filter(
    (each) => sourceOf(each)?.errorCode === code,
  );
  if (ours.length === 0) return undefined;
  const operations = operationsIn(document);
  if (isQuery(operations)) return 'refused';
  const [first, ...others] = operations;
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

function errorsIn(body: Answer['body']): readonly (GraphqlError | null)[] {
  return Array.isArray(body?.errors)
    ? (body.errors as (GraphqlError | null)[])
    : [];
}

function operationsIn({ definitions }: GraphqlDocument): OperationNode[] {
  return definitions.filter(({ kind }) => kind === 'OperationDefinition');
}

function isQuery(operations: readonly OperationNode[]): boolean {
  return (
    operations.length > 0 &&
    operations.every(({ operation }) => operation === 'query')
  );
}

/** Apollo Server puts the body of an `HttpException` into `originalError`. */
function sourceOf(error: GraphqlError | null): Challenging | undefined {
  const extensions = error?.extensions;
  return extensions?.errorCode == null ? extensions?.originalError : extensions;
}

function isUnclear(error: GraphqlError | null): boolean {
  return (
    error?.extensions?.code === 'UNAUTHENTICATED' &&
    typeof sourceOf(error)?.errorCode !== 'string'
  );
}
