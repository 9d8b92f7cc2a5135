import type {
  Delivery,
  Transport,
  TransportTokens,
} from '../../lib/ports/transport.js';
import type { RequestFacts } from '../../lib/ports/request-facts.js';
import type { SessionOutcome } from '../../lib/session/model/session-outcome.js';
import { factsOf } from './session-runtime.js';

export const COOKIE = '__Host-Http-session';
export const REFRESH_COOKIE = '__Host-Http-session-refresh';

/** The tokens of a request, by the place where they are carried. */
export interface CarriedTokens {
  readonly cookie?: string | undefined;
  readonly refreshCookie?: string | undefined;
  readonly bearer?: string | undefined;
  /** In the headers of {@link OtherTransport}. */
  readonly other?: string | undefined;
  readonly refreshOther?: string | undefined;
}

/** Facts of a GET that carries tokens. */
export function carrying(
  tokens: CarriedTokens,
  headers: Record<string, string> = {},
  method = 'GET',
): RequestFacts {
  const { cookie, refreshCookie, bearer, other, refreshOther } = tokens;
  const cookies = [
    ...(cookie === undefined ? [] : [`${COOKIE}=${cookie}`]),
    ...(refreshCookie === undefined
      ? []
      : [`${REFRESH_COOKIE}=${refreshCookie}`]),
  ];
  return factsOf(
    {
      ...(cookies.length > 0 && { cookie: cookies.join('; ') }),
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(other !== undefined && { 'x-other': other }),
      ...(refreshOther !== undefined && { 'x-other-refresh': refreshOther }),
      ...headers,
    },
    { method },
  );
}

/** Facts of a POST that a page of another site has made the browser send. */
export function forged(tokens: CarriedTokens): RequestFacts {
  return carrying(tokens, { 'sec-fetch-site': 'cross-site' }, 'POST');
}

/** A transport of the application, for tokens of either kind. The text `unreadable` stands for what is no text. */
export class OtherTransport implements Transport {
  readonly name = 'other';

  constructor(readonly ambient = true) {}

  read(facts: RequestFacts): string | undefined {
    return textOf(facts, 'x-other');
  }

  readRefresh(facts: RequestFacts): string | undefined {
    return textOf(facts, 'x-other-refresh');
  }

  write({ sessionToken, refresh }: TransportTokens): readonly Delivery[] {
    return [
      { kind: 'header', name: 'X-Other', value: sessionToken },
      ...(refresh
        ? [
            {
              kind: 'header' as const,
              name: 'X-Other-Refresh',
              value: refresh.token,
            },
          ]
        : []),
    ];
  }

  clear(): readonly Delivery[] {
    return [{ kind: 'header', name: 'X-Other', value: '' }];
  }
}

function textOf({ headers }: RequestFacts, name: string): string | undefined {
  const value = headers[name];
  return value === 'unreadable'
    ? (42 as unknown as string)
    : (value as string | undefined);
}

/** What an outcome says, and the names of what it sends to the client. */
export function told(
  outcome: SessionOutcome,
):
  | 'anonymous'
  | { readonly subject: string; readonly sends: string[] }
  | { readonly refusal: string; readonly clears: string[] }
  | { readonly unavailable: string } {
  switch (outcome.kind) {
    case 'anonymous':
      return 'anonymous';
    case 'authenticated':
      return { subject: outcome.claims.sub, sends: namesIn(outcome.dispatch) };
    case 'rejected':
      return { refusal: outcome.refusal, clears: namesIn(outcome.dispatch) };
    case 'unavailable':
      return { unavailable: outcome.error.code };
  }
}

function namesIn(
  dispatch: { readonly deliveries: readonly Delivery[] } | undefined,
): string[] {
  return dispatch?.deliveries.map(({ name }) => name) ?? [];
}
