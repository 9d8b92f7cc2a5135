import type { SessionChallenge } from './session-client-options.js';

/** What a client reads from a response. */
export interface Answer {
  /** Empty if it was cut off. */
  readonly text: string;
  /** `undefined` unless the text is JSON. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

/** Reads a copy of the body, so that the caller can still read the response itself. */
export async function readAnswer(response: Response): Promise<Answer> {
  let text = '';
  try {
    text = await response.clone().text();
    return {
      text,
      body: (JSON.parse(text) as Answer['body'] | null) ?? undefined,
    };
  } catch {
    return { text, body: undefined };
  }
}

const SAFE = /^(?:GET|HEAD|OPTIONS)$/;

/** Returns whether a method changes nothing (RFC 9110, section 9.2.1). */
export function isSafe(method: string): boolean {
  return SAFE.test(method);
}

/**
 * Interprets a 401 from the application's origin.
 *
 * - `'refused'`: our guard refused the request before its handler ran. Refresh, and send it again.
 * - `'unclear'`: it names no reason, like the response to a `HEAD`, or its reason was rewritten by a filter. Only
 *   safe methods may be sent again.
 * - `'other'`: it has another reason, such as a wrong password or a handler's own refusal.
 */
export function verdictOnRequest(
  method: string,
  body: Answer['body'],
): 'refused' | 'unclear' | 'other' {
  const errorCode = body?.errorCode;
  if (errorCode === 'SESSION_REQUIRED') return 'refused';
  return typeof errorCode === 'string' || !isSafe(method) ? 'other' : 'unclear';
}

/** The part of a response, or of an error of GraphQL, that contains a challenge. */
export interface Challenging {
  readonly errorCode?: unknown;
  readonly max_age?: unknown;
  readonly acr_values?: unknown;
}

/** Returns what a new proof of who the user is must satisfy; `undefined` if a refusal has another reason. */
export function challengeOf(
  body: Challenging | undefined,
): SessionChallenge | undefined {
  if (body?.errorCode !== 'REAUTHENTICATION_REQUIRED') return undefined;
  const { max_age, acr_values } = body;
  return {
    ...(typeof max_age === 'number' && { maxAge: max_age }),
    ...(typeof acr_values === 'string' && { acrValues: acr_values.split(' ') }),
  };
}

/**
 * Interprets the response of the refresh route. Only our own responses say anything about the session: a proxy, a
 * captive portal or a deploy may respond with any status and any page, and that is an outage.
 */
export function verdictOnRefresh(
  { ok, status }: { readonly ok: boolean; readonly status: number },
  body: Answer['body'],
  keepsTokens: boolean,
): 'refreshed' | 'ended' | 'outage' {
  if (status === 401 && body?.errorCode === 'SESSION_REQUIRED') return 'ended';
  const isOurs = keepsTokens
    ? typeof body?.token === 'string'
    : body !== undefined || status === 204;
  return ok && isOurs ? 'refreshed' : 'outage';
}

/** Returns whether a response says to try again later (RFC 6585, section 4; RFC 9110, section 15.6). */
export function saysLater(status: number): boolean {
  return status === 429 || (status >= 500 && status < 600);
}

/** Returns a function that copies a route's response for each waiting request, if it says to try again later. */
export function laterAnswer(
  answer: (Answer & { readonly response: Response }) | undefined,
): false | (() => Response) {
  return (
    answer !== undefined &&
    saysLater(answer.response.status) &&
    (() => new Response(answer.text, answer.response))
  );
}
